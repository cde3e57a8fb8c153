"""What happens to the report when the state is changed, or was not there: slopes that need no rival.

Axes as in `shares`: n items, K options.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from selfscope.statistics import Array, Estimate, Ints, by_cluster, mean, ratio, t_quantile, t_tail


@dataclass(frozen=True)
class Change:
    """The same items before and after do(state). report, xa, xb: (n, K) before; the others after or of the control
    question (same options, an answer that the state does not touch). sham: report under an irrelevant change."""

    before: Array
    after: Array
    xa: Array
    xb: Array
    xa_after: Array
    xb_after: Array
    cluster: Ints
    control_before: Array | None = None
    control_after: Array | None = None
    sham: Array | None = None

    @property
    def named(self) -> bool:
        """Whether each report names one option."""
        return bool(min(self.before.max(1).min(), self.after.max(1).min()) > 1 - 1e-9)

    def follows(self, shift: Array) -> Estimate:
        """Slope of a change of reports (n, K) on the change of the truth."""
        return slope(shift, self.xa_after - self.xa, self.xb_after - self.xb, self.cluster, named=self.named)


def slope(d_report: Array, da: Array, db: Array, cluster: Ints, *, named: bool = False) -> Estimate:
    """Slope of a change of report on a change of truth, the halves as each other's instruments. Raises ValueError
    where the truth did not change at all. Where reports of some clusters did not move at all, so that the others are a
    count of few, the interval holds every slope that would move so few. named: each report names one option."""
    seen = ratio(((da + db) * d_report).sum(1), 2 * (da * db).sum(1), cluster)
    still = float((by_cluster(np.abs(d_report).sum(1), cluster) == 0).mean())
    if still == 0:
        return seen
    moves = max(float(np.abs(da + db).sum(1).mean()) / 4, 0.05) if named else 1.0
    return _counted(seen, still / (moves * seen.clusters))


def _counted(seen: Estimate, unit: float) -> Estimate:
    """The interval with all slopes a for which (value - a)^2 is at most t^2 |a| unit. unit: variance of the estimate
    per unit of slope, where each report either follows the change or stays: of a count its size alone tells the
    variance, and one that came out small, or 0, tells too little of its own. An answer that names one option follows
    a change of the truth by moving as often as half their distance: unit is larger there by as much."""
    c = t_quantile(0.5 + seen.level / 2, seen.clusters - 1) ** 2 * unit
    high = max(seen.high, _farthest(seen.value, c))
    low = min(seen.low, -_farthest(-seen.value, c))
    if low > 0:
        return replace(seen, high=high)
    # What is shown at another level, or compared with a margin, is made of the standard error.
    half = max(high - seen.value, seen.value - low)
    se = half / t_quantile(0.5 + seen.level / 2, seen.clusters - 1)
    p = 2 * t_tail(abs(seen.value) / se, seen.clusters - 1) if se > 0 else None
    return replace(seen, low=low, high=high, se=se, p=p)


def _farthest(value: float, c: float) -> float:
    """The largest a above 0 with (value - a)^2 <= c a, -inf where there is none."""
    inner = c * c / 4 + c * value
    if inner < 0 or value + c / 2 < 0:
        return -math.inf
    return value + c / 2 + math.sqrt(inner)


def moved(change: Change) -> Estimate:
    """Mean over items of da . db: did the intervention change what the subject does?"""
    return mean(((change.xa_after - change.xa) * (change.xb_after - change.xb)).sum(1), change.cluster)


def causal(change: Change) -> Estimate:
    """a_do: slope of the report on the truth under do(state), nothing subtracted."""
    return change.follows(change.after - change.before)


def causal_net(change: Change) -> Estimate:
    """a_do minus the same slope of the control question, jackknifed together."""
    if change.control_before is None or change.control_after is None:
        raise ValueError("the control question was not asked")
    net = (change.after - change.before) - (change.control_after - change.control_before)
    return change.follows(net)


def causal_control(change: Change) -> Estimate:
    """The control question's slope: what the change does to answers that it should not touch."""
    if change.control_before is None or change.control_after is None:
        raise ValueError("the control question was not asked")
    shift = change.control_after - change.control_before
    return change.follows(shift)


def sham_slope(change: Change) -> Estimate:
    """Slope of the report's change under an irrelevant intervention on the change that the real one made."""
    if change.sham is None:
        raise ValueError("no sham intervention was made")
    return change.follows(change.sham - change.before)


def identification(change: Change, group: Ints) -> Estimate | None:
    """Is the *content* right? The report after the change against its own truth minus against the truths of other
    clusters' items of the same group (same question, same options). None where no group has two clusters."""
    truth = (change.xa_after + change.xb_after) / 2
    gaps: list[float] = []
    clusters: list[int] = []
    for name in np.unique(group):
        rows = np.nonzero(group == name)[0]
        if len(np.unique(change.cluster[rows])) < 2:
            continue
        table = change.after[rows] @ truth[rows].T
        other = change.cluster[rows][:, None] != change.cluster[rows][None]
        gaps.extend(np.diag(table) - (table * other).sum(1) / other.sum(1))
        clusters.extend(int(c) for c in change.cluster[rows])
    if not gaps:
        return None
    _, cluster = np.unique(np.array(clusters), return_inverse=True)
    return mean(np.array(gaps), cluster.astype(np.int64))


def ablated(report: Array, without: Array, xa: Array, xb: Array, history: Array, cluster: Ints) -> Estimate:
    """a_abl: slope of report minus report-without-the-state on the part of the truth that the history rival misses.
    Mean zero when a = 0, whatever the rival is; attenuated, never inflated, when the rival is weak."""
    return slope(report - without, xa - history, xb - history, cluster)
