"""From a model's name to a trained decoder in a folder: read states, teach, look at dev, keep."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from selfscope.api.bases import subject_of
from selfscope.api.fit import means
from selfscope.api.places import free
from selfscope.api.telling import on_steps
from selfscope.errors import BadInput, reaching
from selfscope.report.estimates import package_version

if TYPE_CHECKING:
    from selfscope.records.contracts import DecoderContract
    from selfscope.study import Progress
    from selfscope.subjects.base import Subject
    from selfscope.subjects.local_weights import LocalWeights
    from selfscope.training.decoder_lesson import DecoderLesson
    from selfscope.training.decoder_material import Material
    from selfscope.training.features import Features
    from selfscope.training.ranks import Ranks
    from selfscope.training.schedule import Schedule

NAME = "decoder"
WHOLE = "whole"


@dataclass(frozen=True)
class FittedDecoder:
    """A decoder that was trained, in a folder. Read with it as `decoder[folder=PATH]`.

    Attributes
    ----------
    folder
        What it is, its tensors, its adapter as peft writes one, and the rivals that were taught beside it.
    contract
        On what it was trained, where it reads, how it was made.
    """

    folder: Path
    contract: DecoderContract

    def __str__(self) -> str:
        from selfscope.training.objectives import unit_of

        made, contract = self.contract.made, self.contract
        unit = unit_of(str(made.get("schedule", {}).get("objective")))
        layers = ", ".join("+".join(map(str, own)) for own in contract.combinations)
        lines = [
            f"decoder of {contract.base_name} ({contract.base[:6]}): {contract.form} of layers {layers}",
            f"taught {made.get('lesson')}: {made.get('items')} questions in {made.get('steps')} steps, "
            f"{made.get('seconds', 0):.0f} s",
        ]
        if made.get("losses"):
            lines.append(f"loss, in order: {', '.join(f'{x:.2f}' for x in made['losses'])} {unit}")
        if made.get("dev"):
            lines.append(made["dev"]["told"])
        elif made.get("looks"):
            best = min(made["looks"], key=lambda look: look["loss"])
            lines.append(
                f"on dev at step {best['step']}: loss {best['loss']:.2f} {unit}, real less shuffled "
                f"{100 * best['gap']:+.0f} points"
            )
        if made.get("note"):
            lines.append(made["note"])
        if made.get("twins"):
            lines.append(f"beside it: {', '.join(made['twins'])}")
        lines.append(f'in {self.folder}; read with it as "decoder[folder={self.folder}]"')
        return "\n".join(lines)


def fit_decoder(
    model: str | Subject,
    folder: Path | str,
    lesson: str | DecoderLesson = NAME,
    *,
    schedule: Schedule | None = None,
    states: Path | None = None,
    resume: bool = False,
    hardware: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> FittedDecoder:
    """Trains a decoder of activations.

    Parameters
    ----------
    model
        A name (see `load`) or a subject of the tier weights.
    folder
        Where the decoder goes; beside it stands `FOLDER.run` while it is trained.
    lesson
        What is trained, where it reads and what it is asked about: `decoder[form=ridge,layers=(7,15)]`, or an object.
    schedule
        How it is trained.
    states
        Where the states that are read stay, for other decoders of the same layers and material (default: they go with
        the run).
    resume
        Go on with the run in `FOLDER.run`.
    hardware
        How a model that is named is loaded (see `load`).
    progress
        Told of each step with its loss, and of the gap at the last look at dev: real less shuffled.

    Returns
    -------
    FittedDecoder
        The folder and what its contract says.

    Raises
    ------
    BadInput
        Another lesson, or an objective that compares with what a decoder does not have.
    Unsupported
        A subject that cannot be trained.
    StoreError
        The folder holds something already, and `resume` was not asked for, or of another run.
    TrainingFailed
        The loss is no number, or memory ran out.
    """
    from selfscope.subjects.local_weights import trainable
    from selfscope.training.decoder_lesson import DecoderLesson
    from selfscope.training.fit_decoder import USUAL
    from selfscope.training.objectives import need_labels_alone
    from selfscope.training.ranks import joined

    taught = lesson_of(lesson) if isinstance(lesson, str) else lesson
    if not isinstance(taught, DecoderLesson):
        raise BadInput(f"a decoder is taught by the lesson {NAME}, not by {lesson!r}")
    need_labels_alone((schedule or USUAL).objective, "a decoder")
    target, run, ranks = Path(folder), Path(f"{folder}.run"), joined()
    free(target, run, resume=resume)
    ranks.wait()
    if progress is not None and ranks.first:
        progress.step("loading", 0.0)
    subject = trainable(subject_of(model, hardware))
    teaching = _Teaching(subject, schedule or USUAL, progress, ranks, states)
    teaching.begun(taught, run)
    if progress is not None:
        progress.plan(1.0 + len(taught.twins))
    whole = run / WHOLE
    contract = teaching.taught(taught, run, whole)
    for name in taught.twins:
        teaching.taught(taught.twin(name), run / name, run / "beside" / name, f"the rival {name}: ")
    if ranks.first:
        _moved(run, whole, target)
    ranks.wait()
    return FittedDecoder(target, contract)


def _moved(run: Path, whole: Path, target: Path) -> None:
    """What stands in a run's folder, with its rivals, to where it was wanted."""
    with reaching(target):
        if (run / "beside").exists():
            shutil.rmtree(whole / "rivals", ignore_errors=True)
            (run / "beside").rename(whole / "rivals")
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            target.rmdir()
        whole.rename(target)
    shutil.rmtree(run, ignore_errors=True)


def lesson_of(name: str) -> Any:
    """What a name with settings teaches. Raises BadInput for the name of a lesson that teaches a report."""
    from selfscope import catalogue
    from selfscope.study.names import built

    if name.partition("[")[0] in catalogue.names("lesson"):
        raise BadInput(f"a decoder is taught by the lesson {NAME}, not by {name!r}")
    return built("decoder", name)


@dataclass(frozen=True)
class _Teaching:
    """Teaches one decoder after another into folders of their own."""

    subject: LocalWeights
    schedule: Schedule
    progress: Progress | None
    ranks: Ranks
    states: Path | None

    def begun(self, lesson: DecoderLesson, run: Path) -> None:
        """Says in a run's folder which run it is. Raises StoreError where it holds another."""
        from selfscope.records import content_hash
        from selfscope.training.checkpoints import begun

        lesson.made_form(cast(Any, self.subject))  # what cannot be trained leaves no folder
        key = content_hash(self.subject.identity, lesson, self.schedule.decides)
        self.ranks.in_turn(lambda: begun(run, key))

    def taught(self, lesson: DecoderLesson, run: Path, target: Path, who: str = "") -> DecoderContract:
        """One decoder, gone on with where it was stopped; what is there already stays."""
        from selfscope.readers.decoder_files import read_decoder
        from selfscope.records.contracts import CONTRACT
        from selfscope.training.decoder_files import save_decoder
        from selfscope.training.dev import Look
        from selfscope.training.fit_decoder import Course, dev_of
        from selfscope.training.fit_decoder import fit_decoder as trained
        from selfscope.training.on_dev import on_dev
        from selfscope.training.precision import instead

        if (target / CONTRACT).exists():
            self._tell(f"{who}is there", 1.0)
            return read_decoder(str(target)).contract
        self._tell(f"{who}reading states")
        form = lesson.made_form(cast(Any, self.subject))
        material = lesson.material(cast(Any, self.subject), self.schedule.seed)
        of = self._features(lesson, material, run)
        looks: list[Look] = []
        course = Course(lesson.blanks, lesson.reads == "others", lesson.every, lesson.patience, looks.append)
        self._tell(f"{who}preparing what is taught")

        def gap() -> str:
            return f", real less shuffled {100 * looks[-1].gap:+.0f} points" if looks else ""

        on_step = on_steps(self._tell, 0.9, who, gap)
        live, done = trained(
            self.subject, form, of, material.items, self.schedule, course=course, folder=run, on_step=on_step
        )
        made = {
            "lesson": lesson.id, "schedule": asdict(done.schedule), "items": len(material.of("train")),
            "steps": done.steps, "seconds": round(done.seconds, 1),
            "losses": means([loss for _, loss in done.history]) if done.history else [],
            "looks": [asdict(look) for look in done.looks], "twins": list(lesson.twins),
            "version": package_version(), "environment": dict(self.subject.environment),
        }  # fmt: skip
        if note := instead(self.schedule, done.schedule):
            made["note"] = note
        if dev := dev_of(live, material.items, course, self.schedule.seed):
            contexts = [item.source for item in material.of("dev")]
            found = on_dev(live, dev, contexts, done.schedule.objective)
            made["dev"] = {**asdict(found), "told": str(found)}
        if self.ranks.first:
            save_decoder(target, live, made, material.items)
        self.ranks.wait()
        self._tell(f"{who}done", 0.1 if done.history else 1.0)
        return read_decoder(str(target)).contract

    def _features(self, lesson: DecoderLesson, material: Material, run: Path) -> Features:
        from selfscope.records import content_hash
        from selfscope.training.features import features
        from selfscope.training.kept_features import kept_features

        form = lesson.made_form(cast(Any, self.subject))
        # What is read, and of what its units are taken: what is trained of it changes none of its states.
        train = sorted({item.source for item in material.of("train")})
        key = content_hash(self.subject.identity, material.sources, train, form.layers, form.columns)

        def read() -> Features:
            return features(cast(Any, self.subject), material.sources, form.layers, form.columns, train=train)

        place = run if self.states is None else self.states / key
        return self.ranks.in_turn(lambda: kept_features(place, key, self.subject.identity, read))

    def _tell(self, what: str, work: float = 0.0) -> None:
        if self.progress is not None and self.ranks.first:
            self.progress.step(what, work)
