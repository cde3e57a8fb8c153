"""What stands beside a verdict and is none: tables of figures that one phenomenon calls for, each with its sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from selfscope.statistics import Array, Estimate, Ints, proportion, t_quantile

SHARE, POINTS = "share", "points"
"""What a figure is: a part of a whole, or points a question."""


@dataclass(frozen=True)
class AsideLine:
    """One figure.

    Attributes
    ----------
    name
        What it is of.
    value
        With its interval; None where there was nothing to compute it from.
    scale
        SHARE or POINTS.
    says
        How it was got, or what it is to be compared with.
    """

    name: str
    value: Estimate | None
    scale: str = SHARE
    says: str = ""


@dataclass(frozen=True)
class Aside:
    """A table beside a verdict.

    Attributes
    ----------
    title
        At its head.
    says
        The one sentence for people.
    lines
        Its figures, in order.
    note
        What limits them.
    """

    title: str
    says: str
    lines: tuple[AsideLine, ...]
    note: str = ""


def part_share(of: Array, held: Array, cluster: Ints) -> Estimate | None:
    """Mean of `of` (n,), each from 0 to 1, where `held` (n,) is 1, with Wilson's interval of as many items as their
    clusters are worth: where all agree that is no point. None where fewer than two clusters hold it."""
    rows = held > 0
    _, own = np.unique(cluster[rows], return_inverse=True)
    if not len(own) or own.max() < 1:
        return None
    return proportion(of[rows], own.astype(np.int64))


def difference(one: Estimate | None, other: Estimate | None) -> Estimate | None:
    """One share less another of other clusters, with the interval that their intervals give (Newcombe 1998, method 10).
    None where either is not known."""
    if one is None or other is None:
        return None
    value = one.value - other.value
    down = math.hypot(one.value - one.low, other.high - other.value)
    up = math.hypot(one.high - one.value, other.value - other.low)
    clusters, items = one.clusters + other.clusters, one.items + other.items
    se = max(down, up) / t_quantile(0.5 + one.level / 2, max(1, clusters - 2))
    return Estimate(value, value - down, value + up, se, one.level, clusters, items)


def told(value: Estimate | None) -> str:
    """A share in words: "41 % [30, 52]"; "not known" where there is none."""
    if value is None or not np.isfinite([value.low, value.high]).all():
        return "not known"
    return f"{100 * value.value:.0f}\u202f% [{100 * value.low:.0f}, {100 * value.high:.0f}]"


def without_empty(lines: Sequence[AsideLine]) -> tuple[AsideLine, ...]:
    """Those lines that have a figure."""
    return tuple(line for line in lines if line.value is not None)
