"""What happens to the report when the state is changed, or was not there: slopes that need no rival.

A state that is text (turns in the context) can be copied: the reply that stands there is a regressor of its own, and
what is left is called *follows its context*, never access. A state that no report can read as text (a vector on the
object) also pushes its words, and shows in the changed text: the slope is taken less that of the same words asked for
something else, and less that of a third person, and the smaller of the two decides.

Axes as in `shares`: n items, K options.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from selfscope.statistics import Array, Estimate, Ints, by_cluster, estimate, jackknife_se, mean, ratio
from selfscope.verdicts.shares import SINGULAR, regressors_apart, solve


@dataclass(frozen=True)
class Change:
    """The same items before and after do(state). report, xa, xb: (n, K) before; the others after or of the control
    question (same options, an answer that the state does not touch). sham: report under an irrelevant change. person_*:
    what it says of a third person. copied: (n, K) one-hot of the option that a copied reply would name, zero where it
    names none. shown: (n, K, m) how forecasts of m rivals moved that were shown the same."""

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
    person_before: Array | None = None
    person_after: Array | None = None
    copied: Array | None = None
    shown: Array | None = None


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
    return _on_truth(change, change.after - change.before - _control_moved(change))


def causal_beyond_others(change: Change) -> Estimate:
    """a_do minus the same slope of what it says of a third person, jackknifed together."""
    return _on_truth(change, change.after - change.before - _person_moved(change))


def hidden_effect(change: Change) -> Estimate:
    """What decides on access under a state that no report can read: the slope less that of the same words asked for
    something else, or less that of a third person, whichever is less certain to be above 0 (intersection-union)."""
    return min((causal_net(change), causal_beyond_others(change)), key=lambda x: x.low)


def _on_truth(change: Change, moved: Array) -> Estimate:
    return slope(moved, change.xa_after - change.xa, change.xb_after - change.xb, change.cluster)


def _control_moved(change: Change) -> Array:
    if change.control_before is None or change.control_after is None:
        raise ValueError("the control question was not asked")
    return change.control_after - change.control_before


def _person_moved(change: Change) -> Array:
    if change.person_before is None or change.person_after is None:
        raise ValueError("the third person was not asked about")
    return change.person_after - change.person_before


def beyond_copying(change: Change) -> tuple[Estimate, Estimate]:
    """(share that follows, share that copies) of a report under a state that is text.

    The change of the report on the change of the truth (halves as instruments), on what copying would change
    (`copied` less the report before) and on how rivals moved that were shown the same. The first is of the report less
    the control question's, where that was asked; the second of the report itself. Raises ValueError where the truth did
    not change, or copying and truth cannot be told apart."""
    moved = change.after - change.before
    controlled = change.control_before is not None and change.control_after is not None
    net = moved - _control_moved(change) if controlled else moved
    copied = np.zeros_like(moved) if change.copied is None else change.copied
    copy = np.where(copied.sum(1, keepdims=True) > 0, copied - change.before, 0.0)
    shown = np.zeros((*moved.shape, 0)) if change.shown is None else change.shown
    left, right = (
        np.concatenate([np.stack([d, copy], axis=2), shown], axis=2)
        for d in (change.xa_after - change.xa, change.xb_after - change.xb)
    )
    cross = np.einsum("nkp,nkq->npq", right, left)
    matrix = by_cluster(cross + cross.transpose(0, 2, 1), change.cluster)
    vectors = [by_cluster(np.einsum("nkq,nk->nq", left + right, r), change.cluster) for r in (net, moved)]
    total = matrix.sum(0)
    if regressors_apart(total, len(total)) <= SINGULAR:
        raise ValueError("copying and following cannot be told apart")
    out = []
    for at, vector in enumerate(vectors):
        right_side = vector.sum(0)
        drop = solve(total - matrix, right_side - vector)[:, at]
        value = float(solve(total, right_side)[at])
        out.append(estimate(value, float(jackknife_se(drop)), len(matrix), len(moved)))
    return out[0], out[1]


def causal_control(change: Change) -> Estimate:
    """The control question's slope: what the change does to answers that it should not touch."""
    return _on_truth(change, _control_moved(change))


def third_person(change: Change) -> Estimate:
    """The slope of what it says of a third person."""
    return _on_truth(change, _person_moved(change))


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
