"""How likely an answer that is shown was to the subject: its log-probability after the prompt that it answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, cast

import numpy as np

from selfscope.errors import UnknownName
from selfscope.records import Cost, Identified, Outcome, Prompt, Reading, Trial, Truth, content_hash
from selfscope.statistics import softmax
from selfscope.subjects.base import ScoringSubject, Subject, reaches

BY = ("mean", "sum")
RIDGE = 0.5
"""Of the slope on standardised log-probabilities: a few train items fit no step."""
STEPS = 60


@dataclass(frozen=True)
class Line:
    """P(first option) = 1 / (1 + exp(-(intercept + slope (x - centre) / scale))), x in nats."""

    intercept: float
    slope: float
    centre: float
    scale: float

    def at(self, x: float) -> tuple[float, float]:
        """The two options' probabilities."""
        yes, no = softmax((self.intercept + self.slope * (x - self.centre) / self.scale, 0.0))
        return yes, no


@dataclass(frozen=True)
class AnswerLogprob(Identified):
    """The log-probability of an answer that is shown, as the subject itself would have given it: nobody is asked.

    The tokens of the answer are scored after the prompt that it answers, exactly (`score`). It is the baseline
    "sequence log-probability" of work on confidence (Kadavath et al. 2022), made a forecast by a logistic line that is
    learnt on the train split (Platt 1999). The rung is behaviour: it lets the subject do what a trial is about, and a
    report that follows it has access. Where the tier is too low, and where no answer is shown, it is UNSUPPORTED.

    Parameters
    ----------
    by
        mean (nats a token) or sum (nats).
    lines
        Learnt by `fit`, by quantity; no part of the configuration. Without one a reading says even odds; in any case
        `extra["score"]` has the nats, by which answers are put in order.

    Raises
    ------
    UnknownName
        Neither mean nor sum.

    References
    ----------
    Kadavath et al. 2022, Language Models (Mostly) Know What They Know. Platt 1999, Probabilistic Outputs for Support
    Vector Machines.
    """

    kind: ClassVar[str] = "answer_logprob"
    inside: ClassVar[bool] = True
    by: str = "mean"
    lines: Mapping[str, Line] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.by not in BY:
            raise UnknownName("measure of an answer, by,", self.by, BY)

    @property
    def title(self) -> str:
        return "log-probability of the answer, " + {"mean": "mean over its tokens", "sum": "sum"}[self.by]

    @property
    def short(self) -> str:
        return f"log-probability, {self.by}"

    @property
    def rung(self) -> str:
        return "behaviour"

    def fit(self, subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth]) -> AnswerLogprob:
        """Learns a line for each quantity of two options from the plain train trials that show an answer."""
        right = {truth.trial: truth.mean for truth in truths if len(truth.mean) == 2}
        train = [t for t in trials if t.split == "train" and t.plain and t.id in right]
        points: dict[str, list[tuple[float, float]]] = {}
        for trial, score in zip(train, self._scores(subject, train), strict=True):
            if score is not None:
                points.setdefault(trial.question.quantity, []).append((score, right[trial.id][0]))
        return replace(self, lines={name: line_through(own) for name, own in points.items()})

    def read(self, subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
        """One reading a trial, in one call to the subject. Answers to one prompt are scored together."""
        return [
            Reading(Outcome.UNSUPPORTED)
            if score is None or len(trial.question.options) != 2
            else Reading(
                Outcome.ANSWERED,
                self.lines[trial.question.quantity].at(score) if trial.question.quantity in self.lines else (0.5, 0.5),
                extra={"score": score}, cost=Cost(calls=1),
            )
            for trial, score in zip(trials, self._scores(subject, trials), strict=True)
        ]  # fmt: skip

    def _scores(self, subject: Subject, trials: Sequence[Trial]) -> list[float | None]:
        """Nats of each trial's answer; None where there is none, or the subject cannot be scored on it."""
        if not reaches(subject, "logprobs"):
            return [None] * len(trials)
        able, asked = cast(ScoringSubject, subject), [answered(trial) for trial in trials]
        texts = list(dict.fromkeys(one[1] for one in asked if one is not None))
        writable = getattr(able, "writable", None)
        can = dict(zip(texts, [True] * len(texts) if writable is None else writable(texts), strict=True))
        groups: dict[str, tuple[Prompt, dict[str, None]]] = {}
        keys = [content_hash(one[0], size=32) if one is not None and can[one[1]] else "" for one in asked]
        for key, one in zip(keys, asked, strict=True):
            if key and one is not None:
                groups.setdefault(key, (one[0], {}))[1][one[1]] = None
        candidates = [list(own) for _, own in groups.values()]
        scores = able.score([prompt for prompt, _ in groups.values()], candidates) if groups else []
        nats = {
            (key, text): math.fsum(tokens) / (len(tokens) if self.by == "mean" else 1)
            for key, own, logs in zip(groups, candidates, scores, strict=True)
            for text, tokens in zip(own, logs, strict=True)
            if tokens
        }
        return [nats.get((key, one[1])) if one is not None else None for key, one in zip(keys, asked, strict=True)]


def answered(trial: Trial) -> tuple[Prompt, str] | None:
    """(the prompt that a trial's answer answers, the answer as what goes on from there); None where none is shown.

    An answer that stands in the conversation as its last turn is taken out of it, and goes on from the prefix that the
    trial says it was begun with.
    """
    answer = trial.question.arguments.get("answer")
    if not answer or trial.question.given_text is not None:
        return None
    prompt, text = trial.prompt, str(answer)
    if prompt.messages and prompt.messages[-1].role == "assistant" and not prompt.prefix:
        where = trial.coordinates
        prompt = replace(
            prompt, messages=prompt.messages[:-1], prefix=str(where.get("prefix", "")),
            context=int(where.get("context", prompt.context)),
        )  # fmt: skip
    begun = prompt.prefix
    if begun and text.startswith(begun):
        return prompt, text[len(begun) :]
    return prompt, text if not begun or begun[-1].isspace() else f" {text}"


def line_through(points: Sequence[tuple[float, float]]) -> Line:
    """The logistic line through (nats, rate of the first option), by Newton's method, with a ridge on the slope."""
    x, y = np.array(points).T
    scale = float(x.std()) or 1.0
    design = np.stack([np.ones_like(x), (x - x.mean()) / scale], axis=1)
    # After Platt: one success and one failure more, so that a quantity without the one or the other keeps a doubt.
    rate = (y * len(y) + 1.0) / (len(y) + 2.0)
    beta, penalty = np.zeros(2), np.array([0.0, RIDGE])
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        hessian = (design.T * (p * (1 - p))) @ design + np.diag(penalty) + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, design.T @ (rate - p) - penalty * beta)
        beta = beta + np.clip(step, -2.0, 2.0)
        if float(np.abs(step).max()) < 1e-10:
            break
    return Line(float(beta[0]), float(beta[1]), float(x.mean()), scale)
