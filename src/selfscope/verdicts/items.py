"""What the estimators of shares are given, and the same items otherwise: against modes, with another rival, in part.

Axes: n items, K options (padded, `there` marks the real ones), G clusters, J refits of the history rival.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from selfscope.statistics import Array, Ints


@dataclass(frozen=True)
class Items:
    """What the estimator is given, on the test split. Entries of options that an item lacks are 0.

    report, xa, xb, history, g1, g2: (n, K). jack: (J, n, K) refits of the history rival without a tenth of its train
    clusters (J may be 0). halves: (2, n, K) fits on half of the train clusters, or None. first: (n,) option that
    stands first or means "yes". dummies: (n, K, d) intercept columns. there: (n, K). cluster: (n,). rolls: (n,)
    rollouts behind xa and xb together, 0 = exact. set_variance: (n, K) for rivals that are prompted models.
    """

    report: Array
    xa: Array
    xb: Array
    history: Array
    jack: Array
    g1: Array
    g2: Array
    first: Ints
    dummies: Array
    there: npt.NDArray[np.bool_]
    cluster: Ints
    rolls: Ints
    halves: Array | None = None
    set_variance: Array | None = None

    @property
    def clusters(self) -> int:
        return int(self.cluster.max()) + 1

    @property
    def x(self) -> Array:
        """(n, K) frequencies over both halves."""
        return (self.xa + self.xb) / 2

    @property
    def direction(self) -> Array:
        """(n, K) one-hot of the format direction."""
        out = np.zeros_like(self.report)
        out[np.arange(len(out)), self.first] = 1.0
        return out

    @property
    def rival_variance(self) -> Array:
        """(n, K) variance of the history rival's forecast from its training sample."""
        if self.set_variance is not None:
            return self.set_variance
        j = len(self.jack)
        if j < 2:
            return np.zeros_like(self.report)
        return np.asarray((j - 1) / j * ((self.jack - self.jack.mean(0)) ** 2).sum(0))


def matrix(vectors: Sequence[Sequence[float]], width: int) -> Array:
    """(n, K) padded with zeros."""
    out = np.zeros((len(vectors), width))
    for i, vector in enumerate(vectors):
        out[i, : len(vector)] = vector
    return out


def against_modes(items: Items) -> Items:
    """For class reports, which name the likeliest option and are no draws: each half's mode stands for the half, and
    what a forecast says is likeliest for the forecast. A history rival whose training noise is taken off keeps its
    probabilities: the noise is known of those alone."""
    noisy = bool(items.rival_variance.any())
    return replace(
        items, xa=_modes(items.xa), xb=_modes(items.xb), g1=_modes(items.g1), g2=_modes(items.g2),
        history=items.history if noisy else _modes(items.history),
    )  # fmt: skip


def _modes(x: Array) -> Array:
    """(n, K) one-hot of the likeliest option, shared where several are."""
    top = (x >= x.max(1, keepdims=True) - 1e-12) & (x > 0)
    return np.asarray(top / np.maximum(top.sum(1, keepdims=True), 1))


def in_place_of_history(items: Items, forecast: Array, variance: Array | None = None) -> Items:
    """The same items with another rival, known as it stands or with a variance (n, K), on the rung of history."""
    return replace(items, history=forecast, jack=items.jack[:0], halves=None, set_variance=variance)


def kept(items: Items, rows: npt.NDArray[np.bool_] | Ints) -> Items:
    """Some of the items, clusters numbered anew."""
    _, cluster = np.unique(items.cluster[rows], return_inverse=True)
    return replace(
        items,
        **{f: getattr(items, f)[rows] for f in ("report", "xa", "xb", "history", "g1", "g2", "first", "dummies")},
        there=items.there[rows],
        rolls=items.rolls[rows],
        jack=items.jack[:, rows],
        halves=None if items.halves is None else items.halves[:, rows],
        set_variance=None if items.set_variance is None else items.set_variance[rows],
        cluster=cluster.astype(np.int64),
    )
