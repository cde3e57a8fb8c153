"""How far a person says the same again in other words, and how far what is said goes with what is so.

n statements, each said in W wordings, some of them against it.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from selfscope.statistics import Array, Estimate, estimate, jackknife_se, t_quantile, wilson
from selfscope.verdicts.unseen import no_point

FLAT = 1e-4
"""A covariance of the truth's halves below which the truth does not vary."""
Senses = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


def agreed(said: Array, against: Senses, level: float = 0.95) -> Estimate:
    """Agreement with a statement: half of its mean over wordings for it and half over those against it.

    Parameters
    ----------
    said
        (W,) the probability that the statement is so, as each wording's answer has it: 1 less what is agreed with where
        the wording is against it. Who agrees with every wording stands at 0.5.
    against
        (W,) whether the wording is against it; some are, and some are not.

    Returns
    -------
    Estimate
        From 0 to 1, with a t interval over wordings, W - 2 degrees of freedom, of one variance in both senses; where
        wordings agree, or there are two, Wilson's of as many.

    Raises
    ------
    ValueError
        All wordings are of one sense.
    """
    n, minus = len(said), int(against.sum())
    if minus in (0, n):
        raise ValueError("agreement needs wordings of both senses")
    halves = [said[~against], said[against]]
    value = float(np.mean([own.mean() for own in halves]))
    spread = sum(float(((own - own.mean()) ** 2).sum()) for own in halves)
    if n > 2 and spread > 1e-12:
        se = 0.5 * math.sqrt(spread / (n - 2) * (1 / minus + 1 / (n - minus)))
        half = t_quantile(0.5 + level / 2, n - 2) * se
        low, high = max(0.0, value - half), min(1.0, value + half)
        return Estimate(value, low, high, se, level, n - 1, n)
    low, high = wilson(value * n, n, level)
    return Estimate(value, min(low, value), max(high, value), 0.0, level, n - 1, n)


def intraclass(first: Array, second: Array, level: float = 0.95) -> Estimate | None:
    """ICC(3,1): the part of the variance of single scores that is between statements, of a test and a re-test.

    Parameters
    ----------
    first, second
        (n,) agreement by disjoint halves of the wordings. That one half is agreed with more than the other, over all
        statements alike, is no instability.

    Returns
    -------
    Estimate or None
        1 where both put the statements alike, 0 where they have nothing in common, with the exact interval of normal
        scores (Shrout and Fleiss 1979); None of fewer than three statements, or where nothing varies.
    """
    from scipy.special import fdtri

    n = len(first)
    if n < 3:
        return None
    apart = first - second - (first - second).mean()
    between = 2 * float((((first + second) / 2 - np.mean([first, second])) ** 2).sum()) / (n - 1)
    within = float((apart**2).sum()) / (2 * (n - 1))
    if between + within < 1e-12:
        return None
    value = (between - within) / (between + within)
    if within < 1e-12:
        return replace(no_point(Estimate(1.0, 1.0, 1.0, 0.0, level, n, 2 * n)), high=1.0)
    ratio, edge = between / within, float(fdtri(n - 1, n - 1, 0.5 + level / 2))
    low, high = ratio / edge, ratio * edge
    ends = ((low - 1) / (low + 1), (high - 1) / (high + 1))
    return Estimate(value, *ends, (ends[1] - ends[0]) / (2 * t_quantile(0.5 + level / 2, n - 1)), level, n, 2 * n)


def slope_on_truth(said: Array, half_a: Array, half_b: Array, level: float = 0.95) -> Estimate | None:
    """Slope of what is said on what is so, over statements.

    Parameters
    ----------
    said
        (n,) agreement, from 0 to 1.
    half_a, half_b
        (n,) what is so, measured on two halves of the messages: their covariance is that of the truth without its
        noise, so that few replies do not flatten the slope.

    Returns
    -------
    Estimate or None
        1 where it says of each statement how far it is so, 0 where what it says has nothing to do with that; jackknife
        over statements. None of fewer than three, or where the truth is not seen to vary: its halves do
        not go together.
    """
    n = len(said)
    if n < 3:
        return None
    weight = np.vstack([np.ones(n), 1 - np.eye(n)])
    varies = _across(half_a, half_b, weight)
    alike = varies[0] / math.sqrt(max(float(half_a.var() * half_b.var()), FLAT**2))
    reliable = alike >= 1 or alike * math.sqrt((n - 2) / (1 - alike**2)) > t_quantile(0.5 + level / 2, n - 2)
    if varies.min() < FLAT or not reliable:
        return None
    slopes = _across(said, (half_a + half_b) / 2, weight) / varies
    return no_point(estimate(float(slopes[0]), float(jackknife_se(slopes[1:])), n, n, level))


def _across(x: Array, y: Array, weight: Array) -> Array:
    """(m,) covariances under weights (m, n)."""
    part = weight / weight.sum(1, keepdims=True)
    return np.asarray(part @ (x * y) - (part @ x) * (part @ y))
