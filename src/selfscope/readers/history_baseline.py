"""The linear history rival: what the public text and the subject's own train behaviour foretell, without asking."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from selfscope.errors import BadInput
from selfscope.readers.conditional_logit import Bools, Design, Ints, design, fit, forecast, part
from selfscope.readers.features import Array, Projection
from selfscope.readers.prior import label
from selfscope.records import Identified, Outcome, Reading, Trial, Truth, content_hash, labelled
from selfscope.subjects.base import Subject

RIDGES = (0.3, 1.0, 3.0, 10.0, 30.0)
FOLDS = 4
TENTHS = 10
RANK = 24
Measured = Callable[[Sequence[Trial]], Array]
"""Trials -> (n, d): what a fit sees of them."""


@dataclass(frozen=True)
class Fitted:
    """One quantity's fits: labels, projection, weights on all train clusters, without each tenth, on each half."""

    labels: tuple[str, ...]
    project: Measured
    full: Array
    tenths: tuple[Array, ...]
    halves: tuple[Array, ...]
    ridge: float


@dataclass(frozen=True)
class HistoryBaseline(Identified):
    """A linear model of the text, learnt from the subject's own train behaviour, without asking it.

    Ridge logistic regression of the options on hashed n-grams of the public text, one fit a quantity. The ridge is
    chosen by cross-validation over train clusters, once a phenomenon. Readings carry `extra["jackknife"]` (10, K),
    refits without a tenth of the train clusters, and `extra["halves"]` (2, K).

    Parameters
    ----------
    ridges
        Penalties among which one is chosen; a single one is taken as it is.
    labels
        Train questions whose answers it is told, quantities in turn; 0: all. Fewer are among more, and they are the
        labels that `truths[labels=...]` teaches with.
    fits
        Learnt by `fit`, by (phenomenon, quantity); no part of the configuration.
    """

    kind: ClassVar[str] = "history_baseline"
    short: ClassVar[str] = "history"
    ridges: tuple[float, ...] = RIDGES
    labels: int = 0
    fits: Mapping[tuple[str, str], Fitted] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.labels < 0:
            raise BadInput(f"labels are 0 (all) or more, not {self.labels}")

    @property
    def title(self) -> str:
        return "linear model of its history" + (f" ({self.labels} labels)" if self.labels else "")

    @property
    def rung(self) -> str:
        return "history"

    def fit(self, subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth]) -> HistoryBaseline:
        """Learns from the plain train trials and their truths."""
        by_trial = {truth.trial: truth for truth in truths}
        every = [t for t in trials if t.split == "train" and t.plain and t.id in by_trial]
        train = labelled(every, self.labels)
        return replace(self, fits=learnt(train, [by_trial[t.id].mean for t in train], self.ridges))

    def read(self, subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
        """Forecasts; a quantity that was not in train is UNSUPPORTED."""
        return forecasts(self.fits, trials)


def learnt(
    trials: Sequence[Trial],
    means: Sequence[Sequence[float]],
    ridges: Sequence[float],
    measured: Callable[[Sequence[Trial]], Measured] = lambda own: Projection(own, RANK),
) -> dict[tuple[str, str], Fitted]:
    """Fits by (phenomenon, quantity). means: the truth (K,) of each trial. measured: from the train trials of a
    quantity to what a fit sees of any."""
    groups: dict[tuple[str, str], list[int]] = {}
    for i, trial in enumerate(trials):
        groups.setdefault((trial.phenomenon, trial.question.quantity), []).append(i)
    fits: dict[tuple[str, str], Fitted] = {}
    for phenomenon in sorted({p for p, _ in groups}):
        own = {key: rows for key, rows in sorted(groups.items()) if key[0] == phenomenon}
        clusters = sorted({trials[i].cluster for rows in own.values() for i in rows}, key=_place)
        place = {cluster: n for n, cluster in enumerate(clusters)}
        problems = {}
        for key, rows in own.items():
            own_trials = [trials[i] for i in rows]
            problems[key] = _Problem(
                own_trials, [means[i] for i in rows], np.array([place[t.cluster] for t in own_trials]),
                measured(own_trials),
            )
        ridge = _best_ridge(list(problems.values()), ridges)
        for key, problem in problems.items():
            fits[key] = problem.fitted(ridge)
    return fits


def forecasts(fits: Mapping[tuple[str, str], Fitted], trials: Sequence[Trial]) -> list[Reading]:
    """One reading a trial, with the refits' forecasts in `extra`."""
    readings = [Reading(Outcome.UNSUPPORTED)] * len(trials)
    groups: dict[tuple[str, str], list[int]] = {}
    for i, trial in enumerate(trials):
        key = (trial.phenomenon, trial.question.quantity)
        if key in fits:
            groups.setdefault(key, []).append(i)
    for key, rows in groups.items():
        model = fits[key]
        data = design([trials[i] for i in rows], model.project, model.labels)
        full, *refits = [forecast(w, data, len(model.labels)) for w in (model.full, *model.tenths, *model.halves)]
        for row, i in enumerate(rows):
            k = len(trials[i].question.options)
            again = [[round(float(p), 6) for p in refit[row, :k]] for refit in refits]
            extra = {"jackknife": again[: len(model.tenths)], "halves": again[len(model.tenths) :]}
            readings[i] = Reading(Outcome.ANSWERED, tuple(round(float(p), 12) for p in full[row, :k]), extra=extra)
    return readings


class _Problem:
    """The train items of one quantity, ready to be fitted on any of their clusters."""

    def __init__(
        self, trials: Sequence[Trial], means: Sequence[Sequence[float]], place: Ints, project: Measured
    ) -> None:
        labels = {label(t.question, j) for t in trials for j in range(len(t.question.options))}
        self.labels = tuple(sorted(labels))
        self.project = project
        self.data: Design = design(trials, self.project, self.labels)
        self.truth = np.zeros(self.data.there.shape)
        for i, mean in enumerate(means):
            self.truth[i, : len(mean)] = mean
        self.place = place
        self.start: dict[float, Array] = {}

    def weights(self, rows: Bools, ridge: float) -> Array:
        """Weights fitted on the chosen rows, begun from the fit on all rows."""
        if ridge not in self.start:
            self.start[ridge] = fit(self.data, self.truth, len(self.labels), ridge)
        if rows.all():
            return self.start[ridge]
        return fit(part(self.data, rows), self.truth[rows], len(self.labels), ridge, start=self.start[ridge])

    def held_out(self, ridge: float) -> float:
        """Squared error summed over items, each forecast from the other folds."""
        total = 0.0
        for fold in range(FOLDS):
            out = self.place % FOLDS == fold
            if out.any():
                shares = forecast(self.weights(~out, ridge), part(self.data, out), len(self.labels))
                total += float(((shares - self.truth[out]) ** 2).sum())
        return total

    def fitted(self, ridge: float) -> Fitted:
        return Fitted(
            self.labels,
            self.project,
            self.weights(np.ones(len(self.place), dtype=bool), ridge),
            tuple(self.weights(self.place % TENTHS != j, ridge) for j in range(TENTHS)),
            tuple(self.weights(self.place % 2 == half, ridge) for half in range(2)),
            ridge,
        )


def _best_ridge(problems: Sequence[_Problem], ridges: Sequence[float]) -> float:
    if len(ridges) == 1:
        return ridges[0]
    errors = {ridge: sum(problem.held_out(ridge) for problem in problems) for ridge in ridges}
    return min(ridges, key=lambda ridge: (errors[ridge], -ridge))


def _place(cluster: str) -> str:
    """An order of clusters that has nothing to do with their names or with the order of the trials."""
    return content_hash("cluster", cluster)
