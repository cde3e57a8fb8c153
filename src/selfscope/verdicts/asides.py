"""What stands beside a verdict and is none: tables of figures that one phenomenon calls for, each with its sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from selfscope.statistics import Array, Estimate, Ints, by_cluster, estimate, jackknife_se

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


def difference(of: Array, one: Array, other: Array, cluster: Ints) -> Estimate | None:
    """Mean of `of` (n,) where `one` holds less where `other` does, both (n,) from 0 to 1, with the clusters'
    jackknife. None where either is held by fewer than two clusters."""
    sums = [by_cluster(x, cluster) for x in (of * one, one, of * other, other)]
    if min(int((held > 0).sum()) for held in (sums[1], sums[3])) < 2:
        return None
    kept = [x.sum() - x for x in sums]
    drop = kept[0] / kept[1] - kept[2] / kept[3]
    value = sums[0].sum() / sums[1].sum() - sums[2].sum() / sums[3].sum()
    return estimate(float(value), float(jackknife_se(drop)), len(drop), len(of))


def part_mean(of: Array, held: Array, cluster: Ints) -> Estimate | None:
    """Mean of `of` (n,) where `held` (n,) is 1. None where fewer than two clusters hold it."""
    sums = [by_cluster(x, cluster) for x in (of * held, held)]
    if int((sums[1] > 0).sum()) < 2:
        return None
    kept = [x.sum() - x for x in sums]
    used = sums[1] > 0
    drop = (kept[0] / kept[1])[used]
    return estimate(
        float(sums[0].sum() / sums[1].sum()), float(jackknife_se(drop)), int(used.sum()), int(held.sum())
    )  # fmt: skip


def told(value: Estimate | None) -> str:
    """A share in words: "41 % [30, 52]"; "not known" where there is none."""
    if value is None or not np.isfinite([value.low, value.high]).all():
        return "not known"
    return f"{100 * value.value:.0f}\u202f% [{100 * value.low:.0f}, {100 * value.high:.0f}]"


def without_empty(lines: Sequence[AsideLine]) -> tuple[AsideLine, ...]:
    """Those lines that have a figure."""
    return tuple(line for line in lines if line.value is not None)
