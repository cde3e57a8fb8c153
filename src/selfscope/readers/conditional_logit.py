"""Conditional logistic regression with soft labels: P(option j of item i) is proportional to exp(w . phi(i, j))."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfscope.readers.features import Array, option_features
from selfscope.readers.prior import label
from selfscope.records import Trial

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
INTERCEPT_RIDGE = 0.05


@dataclass(frozen=True)
class Design:
    """n items of one quantity with up to K options, padded. z: (n, d) text; label: (n, K) index of each option's
    label, -1 where the label was not in train; psi: (n, K, p) option features; there: (n, K)."""

    z: Array
    label: Ints
    psi: Array
    there: Bools


def design(trials: Sequence[Trial], project: Callable[[Sequence[Trial]], Array], labels: Sequence[str]) -> Design:
    """The design of trials that share a quantity. project: trials -> (n, d)."""
    k = max(len(t.question.options) for t in trials)
    index = {name: i for i, name in enumerate(labels)}
    features = [option_features(t) for t in trials]
    psi = np.zeros((len(trials), k, features[0].shape[1]))
    place = np.full((len(trials), k), -1, dtype=np.int64)
    there = np.zeros((len(trials), k), dtype=bool)
    for i, trial in enumerate(trials):
        own = len(trial.question.options)
        psi[i, :own] = features[i]
        there[i, :own] = True
        place[i, :own] = [index.get(label(trial.question, j), -1) for j in range(own)]
    return Design(project(trials), place, psi, there)


def part(data: Design, rows: Ints | Bools) -> Design:
    """Some items of a design."""
    return Design(data.z[rows], data.label[rows], data.psi[rows], data.there[rows])


def forecast(weights: Array, data: Design, labels: int) -> Array:
    """(n, K) probabilities, 0 where an item has no such option."""
    return np.exp(_log_probabilities(weights, data, labels))


def fit(data: Design, truth: Array, labels: int, ridge: float, *, start: Array | None = None) -> Array:
    """Weights of the ridge-penalised fit. truth: (n, K) soft labels. start: weights to begin from (same optimum)."""
    from scipy.optimize import minimize

    size = labels * (1 + data.z.shape[1]) + data.psi.shape[2]
    if not len(data.z):
        return np.zeros(size)
    penalty = np.full(size, ridge)
    penalty[:labels] = INTERCEPT_RIDGE

    def loss(weights: Array) -> tuple[float, Array]:
        logs = _log_probabilities(weights, data, labels)
        value = -float((truth * np.where(data.there, logs, 0.0)).sum()) + 0.5 * float(penalty @ weights**2)
        error = np.exp(logs) * truth.sum(axis=1, keepdims=True) - truth
        return value, _pulled_back(error, data, labels) + penalty * weights

    optimum = minimize(
        loss,
        np.zeros(size) if start is None else start,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 200, "ftol": 1e-7, "gtol": 1e-4},
    )
    return np.asarray(optimum.x)


def _split(weights: Array, data: Design, labels: int) -> tuple[Array, Array, Array]:
    d = data.z.shape[1]
    return weights[:labels], weights[labels : labels * (1 + d)].reshape(labels, d), weights[labels * (1 + d) :]


def _log_probabilities(weights: Array, data: Design, labels: int) -> Array:
    intercept, slopes, option = _split(weights, data, labels)
    by_label = intercept + data.z @ slopes.T
    padded = np.concatenate([by_label, np.zeros((len(by_label), 1))], axis=1)  # label -1: no weights of its own
    logits = np.take_along_axis(padded, data.label, axis=1) + data.psi @ option
    logits = np.where(data.there, logits, -np.inf)
    top = logits.max(axis=1, keepdims=True)
    return np.asarray(logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True)))


def _pulled_back(error: Array, data: Design, labels: int) -> Array:
    """Gradient of the weights from d loss / d logits (n, K)."""
    by_label = np.zeros((len(error), labels + 1))
    rows = np.arange(len(error))[:, None]
    np.add.at(by_label, (rows, data.label), np.where(data.there, error, 0.0))
    by_label = by_label[:, :labels]
    option = np.tensordot(np.where(data.there, error, 0.0), data.psi, axes=([0, 1], [0, 1]))
    return np.concatenate([by_label.sum(axis=0), (by_label.T @ data.z).ravel(), option])
