"""Controls that change only how a question is put: person, framing, template, option order, direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from selfscope.controls.base import derived, pick
from selfscope.records import Trial
from selfscope.wording import TEMPLATES


@dataclass(frozen=True)
class ThirdPerson:
    """The same question about a typical assistant. Questions about a given text have no person and are dropped."""

    name: str = "third_person"
    person: str = "typical"

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        return [
            derived(t, self.name, question=replace(t.question, person=self.person))
            for t in trials
            if t.question.given_text is None and t.question.person == "self"
        ]


@dataclass(frozen=True)
class ThirdPersonNamed(ThirdPerson):
    """The same question about a named other assistant."""

    name: str = "third_person_named"
    person: str = "named"


@dataclass(frozen=True)
class Framing:
    """The subject is first told that it can introspect, or that its reports are accurate."""

    framing: str = "introspective"

    def __post_init__(self) -> None:
        if self.framing not in ("introspective", "accurate"):
            raise ValueError(f"framing is introspective or accurate, not {self.framing!r}")

    @property
    def name(self) -> str:
        return f"framing_{self.framing}"

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        return [derived(t, self.name, question=replace(t.question, framing=self.framing)) for t in trials]


@dataclass(frozen=True)
class Paraphrase:
    """The next template: three times is once around."""

    name: str = "paraphrase"

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        return [
            derived(t, self.name, question=replace(t.question, template=(t.question.template + 1) % TEMPLATES))
            for t in trials
        ]


@dataclass(frozen=True)
class OptionOrder:
    """Another order of the options: turned round so that a different one stands first."""

    name: str = "option_order"

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        out = []
        for t in trials:
            shown = t.question.shown
            turn = 1 + pick(len(shown) - 1, seed, t.base or t.id, self.name) if len(shown) > 1 else 0
            if turn:
                out.append(derived(t, self.name, question=replace(t.question, order=shown[turn:] + shown[:turn])))
        return out


@dataclass(frozen=True)
class ScaleFlip:
    """The negated question where the plain one was shown, and the reverse: yes/no questions only."""

    name: str = "scale_flip"

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        return [
            derived(t, self.name, question=replace(t.question, negated=not t.question.negated))
            for t in trials
            if t.question.binary
        ]
