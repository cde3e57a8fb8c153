"""Where in a prompt and a stream something is read or written, and what of it exists. Nothing here needs a model.

Axes: D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from selfscope.errors import BadInput
from selfscope.records import Injection, Vector


def existing_layer(layer: int, count: int) -> int:
    """The layer, if a model of so many blocks has it. Raises BadInput saying which it has."""
    if not -1 <= layer < count:
        raise BadInput(
            f"there is no layer {layer}: this model has 0 to {count - 1} (outputs of its blocks) and -1 (what enters "
            "the first)"
        )
    return layer


def checked_vector(vector: Vector, width: int) -> Any:
    """(D,) float32. Raises BadInput for another width than the stream's, and for values that are no numbers."""
    array_D = vector.array
    if len(array_D) != width:
        raise BadInput(
            f"a vector of {len(array_D)} values cannot be written into a model of width {width}: it comes from "
            "another model"
        )
    if not np.isfinite(array_D).all():
        raise BadInput("a vector to inject has values that are not finite numbers")
    return array_D


def positions_of(injection: Injection, length: int) -> tuple[range | tuple[int, ...], bool]:
    """The positions of a prompt of this length, and whether generated tokens are written too.

    Raises BadInput for a position that the prompt does not have."""
    if injection.schedule == "every":
        return range(length), True
    if injection.schedule == "last":
        return range(length - 1, length), True
    columns = within(injection.positions, length)
    if injection.schedule == "span":
        return range(min(columns), length), True
    return tuple(columns), False


def within(positions: Sequence[int], length: int) -> list[int]:
    """Positions counted from 0. Raises BadInput for one that a prompt of this length does not have."""
    for position in positions:
        if not -length <= position < length:
            raise BadInput(
                f"there is no position {position} in a prompt of {length} tokens: it has 0 to {length - 1} "
                f"(or -{length} to -1, from the end)"
            )
    return [position % length for position in positions]


def columns_to_read(positions: str | Sequence[Sequence[int]], lengths: Sequence[int]) -> list[list[int]]:
    """The columns of each prompt, from 0: "last", "all" and "every" (both are all of them here), or those of each.

    Raises BadInput for another word, another number of lists, and a position that a prompt does not have."""
    if isinstance(positions, str):
        if positions not in ("last", "all", "every"):
            raise BadInput(f"positions are last, all, every, or those of each prompt; not {positions!r}")
        return [[length - 1] if positions == "last" else list(range(length)) for length in lengths]
    if len(positions) != len(lengths):
        raise BadInput(f"{len(positions)} lists of positions for {len(lengths)} prompts")
    return [within(columns, length) for columns, length in zip(positions, lengths, strict=True)]
