"""The ladder of elicitation: one phenomenon, asked in every way that there is, from plain asking to a taught adapter.
It is one study: the subject, its trials and its truths are the same on every rung, and so are the rivals."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from selfscope.api.bases import subject_of
from selfscope.api.elicitation import ALL, Elicitation, Rung
from selfscope.api.executing import execute
from selfscope.api.kept_apart import apart, phenomenon_of
from selfscope.api.telling import told_by
from selfscope.errors import BadInput, refuse_unused
from selfscope.records import check_seed, id_of, phenomenon_part
from selfscope.records.contracts import refuse_decoder
from selfscope.store import check_free, read
from selfscope.verdicts.assemble import tables
from selfscope.verdicts.elicitation import Way, quantities_of, ways
from selfscope.wording.phrases import FRAMINGS

if TYPE_CHECKING:
    from selfscope.phenomena.base import Phenomenon
    from selfscope.readers.base import Reader
    from selfscope.study import Progress
    from selfscope.subjects.adapter_files import Sidecar
    from selfscope.subjects.base import Subject

COUNTS = (0, 4, 16)
QUESTIONS = 4
"""Of each cluster of the test split that are asked, at most."""


def elicit(
    model: str | Subject,
    folder: Path | str | None = None,
    phenomenon: str | Phenomenon = "token_probability[test=60,train=60,dev=0]",
    *,
    taught: Sequence[Path | str] = (),
    rivals: Sequence[Reader] = (),
    other: str | Subject | None = None,
    other_taught: Sequence[Path | str] = (),
    counts: Sequence[int] = COUNTS,
    seed: int = 0,
    resume: bool = False,
    jobs: int = 1,
    hardware: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Elicitation:
    """Asks one phenomenon in every way: plainly, in other framings, after examples, with taught adapters.

    Parameters
    ----------
    model
        A name (see `load`) or a subject.
    folder
        Where to; None makes a new temporary one.
    phenomenon
        What is asked about. Adapters are taught with the same configuration and seed, so that no cluster that is asked
        about was taught.
    taught
        Folders of adapters (`fit`).
    rivals
        Further readers that forecast without asking.
    other, other_taught
        Another model that forecasts this one from examples, and folders of its adapters that were taught this one's
        labels.
    counts
        Numbers of verified examples, each in every framing.
    seed
        Everything random follows from it.
    resume
        Go on with the study in the folder: the same ways to ask, as always.
    jobs
        Processes that share the work.
    hardware
        How a model that is named is loaded (see `load`).
    progress
        Told of the work ahead and of each piece that is done.

    Returns
    -------
    Elicitation
        Shows itself as a table; `figure()` draws it.

    Raises
    ------
    BadInput
        An adapter was taught what is asked, or was made on another model; adapters of no other model; a phenomenon of
        injections, which is asked under arms; examples of none; or a seed below 0.
    StoreError
        The folder holds another study, or something else.
    """
    from selfscope.readers.other_model import OtherModel
    from selfscope.study import PhenomenonPlan, Study

    check_seed(seed)
    told = told_by(progress)
    if other is None and other_taught:
        refuse_unused(["other_taught"], "it is of another model: name that one with other")
    about = phenomenon_of(phenomenon)
    if phenomenon_part(about).family == "injection":
        raise BadInput(
            f"{about.kind} is asked under arms, which a ladder has not: selfscope card MODEL --phenomena {about.kind}"
        )
    if any(counts) and getattr(about, "train", 1) == 0:
        raise BadInput(
            f"examples are of the train split, and {about.id} has none: give it some, as train=60, or --counts 0"
        )
    sidecars = {str(place): taught_in(place) for place in taught}
    theirs = {str(place): taught_in(place) for place in other_taught}
    where = Path(folder) if folder is not None else Path(tempfile.mkdtemp(prefix="selfscope-"))
    check_free(where, resume=resume)
    told("loading", 0.0)
    subject = _loaded(model, sidecars, hardware)
    if other is not None:
        rival = _loaded(other, theirs)
        own = [OtherModel(rival, k=max(counts)), *(OtherModel(rival, adapter=place) for place in theirs)]
        rivals = [*own, *rivals]
    apart(subject, about, sidecars, seed)
    readers = tuple(_readers(sidecars, counts, rivals))
    asked = next(r.id for r in readers if r.rung == "self")
    plan = PhenomenonPlan(about, readers, primary=asked)
    study = Study(subject, (plan,), seed, profile="elicit", questions=QUESTIONS)
    execute(study, where, resume=resume, progress=progress, jobs=jobs)
    told("judging", 0.0)
    return _found(where, sidecars, {place: unlike(side, about, seed) for place, side in sidecars.items()})


def _loaded(
    model: str | Subject, sidecars: Mapping[str, Sidecar], hardware: Mapping[str, str] | None = None
) -> Subject:
    """A model that adapters are to be put on. Raises BadInput for one that was made on another."""
    from selfscope.subjects.adapter_files import made_on

    subject = subject_of(model, hardware)
    for place, side in sidecars.items():
        made_on(side, cast(Any, subject), place)
    return subject


def taught_in(place: Path | str) -> Sidecar:
    """What the folder of a taught model says of itself. Raises BadInput for a decoder's, BadModel for one that holds
    none."""
    from selfscope.subjects.adapter_files import read_sidecar

    refuse_decoder(place)
    return read_sidecar(place)


def _readers(sidecars: dict[str, Sidecar], counts: Sequence[int], rivals: Sequence[Any]) -> list[Any]:
    """The rivals, then every way to ask, from the least to the most."""
    from selfscope.readers.ask import Ask
    from selfscope.readers.few_shot import FewShot
    from selfscope.readers.history_baseline import HistoryBaseline
    from selfscope.readers.input_baseline import InputBaseline
    from selfscope.readers.prior import Prior
    from selfscope.readers.taught import Taught

    labels = sorted({n for side in sidecars.values() if (n := labels_of(side)) is not None})
    known = [HistoryBaseline(labels=n) for n in labels]
    shown = [FewShot(k, framing=framing) for framing in FRAMINGS for k in counts if k or framing != "plain"]
    worn = [Taught(place, side.identity[:12]) for place, side in sidecars.items()]
    return [Prior(), InputBaseline(), HistoryBaseline(), *known, *rivals, Ask(), *shown, *worn]


def unlike(side: Sidecar, about: Phenomenon, seed: int) -> str:
    """Why no linear model of this ladder has the texts and the labels that an adapter was taught; empty where one
    has."""
    from selfscope.study.names import built
    from selfscope.training.truths import TruthLesson

    made = side.made
    lesson: Any = built("lesson", made["lesson"]) if "lesson" in made else None
    if not isinstance(lesson, TruthLesson):
        return f"was taught {made.get('lesson', made.get('organism', 'something else'))}, which counts no labels"
    if "labels_of" in made:
        return f"was told what {made['labels_of']} does"
    if lesson != TruthLesson(lesson.wordings, labels=lesson.labels):
        return f"was taught {made['lesson']}: other labels, or of other questions"
    if made.get("phenomenon") != id_of(about):
        return f"was taught with {made.get('phenomenon')}"
    own = made.get("schedule", {}).get("seed")
    return "" if own == seed else f"was taught with the seed {own}, and this is {seed}"


def labels_of(side: Sidecar) -> int | None:
    """Verified answers that an adapter was taught; None where its lesson has no such number."""
    from selfscope.study.names import built

    lesson: Any = built("lesson", side.made["lesson"]) if "lesson" in side.made else None
    rounds, reports = getattr(lesson, "wordings", 0), side.made.get("reports")
    return int(reports) // rounds if rounds and reports else None


def _found(where: Path, sidecars: dict[str, Sidecar], unlike: dict[str, str]) -> Elicitation:
    """What the rows of a folder say."""
    contents = read(where)
    (table,) = tables(contents.rows, contents.trials, contents.truths, contents.parts)
    asked = quantities_of(table)
    by_quantity = {ALL: "", **({q: q for q in asked} if len(asked) > 1 else {})}
    readers = contents.parts.readers.items()
    named = {reader: _name(part.config, part.kind, part.title, sidecars) for reader, part in readers}
    why = {reader: unlike.get(part.config.get("folder", ""), "") for reader, part in readers}
    rungs = {title: _rungs(ways(table, q), named, why) for title, q in by_quantity.items()}
    return Elicitation(where, table.phenomenon, rungs)


def _name(config: Any, kind: str, title: str, sidecars: dict[str, Sidecar]) -> tuple[str, str, int | None]:
    """(what people read, kind of rung, labels, None where there is no such number)."""
    if kind == "ask":
        return "plain", "asked", 0
    if kind == "few_shot":
        k, framing = config["k"], config["framing"]
        return f"{framing}, {k} shown" if k else framing, "asked", k
    if kind == "taught" and config["folder"] in sidecars:
        side = sidecars[config["folder"]]
        own = f"{Path(config['folder']).name} ({side.carry})"
        return own, "twin" if side.twin else "taught", labels_of(side)
    if config.get("adapter"):
        return f"{Path(config['observer']['subject']).name}, taught", "rival", labels_of(taught_in(config["adapter"]))
    return title, "rival", int(config.get("labels", 0) or config.get("k", 0) or 0)


def _rungs(
    found: Sequence[Way], named: dict[str, tuple[str, str, int | None]], why: dict[str, str]
) -> tuple[Rung, ...]:
    """why: no linear model has what an adapter was taught, by reader."""
    rungs = [Rung(*named[way.reader], way) for way in found]
    linear = {named[way.reader][2]: way.reader for way in found if way.reader.startswith("history_baseline")}
    done = []
    for rung in rungs:
        because = why[rung.way.reader]
        rival = linear.get(rung.labels) if rung.kind in ("taught", "twin") and not because else None
        done.append(replace(rung, same=None if rival is None else rung.way.ahead.get(rival), unlike=because))
    order = ("asked", "taught", "twin", "rival")
    return tuple(sorted(done, key=lambda r: (order.index(r.kind), (r.labels or 0) if r.kind != "asked" else 0)))
