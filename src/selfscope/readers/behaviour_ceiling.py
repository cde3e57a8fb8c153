"""The ceiling: lets the subject do it again. The only reader that may sample the prompt that a trial is about."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

from selfscope import quantities
from selfscope.errors import BadInput
from selfscope.readers.replies import reading_of, replies_at
from selfscope.records import Cost, Identified, Outcome, Reading, Trial, Truth
from selfscope.statistics import softmax
from selfscope.subjects.base import ScoringSubject, Subject, reaches

TOKEN_QUANTITIES = ("next_word", "likelier", "entropy_bin")
APART = 7_000_003
"""Added to the seed: its rollouts are none of those that the truth is made of."""


@dataclass(frozen=True)
class BehaviourCeiling(Identified):
    """The ceiling: the subject does it again. Fresh rollouts of the object prompt are the forecast.

    Quantities of the next token are read off exactly, and the correctness of an answer that is already given is graded;
    a user's own questions, and those about programs, which would have to be run, are UNSUPPORTED.

    Parameters
    ----------
    rollouts
        Replies at temperature 1 behind each forecast, none of them among those that the truth is made of.
    max_tokens
        Of a reply, where the phenomenon does not say how long its own are.
    seed
        Of the replies.
    """

    kind: ClassVar[str] = "behaviour_ceiling"
    title: ClassVar[str] = "its own behaviour"
    short: ClassVar[str] = "behaviour"
    rollouts: int = 20
    max_tokens: int = 12
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rollouts < 1:
            raise BadInput(f"rollouts is a number of replies from 1 on, not {self.rollouts}")

    @property
    def rung(self) -> str:
        return "behaviour"

    def fit(self, subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth]) -> BehaviourCeiling:
        """Nothing is learnt."""
        return self

    def read(self, subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
        """One reading a trial; trials about the same prompt share its rollouts."""
        readings = [Reading(Outcome.UNSUPPORTED)] * len(trials)
        exact = [i for i, t in enumerate(trials) if _kind(t) == "token"] if reaches(subject, "logprobs") else []
        rolled = [i for i, t in enumerate(trials) if _kind(t) == "rollouts"]
        for i, trial in enumerate(trials):
            if _kind(trial) == "graded":
                key = quantities.measure(trial.question, str(trial.question.arguments["answer"]))
                readings[i] = _one_hot(trial, key)
        for i, reading in zip(exact, _exactly(subject, [trials[i] for i in exact]), strict=True):
            readings[i] = reading
        for i, reading in zip(rolled, self._again(subject, [trials[i] for i in rolled]), strict=True):
            readings[i] = reading
        return readings

    def _again(self, subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
        if not trials:
            return []
        lengths = [int(t.coordinates.get("max_tokens", self.max_tokens)) for t in trials]
        found = replies_at(subject, [t.prompt for t in trials], lengths, self.rollouts, self.seed + APART)
        return [
            reading_of(own, quantities.distribution(trial.question, own[0]))
            for trial, own in zip(trials, found, strict=True)
        ]


def _kind(trial: Trial) -> str:
    question = trial.question
    known = quantities.PROPERTIES.get(question.quantity)
    if question.given_text is not None or known is None or known.ran:
        return "none"
    if question.quantity in TOKEN_QUANTITIES:
        return "token"
    return "graded" if known.given else "rollouts"


def _exactly(subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
    """Probabilities of the named words, and the entropy bin, at the prompt's end: at most two batched calls."""
    able = cast(ScoringSubject, subject)
    named = [t for t in trials if t.question.quantity != "entropy_bin"]
    open_ = [t for t in trials if t.question.quantity == "entropy_bin"]
    words = [_words(t) for t in named]
    scores = able.score([t.prompt for t in named], [[f" {w}" for w in own] for own in words]) if named else []
    nexts = able.next_token([t.prompt for t in open_], top=1) if open_ else []
    readings: dict[str, Reading] = {}
    for trial, logprobs in zip(named, scores, strict=True):
        logs = [math.fsum(tokens) for tokens in logprobs]
        if trial.question.quantity == "next_word":
            p = min(1.0, math.exp(logs[0]))
            shares: tuple[float, ...] = (p, 1 - p)
        else:
            shares = softmax(logs)
        readings[trial.id] = Reading(Outcome.ANSWERED, shares, cost=Cost(calls=1))
    for trial, after in zip(open_, nexts, strict=True):
        readings[trial.id] = _one_hot(trial, quantities.entropy_key(after.entropy))
    return [readings[t.id] for t in trials]


def _words(trial: Trial) -> list[str]:
    question = trial.question
    return [str(question.arguments["word"])] if question.quantity == "next_word" else [o.text for o in question.options]


def _one_hot(trial: Trial, key: str | None) -> Reading:
    shares = tuple(float(o.key == key) for o in trial.question.options)
    return Reading(Outcome.ANSWERED, shares, cost=Cost(calls=1)) if any(shares) else Reading(Outcome.ERROR)
