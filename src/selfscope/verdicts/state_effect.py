"""What happens to the report when the state is changed, or was not there: slopes that need no rival.

A state that is text (turns in the context) can be copied: the reply that stands there is a regressor of its own, and
what is left is called *follows its context*, never access. A state that no report can read as text (a vector on the
object) also pushes its words, and shows in the changed text: the slope is taken less that of the same words asked for
something else, and less that of a third person, and the smaller of the two decides.

Axes as in `shares`: n items, K options.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from selfscope.statistics import (
    Array,
    Estimate,
    Ints,
    by_cluster,
    estimate,
    jackknife_se,
    mean,
    ratio,
    t_quantile,
    t_tail,
)
from selfscope.verdicts.shares import SINGULAR, regressors_apart, solve

STILL = 1e-6
"""A report that moved by less did not: processors round a product each in their own way."""


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
    return _of_few_moves(seen, d_report, da + db, cluster, named=named)


def _of_few_moves(seen: Estimate, shift: Array, both: Array, cluster: Ints, *, named: bool) -> Estimate:
    """The estimate, with the slopes that would move as few reports as moved."""
    still = float((by_cluster(np.abs(shift).sum(1), cluster) <= STILL).mean())
    if still == 0:
        return seen
    moves = max(float(np.abs(both).sum(1).mean()) / 4, 0.05) if named else 1.0
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
    """The slope of the report on the truth under do(state), nothing subtracted."""
    return change.follows(change.after - change.before)


def causal_net(change: Change) -> Estimate:
    """That slope less the control question's, jackknifed together."""
    return _on_truth(change, change.after - change.before - _control_moved(change))


def causal_beyond_others(change: Change) -> Estimate:
    """That slope less that of what it says of a third person, jackknifed together."""
    return _on_truth(change, change.after - change.before - _person_moved(change))


def hidden_effect(change: Change) -> Estimate:
    """What decides on access under a state that no report can read: the slope less that of the same words asked for
    something else, or less that of a third person, whichever is less certain to be above 0 (intersection-union)."""
    return min((causal_net(change), causal_beyond_others(change)), key=lambda x: x.low)


def _on_truth(change: Change, moved: Array) -> Estimate:
    return change.follows(moved)


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
    for at, (vector, response) in enumerate(zip(vectors, (net, moved), strict=True)):
        right_side = vector.sum(0)
        drop = solve(total - matrix, right_side - vector)[:, at]
        value = float(solve(total, right_side)[at])
        seen = estimate(value, float(jackknife_se(drop)), len(matrix), len(moved))
        both = change.xa_after - change.xa + change.xb_after - change.xb
        out.append(_of_few_moves(seen, response, both, change.cluster, named=change.named))
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
    """The slope of report minus report-without-the-state on the part of the truth that the history rival misses.
    Mean zero without access, whatever the rival is; attenuated, never inflated, when the rival is weak."""
    return slope(report - without, xa - history, xb - history, cluster)
