"""The base rate: what the subject did in the train split, whatever the prompt was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from selfscope.records import Identified, Outcome, Question, Reading, Trial, Truth
from selfscope.subjects.base import Subject


def label(question: Question, index: int) -> str:
    """What an option shares with the options of other items: its key, or its place where lists are private."""
    return question.options[index].key if question.shared else f"#{index}/{len(question.options)}"


@dataclass(frozen=True)
class Prior(Identified):
    """The base rate: what the subject did in the train split, whatever the prompt was.

    It is the mean train truth of each option label of a quantity, over the items that offer it. Before `fit`: uniform.

    Parameters
    ----------
    smoothing
        Items' worth of the uniform distribution that is added.
    rates
        Learnt by `fit`; no part of the configuration.
    """

    kind: ClassVar[str] = "prior"
    title: ClassVar[str] = "base rate"
    smoothing: float = 1.0
    rates: Mapping[str, float] = field(default_factory=dict, repr=False, compare=False)

    @property
    def rung(self) -> str:
        return "prior"

    def fit(self, subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth]) -> Prior:
        """Base rates of the plain train trials."""
        by_trial = {truth.trial: truth for truth in truths}
        sums: dict[str, float] = {}
        weights: dict[str, float] = {}
        for trial in trials:
            if trial.split != "train" or not trial.plain or trial.id not in by_trial:
                continue
            question = trial.question
            for index, share in enumerate(by_trial[trial.id].mean):
                key = _key(trial, index)
                if key not in sums:
                    sums[key] = self.smoothing / len(question.options)
                    weights[key] = self.smoothing
                sums[key] += share
                weights[key] += 1
        return replace(self, rates={key: sums[key] / weights[key] for key in sums})

    def read(self, subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
        """The base rate over each trial's own options."""
        readings = []
        for trial in trials:
            k = len(trial.question.options)
            rates = [self.rates.get(_key(trial, i), 1 / k) for i in range(k)]
            total = sum(rates)
            readings.append(Reading(Outcome.ANSWERED, tuple(r / total if total else 1 / k for r in rates)))
        return readings


def _key(trial: Trial, index: int) -> str:
    return "\x1f".join((trial.phenomenon, trial.question.quantity, label(trial.question, index)))
