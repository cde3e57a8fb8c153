"""What happens to the report when the state is changed, or was not there: slopes that need no rival.

Axes as in `shares`: n items, K options.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from selfscope.statistics import Array, Estimate, Ints, mean, ratio


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


def slope(d_report: Array, da: Array, db: Array, cluster: Ints) -> Estimate:
    """Slope of a change of report on a change of truth, the halves as each other's instruments. Raises ValueError
    where the truth did not change at all."""
    return ratio(((da + db) * d_report).sum(1), 2 * (da * db).sum(1), cluster)


def moved(change: Change) -> Estimate:
    """Mean over items of da . db: did the intervention change what the subject does?"""
    return mean(((change.xa_after - change.xa) * (change.xb_after - change.xb)).sum(1), change.cluster)


def causal(change: Change) -> Estimate:
    """a_do: slope of the report on the truth under do(state), nothing subtracted."""
    return slope(
        change.after - change.before, change.xa_after - change.xa, change.xb_after - change.xb, change.cluster
    )  # fmt: skip


def causal_net(change: Change) -> Estimate:
    """a_do minus the same slope of the control question, jackknifed together."""
    if change.control_before is None or change.control_after is None:
        raise ValueError("the control question was not asked")
    net = (change.after - change.before) - (change.control_after - change.control_before)
    return slope(net, change.xa_after - change.xa, change.xb_after - change.xb, change.cluster)


def causal_control(change: Change) -> Estimate:
    """The control question's slope: what the change does to answers that it should not touch."""
    if change.control_before is None or change.control_after is None:
        raise ValueError("the control question was not asked")
    shift = change.control_after - change.control_before
    return slope(shift, change.xa_after - change.xa, change.xb_after - change.xb, change.cluster)


def sham_slope(change: Change) -> Estimate:
    """Slope of the report's change under an irrelevant intervention on the change that the real one made."""
    if change.sham is None:
        raise ValueError("no sham intervention was made")
    return slope(
        change.sham - change.before, change.xa_after - change.xa, change.xb_after - change.xb, change.cluster
    )  # fmt: skip


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
