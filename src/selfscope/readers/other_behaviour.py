"""What another model does at the same prompts: how hard an item is for somebody else, without asking anybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from selfscope import quantities
from selfscope.errors import BadInput
from selfscope.parsing import affirmed
from selfscope.readers.replies import reading_of, replies_at
from selfscope.records import Identified, Outcome, Reading, Trial, Truth
from selfscope.subjects.base import Subject
from selfscope.wording.carriers import shown_to_observers

APART = 9_000_011
"""Added to the seed: a model beside itself does not repeat the very draws of a truth."""


@dataclass(frozen=True)
class OtherBehaviour(Identified):
    """Another model's own replies are the forecast: its accuracy on an item, how often it passes there.

    It sees what anybody may see and no hidden state, and is told of nobody. An answer that is shown is as likely right
    as the other model gives it itself. UNSUPPORTED: what no reply shows, programs, and the end of a conversation.

    Parameters
    ----------
    observer
        The other model.
    rollouts
        Its replies at temperature 1 behind each forecast.
    max_tokens
        Of a reply, where the phenomenon does not say how long the subject's own are.
    seed
        Of the replies.

    Raises
    ------
    BadInput
        Less than one reply.
    """

    kind: ClassVar[str] = "other_behaviour"
    observer: Subject = field(repr=False)
    rollouts: int = 10
    max_tokens: int = 12
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rollouts < 1:
            raise BadInput(f"rollouts is a number of replies from 1 on, not {self.rollouts}")

    @property
    def title(self) -> str:
        return f"what {self.observer.name} does itself"

    @property
    def short(self) -> str:
        return f"{self.observer.name} itself"

    @property
    def rung(self) -> str:
        return "input"

    def fit(self, subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth]) -> OtherBehaviour:
        """Nothing is learnt."""
        return self

    def read(self, subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
        """One reading a trial; trials about the same prompt share its replies. Nothing is read from `subject`."""
        told = [trial for trial in trials if _told_by_replies(trial)]
        prompts, lengths = [shown_to_observers(t.prompt) for t in told], [self._length(t) for t in told]
        found = replies_at(self.observer, prompts, lengths, self.rollouts, self.seed + APART)
        readings = {t.id: reading_of(own, _shares(t, own[0])) for t, own in zip(told, found, strict=True)}
        return [readings.get(trial.id, Reading(Outcome.UNSUPPORTED)) for trial in trials]

    def _length(self, trial: Trial) -> int:
        return int(trial.coordinates.get("max_tokens", self.max_tokens))


def _told_by_replies(trial: Trial) -> bool:
    question, messages = trial.question, trial.prompt.messages
    ended = bool(messages) and messages[-1].role == "assistant"
    measured = quantities.measurable(question.quantity) and not quantities.ran(question.quantity)
    return measured and question.given_text is None and not ended and not trial.prompt.interventions


def _shares(trial: Trial, texts: Sequence[str]) -> tuple[float, ...] | None:
    question = trial.question
    if not quantities.given(question.quantity):
        return quantities.distribution(question, texts)
    if not texts:
        return None
    answer = str(question.arguments["answer"])
    agrees = sum(_gives(text, answer) for text in texts) / len(texts)
    return agrees, 1 - agrees


def _gives(text: str, answer: str) -> bool:
    own, other = quantities.numbers(text.partition("\n")[0]), quantities.numbers(answer)
    return own[-1:] == other[-1:] if other else bool(affirmed(text, [answer]))
