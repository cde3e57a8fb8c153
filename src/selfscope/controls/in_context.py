"""Habits by example: turns before the question whose replies have the habit, for the report to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from selfscope.controls.base import derived
from selfscope.errors import BadInput
from selfscope.habits import Mark, asked_mark
from selfscope.quantities import load_table
from selfscope.records import Identified, Message, Trial, content_hash


@dataclass(frozen=True)
class InContext(Identified):
    """Some turns stand before the object, and a part of their replies has the habit that is asked about. What the
    subject then does is measured; questions about nothing of the kind are dropped.

    Parameters
    ----------
    turns
        How many.
    rate
        The part of their replies that has the habit, from 0 to 1.

    Raises
    ------
    BadInput
        No turns, or a rate that is not from 0 to 1.
    """

    kind: ClassVar[str] = "in_context"
    role: ClassVar[str] = "state"
    title: ClassVar[str] = "the habit shown by turns before"
    turns: int = 4
    rate: float = 1.0

    def __post_init__(self) -> None:
        if self.turns < 1:
            raise BadInput(f"turns is a number from 1 on, not {self.turns}")
        if not 0 <= self.rate <= 1:
            raise BadInput(f"rate is a part of the turns, from 0 to 1, not {self.rate}")

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        out = []
        for trial in trials:
            question = trial.question
            if question.quantity != "habit" or question.given_text is not None or trial.prompt.context:
                continue
            mark = asked_mark(question.arguments)
            shown = self._shown(mark)
            prompt = replace(
                trial.prompt, messages=(*shown, *trial.prompt.messages), context=len(shown),
                tag={**trial.prompt.tag, "state": self.kind},
            )  # fmt: skip
            key = content_hash(trial.observation, self.turns, self.rate, mark)
            out.append(derived(trial, self.id, prompt=prompt, state=self.kind, observation=key))
        return out

    def _shown(self, mark: Mark) -> tuple[Message, ...]:
        messages, replies = load_table("bank_neutral")["messages"]["train"], load_table("words")["small_talk"]
        out: list[Message] = []
        for k in range(self.turns):
            reply = replies[(5 * k + 1) % len(replies)]
            marked = int((k + 1) * self.rate) > int(k * self.rate)
            said = mark.put(reply, k) if marked else reply
            out += [Message("user", messages[k % len(messages)]), Message("assistant", said)]
        return tuple(out)
