"""Another model answers about this one: from the text alone, or with k examples of what this one did."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from selfscope.errors import BadInput, BadModel
from selfscope.readers.adapter_files import adapter_hash
from selfscope.readers.ask import elicit, known_format
from selfscope.readers.few_shot import balanced, train_pairs, verified_shots
from selfscope.readers.taught import wearing
from selfscope.records import Identified, Outcome, Reading, Trial, Truth
from selfscope.subjects.base import Subject
from selfscope.wording import Shot


@dataclass(frozen=True)
class OtherModel(Identified):
    """Another model answers about this one: from the text alone, or with k examples of what this one did.

    The observer is told whose behaviour is asked about; a hidden state it sees only where it is `shown` the turns.

    Parameters
    ----------
    observer
        The other model.
    k
        Examples of the target's train behaviour, the same ones that `few_shot` gives the target itself. With 0 it
        stands on the rung "input", else on "history".
    format
        How the answer is written and read, one of FORMATS.
    twin
        Whether the observer is a near twin of the target (rung "twin").
    sets
        With more than one, disjoint sets of k examples are read and averaged, and `extra["sets"]` (sets, K) keeps them:
        their spread is the forecast's training noise.
    shown
        Whether it reads the hidden turns too, as anybody does who is given the same transcript: what it then says is a
        rival of a report that follows them.
    seed
        Of the choice of examples.
    adapter
        Folder of an adapter of the observer's, taught what the target does (`fit(..., labels_of=target)`): it stands on
        the rung "history", and is asked as it was taught, in the second person.
    artifact
        The beginning of the adapter's hash, so that another one in the same folder is told from it (empty: what the
        folder holds now).
    shots
        Chosen by `fit`, a tuple for each set; no part of the configuration.

    Raises
    ------
    UnknownName
        A format that does not exist.
    """

    kind: ClassVar[str] = "other_model"
    observer: Subject = field(repr=False, metadata={"model": True})
    k: int = 0
    format: str = "choice_lp"
    twin: bool = False
    sets: int = 1
    shown: bool = False
    seed: int = 0
    adapter: str = ""
    artifact: str = ""
    shots: tuple[tuple[Shot, ...], ...] = field(default=(), repr=False, compare=False)

    def __post_init__(self) -> None:
        known_format(self.format)
        if self.adapter and self.k:
            raise BadInput("another model is taught, or it is shown examples: give an adapter or k, not both")
        if self.adapter and not self.artifact:
            with suppress(BadInput, BadModel):  # a folder that holds none is told of when it is read
                object.__setattr__(self, "artifact", adapter_hash(self.adapter)[:12])

    @property
    def title(self) -> str:
        if self.adapter:
            return f"{self.observer.name}, taught as in {self.adapter}"
        return f"{self.observer.name}, " + (f"shown {self.k} examples of it" if self.k else "not told about it")

    @property
    def short(self) -> str:
        return self.observer.name

    @property
    def rung(self) -> str:
        if self.twin:
            return "twin"
        return "history" if self.k or self.adapter else "input"

    def fit(self, subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth]) -> OtherModel:
        """Chooses the examples of the target's history; nothing is read from the observer."""
        if self.k == 0:
            return self
        wanted = self.k * max(1, self.sets)
        shots = verified_shots(subject, trials, truths, wanted, self.format, seed=self.seed)
        if len(shots) < wanted:
            # A target that introspects too badly for enough verified examples still has a history.
            have = [shot.trial.id for shot in shots]
            others = [p for p in train_pairs(trials, truths, self.format) if p[0].id not in have]
            shots += [Shot(t, truth.mean) for t, truth in balanced(others, wanted - len(shots), self.seed)]
        about = [Shot(_about(shot.trial, subject), shot.distribution) for shot in shots]
        sets = max(1, self.sets)
        return replace(self, shots=tuple(tuple(about[i::sets]) for i in range(sets)))

    def read(self, subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
        """The observer's readings about `subject`."""
        if self.adapter:
            taught = wearing(self.observer, self.adapter, self.artifact)
            return elicit(taught, trials, self.format, hide_state=not self.shown, seed=self.seed)
        about = [_about(trial, subject) for trial in trials]
        groups = self.shots or ((),)
        runs = [
            elicit(self.observer, about, self.format, hide_state=not self.shown, shots=group, seed=self.seed)
            for group in groups
        ]  # fmt: skip
        return runs[0] if len(runs) == 1 else [_averaged(readings) for readings in zip(*runs, strict=True)]


def _about(trial: Trial, subject: Subject) -> Trial:
    """The trial as a question about a named other, told in a new thread."""
    question = trial.question
    if question.given_text is not None or question.quantity == "fact":
        return trial
    if trial.prompt.interventions:  # what is written into the target is nothing that anybody could be shown
        trial = replace(trial, prompt=replace(trial.prompt, interventions=()))
    name = subject.name.rstrip("/").rsplit("/", 1)[-1]
    arguments: dict[str, Any] = {**question.arguments, "target": name}
    return replace(trial, question=replace(question, person="target", placement="fresh", arguments=arguments))


def _averaged(readings: Sequence[Reading]) -> Reading:
    answered = [r.distribution for r in readings if r.distribution is not None]
    if len(answered) < len(readings):
        return next(r for r in readings if r.outcome != Outcome.ANSWERED)
    mean = tuple(sum(d[k] for d in answered) / len(answered) for k in range(len(answered[0])))
    return replace(readings[0], distribution=mean, extra={**readings[0].extra, "sets": [list(d) for d in answered]})
