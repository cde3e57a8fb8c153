"""Controls that change only how a question is put: person, framing, template, option order, direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from selfscope.controls.base import derived, pick
from selfscope.errors import BadInput
from selfscope.records import Identified, Trial
from selfscope.wording import TEMPLATES
from selfscope.wording.phrases import FRAMED

PERSONS = {"typical": "asked about a typical assistant", "named": "asked about a named other model"}


@dataclass(frozen=True)
class ThirdPerson(Identified):
    """The same question about somebody else. Questions about a given text have no person and are dropped.

    Parameters
    ----------
    person
        typical (a typical assistant) or named (a named other one).

    Raises
    ------
    BadInput
        Another person.
    """

    kind: ClassVar[str] = "third_person"
    role: ClassVar[str] = "person"
    person: str = "typical"

    def __post_init__(self) -> None:
        if self.person not in PERSONS:
            raise BadInput(f"person is {' or '.join(PERSONS)}, not {self.person!r}")

    @property
    def title(self) -> str:
        return PERSONS[self.person]

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        return [
            derived(t, self.id, question=replace(t.question, person=self.person))
            for t in trials
            if t.question.given_text is None and t.question.person == "self"
        ]


@dataclass(frozen=True)
class Framing(Identified):
    """The subject is first told that it can introspect, or that its reports are accurate.

    Parameters
    ----------
    framing
        introspective or accurate.

    Raises
    ------
    BadInput
        Another framing.
    """

    kind: ClassVar[str] = "framing"
    role: ClassVar[str] = "wording"
    framing: str = "introspective"

    def __post_init__(self) -> None:
        if self.framing not in FRAMED:
            raise BadInput(f"framing is {' or '.join(FRAMED)}, not {self.framing!r}")

    @property
    def title(self) -> str:
        return FRAMED[self.framing]

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        return [derived(t, self.id, question=replace(t.question, framing=self.framing)) for t in trials]


@dataclass(frozen=True)
class Paraphrase(Identified):
    """The next template: three times is once around."""

    kind: ClassVar[str] = "paraphrase"
    role: ClassVar[str] = "wording"
    title: ClassVar[str] = "other wording"

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        return [
            derived(t, self.id, question=replace(t.question, template=(t.question.template + 1) % TEMPLATES))
            for t in trials
        ]


@dataclass(frozen=True)
class OptionOrder(Identified):
    """Another order of the options: turned round so that a different one stands first."""

    kind: ClassVar[str] = "option_order"
    role: ClassVar[str] = "wording"
    title: ClassVar[str] = "options in another order"

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        out = []
        for t in trials:
            shown = t.question.shown
            turn = 1 + pick(len(shown) - 1, seed, t.base or t.id, self.kind) if len(shown) > 1 else 0
            if turn:
                out.append(derived(t, self.id, question=replace(t.question, order=shown[turn:] + shown[:turn])))
        return out


@dataclass(frozen=True)
class ScaleFlip(Identified):
    """The negated question where the plain one was shown, and the reverse: yes/no questions only."""

    kind: ClassVar[str] = "scale_flip"
    role: ClassVar[str] = "wording"
    title: ClassVar[str] = "negated wording"

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        return [
            derived(t, self.id, question=replace(t.question, negated=not t.question.negated))
            for t in trials
            if t.question.binary
        ]


@dataclass(frozen=True)
class ContentFree(Identified):
    """The same options asked of nothing at all: what is left of an answer without the question's content.

    Parameters
    ----------
    text
        What stands in the place of the content.
    """

    kind: ClassVar[str] = "content_free"
    role: ClassVar[str] = "wording"
    title: ClassVar[str] = "the options alone, without content"
    text: str = "..."

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        """Questions without options are dropped. What a question is about is replaced; one about nothing is replaced
        itself where it is in the user's own words."""
        empty_trials = []
        for t in trials:
            if not t.question.options or (not t.public and "ask" not in t.question.arguments):
                continue
            if t.public:
                empty_trials.append(derived(t, self.id, public=self.text))
            else:
                empty = {**t.question.arguments, "ask": self.text}
                empty_trials.append(derived(t, self.id, question=replace(t.question, arguments=empty)))
        return empty_trials
