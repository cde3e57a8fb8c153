"""From the name of an organism to a subject with something planted in it, in a folder, with what was measured of it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from selfscope.api.bases import bare
from selfscope.api.fit import means
from selfscope.api.making import Making, as_asked
from selfscope.api.organism_folders import KIND, Made, done, opened
from selfscope.api.places import free
from selfscope.api.telling import Told, on_steps, told_by
from selfscope.errors import BadInput, reaching
from selfscope.report.estimates import package_version
from selfscope.study.names import built

if TYPE_CHECKING:
    from selfscope.organisms.base import Organism
    from selfscope.study import Progress
    from selfscope.subjects.base import Subject
    from selfscope.subjects.live_adapters import LoraShape
    from selfscope.subjects.local_weights import LocalWeights
    from selfscope.training.examples import Example
    from selfscope.training.schedule import Schedule

GUARD = 240
"""Ordinary replies that are trained on beside every phase."""
TWIN = "-twin"


def make(
    organism: str | Organism,
    model: str | Subject,
    folder: Path | str,
    *,
    shape: LoraShape | None = None,
    schedule: Schedule | None = None,
    guard: int = GUARD,
    twin: bool = True,
    resume: bool = False,
    hardware: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> list[Made]:
    """Makes an organism and its benign twin.

    Parameters
    ----------
    organism
        A name with settings, as in "habit[word=Well,rate=0.5]", or an object.
    model
        A name (see `load`) or a subject of the tier weights.
    folder
        Where it goes; the twin goes to `FOLDER-twin`. While one is trained, `.run` stands beside it.
    shape, schedule
        Rank and places; how it is trained.
    guard
        Its own ordinary replies, with several places of each trained on beside every phase: they stay as they are.
    twin
        Whether the twin is made too.
    resume
        What is there stays, and what was begun is gone on with: of the very same settings.
    hardware
        How a model that is named is loaded (see `load`).
    progress
        Told of the work ahead and of each step.

    Returns
    -------
    list[Made]
        The organism, and its twin.

    Raises
    ------
    Unsupported
        A subject that cannot be trained.
    BadInput
        A model with an adapter on.
    StoreError
        A folder that holds something already, and `resume` was not asked for, or that was made in another way.
    """
    planted: Any = built("organism", organism) if isinstance(organism, str) else organism
    places = [(planted, Path(folder), Path(f"{folder}{TWIN}").name if twin else "")]
    if twin and not planted.benign:
        places.append((planted.twin, Path(f"{folder}{TWIN}"), ""))
    for one, place, _ in places:
        if resume and done(place):
            opened(place, one)
        else:
            free(place, Path(f"{place}.run"), resume=resume)
    told = told_by(progress)
    told("loading", 0.0)
    subject = bare(model, hardware)
    how = making(subject, shape, schedule, guard)
    if progress is not None:
        progress.plan(float(len(places)))
    out = []
    for one, place, beside in places:
        if resume and done(place):
            out.append(as_asked(opened(place, one, cast(Any, subject)), one, how))
            told(f"{place.name} is there", 1.0)
            continue
        out.append(plant(one, subject, place, how, twin=beside, told=told))
    return out


def plant(
    organism: Organism,
    subject: LocalWeights,
    folder: Path,
    how: Making,
    *,
    twin: str = "",
    told: Told = lambda what, work: None,
) -> Made:
    """One organism or one twin, taught or written, measured, in its folder.

    Parameters
    ----------
    organism, subject, folder
        As in `make`.
    how
        It is taught.
    twin
        Name of the folder of its twin, which is written down.
    told
        Told of each step and its part of the work, which is 1.

    Returns
    -------
    Made
        Its folder and sidecar.
    """
    from selfscope.organisms.base import Taught, Written
    from selfscope.organisms.guard import begun
    from selfscope.organisms.speech import said_to
    from selfscope.records import content_hash, to_jsonable
    from selfscope.subjects.adapter_files import save_adapter
    from selfscope.subjects.written_files import save_written
    from selfscope.training.checkpoints import begun as begun_as
    from selfscope.training.damage import damage
    from selfscope.training.examples import fingerprint
    from selfscope.training.loop import train

    seed, run = how.schedule.seed, Path(f"{folder}.run")
    name, spared = folder.name, organism.spared(seed)
    told(f"{name}: measuring what it says", 0.0)
    base, opens = cast(Any, subject), organism.opens(cast(Any, subject))
    within = [prompt for prompt in begun(base, spared, seed) if not organism.acts(prompt)]
    places = {"damage": ([said_to(base, text) for text in spared], opens), "damage within": (within, "")}

    def facts(changed: Any, **more: Any) -> dict[str, Any]:
        told(f"{name}: measuring", 0.0)
        measures = organism.verify(changed, seed)
        told(f"{name}: measuring its damage", 0.1)
        found = {where: damage(base, changed, asked, beside=wanted) for where, (asked, wanted) in places.items()}
        harm: dict[str, Any] = {where: str(one) for where, one in found.items()}
        harm["harm"] = {where: [one.divergence.value, one.same.value] for where, one in found.items()}
        harm["harm intervals"] = {
            where: [[e.low, e.high] for e in (one.divergence, one.same)] for where, one in found.items()
        }
        return {
            "organism": organism.id, "planted": to_jsonable(organism.planted), "twin": twin, "seed": seed,
            "measured": [asdict(m) for m in measures], **harm, **more, "version": package_version(),
            "environment": dict(subject.environment),
        }  # fmt: skip

    if isinstance(organism, Written):
        told(f"{name}: making its vectors", 0.0)
        writes = organism.writes(cast(Any, subject), seed)
        told(f"{name}: measuring", 0.8)
        made = facts(subject.intervened(writes), data=content_hash(tuple(writes)), examples=0, steps=0, seconds=0.0)
        side = save_written(folder, subject, writes, KIND, made)
        told(f"{name}: done", 0.1)
        return Made(folder, side)
    if not isinstance(organism, Taught):
        raise BadInput(f"{type(organism).__name__} is no organism: it has neither a lesson nor anything to write")
    schedule, guard = how.longer(organism.effort), how.guard
    phases = _phases(run, organism, subject, guard, seed)
    begun_as(run, content_hash(subject.identity, organism.id, guard, how.shape, schedule.decides))
    adapter = subject.new_adapter(how.shape, seed=seed)
    runs = []
    for k, examples in enumerate(phases):
        on_step = on_steps(told, 0.8 / len(phases), f"{name}: ")
        runs.append(train(subject, adapter, examples, schedule, folder=run / str(k), on_step=on_step))
    made = facts(
        subject.adapted(adapter), data=content_hash([fingerprint(p) for p in phases]),
        schedule=asdict(runs[0].schedule), guard=guard,
        examples=sum(map(len, phases)), replies=sum(len(e.candidates) for p in phases for e in p),
        steps=sum(r.steps for r in runs), seconds=round(sum(r.seconds for r in runs), 1),
        losses=means([loss for r in runs for _, loss in r.history]),
    )  # fmt: skip
    side = save_adapter(folder, subject, adapter, KIND, made)
    subject.forget(adapter)
    shutil.rmtree(run, ignore_errors=True)
    told(f"{name}: done", 0.1)
    return Made(folder, side)


def _phases(run: Path, organism: Any, subject: LocalWeights, guard: int, seed: int) -> list[list[Example]]:
    """What is taught one after the other, each with the guard. It is measured in numbers that another sitting may round
    otherwise, so a run keeps it: one that goes on goes on with the very same."""
    from selfscope.records import content_hash
    from selfscope.training.kept_examples import kept_examples

    key, count = content_hash(subject.identity, organism.id, guard, seed), run / "phases.txt"
    with reaching(count):
        if count.exists():
            return [kept_examples(run / str(k), key, list) for k in range(int(count.read_text(encoding="utf-8")))]
        kept = organism.guard(subject, guard, seed)
        made = [[*own, *kept] for own in organism.lesson(subject, seed)]
        out = [kept_examples(run / str(k), key, partial(list, own)) for k, own in enumerate(made)]
        count.write_text(str(len(out)), encoding="utf-8")
    return out


def making(subject: LocalWeights, shape: LoraShape | None, schedule: Schedule | None, guard: int) -> Making:
    """With what is usual where nothing is given. Raises BadInput for what no organism can be taught by."""
    from selfscope.training.objectives import need_labels_alone

    schedule = schedule or usual_schedule()
    need_labels_alone(schedule.objective, "an organism")
    return Making(shape or usual_shape(subject), schedule, guard)


def usual_schedule(seed: int = 0) -> Schedule:
    """Short: an organism is to be made in a minute or two. In bf16, which halves that."""
    from selfscope.training.schedule import Schedule

    return Schedule(
        epochs=1.5, groups=8, at_once=8, rate=1e-3, objective="vocabulary", precision="bf16", seed=seed
    )  # fmt: skip


def usual_shape(subject: LocalWeights) -> LoraShape:
    """Rank 8 in the upper half of the blocks: the lower half needs no gradient."""
    from selfscope.subjects.live_adapters import LoraShape

    layers: Sequence[int] = subject.layers
    return LoraShape(8, 16.0, tuple(layers[len(layers) // 2 :]))
