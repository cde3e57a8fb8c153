"""From a decoder and a wanted answer to a moved model in a folder, with what that changed and what it cost."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from selfscope.api.bases import bare
from selfscope.api.fit import means
from selfscope.api.handle import able, apart
from selfscope.api.places import free
from selfscope.api.telling import Told, on_steps, told_by
from selfscope.report.estimates import package_version
from selfscope.tables import Table, Tabular

if TYPE_CHECKING:
    from selfscope.study import Progress
    from selfscope.subjects.adapter_files import Sidecar
    from selfscope.subjects.base import Subject
    from selfscope.subjects.local_weights import LocalWeights
    from selfscope.training.frozen_decoder import FrozenDecoder
    from selfscope.training.moved import HeldOut
    from selfscope.training.mover import Mover
    from selfscope.training.schedule import Schedule
    from selfscope.training.wishes import MovePlan, Wish

KIND, TWIN = "steered", "the twin"
LIKELIEST = 200
"""Tokens at each guarded place: a vector pushes words up that an ordinary reply has none of."""
HEAD = ("moved by", "decoder reads it", "says it rather (nats a token)", "the decoder less this", "names it",
        "KL of ordinary answers", "same first token")  # fmt: skip


@dataclass(frozen=True)
class Steered(Tabular):
    """A model that was moved through a decoder, in a folder. Put it on with `load(model, adapter=folder)` or `--adapter
    FOLDER`. `print` shows what moved it beside its arms.

    Attributes
    ----------
    folder
        A written vector, or an adapter as peft writes one, with a sidecar.
    sidecar
        On what it was made, through which decoder, how, and what was measured.
    """

    folder: Path
    sidecar: Sidecar

    @property
    def arms(self) -> tuple[Mapping[str, Any], ...]:
        """What was measured: the move through the decoder first, then its arms. Estimates are mappings of their
        fields."""
        return tuple(self.sidecar.made.get("measured", ()))

    def _table(self) -> Table:
        made = self.sidecar.made
        rows = [
            (str(a["arm"]), _percent(a["reading"]), _number(a["leaning"]), _number(a["less"]), _percent(a["mentions"]),
             _number(a["damage"] and a["damage"]["divergence"]), _percent(a["damage"] and a["damage"]["same"]))
            for a in self.arms
        ]  # fmt: skip
        took = f"{made.get('steps')} steps, {made.get('seconds', 0):.0f} s"
        note = f"{took}; 95 % intervals over messages; in {self.folder}"
        title = f"{self.sidecar.base_name} ({self.sidecar.base[:6]}) towards {made.get('wish')}, {made.get('what')}"
        return Table(title, HEAD, tuple(rows), note=note)


def steer(
    model: str | Subject,
    decoder: Path | str,
    wish: str | Wish,
    folder: Path | str,
    *,
    plan: MovePlan | None = None,
    schedule: Schedule | None = None,
    twin: Path | str | None = None,
    resume: bool = False,
    hardware: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Steered:
    """Moves a model until a decoder reads the wanted answer in its states, and measures what that changed.

    Parameters
    ----------
    model
        A name (see `load`) or a subject of the tier weights.
    decoder
        Folder of a decoder of that model, which stays as it is.
    wish
        The wanted answer, as in "topic=chess".
    folder
        Where the vector or adapter goes; beside it stands `FOLDER.run` while it is trained.
    plan, schedule
        By what the model is moved, and how it is trained.
    twin
        Folder of the decoder's twin, which learnt from states of other items: what a move through it does is no
        reading of states.
    resume
        Go on with the run in `FOLDER.run`.
    hardware
        How a model that is named is loaded (see `load`).
    progress
        Told of the work ahead and of each step.

    Returns
    -------
    Steered
        The folder and what its sidecar says.

    Raises
    ------
    Unsupported
        A subject that cannot be trained.
    BadInput
        A model with an adapter on; a decoder of another model, or one that does not read a model's states of such an
        answer; a twin that is none; an answer that the bank does not have; an objective that compares with more.
    StoreError
        The folder holds something already, and `resume` was not asked for, or of another run.
    TrainingFailed
        The loss is no number, or memory ran out.

    References
    ----------
    Pan et al. 2024, LatentQA: Teaching LLMs to Decode Activations Into Natural Language.
    """
    from selfscope.readers.decoder_files import read_decoder
    from selfscope.records import content_hash
    from selfscope.subjects.adapter_files import save_adapter
    from selfscope.subjects.written_files import save_written
    from selfscope.training.families import family
    from selfscope.training.objectives import need_labels_alone
    from selfscope.training.wishes import MovePlan, Wish, system_templates

    target, run, told = Path(folder), Path(f"{folder}.run"), told_by(progress)
    wanted, plan = Wish.of(wish) if isinstance(wish, str) else wish, plan or MovePlan()
    schedule = schedule or usual_schedule(plan)
    need_labels_alone(schedule.objective, "what moves a model")
    system_templates(family(wanted.family), "test")
    free(target, run, resume=resume)
    for place in (decoder, twin):
        if place is not None:
            read_decoder(str(place))
    told("loading", 0.0)
    subject = bare(model, hardware)
    if progress is not None:
        progress.plan(1.0)
    told("reading the decoder", 0.0)
    readers = [opened_decoder(subject, place) for place in (decoder, twin) if place is not None]
    able(readers[0].contract, wanted, decoder)
    for own in readers[1:]:
        apart(readers[0].contract, own.contract, twin)
    work = 0.8 / len(readers)
    runs = [run / name for name in ("decoder", "twin")[: len(readers)]]
    moved = [
        _moved(one, wanted, plan, schedule, place, (told, work)) for one, place in zip(readers, runs, strict=True)
    ]
    (mover, done), others = moved[0], moved[1:]
    held = _held_out(readers[0], wanted, plan, schedule.seed)
    told("measuring what it changed", 0.0)
    arms = _arms(subject, mover, [c for c, _ in others], wanted, plan, schedule.seed)
    made = {
        "lesson": f"towards {wanted}", "wish": str(wanted), "what": _what(mover), "plan": asdict(plan),
        "schedule": asdict(done.schedule), "decoder": readers[0].contract.content, "steps": done.steps,
        "twin": readers[1].contract.content if twin is not None else "", "seconds": round(done.seconds, 1),
        "losses": means([loss for _, loss in done.history]), "data": content_hash(*mover.sources),
        "measured": [asdict(m) for m in held.moved(subject, arms)], "version": package_version(),
        "environment": dict(subject.environment),
    }  # fmt: skip
    if mover.adapter is None:
        sidecar = save_written(target, subject, mover.writes(), KIND, made)
    else:
        sidecar = save_adapter(target, subject, mover.adapter, KIND, made)
    told("done", 0.2)
    shutil.rmtree(run, ignore_errors=True)
    return Steered(target, sidecar)


def opened_decoder(subject: LocalWeights, folder: Path | str) -> FrozenDecoder:
    """A decoder from its folder, on the subject that it was trained on. Raises BadInput, BadModel."""
    from selfscope.readers.decoder_files import check, read_decoder
    from selfscope.subjects.adapter_files import kept_adapter
    from selfscope.training.frozen_decoder import FrozenDecoder

    files = read_decoder(str(folder))
    check(files, str(folder), cast(Any, subject))
    adapter = kept_adapter(subject, folder) if files.contract.adapter else None
    return FrozenDecoder(subject, files.contract, files.tensors, adapter)


def usual_schedule(plan: MovePlan, seed: int = 0) -> Schedule:
    """A vector learns in few and long steps, an adapter in shorter ones."""
    from selfscope.training.schedule import Schedule

    rate = 5e-2 if plan.by == "vector" else 5e-4
    return Schedule(epochs=1.5, groups=16, at_once=16, rate=rate, objective="vocabulary", seed=seed)


def _moved(
    decoder: FrozenDecoder, wish: Wish, plan: MovePlan, schedule: Schedule, run: Path, told: tuple[Told, float]
) -> tuple[Mover, Any]:
    """A mover, trained, and what happened."""
    from selfscope.records import content_hash
    from selfscope.training.checkpoints import begun
    from selfscope.training.kept_examples import kept_examples
    from selfscope.training.loop import train
    from selfscope.training.mover import new_mover
    from selfscope.training.replay import replay_examples
    from selfscope.training.wishes import sources_of, wish_items

    say, work = told
    subject, seed = decoder.subject, schedule.seed
    contexts, items = wish_items(wish, "train", plan.reads, seed)
    sources = sources_of(cast(Any, subject), contexts)
    mover = new_mover(decoder, sources, plan.by, layer=plan.layer, limit=plan.limit, seed=seed)
    say(f"{run.name}: what it says to ordinary messages", 0.0)
    key = content_hash(subject.identity, "guard", plan.guard, seed)
    replies = kept_examples(
        run, key, lambda: replay_examples(cast(Any, subject), plan.guard, seed, likeliest=LIKELIEST)
    )
    begun(run, content_hash(*mover.configuration, str(wish), plan, schedule.decides))
    examples = [*mover.reads(items), *mover.guards(replies, plan.weight)]

    on_step = on_steps(say, work, f"{run.name}: ")
    return mover, train(subject, mover, examples, schedule, folder=run, on_step=on_step)


def _held_out(decoder: FrozenDecoder, wish: Wish, plan: MovePlan, seed: int) -> HeldOut:
    from selfscope.training.moved import HeldOut
    from selfscope.training.wishes import sources_of, told_replies, wish_items

    subject = cast(Any, decoder.subject)
    contexts, items = wish_items(wish, "t1", plan.held, seed)
    told = told_replies(subject, wish, plan.held, seed)
    return HeldOut(wish, decoder, sources_of(subject, contexts), items, told, plan.draws, seed)


def _arms(
    subject: LocalWeights, mover: Mover, twins: Sequence[Mover], wish: Wish, plan: MovePlan, seed: int
) -> list[tuple[str, list[LocalWeights]]]:
    """What was moved, and what stands beside it: vectors as long as its own, where it is one, and the twin's."""
    from selfscope.training.moved import DECODER, as_long, mean_difference_write, random_writes

    arms = [(DECODER, [mover.moved(subject)])]
    if mover.adapter is not None or not mover.writes()[0].vector.array.any():
        return arms + [(TWIN, [twin.moved(subject)]) for twin in twins]
    (own,) = mover.writes()
    difference = mean_difference_write(cast(Any, subject), wish, own, seed)
    return [
        *arms,
        ("random vectors", [subject.intervened([w]) for w in random_writes(own, plan.draws, seed)]),
        ("mean difference", [subject.intervened([difference])]),
        *((TWIN, [subject.intervened([as_long(own, w) for w in twin.writes()])]) for twin in twins),
    ]


def _what(mover: Mover) -> str:
    if mover.adapter is not None:
        layers = mover.adapter.shape.layers
        return f"by an adapter of rank {mover.adapter.shape.rank} in blocks {layers[0]} to {layers[-1]}"
    length = float(mover.vector().detach().norm()) / mover.decoder.subject.median_norm(mover.layer)
    return f"by a vector of {length:.2f} medians at layer {mover.layer}"


def _percent(estimate: Mapping[str, Any] | None) -> str:
    if estimate is None:
        return ""
    return f"{100 * estimate['value']:.0f} % [{100 * estimate['low']:.0f}, {100 * estimate['high']:.0f}]"


def _number(estimate: Mapping[str, Any] | None) -> str:
    return "" if estimate is None else f"{estimate['value']:.3f} [{estimate['low']:.3f}, {estimate['high']:.3f}]"
