"""Is the report a good forecast? Every observer on the same items, by noise-corrected Brier skill.

This is not the composition (`shares`): a report may be 40 % private access and score below a dull rival, because the
rest of it is confident nonsense. Axes: n items, K options.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from selfscope.statistics import Array, Estimate, Ints, equal_bins, mean, ratio
from selfscope.verdicts.shares import Items

FOLDS = 5
STACK_RIDGE = 1.0


def losses(report: Array, x: Array, rolls: Ints) -> Array:
    """(n,) squared distance to the truth, unbiased for |f - p|^2; rolls 0 = exact truth."""
    spread = (1 - (x**2).sum(1)) / np.maximum(rolls - 1, 1)
    return np.asarray(((report - x) ** 2).sum(1) - np.where(rolls > 1, spread, 0.0))


def skill(loss: Array, base: Array, cluster: Ints) -> Estimate | None:
    """1 - sum of losses / sum of the prior's losses, cluster jackknife; None where the prior is already perfect."""
    try:
        found = ratio(loss, base, cluster)
    except ValueError:
        return None
    if base.sum() <= 1e-9 * len(base):
        return None
    return Estimate(
        1 - found.value, 1 - found.high, 1 - found.low, found.se, found.level, found.clusters, found.items, found.p
    )  # fmt: skip


def gap(loss: Array, other: Array, base: Array, cluster: Ints) -> Estimate | None:
    """(other's loss - loss) / prior's loss: how much better than the other, in units of skill, paired by item."""
    try:
        return ratio(other - loss, base, cluster) if base.sum() > 1e-9 * len(base) else None
    except ValueError:
        return None


def ceiling(items: Items, base: Array) -> Estimate | None:
    """What one half of the rollouts says about the other, as skill. Exact truths: 1 without spread."""
    if (items.rolls == 0).all():
        return Estimate(1.0, 1.0, 1.0, 0.0, 0.95, items.clusters, len(base))
    return skill(losses(items.xa, items.xb, items.rolls // 2), base, items.cluster)


def standalone(gaps: Sequence[Estimate]) -> Estimate | None:
    """The gap to the hardest rival. Positive only if every lower bound is above 0 (intersection-union): the smallest
    lower bound is kept, so that adding a rival can only lower it."""
    if not gaps:
        return None
    return min(gaps, key=lambda g: g.low)


def incremental(items: Items, rivals: Sequence[Array], base: Array, seed: int = 0) -> Estimate | None:
    """What the report adds to a linear stack of all rivals, cross-fitted by cluster (ridge 1), in units of skill."""
    stack = [*rivals, items.direction]
    x0 = np.concatenate([np.stack(stack, axis=2), items.dummies], axis=2)
    x1 = np.concatenate([x0, items.report[..., None]], axis=2)
    fold = np.random.default_rng([seed, items.clusters]).permutation(items.clusters)[items.cluster] % FOLDS
    loss0, loss1 = (_crossfit(x, items, fold) for x in (x0, x1))
    return gap(loss1, loss0, base, items.cluster)


def _crossfit(x: Array, items: Items, fold: Ints) -> Array:
    out = np.zeros_like(items.report)
    for k in range(FOLDS):
        train, test = fold != k, fold == k
        if not test.any() or not train.any():
            continue
        a, y = x[train][items.there[train]], items.x[train][items.there[train]]
        beta = np.linalg.solve(a.T @ a + STACK_RIDGE * np.eye(x.shape[2]), a.T @ y)
        out[test] = (x[test] @ beta) * items.there[test]
    return losses(out, items.x, items.rolls)


def earned(report: Array, x: Array, cluster: Ints) -> Mapping[str, Estimate]:
    """Stated confidence (mean top probability), what it is worth (mean probability given to the truth), and the
    difference: confidence that is not earned."""
    top, truth = report.max(1), (report * x).sum(1)
    return {
        "mean_confidence": mean(top, cluster),
        "earned_confidence": mean(truth, cluster),
        "unearned": mean(top - truth, cluster),
    }


def calibration(items: Items, bins: int = 8) -> tuple[tuple[float, float, float, float, int], ...]:
    """(stated, happened, low, high, items) over equal-count bins: of "yes" for yes/no items, else of every option."""
    use = items.there.copy()
    if (items.there.sum(1) == 2).all():
        use[:, 1:] = False
    said, was = items.report[use], items.x[use]
    cluster = np.broadcast_to(items.cluster[:, None], items.there.shape)[use]
    out = []
    for rows in equal_bins(said, bins):
        _, inside = np.unique(cluster[rows], return_inverse=True)
        rate = mean(was[rows], inside.astype(np.int64))
        low, high = (max(0.0, rate.low), min(1.0, rate.high)) if rate.clusters > 1 else (0.0, 1.0)
        out.append((float(said[rows].mean()), rate.value, low, high, len(rows)))
    return tuple(out)


def sharpness(report: Array, tau: float) -> Array:
    """Reports raised to 1 / tau and normalised again: takes a fitted over- or under-confidence out."""
    powered = np.where(report > 0, np.maximum(report, 1e-12), 0.0) ** (1 / tau)
    return np.asarray(powered / np.maximum(powered.sum(1, keepdims=True), 1e-300))


def fit_tau(report: Array, x: Array) -> float:
    """The confidence exponent of reports, fitted on dev by log score: r is read as p to the power tau."""
    grid = np.exp(np.linspace(np.log(0.25), np.log(8), 61))
    worth = [float((x * np.log(0.98 * sharpness(report, t) + 0.02 / report.shape[1])).sum()) for t in grid]
    return float(grid[int(np.argmax(worth))])


def paired_change(before: Array, after: Array, cluster: Ints) -> Estimate:
    """Mean total variation distance between two reports on the same items."""
    return mean(np.abs(after - before).sum(1) / 2, cluster)
