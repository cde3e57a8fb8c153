"""What is known of a report where the full split is not: tracking and the pooled split.

Where rivals and truth move together, or the history rival is mostly noise, the shares of private state and habit are
not determined, and the data may still settle the main thing. Two smaller regressions, with the halves of the rollouts
as instruments, intercepts and format taken in, and the same jackknife:

- *tracking*: the report on the truth alone. The slope is what goes with what the subject does, by whatever route.
- *pooled*: the report on the truth and one public forecast, whose halves are two forecasts that never saw a truth of
  this subject. A habit that the forecast misses goes to the first slope, which is never called private.

Axes as in `shares`: n items, K options, q regressors, G clusters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from selfscope.statistics import Array, Estimate, by_cluster, estimate, jackknife_se
from selfscope.verdicts.shares import SINGULAR, Items, regressors_apart, solve

FULL, POOLED, TRACKING = "full", "pooled", "tracking"
SPLITS = (FULL, POOLED, TRACKING)
"""From the most to the least ambitious."""
Halves = tuple[Array, Array]


@dataclass(frozen=True)
class Split:
    """One way to split a report. kind: one of SPLITS. estimates: by name of the share (of POOLED: tracking beyond the
    public forecast, public, format, unmoved; of TRACKING: tracking, format, unmoved). singular: why there are none."""

    kind: str
    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    singular: bool = False

    def tells(self, widest: float) -> bool:
        """Whether it can be used: not singular, and a public share (where there is one) whose interval is no wider. A
        forecast that hardly differs between items splits nothing off, and blurs the rest."""
        public = self.estimates.get("public")
        return not self.singular and (public is None or public.high - public.low <= widest)


def tracking(items: Items, level: float = 0.95) -> Split:
    """What goes with what the subject does, by any route. Needs at least two clusters."""
    return _split(TRACKING, items, {"tracking": (items.xa, items.xb)}, level)


def pooled(items: Items, level: float = 0.95) -> Split:
    """The report on the truth and one public forecast, which stands in `items.g1` and `items.g2`."""
    regressors = {"tracking": (items.xa, items.xb), "public": (items.g1, items.g2)}
    return _split(POOLED, items, regressors, level)


def _split(kind: str, items: Items, regressors: Mapping[str, Halves], level: float) -> Split:
    names = (*regressors, "format")
    matrix, vector = moments_of(items, list(regressors.values()))
    total, right = matrix.sum(0), vector.sum(0)
    if regressors_apart(total, len(names)) <= SINGULAR:
        return Split(kind, singular=True)
    theta = _with_rest(solve(total, right), len(names))
    se = jackknife_se(_with_rest(solve(total - matrix, right - vector), len(names)))
    g, n = items.clusters, len(items.report)
    every = (*names, "unmoved")
    return Split(kind, {name: estimate(theta[i], float(se[i]), g, n, level) for i, name in enumerate(every)})


def moments_of(items: Items, regressors: Sequence[Halves]) -> tuple[Array, Array]:
    """(G, q, q) and (G, q): cross moments of these regressors, format and intercepts, the two halves of each as each
    other's instruments, either way round."""
    left, right = (
        np.concatenate([np.stack([*(r[i] for r in regressors), items.direction], axis=2), items.dummies], axis=2)
        for i in (0, 1)
    )
    cross = np.einsum("nkp,nkq->npq", right, left)
    matrix = by_cluster(cross + cross.transpose(0, 2, 1), items.cluster)
    return matrix, by_cluster(np.einsum("nkq,nk->nq", left + right, items.report), items.cluster)


def _with_rest(beta: Array, shares: int) -> Array:
    """(..., shares + 1): the shares, and what they leave of one."""
    own = beta[..., :shares]
    return np.concatenate([own, 1 - own.sum(-1, keepdims=True)], axis=-1)
