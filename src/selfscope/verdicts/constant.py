"""The interval of a report that leaves nothing unexplained: it is all constant, or all format.

Items that differ from each other in nothing have no spread, and a standard error of 0 would say that any other share
is impossible. A small one could have gone unseen: of G clusters, each of which shows a share a with the probability
a, often none shows it where a is of the order 1/G.

Axes: n items, K options.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from selfscope.statistics import Estimate, estimate, t_quantile
from selfscope.verdicts.items import Items

NOTHING = 1e-6
"""Standard errors up to here are what is left of sums."""
RARELY = 0.05


def with_floor(estimates: Mapping[str, Estimate], items: Items) -> dict[str, Estimate]:
    """The shares as they are, or, where none of them has any spread, with the interval of a count of none: the widest
    share a with a^2 <= t^2 a / (moves G). moves: how often an answer that followed the truth would have differed from
    the one that was given; a distribution that follows it differs on every item."""
    spread = max((e.se for e in estimates.values()), default=1.0)
    if spread > NOTHING:
        return dict(estimates)
    named = bool(items.report.max(1).min() > 1 - 1e-9)
    differs = float(np.abs(items.x - items.report).sum(1).mean()) / 2
    moves = max(differs, RARELY) if named else 1.0
    out = {}
    for name, e in estimates.items():
        se = t_quantile(0.5 + e.level / 2, e.clusters - 1) / (moves * e.clusters)
        out[name] = estimate(e.value, se, e.clusters, e.items, e.level)
    return out
