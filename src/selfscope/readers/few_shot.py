"""Asks the subject after k verified examples of its own correct introspection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from selfscope.errors import BadInput, UnknownName
from selfscope.readers.ask import elicit, known_format
from selfscope.records import FORMATS, Identified, Reading, Trial, Truth, content_hash
from selfscope.subjects.base import Subject
from selfscope.wording import Shot, fits
from selfscope.wording.phrases import FRAMED, FRAMINGS

LOOKED = 128
"""Train trials at most that are looked through for verified examples."""


@dataclass(frozen=True)
class FewShot(Identified):
    """The subject is asked after k examples of its own correct introspection.

    The examples are from the train split, their self-reading had the right top option, and they are the same for every
    trial, so that their prefix is computed once.

    Parameters
    ----------
    k
        How many; 0 is plain asking. `extra["k"]` of a reading says how many there really were.
    format
        How the answer is written and read, one of FORMATS.
    seed
        Of the choice of examples.
    framing
        What it is told first: plain (nothing), introspective (that it can introspect) or accurate (that its reports
        are). The examples stand before that.
    shots
        Chosen by `fit`; no part of the configuration.

    Raises
    ------
    UnknownName
        A format or a framing that does not exist.
    """

    kind: ClassVar[str] = "few_shot"
    k: int = 4
    format: str = "choice_lp"
    seed: int = 0
    framing: str = "plain"
    shots: tuple[Shot, ...] = field(default=(), repr=False, compare=False)

    def __post_init__(self) -> None:
        known_format(self.format)
        if self.k < 0:
            raise BadInput(f"k is a number of examples from 0 on, not {self.k}")
        if self.framing not in FRAMINGS:
            raise UnknownName("framing", self.framing, FRAMINGS)

    @property
    def title(self) -> str:
        told = f", {FRAMED[self.framing]}" if self.framing in FRAMED else ""
        return f"asked, shown {self.k} examples{told} ({FORMATS[self.format].title})"

    @property
    def rung(self) -> str:
        return "self"

    def fit(self, subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth]) -> FewShot:
        """Reads the train trials and keeps k whose top option was right, balanced over quantities and answers."""
        if self.k == 0:
            return self
        return replace(self, shots=tuple(verified_shots(subject, trials, truths, self.k, self.format, seed=self.seed)))

    def read(self, subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
        """One reading a trial; `extra["k"]` says how many examples there really were."""
        asked = [replace(t, question=replace(t.question, framing=self.framing)) for t in trials]
        readings = elicit(subject, asked, self.format, shots=self.shots, seed=self.seed)
        return [replace(r, extra={**r.extra, "k": len(self.shots)}) for r in readings]


def verified_shots(
    subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth], k: int, format: str, *, seed: int = 0
) -> list[Shot]:
    """Up to k examples of the subject's own correct introspection, at most one a cluster while that is possible.

    A subject that cannot be read in this format gives none.
    """
    train = train_pairs(trials, truths, format)
    train = balanced(train, LOOKED, seed) if len(train) > LOOKED else train
    readings = elicit(subject, [trial for trial, _ in train], format, seed=seed)
    right = [
        (trial, truth)
        for (trial, truth), reading in zip(train, readings, strict=True)
        if reading.distribution is not None and _top(reading.distribution) == _top(truth.mean)
    ]
    return [Shot(trial, truth.mean) for trial, truth in balanced(right, k, seed)]


def train_pairs(trials: Sequence[Trial], truths: Sequence[Truth], format: str) -> list[tuple[Trial, Truth]]:
    """Plain train trials that the format can ask, each with its truth."""
    by_trial = {truth.trial: truth for truth in truths}
    return [
        (replace(t, question=replace(t.question, placement="fresh")), by_trial[t.id])
        for t in trials
        if t.split == "train" and t.plain and t.id in by_trial and fits(t.question, format)
    ]


def balanced(pairs: Sequence[tuple[Trial, Truth]], k: int, seed: int) -> list[tuple[Trial, Truth]]:
    """k pairs, taken in turn from the (quantity, answer) groups; a cluster comes back only when all are used."""
    groups: dict[tuple[str, str], list[tuple[Trial, Truth]]] = {}
    for pair in sorted(pairs, key=lambda p: content_hash("shot", seed, p[0].id)):
        trial, truth = pair
        answer = trial.question.options[_top(truth.mean)]
        groups.setdefault((trial.question.quantity, answer.key if trial.question.shared else ""), []).append(pair)
    # Each round takes the next answer of every quantity, so that no quantity waits for another's answers.
    ranked: dict[str, int] = {}
    order = []
    for group in sorted(groups, key=lambda g: content_hash("group", seed, *g)):
        ranked[group[0]] = ranked.get(group[0], -1) + 1
        order.append((ranked[group[0]], content_hash("quantity", seed, group[0]), group))
    queues = [groups[key] for _, _, key in sorted(order)]
    chosen: list[tuple[Trial, Truth]] = []
    used: list[str] = []
    while len(chosen) < k and any(queues):
        for queue in queues:
            if queue and len(chosen) < k:
                fresh = next((i for i, pair in enumerate(queue) if pair[0].cluster not in used), 0)
                pair = queue.pop(fresh)
                used.append(pair[0].cluster)
                chosen.append(pair)
    return chosen


def _top(distribution: Sequence[float]) -> int:
    return max(range(len(distribution)), key=lambda i: distribution[i])
