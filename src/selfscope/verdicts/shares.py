"""Whom does the report follow? Shares of private state, habit, input, format and nothing, with intervals.

The report is regressed on the measured truth and the rivals' forecasts. The two halves of the rollouts are each
other's instruments, so that their noise drops out; the variance that the history rival owes to its training sample is
taken off its own moment; intervals are delete-one-cluster jackknife t with a part for the rival's training.

Axes: n items, K options (padded, `there` marks the real ones), q regressors, G clusters, J refits of the rival.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from selfscope.statistics import Array, Estimate, by_cluster, estimate, jackknife_se
from selfscope.verdicts.items import Items as Items
from selfscope.verdicts.items import against_modes as against_modes
from selfscope.verdicts.items import in_place_of_history as in_place_of_history
from selfscope.verdicts.items import kept as kept

NAMES = ("private", "habit", "input", "format", "unmoved", "public")
"""What a report follows; public is habit and input together."""
SINGULAR = 0.01
RIDGE = 1e-9
VANISHES = 1e-6


@dataclass(frozen=True)
class Shares:
    """The composition. estimates: by NAMES. kappa: reliability of the history rival. f_hat: part of what the rivals
    leave unexplained that more history would explain. leave_one_out: (G, 6). singular: why there is no estimate."""

    estimates: Mapping[str, Estimate]
    kappa: float
    f_hat: float
    leave_one_out: Array
    smallest: float

    @property
    def singular(self) -> bool:
        return self.smallest <= SINGULAR


def moments(items: Items, history: Array | None = None, *, corrected: bool = True) -> tuple[Array, Array]:
    """(G, q, q) and (G, q): cross moments of the regressors with the two halves as instruments, either way round.
    history: another fit of the rival in its place. corrected False: its training noise stays in."""
    h = items.history if history is None else history
    e = items.direction
    left = _columns(items, items.xa, h, items.g1, e)
    right = _columns(items, items.xb, h, items.g2, e)
    cross = np.einsum("nkp,nkq->npq", right, left)
    matrix = by_cluster(cross + cross.transpose(0, 2, 1), items.cluster)
    vector = by_cluster(np.einsum("nkq,nk->nq", left + right, items.report), items.cluster)
    if corrected:
        noise = items.rival_variance.sum(1)
        matrix[:, 1, 1] -= 2 * by_cluster(noise, items.cluster)
    return matrix, vector


def _columns(items: Items, x: Array, h: Array, g: Array, e: Array) -> Array:
    return np.concatenate([np.stack([x, h, g, e], axis=2), items.dummies], axis=2)


def solve(matrix: Array, vector: Array) -> Array:
    """(..., q) coefficients, with a ridge that only a singular system feels."""
    q = matrix.shape[-1]
    ridge = RIDGE * np.abs(np.trace(matrix, axis1=-2, axis2=-1))[..., None, None] / q + 1e-300
    return np.asarray(np.linalg.solve(matrix + ridge * np.eye(q), vector[..., None])[..., 0])


def composition(beta: Array) -> Array:
    """(..., 6) shares by NAMES from coefficients (..., q): the first four, what they leave of one, and public."""
    private, habit, text, form = (beta[..., i] for i in range(4))
    return np.stack([private, habit, text, form, 1 - private - habit - text - form, habit + text], axis=-1)


def shares(items: Items, level: float = 0.95) -> Shares:
    """The composition of the reports with jackknife t intervals that include the rival's training. Needs at least
    two clusters."""
    estimates, drop, smallest = composed(items, level)
    return Shares(estimates, reliability(items), learning_curve(items), drop, smallest)


def composed(items: Items, level: float = 0.95) -> tuple[dict[str, Estimate], Array, float]:
    """The estimates by NAMES, their delete-one-cluster values (G, 6), and the smallest eigenvalue."""
    matrix, vector = moments(items)
    total, right = matrix.sum(0), vector.sum(0)
    theta = composition(solve(total, right))
    drop = composition(solve(total - matrix, right - vector))
    variance = jackknife_se(drop) ** 2
    j = len(items.jack)
    if j >= 2:
        refits = np.array([_refit(items, fit) for fit in items.jack])
        variance = variance + (j - 1) / j * ((refits - refits.mean(0)) ** 2).sum(0)
    g, n = items.clusters, len(items.report)
    estimates = {
        name: estimate(theta[i], float(np.sqrt(variance[i])), g, n, level) for i, name in enumerate(NAMES)
    }
    return estimates, drop, smallest_eigenvalue(total)


def _refit(items: Items, fit: Array) -> Array:
    matrix, vector = moments(items, fit)
    return composition(solve(matrix.sum(0), vector.sum(0)))


def smallest_eigenvalue(matrix: Array) -> float:
    """Of the moments of truth, history, input and format: see `regressors_apart`."""
    return regressors_apart(matrix, 4)


def regressors_apart(matrix: Array, of: int) -> float:
    """The smallest eigenvalue of the symmetrised moments (q, q) of the first `of` regressors, the intercepts behind
    them taken out, scaled to unit diagonal. A regressor that is nothing but intercepts (a rival that is not there,
    or says the base rate) does not count; 0 when the first one, the truth, is."""
    sym = (matrix + matrix.T) / 2
    inner = sym[:of, :of] - sym[:of, of:] @ np.linalg.pinv(sym[of:, of:], hermitian=True) @ sym[of:, :of]
    size = np.diag(inner)
    use = size > VANISHES * np.maximum(np.diag(sym)[:of], 1e-300)
    if not use[0]:
        return 0.0
    scaled = inner[np.ix_(use, use)] / np.sqrt(np.outer(size[use], size[use]))
    return float(np.linalg.eigvalsh(scaled)[0])


def reliability(items: Items) -> float:
    """How much of the history rival's own signal, beyond input, format and intercepts, is not training noise."""
    there = items.there
    x = np.concatenate([items.g1[..., None], items.direction[..., None], items.dummies], axis=2)[there]
    y = items.history[there]
    residual = y - x @ (np.linalg.pinv(x.T @ x, hermitian=True) @ (x.T @ y))
    signal = float((residual**2).sum())
    if signal < 1e-12:
        return 0.0
    return 1.0 - float(items.rival_variance.sum()) / signal


def learning_curve(items: Items) -> float:
    """f_hat = (C(N/2) - C(N)) / C(N): what more history would still explain, loss falling as 1/N. 0 without halves."""
    if items.halves is None:
        return 0.0
    full = unexplained(items, items.history)
    half = float(np.mean([unexplained(items, fit) for fit in items.halves]))
    return max(0.0, half - full) / full if full > 1e-9 else 0.0


def unexplained(items: Items, history: Array) -> float:
    """Mean over items of (xa - h)(xb - h): truth variance that a forecast leaves, free of rollout noise."""
    return float(((items.xa - history) * (items.xb - history)).sum(1).mean())
