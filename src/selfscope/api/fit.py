"""From a model's name to a trained adapter in a folder: pose, measure, teach, look what it costs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from selfscope import catalogue
from selfscope.api.bases import bare, subject_of
from selfscope.api.places import free
from selfscope.api.telling import on_steps, told_by
from selfscope.errors import BadInput
from selfscope.report.estimates import package_version

if TYPE_CHECKING:
    from selfscope.records import Trial, Truth
    from selfscope.study import Progress
    from selfscope.subjects.adapter_files import Sidecar
    from selfscope.subjects.base import Subject
    from selfscope.subjects.live_adapters import Adapter, LoraShape
    from selfscope.subjects.local_weights import LocalWeights
    from selfscope.training.bias_vector import BiasShape, BiasVector
    from selfscope.training.examples import Example
    from selfscope.training.schedule import Schedule

LESSON, PHENOMENON = "states", "own_choice[train=101,dev=0,each=3]"
SHOWN = 10
"""Parts of a run whose mean losses are told."""


@dataclass(frozen=True)
class Fitted:
    """An adapter that was trained, in a folder. Put it on with `load(model, adapter=folder)` or `--adapter FOLDER`.

    Attributes
    ----------
    folder
        As peft writes one, with a sidecar.
    sidecar
        On what it was made, how it acts, how it was trained, what it damages.
    """

    folder: Path
    sidecar: Sidecar

    def __str__(self) -> str:
        from selfscope.training.objectives import unit_of

        made, shape = self.sidecar.made, self.sidecar.shape
        objective = made.get("schedule", {}).get("objective")
        losses = made.get("losses", [])
        of = f" of {made['labels_of']}" if "labels_of" in made else ""
        where = f"blocks {shape.layers[0]} to {shape.layers[-1]}" if shape.layers else "all blocks"
        what = f"rank {shape.rank} in {where}"
        if "bias" in made:
            what = f"one vector behind block {made['bias']}"
        lines = [
            f"{self.sidecar.kind} of {self.sidecar.base_name} ({self.sidecar.base[:6]}), carried {self.sidecar.carry}, "
            f"{what}",
            f"taught {made.get('lesson')} with {made.get('phenomenon')}{of} by {objective}: "
            f"{made.get('examples')} questions in {made.get('steps')} steps, {made.get('seconds', 0):.0f} s",
            f"loss, in order: {', '.join(f'{x:.2f}' for x in losses)} {unit_of(str(objective))}",
            str(made.get("moved", "")),
            str(made.get("damage", "")),
            str(made.get("note", "")),
            f"in {self.folder}",
        ]
        return "\n".join(filter(None, lines))


def fit(
    model: str | Subject,
    folder: Path | str,
    lesson: str | Any = LESSON,
    *,
    phenomenon: str | Any | None = None,
    carry: str = "switched",
    shape: LoraShape | BiasShape | None = None,
    schedule: Schedule | None = None,
    guard: int = 0,
    labels_of: str | Subject | None = None,
    resume: bool = False,
    hardware: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Fitted:
    """Trains an adapter with which a model reports about itself.

    Parameters
    ----------
    model
        A name (see `load`) or a subject of the tier weights.
    folder
        Where the adapter goes; beside it stands `FOLDER.run` while it is trained.
    lesson
        What it is taught: a name of the catalogue, with settings in brackets, or an object.
    phenomenon
        Whose questions it is taught with, on its train split (None: the lesson's own, or PHENOMENON).
    carry
        switched: it acts from the question on, and what stands before is the base's own; or always.
    shape, schedule
        Rank and places, or the block behind which one vector is added instead; how it is trained, and by which
        objective.
    guard
        Replies of the model itself to ordinary messages that are trained on beside the lesson, so that an adapter that
        always acts leaves them as they are.
    labels_of
        Another subject, whose behaviour is told in the place of its own: what a twin of matched numbers learns, or
        another model that is to forecast that subject.
    resume
        Go on with the run in `FOLDER.run`.
    hardware
        How a model that is named is loaded (see `load`).
    progress
        Told of the work ahead and of each step.

    Returns
    -------
    Fitted
        The folder and what its sidecar says.

    Raises
    ------
    BadInput
        A model with an adapter on; a lesson that teaches no report or cannot tell of another subject; a vector that is
        to be switched.
    Unsupported
        A subject that cannot be trained.
    StoreError
        The folder holds something already, and `resume` was not asked for, or of another run.
    TrainingFailed
        The loss is no number, or memory ran out.
    """
    from selfscope.records import content_hash
    from selfscope.subjects.adapter_files import read_sidecar
    from selfscope.subjects.live_adapters import LoraShape
    from selfscope.training.bias_vector import BiasVector
    from selfscope.training.checkpoints import begun
    from selfscope.training.damage import damage
    from selfscope.training.kept_examples import kept_examples
    from selfscope.training.loop import train
    from selfscope.training.objectives import AGREEMENTS, REFERRING
    from selfscope.training.precision import instead
    from selfscope.training.ranks import joined
    from selfscope.training.references import REPORT, referred, shift_of
    from selfscope.training.replay import replay_examples
    from selfscope.training.schedule import Schedule
    from selfscope.training.trainable import trainable_of

    target, run, ranks, told = Path(folder), Path(f"{folder}.run"), joined(), told_by(progress)
    schedule, shape = schedule or Schedule(), shape or LoraShape()
    taught = _lesson(lesson)
    about = _part("phenomenon", phenomenon or getattr(taught, "about", PHENOMENON))
    _sound(taught, shape, carry, schedule.objective, guard, tells=labels_of is not None)
    free(target, run, resume=resume)
    ranks.wait()
    told("loading", 0.0)
    subject = bare(model, hardware)
    learner = _learner(subject, shape, carry, schedule.seed)
    whose = cast(Any, subject) if labels_of is None else subject_of(labels_of)
    others = () if labels_of is None else (whose.identity,)
    compares = schedule.objective in (*REFERRING, *AGREEMENTS)
    told("measuring what it does", 0.0)

    def behaves(some: Sequence[Trial]) -> Sequence[Truth]:
        truths: Sequence[Truth] = about.truth(some, about.observe(whose, some))
        return truths

    def measured() -> list[Example]:
        trials = [t for t in about.pose(whose, schedule.seed) if t.split == "train"]
        own: list[Example] = taught.examples(subject, trials, behaves, schedule.seed)
        own += replay_examples(cast(Any, subject), guard, schedule.seed)
        return referred(subject, own) if compares else own

    later = (*others, *(("referred",) if compares else ()))
    key = content_hash(subject.identity, _id(taught), _id(about), schedule.seed, guard, *later)
    examples = ranks.in_turn(lambda: kept_examples(run, key, measured))
    whole = content_hash(key, *trainable_of(learner).configuration, schedule.decides)
    ranks.in_turn(lambda: begun(run, whole))
    if isinstance(learner, BiasVector):
        examples = learner.on(examples)
    if progress is not None:
        progress.plan(1.0)

    done = train(subject, learner, examples, schedule, folder=run, on_step=on_steps(told, 0.9))
    told("measuring its damage", 0.0)
    harm = damage(cast(Any, subject), cast(Any, _with(subject, learner)))
    moved = shift_of(subject, learner, examples) if compares else None
    told("done", 0.1)
    made = {
        "lesson": _id(taught), "phenomenon": _id(about), "schedule": asdict(done.schedule), "guard": guard,
        **({"labels_of": f"{whose.name} ({whose.identity[:6]})"} if others else {}),
        "examples": len(examples), "reports": sum(e.kind == REPORT for e in examples),
        "steps": done.steps, "seconds": round(done.seconds, 1),
        "losses": means([loss for _, loss in done.history]),
        "damage": str(harm), "version": package_version(), "environment": dict(subject.environment),
    }  # fmt: skip
    if moved is not None:
        made["moved"] = str(moved)
    if note := instead(schedule, done.schedule):
        made["note"] = note
    if ranks.first:
        _saved(target, subject, learner, made)
        shutil.rmtree(run, ignore_errors=True)
    ranks.wait()
    return Fitted(target, read_sidecar(target))


def _sound(
    lesson: Any, shape: LoraShape | BiasShape, carry: str, objective: str, guard: int, *, tells: bool
) -> None:
    """Raises BadInput for what does not go together, before a model is loaded. tells: of another subject."""
    from selfscope.subjects.live_adapters import ALWAYS
    from selfscope.training.bias_vector import BiasShape
    from selfscope.training.objectives import AGREEMENTS

    if tells and not getattr(lesson, "tells_of_others", False):
        raise BadInput(f"the lesson {_id(lesson)} tells of its own states: truths can tell of another's deeds")
    if objective in AGREEMENTS and not getattr(lesson, "behaviours", False):
        raise BadInput(f"{objective} compares reports with what is done: teach truths[behaviours=true]")
    if isinstance(shape, BiasShape) and carry != ALWAYS:
        raise BadInput("a bias vector is written into every token: carry it always (--carry always)")
    if guard < 0:
        raise BadInput(f"a guard has 0 replies or more, not {guard}")


def _learner(subject: LocalWeights, shape: LoraShape | BiasShape, carry: str, seed: int) -> Adapter | BiasVector:
    """What is trained."""
    from selfscope.training.bias_vector import BiasShape, new_bias

    if not isinstance(shape, BiasShape):
        return subject.new_adapter(shape, carry, seed=seed)
    return new_bias(subject, shape, carry)


def _with(subject: LocalWeights, learner: Adapter | BiasVector) -> LocalWeights:
    from selfscope.training.bias_vector import BiasVector

    if isinstance(learner, BiasVector):
        return subject.intervened(learner.injections())
    return subject.adapted(learner)


def _saved(target: Path, subject: LocalWeights, learner: Adapter | BiasVector, made: dict[str, Any]) -> Sidecar:
    from selfscope.subjects.adapter_files import save_adapter
    from selfscope.subjects.written_files import save_written
    from selfscope.training.bias_vector import BiasVector

    if not isinstance(learner, BiasVector):
        return save_adapter(target, subject, learner, "reporter", made)
    told = {**made, "bias": learner.shape.layer}
    return save_written(target, subject, learner.injections(), "reporter", told)


def _lesson(given: str | Any) -> Any:
    """What is taught. Raises BadInput for what teaches no report."""
    decoder = isinstance(given, str) and given.partition("[")[0] in catalogue.names("decoder")
    taught = given if decoder else _part("lesson", given)
    if not hasattr(taught, "examples"):
        what = given if decoder else _id(taught)
        raise BadInput(f"{what} teaches no report: a reader of activations is trained by fit_decoder")
    return taught


def _part(kind: str, given: Any) -> Any:
    from selfscope.study.names import built

    return built(kind, given) if isinstance(given, str) else given


def _id(part: Any) -> str:
    from selfscope.records import id_of

    return id_of(part)


def means(losses: Sequence[float]) -> list[float]:
    """Mean losses of equal parts of a run."""
    if not losses:
        raise BadInput("nothing was trained")
    parts = min(SHOWN, len(losses))
    edges = [round(k * len(losses) / parts) for k in range(parts + 1)]
    return [round(sum(losses[a:b]) / (b - a), 4) for a, b in pairwise(edges)]
