"""Intervals where everything that was seen agrees: no interval of few observations is a point."""

from __future__ import annotations

from dataclasses import replace

from selfscope.statistics import Estimate

SMALLEST = 1e-9


def unseen(clusters: int, level: float = 0.95) -> float:
    """With so many clusters alike, a part of at most 1 - ((1 - level) / 2)^(1 / clusters) is otherwise in a share
    `level` of cases."""
    return float(1 - ((1 - level) / 2) ** (1 / max(1, clusters)))


def no_point(x: Estimate, clusters: int | None = None) -> Estimate:
    """The estimate; where its interval is a point, with what unseen clusters, each otherwise by 1 at most, could still
    move. clusters: as many as it rests on (None: its own)."""
    if x.high - x.low > SMALLEST:
        return x
    room = unseen(x.clusters if clusters is None else clusters, x.level)
    return replace(x, low=x.value - room, high=x.value + room)
