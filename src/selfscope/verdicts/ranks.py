"""How well scores order what succeeds before what fails: over all pairs, within strata, within one cluster.

A pair is an item that succeeds and one that fails. Where an item stands for several attempts with one score, its rate
of success says how many pairs of either kind it is in. n items, G clusters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfscope.statistics import ROUNDING, Array, Estimate, Ints, jackknife_se, t_quantile

Pairs = npt.NDArray[np.bool_]
"""(n, n) which pairs count."""
Kinds = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Ordering:
    """Sums over pairs from which an AUROC follows, whole and without each cluster.

    Attributes
    ----------
    value : float
        Of all pairs.
    without : (G,) array
        Without each cluster; the whole value where nothing would be left.
    worth : int
        Clusters of the scarcer kind, of those that are in a pair: what the interval of a perfect order rests on.
    items : int
        Items in a pair.
    clusters : int
        Clusters in a pair.
    """

    value: float
    without: Array
    worth: int
    items: int
    clusters: int


def across(cluster: Ints) -> Pairs:
    """Pairs of different clusters. cluster: (n,)."""
    return np.asarray(cluster[:, None] != cluster[None, :])


def within(cluster: Ints) -> Pairs:
    """Pairs of one cluster: attempts at one task."""
    return np.asarray((cluster[:, None] == cluster[None, :]) & ~np.eye(len(cluster), dtype=bool))


def within_strata(cluster: Ints, stratum: Ints) -> Pairs:
    """Pairs of different clusters of one stratum: tasks of one difficulty."""
    return np.asarray(across(cluster) & (stratum[:, None] == stratum[None, :]))


def ordering(scores: Array, rates: Array, cluster: Ints, pairs: Pairs) -> Ordering | None:
    """The order of the chosen pairs.

    Parameters
    ----------
    scores
        (n,) larger for what is likelier to succeed.
    rates
        (n,) from 0 to 1: whether, or how often, it did.
    cluster
        (n,) integers 0..G-1.
    pairs
        (n, n) which pairs count.

    Returns
    -------
    Ordering or None
        None where there is no such pair of a success and a failure.
    """
    weight = np.where(pairs, rates[:, None] * (1 - rates)[None, :], 0.0)
    higher = (scores[:, None] > scores[None, :]) + 0.5 * (scores[:, None] == scores[None, :])
    total = float(weight.sum())
    if total <= 0:
        return None
    won, all_won = _without(weight * higher, cluster)
    lost, _ = _without(weight, cluster)
    value = all_won / total
    left = np.where(lost > 1e-12 * total, won / np.maximum(lost, 1e-300), value)
    kinds = [len(np.unique(cluster[weight.sum(axis) > 0])) for axis in (1, 0)]
    used = (weight.sum(0) > 0) | (weight.sum(1) > 0)
    return Ordering(value, left, min(kinds), int(used.sum()), len(np.unique(cluster[used])))


def _without(sums: Array, cluster: Ints) -> tuple[Array, float]:
    """(G,) the sum over all pairs that a cluster takes no part in, and over all."""
    groups = int(cluster.max()) + 1
    rows, columns, own = np.zeros(groups), np.zeros(groups), np.zeros(groups)
    np.add.at(rows, cluster, sums.sum(1))
    np.add.at(columns, cluster, sums.sum(0))
    np.add.at(own, cluster, np.where(cluster[:, None] == cluster[None, :], sums, 0.0).sum(1))
    total = float(sums.sum())
    return total - rows - columns + own, total


def area(order: Ordering | None, level: float = 0.95) -> Estimate | None:
    """The AUROC: P(score of a success > score of a failure), ties half.

    The interval is a Wilson interval on as many items as the cluster jackknife says that the pairs are worth, with
    Student's t: it stays between 0 and 1, and is no point where every pair is in order.

    Parameters
    ----------
    order
        Of some pairs; None gives None.
    level
        Of the interval.

    Returns
    -------
    Estimate or None
        clusters: those that are in a pair.
    """
    if order is None:
        return None
    se = float(jackknife_se(order.without)) if len(order.without) > 1 else 0.0
    spread = order.value * (1 - order.value)
    agree = se <= ROUNDING or spread <= ROUNDING
    worth = float(order.worth) if agree else min(max(spread / se**2, 1.0), float(order.items))
    low, high = bounds(order.value, worth, order.clusters - 1, level)
    return Estimate(order.value, low, high, se, level, order.clusters, order.items)


def apart(
    scores: Array, positive: Kinds, cluster: Ints, stratum: Ints | None = None, level: float = 0.95
) -> Estimate:
    """The AUROC of scores over all pairs of two kinds of items, as `area` gives it.

    Parameters
    ----------
    scores
        (n,) larger for what is likelier of the first kind.
    positive
        (n,) whether an item is of the first kind.
    cluster
        (n,) integers 0..G-1; one may hold items of both kinds.
    stratum
        (n,) integers: pairs are of one stratum; None: all are.
    level
        Of the interval.

    Raises
    ------
    ValueError
        No pair of both kinds.
    """
    same = np.zeros(len(scores), dtype=np.int64) if stratum is None else stratum
    found = area(ordering(scores, positive.astype(float), cluster, np.asarray(same[:, None] == same[None, :])), level)
    if found is None:
        raise ValueError("an AUROC needs positives and negatives")
    return found


def bounds(value: float, worth: float, df: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval (1927) of a part that so many items showed, with Student's t in the place of the normal."""
    t = t_quantile(0.5 + level / 2, df)
    middle = (value + t * t / (2 * worth)) / (1 + t * t / worth)
    half = t * math.sqrt(value * (1 - value) / worth + t * t / (4 * worth * worth)) / (1 + t * t / worth)
    return max(0.0, min(middle - half, value)), min(1.0, max(middle + half, value))


def ahead(first: Ordering, second: Ordering, level: float = 0.95) -> Estimate:
    """The AUROC of one order less that of another on the same items: paired, cluster jackknife.

    Parameters
    ----------
    first, second
        Of the same items, clusters and pairs.
    level
        Of the interval.

    Returns
    -------
    Estimate
        In the units of an AUROC. One cluster: no interval (-inf, inf).
    """
    value = first.value - second.value
    if first.clusters < 2:
        return Estimate(value, -math.inf, math.inf, math.inf, level, first.clusters, first.items)
    se = float(jackknife_se(first.without - second.without))
    half = t_quantile(0.5 + level / 2, first.clusters - 1) * se
    return Estimate(value, value - half, value + half, se, level, first.clusters, first.items)
