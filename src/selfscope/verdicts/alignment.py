"""How one scale of utilities follows another: the slope and the rank correlation, with clusters of outcomes left out.

Pairs that share an outcome are not independent, so what is left out is a cluster of outcomes with all of its pairs. m
outcomes, n pairs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from selfscope.statistics import Array, Estimate, Ints, estimate, jackknife_se, normal_quantile, spearman
from selfscope.verdicts import thurstone


@dataclass(frozen=True)
class Pairs:
    """n pairs of m outcomes. pair: (n, 2) numbers of outcomes. share: (n,) of the first one. home: (m,) the cluster of
    each outcome. first: (n,) 1 where the first one stands first, -1 where it does not; None: both orders are in it."""

    pair: Ints
    share: Array
    home: Ints
    first: Array | None = None

    def without(self, cluster: int) -> tuple[Pairs, Ints]:
        """All pairs of no outcome of a cluster, and the outcomes that are left, by their number."""
        left = np.flatnonzero(self.home != cluster)
        number = np.full(len(self.home), -1)
        number[left] = np.arange(len(left))
        keep = (number[self.pair] >= 0).all(1)
        first = None if self.first is None else self.first[keep]
        return Pairs(number[self.pair[keep]], self.share[keep], self.home[left], first), left


def left_out(pairs: Pairs) -> list[Array | None]:
    """Revealed utilities without each cluster; None where what is left does not hang together."""
    out: list[Array | None] = []
    for cluster in range(int(pairs.home.max()) + 1):
        some, _ = pairs.without(cluster)
        found = thurstone.solved(some.pair, some.share)
        out.append(None if found is None or len(found) - 1 != len(some.home) else found[:-1])
    return out


def slope_on(
    stated: thurstone.Scale, revealed: thurstone.Scale, said: Pairs, drops: Sequence[Array | None]
) -> Estimate:
    """The slope of stated on revealed utilities.

    Parameters
    ----------
    stated, revealed
        Utilities of the same outcomes.
    said
        The reports behind the stated ones.
    drops
        Revealed utilities without each cluster, of `left_out`.

    Returns
    -------
    Estimate
        With a jackknife over clusters, t; no interval (-inf, inf) where what is left does not hang together.
    """
    value = _regressed(stated.value, revealed.value)
    start = np.append(stated.value, stated.lean)
    left: list[float] = []
    for cluster, others in enumerate(drops):
        some, kept = said.without(cluster)
        own = thurstone.solved(some.pair, some.share, some.first, start[np.append(kept, -1)])
        if own is None or others is None or len(own) - 1 != len(others):
            return Estimate(value, -math.inf, math.inf, math.inf, 0.95, len(drops), len(stated.value))
        left.append(_regressed(own[:-1], others))
    if len(left) < 2:
        return Estimate(value, -math.inf, math.inf, math.inf, 0.95, len(drops), len(stated.value))
    return estimate(value, float(jackknife_se(np.array(left))), len(left), len(stated.value))


def _regressed(y: Array, x: Array) -> float:
    x = x - x.mean()
    size = float(x @ x)
    return float(x @ (y - y.mean())) / size if size > 1e-12 else 0.0


def rank_with(y: Array, x: Array) -> Estimate:
    """Spearman's rank correlation of (m,) and (m,), with the interval of Bonett and Wright (2000) on Fisher's scale: no
    perfect order gives a point."""
    value, n = spearman(y, x), len(x)
    if n < 5:
        return Estimate(value, -1.0, 1.0, math.inf, 0.95, n, n)
    held = min(max(value, -1 + 1 / n**2), 1 - 1 / n**2)
    se = math.sqrt((1 + held * held / 2) / (n - 3))
    low, high = (math.tanh(math.atanh(held) + s * normal_quantile(0.975) * se) for s in (-1, 1))
    return Estimate(value, min(low, value), max(high, value), se * (1 - held * held), 0.95, n, n)
