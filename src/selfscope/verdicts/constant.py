"""The interval of a report that leaves nothing unexplained: it is all constant, all format, or all truth.

Items that differ from each other in nothing have no spread, and a standard error of 0 would say that any other share
is impossible. A small one could have gone unseen: of G clusters, each of which shows a share a with the probability
a, often none shows it where a is of the order 1/G.

Axes: n items, K options.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from selfscope.statistics import Array, Estimate, by_cluster, estimate, t_quantile
from selfscope.verdicts.items import Items

NOTHING = 1e-6
"""Standard errors up to here are what is left of sums."""
RARELY = 0.05


def with_floor(estimates: Mapping[str, Estimate], items: Items) -> dict[str, Estimate]:
    """The shares as they are, or, where none of them has any spread, with the interval of a count of none: the widest
    share a with a^2 <= t^2 a / (moves G). moves: how often an answer that followed the truth would have differed from
    the one that was given, or, where that was the truth each time, one that did not follow it: the same everywhere. A
    distribution that follows it differs on every item."""
    spread = max((e.se for e in estimates.values()), default=1.0)
    if spread > NOTHING:
        return dict(estimates)
    named = bool(items.report.max(1).min() > 1 - 1e-9)
    differs = _differs(items.report, items.x) or _differs(items.report, _usual(items))
    moves = max(differs, RARELY) if named else 1.0
    out = {}
    for name, e in estimates.items():
        se = t_quantile(0.5 + e.level / 2, e.clusters - 1) / (moves * e.clusters)
        out[name] = estimate(e.value, se, e.clusters, e.items, e.level)
    return out


def _differs(one: Array, other: Array) -> float:
    """Mean distance in variation of n distributions (n, K) from others; 0 for what is left of sums."""
    found = float(np.abs(one - other).sum(1).mean()) / 2
    return found if found > NOTHING else 0.0


def _usual(items: Items) -> Array:
    """(n, K) the mean report of the items that share an item's options."""
    kind = np.unique(items.there, axis=0, return_inverse=True)[1].ravel()
    sums = np.stack([by_cluster(column, kind) for column in items.report.T], axis=1)
    return np.asarray((sums / np.bincount(kind)[:, None])[kind])
