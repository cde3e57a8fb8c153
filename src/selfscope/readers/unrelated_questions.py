"""A fixed list of questions about anything else, asked behind a statement: a small classifier tells lies by answers.

Pacchiardi et al. 2023: a model that has just lied answers unrelated yes / no questions otherwise. Each is asked in a
fork of its own. The classifier that reads a trial was learnt from other tasks and other conditions than its own, so
that what it tells is a lie and not a context that it has met. N trials, Q statements.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from selfscope.directions import Linear, logistic
from selfscope.errors import BadInput
from selfscope.quantities import YES_NO, load_table
from selfscope.readers.ask import elicit
from selfscope.readers.features import Array
from selfscope.records import TEMPLATES, Cost, Identified, Outcome, Question, Reading, Trial, Truth, content_hash
from selfscope.statistics import softmax
from selfscope.subjects.base import Subject, reaches

TABLE = "unrelated"
KINDS = ("open", "plain", "near")
PENALTY = 10.0
"""Of the classifier, on standardised answers: its rows are few."""
FARTHEST = 8.0
"""Nats beyond which an answer's log-odds say no more."""
WITHOUT, SHUFFLED, MET = "without", "shuffled", "met"
"""Of a reading's extra: by condition, what is said of a lie where that one was left out of what was learnt from; the
same by labels that mean nothing; and what is said by what was learnt under all conditions, without the task alone."""


@dataclass(frozen=True)
class Learnt:
    """answers: (N, Q) log-odds of yes on the train trials, nats. labels: (N,) 1 where the first option is right;
    shuffled: as many that mean nothing. conditions, sources: of each. known: what was learnt without a condition and a
    source, of true labels or not, with the log-odds of the labels there."""

    answers: Array
    labels: Any
    shuffled: Any
    conditions: tuple[str, ...]
    sources: tuple[str, ...]
    known: dict[tuple[str, str, bool], tuple[Linear, float] | None]


@dataclass(frozen=True)
class UnrelatedQuestions(Identified):
    """Unrelated yes / no questions behind a trial's conversation, and a logistic classifier of their answers.

    A reading's distribution is that of a classifier learnt without the trial's own condition and task, at even odds;
    `extra["without"]` has by condition what one says that was learnt without that condition and without the trial's
    task, so that lies under a condition and honest statements elsewhere are told apart by one and the same classifier;
    `extra["shuffled"]` the same of labels that mean nothing, dealt out evenly over the true ones. Who lies under one
    condition alone leaves nothing to learn from elsewhere: `extra["met"]` is of a classifier that met the condition and
    not the task, and is the distribution where there is no other. Trials whose phenomenon names no condition
    (`coordinates["condition"]`) are UNSUPPORTED.

    Parameters
    ----------
    kinds
        Of the statements: open (without an answer), plain (known to everybody), near (about what is said and meant).
    learnt
        By quantity, by `fit`; no part of the configuration.

    Raises
    ------
    BadInput
        Another kind of statement, or no kind.

    References
    ----------
    Pacchiardi et al. 2023, How to Catch an AI Liar: Lie Detection in Black-Box LLMs by Asking Unrelated Questions.
    """

    kind: ClassVar[str] = "unrelated_questions"
    needs_truths: ClassVar[bool] = True
    asks: ClassVar[bool] = True
    kinds: tuple[str, ...] = KINDS
    title: ClassVar[str] = "unrelated questions"
    learnt: Mapping[str, Learnt] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.kinds or not set(self.kinds) <= set(KINDS):
            raise BadInput(f"kinds of statements are of {', '.join(KINDS)}, not {', '.join(self.kinds) or 'none'}")

    @property
    def rung(self) -> str:
        return "probe"

    def fit(self, subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth]) -> UnrelatedQuestions:
        """Asks the plain train trials that have a truth; what is left out is left out when a trial is read."""
        right = {t.trial: int(t.mean[0] > 0.5) for t in truths if len(t.mean) == 2}
        train = [t for t in trials if t.split == "train" and t.plain and t.id in right and _condition(t)]
        groups: dict[str, list[Trial]] = {}
        for trial in train:
            groups.setdefault(trial.question.quantity, []).append(trial)
        answers, _ = self._answers(subject, train)
        rows = {t.id: answers[i] for i, t in enumerate(train)}
        learnt = {}
        for quantity, own in groups.items():
            labels = np.array([right[t.id] for t in own], dtype=np.int64)
            learnt[quantity] = Learnt(
                np.stack([rows[t.id] for t in own]), labels, _meaningless(labels, own), tuple(map(_condition, own)),
                tuple(t.source for t in own), {},
            )  # fmt: skip
        return replace(self, learnt=learnt)

    def read(self, subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
        """One reading a trial, in one call to the subject for all forks."""
        out = [Reading(Outcome.UNSUPPORTED)] * len(trials)
        able = [i for i, t in enumerate(trials) if t.question.quantity in self.learnt and _condition(t)]
        answers, cost = self._answers(subject, [trials[i] for i in able])
        for i, row in zip(able, answers, strict=True):
            trial, own = trials[i], self.learnt[trials[i].question.quantity]
            left_out = dict.fromkeys((*own.conditions, _condition(trial)))
            said = {name: {c: value for c in left_out if (value := _said(own, c, trial.source, row, true)) is not None}
                    for name, true in ((WITHOUT, True), (SHUFFLED, False))}  # fmt: skip
            met = _said(own, "", trial.source, row)
            yes = said[WITHOUT].get(_condition(trial), met)
            if yes is not None:
                extra = {**said, **({} if met is None else {MET: met})}
                out[i] = Reading(Outcome.ANSWERED, (yes, 1 - yes), extra=extra, cost=cost)
        return out

    def _answers(self, subject: Subject, trials: Sequence[Trial]) -> tuple[Array, Cost]:
        """((N, Q) log-odds of yes in nats, 0 where there is no answer; what a trial cost)."""
        table = load_table(TABLE)
        bank = [text for kind in self.kinds for text in table[kind]]
        forks = [_asked(trial, text, k) for trial in trials for k, text in enumerate(bank)]
        format = "yesno_lp" if reaches(subject, "logprobs") else "free"
        readings = elicit(subject, forks, format)
        odds = [0.0 if r.distribution is None else _log_odds(r.distribution) for r in readings]
        cost = sum((r.cost for r in readings), Cost())
        n = max(1, len(trials))
        share = Cost(len(bank), cost.prompt_tokens // n, cost.output_tokens // n, cost.seconds / n)
        return np.array(odds, dtype=float).reshape(len(trials), len(bank)), share


def _asked(trial: Trial, statement: str, number: int) -> Trial:
    """A fork of the trial's conversation that asks whether a statement is true."""
    question = Question(
        "unrelated", YES_NO, {"statement": statement}, template=number % TEMPLATES, placement="same",
        order=(0, 1) if number % 2 else (1, 0),
    )  # fmt: skip
    return replace(trial, question=question)


def _said(learnt: Learnt, condition: str, source: str, row: Array, true: bool = True) -> float | None:
    """Probability of the first option, at even odds beforehand, by what was learnt without this condition and source;
    None where what is left has not both labels. No condition has the name "".

    How often a label occurs in what is left goes against how often it occurs in what was left out: with those odds in
    it, a classifier that has learnt nothing would rank conditions the wrong way round."""
    key = condition, source, true
    if key not in learnt.known:
        pairs = zip(learnt.conditions, learnt.sources, strict=True)
        kept = np.array([c != condition and s != source for c, s in pairs], dtype=bool)
        labels = (learnt.labels if true else learnt.shuffled)[kept]
        learnt.known[key] = None
        if len(set(labels.tolist())) == 2:
            odds = math.log(labels.sum() / (len(labels) - labels.sum()))
            learnt.known[key] = logistic(learnt.answers[kept], labels, 2, penalty=PENALTY), odds
    found = learnt.known[key]
    if found is None:
        return None
    no, yes = found[0].scores(row[None])[0]
    return softmax((float(yes - no) - found[1], 0.0))[0]


def _meaningless(labels: Any, trials: Sequence[Trial]) -> Any:
    """(N,) as many of each label, dealt out evenly within the true labels, conditions and sources: where all answers
    move with a lie, a mere shuffle, which goes with the truth a little by chance, is a detector or its opposite."""
    rng = np.random.default_rng(int(content_hash("permuted", [t.id for t in trials], size=8), 16))
    drawn = rng.random(len(trials))
    order = sorted(
        range(len(trials)), key=lambda i: (labels[i], _condition(trials[i]), trials[i].source, drawn[i])
    )  # fmt: skip
    reached = np.floor(np.arange(len(trials) + 1) * labels.mean() + rng.random())
    out = np.zeros(len(trials), dtype=np.int64)
    out[order] = np.diff(reached).astype(np.int64)
    return out


def _log_odds(distribution: Sequence[float]) -> float:
    yes, no = (max(p, math.exp(-FARTHEST)) for p in distribution)
    return float(np.clip(math.log(yes / no), -FARTHEST, FARTHEST))


def _condition(trial: Trial) -> str:
    return str(trial.coordinates.get("condition", ""))
