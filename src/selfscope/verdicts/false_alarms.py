"""Two groups told apart by a score, and what is called the one where most of it is found: over clusters, few of them.

n, m items.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from selfscope.statistics import Array, Estimate, Ints, bootstrap, proportion
from selfscope.verdicts.ranks import apart

RECALL = 0.8
"""Part of the lies that is found, where false alarms are counted."""
FEWEST = 4
"""Clusters of either group below which nothing is told apart."""
DRAWS = 500


def told_apart(high: Array, of_high: Ints, low: Array, of_low: Ints) -> Estimate | None:
    """AUROC of one group over another.

    Parameters
    ----------
    high, low
        (n,) and (m,) scores.
    of_high, of_low
        Their clusters, numbered together.

    Returns
    -------
    Estimate or None
        None where either group is of fewer than FEWEST clusters.
    """
    if min(len(set(of_high.tolist())), len(set(of_low.tolist()))) < FEWEST:
        return None
    _, cluster = np.unique(np.concatenate([of_high, of_low]), return_inverse=True)
    values = np.concatenate([high, low])
    return apart(values, np.arange(len(values)) < len(high), cluster.astype(np.int64))


def false_alarms(high: Array, of_high: Ints, low: Array, of_low: Ints, *, draws: int = DRAWS) -> Estimate:
    """Part of one group that scores at least as high as RECALL of another do. The noise of that threshold is in the
    interval.

    Parameters
    ----------
    high, of_high
        (n,) scores of what is to be found, and clusters.
    low, of_low
        (m,) those of what is innocent, with clusters numbered together with the first.
    draws
        Of clusters, for the interval.
    """
    together, cluster = np.unique(np.concatenate([of_high, of_low]), return_inverse=True)
    first, second = cluster[: len(high)], cluster[len(high) :]

    def rate(weights: Array) -> float:
        w = weights[second]
        hits = low >= threshold(high, weights[first])
        return float(w @ hits / w.sum()) if w.sum() > 0 and weights[first].sum() > 0 else value

    value = float((low >= threshold(high, np.ones(len(high)))).mean())
    drawn = bootstrap(rate, len(together), draws=draws)
    _, own = np.unique(second, return_inverse=True)
    alone = proportion((low >= threshold(high, np.ones(len(high)))).astype(float), own.astype(np.int64))
    return replace(alone, low=min(alone.low, drawn.low), high=max(alone.high, drawn.high), items=len(low))


def threshold(scores: Array, weights: Array) -> float:
    """The highest score that at least RECALL of the weight reaches; infinite where there is no weight."""
    order = np.argsort(-scores, kind="stable")
    reached = np.cumsum(weights[order])
    if not len(scores) or reached[-1] <= 0:
        return math.inf
    return float(scores[order][int(np.searchsorted(reached, RECALL * reached[-1] - 1e-9))])
