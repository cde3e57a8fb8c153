"""The bag-of-words rival of questions about a text: the option with whose listed texts it shares most words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from selfscope.quantities import words
from selfscope.records import Identified, Outcome, Question, Reading, Trial, Truth
from selfscope.subjects.base import Subject

UNSHARED = 0.25
"""Words' worth of an option with listed texts none of whose words stand in the text."""


@dataclass(frozen=True)
class SharedWords(Identified):
    """Which option shares most words with a text, without asking anybody.

    A word counts for an option where it stands in the text and in what the question lists for that option
    (`arguments["signs"]`, a list of texts each), and in what it lists for no other. An option with nothing listed, that
    the text says nothing of it, has one word's worth. UNSUPPORTED where a question lists nothing, or there is no text.
    """

    kind: ClassVar[str] = "shared_words"
    title: ClassVar[str] = "words that the text shares with each option"
    short: ClassVar[str] = "shared words"

    @property
    def rung(self) -> str:
        return "input"

    def fit(self, subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth]) -> SharedWords:
        """Nothing is learnt."""
        return self

    def read(self, subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
        """One reading a trial; nothing is read from `subject`."""
        return [_reading(trial.question, trial.public) for trial in trials]


def _reading(question: Question, text: str) -> Reading:
    listed: Sequence[Any] = question.arguments.get("signs", ())
    if not text or len(listed) != len(question.options):
        return Reading(Outcome.UNSUPPORTED)
    bags = [{word for one in own for word in words(str(one))} for own in listed]
    said, weights = set(words(text)), []
    for k, bag in enumerate(bags):
        others = set().union(*(b for j, b in enumerate(bags) if j != k))
        weights.append(len(said & (bag - others)) + UNSHARED if bag else 1.0)
    total = sum(weights)
    return Reading(Outcome.ANSWERED, tuple(w / total for w in weights), first=question.shown[0])
