"""What a control is: a function from trials to trials, and how its trials are named and paired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from selfscope.records import Trial, content_hash

FIXED = ("correct_shown", "correct_after", "fact")
"""Quantities whose truth is given with the question: no state moves it."""


@runtime_checkable
class Control(Protocol):
    """A frozen dataclass. name: as in `Trial.control`. A trial to which the operation does not apply is dropped."""

    @property
    def name(self) -> str: ...

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        """New trials, paired to the plain ones by `base`. `Question.order` and `flipped` map a reading back."""
        ...


def derived(trial: Trial, control: str, **fields: Any) -> Trial:
    """A control's copy of a trial: its own id, `base` the plain trial's id, some fields replaced."""
    base = trial.base or trial.id
    return replace(trial, id=content_hash(base, control), base=base, control=control, **fields)


def movable(trial: Trial) -> bool:
    """Whether a hidden state could change the truth of a trial: a conversation without hidden messages, and a question
    about what the subject does."""
    messages = trial.prompt.messages
    asked = trial.question.given_text is None and trial.question.quantity not in FIXED
    return asked and bool(messages) and messages[-1].role == "user" and not any(m.hidden for m in messages)


def pick(count: int, *key: Any) -> int:
    """A whole number below `count`, spread evenly over keys and the same in every process."""
    return int(content_hash("pick", *key, size=12), 16) % count
