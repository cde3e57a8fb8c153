"""What moved from one map of a self-model to another: what is said of each statement, and what is done.

Both maps have the same wordings, so that what is said is compared wording by wording: how a wording is answered in
either sense drops out. What is done is the difference of two shares.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from selfscope.statistics import Estimate, benjamini_hochberg, mean, t_quantile, t_tail, within
from selfscope.verdicts.asides import difference
from selfscope.verdicts.self_model import FEWEST, Placed, SelfMap
from selfscope.verdicts.stability import slope_on_truth
from selfscope.verdicts.unseen import no_point

RATE = 0.05
"""Part of the statements called moved that may be called so by chance (false discovery rate)."""


@dataclass(frozen=True)
class Change:
    """One statement.

    Attributes
    ----------
    name, area, says
        Which.
    before, after
        What was said of it, and is said.
    said
        The difference, over wordings.
    done, true_before, true_after
        The difference of what its replies show, and both; None where nothing checks it.
    adjusted
        Two-sided p of the difference in what is said, among all statements (Benjamini and Hochberg).
    """

    name: str
    area: str
    says: str
    before: Estimate
    after: Estimate
    said: Estimate
    done: Estimate | None
    true_before: Estimate | None
    true_after: Estimate | None
    adjusted: float = 1.0

    @property
    def moved(self) -> bool:
        """Whether what is said moved, at RATE."""
        return self.adjusted < RATE

    @property
    def acts_otherwise(self) -> bool:
        """Whether what is done moved, by its interval alone."""
        return self.done is not None and not self.done.low <= 0 <= self.done.high


@dataclass(frozen=True)
class MapChange:
    """What moved between two maps of one reader.

    Attributes
    ----------
    phenomenon, reader
        Whose.
    changes
        In the inventory's order, of the statements that both maps have in the same wordings.
    size
        Mean distance between what was said and what is said.
    slope
        Of what moved in what is said on what moved in what is done, over the checked statements: 1 where a report moves
        as far as what it reports; None where nothing moved in what is done.
    """

    phenomenon: str
    reader: str
    changes: tuple[Change, ...]
    size: Estimate
    slope: Estimate | None


def moved_between(before: SelfMap, after: SelfMap) -> MapChange | None:
    """What moved; None where the maps share too few statements."""
    old = {one.name: one for one in before.statements}
    pairs = [(old[one.name], one) for one in after.statements if one.name in old]
    pairs = [(a, b) for a, b in pairs if a.against == b.against]
    if len(pairs) < FEWEST:
        return None
    changes = [_change(a, b) for a, b in pairs]
    adjusted = benjamini_hochberg([c.said.p if c.said.p is not None else 1.0 for c in changes])
    changes = [replace(c, adjusted=p) for c, p in zip(changes, adjusted, strict=True)]
    size = mean(np.abs([c.said.value for c in changes]), np.arange(len(changes), dtype=np.int64))
    return MapChange(after.phenomenon, after.reader, tuple(changes), no_point(size), _slope(pairs))


def _change(a: Placed, b: Placed) -> Change:
    return Change(b.name, b.area, b.says, a.own, b.own, _said(a, b), difference(b.true, a.true), a.true, b.true)


def _said(a: Placed, b: Placed) -> Estimate:
    """The paired difference: a t interval of one variance in both senses, W - 2 degrees of freedom; where all wordings
    moved alike, what unseen ones could still move."""
    against, moved = np.array(b.against), np.array(b.ways) - np.array(a.ways)
    halves = [moved[~against], moved[against]]
    value, n = float(np.mean([own.mean() for own in halves])), len(moved)
    spread = sum(float(((own - own.mean()) ** 2).sum()) for own in halves)
    if n < 3 or spread < 1e-12:
        point = no_point(Estimate(value, value, value, 0.0, 0.95, n, n))
        return replace(within(point, -1, 1), p=min(1.0, 2 * (1 - min(1.0, abs(value))) ** n))
    se = 0.5 * math.sqrt(spread / (n - 2) * sum(1 / len(own) for own in halves))
    half = t_quantile(0.975, n - 2) * se
    found = Estimate(value, value - half, value + half, se, 0.95, n - 1, n, 2 * t_tail(abs(value) / se, n - 2))
    return within(found, -1, 1)


def _slope(pairs: list[tuple[Placed, Placed]]) -> Estimate | None:
    rows = [
        (b.own.value - a.own.value, *(y - x for x, y in zip(a.halves, b.halves, strict=True)))
        for a, b in pairs if a.halves is not None and b.halves is not None
    ]  # fmt: skip
    return slope_on_truth(*np.array(rows).T) if len(rows) >= FEWEST else None
