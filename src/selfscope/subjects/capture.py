"""Reads the residual stream: any layers and positions of many prompts, no head, nothing above the deepest layer.

Axes: B rows, T tokens, D width, N read places.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch

from selfscope.subjects.blocks import Hook, decoder_of
from selfscope.subjects.decode import Engine, Ids, batches, padded, with_backoff


class StopForward(Exception):
    """The deepest layer that was asked for is done."""


def capture(
    engine: Engine, rows: Sequence[Ids], positions: Sequence[Sequence[int]], layers: Sequence[int]
) -> dict[int, torch.Tensor]:
    """layer -> states (N, D) fp32 in main memory; N runs over the rows, and over the positions of each, in order.

    Equal rows are computed once. Raises ValueError for a layer that does not exist."""
    blocks = engine.blocks
    assert blocks is not None
    wanted = [blocks.layer(layer) for layer in dict.fromkeys(layers)]
    deepest = max(wanted, default=-1)
    starts, total = [], 0
    for columns in positions:
        starts.append(total)
        total += len(columns)
    out = {layer: torch.empty(total, blocks.width) for layer in wanted}
    same: dict[Ids, list[int]] = {}
    for i, row in enumerate(rows):
        same.setdefault(row, []).append(i)
    distinct = list(same)

    def run(part: Sequence[int]) -> None:
        inputs = padded(engine, [distinct[k] for k in part])
        width = inputs["input_ids"].shape[1]
        sources: list[int] = []  # places in the flattened batch
        at: list[int] = []
        for b, k in enumerate(part):
            for i in same[distinct[k]]:
                sources += [b * width + c for c in positions[i]]
                at += range(starts[i], starts[i] + len(positions[i]))
        places, targets = _index_of(sources, engine.device), _index_of(at, "cpu")

        def keeper(layer: int) -> Hook:
            def hook(stream_BTD: torch.Tensor) -> None:
                out[layer][targets] = stream_BTD.flatten(0, 1)[places].float().to("cpu")
                if layer == deepest:
                    raise StopForward

            return hook

        # What is written into marked rows is written by hooks that stand outside of these: reads come after writes.
        try:
            with engine.prepared(inputs) as plain, blocks.hooked([(layer, keeper(layer)) for layer in wanted]):
                decoder_of(engine.model)(**plain)
        except StopForward:
            pass

    if wanted and total:
        busy = [k for k in range(len(distinct)) if any(positions[i] for i in same[distinct[k]])]
        for part in batches([len(distinct[k]) for k in busy], engine):
            with_backoff(run, [busy[k] for k in part])
    return out


def _index_of(numbers: Sequence[int], device: torch.device | str) -> slice | torch.Tensor:
    """An index of these places: a slice where they stand in a row (nothing is gathered then)."""
    if len(numbers) == numbers[-1] - numbers[0] + 1 and all(b == a + 1 for a, b in pairwise(numbers)):
        return slice(numbers[0], numbers[-1] + 1)
    return torch.tensor(numbers, device=device)
