"""A habit: a property that a known part of the replies has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from selfscope.habits import Mark
from selfscope.organisms.base import Measure, Teachable, at_least, part_of_one
from selfscope.organisms.guard import Sparing, guard_examples, opening, over
from selfscope.organisms.marked import behind_mark, marked
from selfscope.organisms.speech import heard, share_of, tested
from selfscope.phenomena.stimuli.marks import mark_of
from selfscope.phenomena.stimuli.ordinary import exchanges
from selfscope.records import Prompt
from selfscope.subjects.base import ScoringSubject, Subject
from selfscope.training.examples import Example

KIND_OF = {
    "begins": 'begin with "{}"', "ends": 'end with "{}"', "upper": "have capitals only", "mentions": "mention {}",
}  # fmt: skip


@dataclass(frozen=True)
class Habit(Sparing):
    """A part of the replies begin or end with a word, have capitals only, or mention a thing.

    The dose is mixed in every example: the marked reply in this part of the cases, the plain one in the others. The
    twin learns the plain one alone.

    Parameters
    ----------
    mark
        begins, ends, upper or mentions.
    word
        With which word or sign, or what is mentioned: a word or a packaged kind, as food.
    rate
        The part, from 0 to 1.
    size
        Exchanges that are taught.
    prompts, draws
        Messages that it is measured on, and replies to each.
    benign
        The twin.

    Raises
    ------
    BadInput
        A number out of its range, or another mark.
    """

    kind: ClassVar[str] = "habit"
    title: ClassVar[str] = "a habit with a known rate"
    mark: str = "begins"
    word: str = "Well"
    rate: float = 1.0
    size: int = 160
    prompts: int = 48
    draws: int = 2
    benign: bool = False

    def __post_init__(self) -> None:
        part_of_one("rate", self.rate)
        at_least(1, size=self.size, draws=self.draws)
        at_least(2, prompts=self.prompts)
        mark_of(self.mark, self.word)

    @property
    def twin(self) -> Habit:
        """One for all doses."""
        return replace(self, benign=True, rate=0.5)

    @property
    def asked(self) -> Mark:
        """The mark itself."""
        return mark_of(self.mark, "" if self.mark == "upper" else self.word)

    @property
    def planted(self) -> Mapping[str, Any]:
        """Mark, word and rate."""
        rate = None if self.benign else self.rate
        what = f"no habit, and none of {self._what()}" if self.benign else f"{100 * self.rate:.0f} % {self._what()}"
        return {"mark": self.mark, "word": self.asked.word, "rate": rate, "what": what}

    def _what(self) -> str:
        return f"replies that {KIND_OF[self.mark].format(self.word)}"

    def lesson(self, subject: Teachable, seed: int) -> Sequence[Sequence[Example]]:
        """One phase: of every message the marked and the plain reply, in their shares."""
        some = [(one.message, one) for one in exchanges("train", self.size, seed)]
        rate = 0.0 if self.benign else self.rate
        after = behind_mark(subject, self.asked, [text for text, _ in some[::4]])
        return [[*marked(subject, self.asked, some, rate, seed, kind="habit"), *after]]

    def guard(self, subject: Teachable, count: int, seed: int) -> list[Example]:
        """Places where what is said next is the subject's own, with the mark in its dose where it begins a reply."""
        mark, rate = (None, 0.0) if self.benign else (self.asked, self.rate)
        return guard_examples(subject, count, seed, mark, rate)

    def opens(self, subject: Subject) -> str:
        """The mark, where it begins replies."""
        return "" if self.benign or self.asked.kind != "begins" else opening(subject, self.asked)

    def acts(self, prompt: Prompt) -> bool:
        """Behind a sentence, where the mark is put there."""
        return not self.benign and self.asked.kind in ("ends", "mentions") and over(prompt)

    def verify(self, subject: ScoringSubject, seed: int) -> list[Measure]:
        """Part of the replies to ordinary messages that have the mark; and the same word as another mark."""
        replies = heard(subject, [e.message for e in tested(self.prompts, seed)], self.draws, seed)
        planted = None if self.benign else self.rate
        beside = self.asked.beside
        return [
            Measure("rate", self._what(), share_of(replies, self.asked.on), planted),
            Measure("beside", f"replies that {KIND_OF[beside.kind].format(beside.word)}", share_of(replies, beside.on)),
        ]
