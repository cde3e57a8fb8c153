"""What anybody can count of an item, and nothing that it says: lengths, tags, how another model does on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from selfscope.errors import BadInput
from selfscope.readers.features import Array
from selfscope.readers.history_baseline import RIDGES, Fitted, Project, forecasts, learnt
from selfscope.records import Identified, Outcome, Reading, Trial, Truth
from selfscope.subjects.base import Subject

LENGTH, SOURCE, OTHER_RATE = "length", "source", "other_rate"
USUAL = (LENGTH, SOURCE, "difficulty")
SAID = {LENGTH: "length", SOURCE: "family", OTHER_RATE: "another model's rate"}
"""What they are called; another is called as it stands."""


@dataclass(frozen=True)
class Covariates(Identified):
    """A linear model of what can be counted of an item, learnt from the subject's own train behaviour.

    Surface difficulty is the least that a report of success has to beat: what is long, or tagged as hard, fails more
    often, whoever does it. The fit is that of `history_baseline`, on these few numbers in the place of the text, so
    its readings carry the same refits. A trial that has none of them is UNSUPPORTED.

    Parameters
    ----------
    of
        length (of the public text, in characters, words and lines, and of an answer that is shown), source (the family
        of the item), or the name of a coordinate that the phenomenon gives its trials: difficulty; other_rate, how
        often another model succeeds.
    fits
        Learnt by `fit`, by (phenomenon, quantity); no part of the configuration.

    Raises
    ------
    BadInput
        Nothing to go by.
    """

    kind: ClassVar[str] = "covariates"
    of: tuple[str, ...] = USUAL
    fits: Mapping[tuple[str, str], Fitted] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.of or not all(self.of):
            raise BadInput(f"of names what is counted, as in covariates[of=({LENGTH},)]; nothing is named")

    @property
    def title(self) -> str:
        return ", ".join(SAID.get(name, name.replace("_", " ")) for name in self.of) + " alone"

    @property
    def rung(self) -> str:
        return "history"

    def fit(self, subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth]) -> Covariates:
        """Learns from the plain train trials that have any of it, and their truths."""
        right = {truth.trial: truth.mean for truth in truths if truth.mean}
        train = [t for t in trials if t.split == "train" and t.plain and t.id in right and self._has(t)]
        fits = learnt(train, [right[t.id] for t in train], RIDGES, lambda own: counted(own, self.of))
        return replace(self, fits=fits)

    def read(self, subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
        """Forecasts; a quantity that was not in train is UNSUPPORTED."""
        able = [t for t in trials if self._has(t)]
        known = dict(zip([t.id for t in able], forecasts(self.fits, able), strict=True))
        return [known.get(t.id, Reading(Outcome.UNSUPPORTED)) for t in trials]

    def _has(self, trial: Trial) -> bool:
        return any(name in (LENGTH, SOURCE) or trial.coordinates.get(name) is not None for name in self.of)


def counted(train: Sequence[Trial], of: Sequence[str]) -> Project:
    """Trials -> (n, d): numbers in the units of the train trials, and a mark for each word that occurs there.

    What a trial lacks is as the mean of train: it says nothing.
    """
    rows = [_values(t, of) for t in train]
    numbers = sorted({k for row in rows for k, v in row.items() if isinstance(v, float)})
    marks = sorted({(k, v) for row in rows for k, v in row.items() if isinstance(v, str)})
    have = {k: np.array([row[k] for row in rows if isinstance(row.get(k), float)], dtype=float) for k in numbers}
    scales = {k: (float(own.mean()), float(own.std())) for k, own in have.items()}

    def project(trials: Sequence[Trial]) -> Array:
        out = np.zeros((len(trials), len(numbers) + len(marks)))
        for i, trial in enumerate(trials):
            row = _values(trial, of)
            for j, name in enumerate(numbers):
                centre, spread = scales[name]
                value = row.get(name)
                if isinstance(value, float) and spread > 1e-9:
                    out[i, j] = np.clip((value - centre) / spread, -3, 3)
            for j, (name, word) in enumerate(marks):
                out[i, len(numbers) + j] = float(row.get(name) == word)
        return out

    return project


def _values(trial: Trial, of: Sequence[str]) -> dict[str, float | str]:
    """What is counted of a trial: numbers and words, by name."""
    out: dict[str, float | str] = {}
    for name in of:
        value: Any = trial.source if name == SOURCE else trial.coordinates.get(name)
        if name == LENGTH:
            shown = str(trial.question.arguments.get("answer", ""))
            sizes = {"characters": trial.public, "answer": shown}
            out |= {what: float(np.log1p(len(text))) for what, text in sizes.items()}
            out |= {"words": float(np.log1p(len(trial.public.split()))), "lines": float(trial.public.count("\n"))}
        elif isinstance(value, str):
            out[name] = value
        elif isinstance(value, bool | int | float):
            out[name] = float(value)
    return out
