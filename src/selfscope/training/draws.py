"""Draws that follow from their key alone, the same in every process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from selfscope.records import content_hash

T = TypeVar("T")


def generator(*key: Any) -> np.random.Generator:
    """Random numbers keyed by content.

    Parameters
    ----------
    *key
        Plain values or records; their order counts.
    """
    return np.random.default_rng(list(bytes.fromhex(content_hash(*key, size=32))))


def evenly(pool: Sequence[T], size: int, *key: Any) -> list[T]:
    """Members in seeded order, all of them equally often or once more.

    Parameters
    ----------
    pool
        What is drawn from: at least one member, unless nothing is drawn.
    size
        How many are drawn.
    *key
        What the order follows from.
    """
    rounds = -(-size // len(pool)) if size else 0
    rng = generator("evenly", *key)
    return [pool[int(i)] for _ in range(rounds) for i in rng.permutation(len(pool))][:size]
