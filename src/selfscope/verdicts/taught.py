"""What a taught report gained: on which items, against whom, and which behaviour it follows.

Axes: n items, K options (padded with 0), G clusters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from selfscope.statistics import Array, Estimate, Ints, mean, ratio
from selfscope.verdicts.ladder import losses
from selfscope.verdicts.state_effect import slope

Bools = npt.NDArray[np.bool_]
MOVED, STAYED, SURER, NO_SURER = "behaviour changed", "behaviour stayed", "entropy fell", "entropy did not fall"
FEWEST = 3
"""Clusters below which nothing is estimated."""


@dataclass(frozen=True)
class Told:
    """What is reported, and what is true then.

    Attributes
    ----------
    report : array of shape (n, K)
    xa, xb : array of shape (n, K)
        The two halves of the truth; of an exact one both are it.
    rolls : array of shape (n,)
        Rollouts behind both together, 0: exact.
    """

    report: Array
    xa: Array
    xb: Array
    rolls: Ints

    @property
    def loss(self) -> Array:
        """(n,) squared distance to the truth, its noise taken off."""
        return losses(self.report, (self.xa + self.xb) / 2, self.rolls)

    @property
    def loss_b(self) -> Array:
        """(n,) the same to the second half alone, where the first has chosen the items."""
        return losses(self.report, self.xb, self.rolls // 2)


def gain(old: Told, new: Told, base: Array, cluster: Ints) -> Estimate | None:
    """Skill of the new reports on what is true now, less that of the old ones on what was true then.

    Parameters
    ----------
    old, new : Told
        The same items.
    base : array of shape (n, K)
        The base rate, by which a difference is measured.
    cluster : array of shape (n,)

    Returns
    -------
    Estimate or None
        In units of skill, paired by item; None where there is too little.
    """
    return _relative(old.loss - new.loss, replace(old, report=base).loss, cluster)


def gains_by_change(old: Told, new: Told, base: Array, cluster: Ints) -> Mapping[str, tuple[Estimate | None, int]]:
    """The gain on items whose likeliest behaviour training changed and on the others; on those whose behaviour became
    surer, and on the others. A gain where behaviour became surer is the behaviour's, which came to the report.

    The first half of the rollouts chooses the items and the second scores them: what chance chose is not scored.

    Returns
    -------
    mapping
        By MOVED, STAYED, SURER, NO_SURER: the gain, and how many items.
    """
    moved = old.xa.argmax(1) != new.xa.argmax(1)
    surer = entropy(new.xa) < entropy(old.xa) - 1e-9
    scale = replace(old, report=base).loss_b
    change = old.loss_b - new.loss_b
    out = {}
    for name, rows in ((MOVED, moved), (STAYED, ~moved), (SURER, surer), (NO_SURER, ~surer)):
        out[name] = _relative(change[rows], scale[rows], numbered_anew(cluster[rows])), int(rows.sum())
    return out


def follows(old: Told, new: Told, cluster: Ints, sham: Array | None = None) -> Estimate | None:
    """Does the report go with a behaviour that was shifted? The slope of its change on the behaviour's: 1 says the new
    one, 0 stays with the old one.

    Parameters
    ----------
    old, new : Told
        Before the shift and after.
    cluster : array of shape (n,)
    sham : array of shape (n, K), optional
        Reports under a shift that changes no behaviour: the slope is taken beyond theirs.

    Returns
    -------
    Estimate or None
        None where no behaviour was seen to be shifted.
    """
    if len(cluster) == 0 or int(cluster.max()) + 1 < FEWEST:
        return None
    moved = mean(((new.xa - old.xa) * (new.xb - old.xb)).sum(1), cluster)
    if not moved.low > 0:
        return None
    before = old.report if sham is None else sham
    try:
        return slope(new.report - before, new.xa - old.xa, new.xb - old.xb, cluster)
    except ValueError:
        return None


def divergence(report: Array, base: Array, cluster: Ints) -> Estimate:
    """How far the report is from what the untaught model says, nats: what of it others could have foreseen."""
    floor = 1e-9
    return mean((report * (np.log(report + floor) - np.log(base + floor))).sum(1), cluster)


def entropy(x: Array) -> Array:
    """(n,) of distributions (n, K), nats."""
    return np.asarray(-(x * np.log(np.where(x > 0, x, 1.0))).sum(1))


def numbered_anew(cluster: Ints) -> Ints:
    """The clusters from 0 on."""
    return np.asarray(np.unique(cluster, return_inverse=True)[1], dtype=np.int64)


def _relative(values: Array, scale: Array, cluster: Ints) -> Estimate | None:
    if len(values) == 0 or len(np.unique(cluster)) < FEWEST or scale.sum() <= 1e-9 * len(scale):
        return None
    try:
        return ratio(values, scale, cluster)
    except ValueError:
        return None
