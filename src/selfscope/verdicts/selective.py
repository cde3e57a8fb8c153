"""What a stated probability of success is worth to who acts on it: risk at each coverage, and payoff at a price.

n items, G clusters. An item that stands for several attempts has a rate of success.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from selfscope.statistics import Array, Estimate, Ints, estimate, jackknife_se, mean

PRICES = (1 / 3, 1.0, 3.0)
"""What a failure costs, where a success is worth one."""
EDGE = 1e-12


@dataclass(frozen=True)
class Curve:
    """Risk at each coverage (El-Yaniv and Wiener 2010): the attempts that it is surest of are let through first.

    Attributes
    ----------
    points : tuple of (float, float)
        Coverage, from above 0 to 1, and the part of what is let through that fails; one for each stated probability,
        thinned to at most `MOST`.
    area : Estimate
        Mean risk over all coverages; cluster jackknife.
    best : float
        The area of who lets through in the order of the true rates.
    failing : float
        The area of who lets through in any order: the part of all attempts that fails.
    """

    points: tuple[tuple[float, float], ...]
    area: Estimate
    best: float
    failing: float


MOST = 60


def risk_area(scores: Array, rates: Array, weights: Array) -> float:
    """Mean over coverages of the risk of what is let through by falling score.

    Items of one score stand in no order: of them any part fails as often as all. Between two scores the failures grow
    in a straight line, so that the area is exact: for an order without fault and a part r of failures it is
    r + (1 - r) ln(1 - r), for one score it is r.

    Parameters
    ----------
    scores, rates, weights
        (n,) each.
    """
    coverage, failed = _steps(scores, rates, weights)
    start, before = np.concatenate([[0.0], coverage[:-1]]), np.concatenate([[0.0], failed[:-1]])
    slope = (failed - before) / np.maximum(coverage - start, EDGE)
    rest = before - slope * start  # failures are rest + slope * coverage; rest is 0 in the first step
    logs = np.where(start > 0, np.log(coverage / np.maximum(start, EDGE)), 0.0)
    return float((rest * logs + slope * (coverage - start)).sum())


def _steps(scores: Array, rates: Array, weights: Array) -> tuple[Array, Array]:
    """(s,) coverage and failures after each distinct score, from the highest down, as parts of all."""
    used = weights > 0
    order = np.argsort(-scores[used], kind="stable")
    s, w = scores[used][order], weights[used][order]
    lost = w * (1 - rates[used][order])
    ends = np.flatnonzero(np.concatenate([s[1:] != s[:-1], [True]]))
    total = w.sum()
    return np.cumsum(w)[ends] / total, np.cumsum(lost)[ends] / total


def curve(scores: Array, rates: Array, cluster: Ints) -> Curve:
    """Risk and coverage of scores (n,) of items with rates of success (n,) in clusters (n,)."""
    ones = np.ones(len(scores))
    coverage, failed = _steps(scores, rates, ones)
    keep = np.unique(np.linspace(0, len(coverage) - 1, min(MOST, len(coverage))).round().astype(int))
    points = tuple((float(coverage[k]), float(failed[k] / coverage[k])) for k in keep)
    area = jackknifed(lambda w: risk_area(scores, rates, w), cluster)
    return Curve(points, area, risk_area(rates, rates, ones), float(1 - rates.mean()))


def jackknifed(statistic: Callable[[Array], float], cluster: Ints) -> Estimate:
    """A statistic of weights (n,), with a t interval over clusters left out one at a time."""
    groups = int(cluster.max()) + 1
    value = statistic(np.ones(len(cluster)))
    if groups < 2:
        return Estimate(value, -np.inf, np.inf, np.inf, clusters=groups, items=len(cluster))
    left = np.array([statistic((cluster != g).astype(float)) for g in range(groups)])
    return estimate(value, float(jackknife_se(left)), groups, len(cluster))


@dataclass(frozen=True)
class Payoff:
    """What acting on a stated probability earns at a price, for each attempt.

    Attributes
    ----------
    price : float
        What a failure costs, where a success is worth one, and an attempt that is held back nothing.
    acts : float
        Part of the attempts that are let through: those whose stated probability is above price / (1 + price).
    earned : Estimate
        A mean over attempts.
    always, base, best : float
        Of who lets all through; of who acts on the base rate of the train split (always or never); of who knows the
        rates.
    over_base : Estimate
        Earned beyond who acts on the base rate, paired.
    """

    price: float
    acts: float
    earned: Estimate
    always: float
    base: float
    best: float
    over_base: Estimate


def payoff(stated: Array, base: Array, rates: Array, cluster: Ints, price: float) -> Payoff:
    """What stated probabilities (n,) earn at a price, beside the base rate's (n,). rates: (n,) of success."""
    worth = rates - price * (1 - rates)
    bar = price / (1 + price)
    acts, by_base = stated > bar, base > bar
    return Payoff(
        price, float(acts.mean()), mean(np.where(acts, worth, 0.0), cluster), float(worth.mean()),
        float(np.where(by_base, worth, 0.0).mean()), float(np.maximum(worth, 0.0).mean()),
        mean(np.where(acts, worth, 0.0) - np.where(by_base, worth, 0.0), cluster),
    )  # fmt: skip


def attempt_brier(stated: Array, rates: Array) -> Array:
    """(n,) expected squared error of a stated probability of one attempt: (f - p)^2 + p (1 - p)."""
    return np.asarray(rates * (1 - stated) ** 2 + (1 - rates) * stated**2)
