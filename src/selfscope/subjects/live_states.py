"""States with their gradients: what the target's activations are under what is being trained.

Axes: B rows, T tokens, D width, N read places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch

from selfscope.subjects.blocks import Hook, decoder_of
from selfscope.subjects.capture import StopForward, capture
from selfscope.subjects.decode import Engine, Ids, batches, padded


def checkpointed(model: Any) -> bool:
    """Whether parts of the model are computed anew on the way back."""
    return any(getattr(module, "gradient_checkpointing", False) for module in model.modules())


@contextmanager
def live_states(
    engine: Engine, rows: Sequence[Ids], positions: Sequence[Sequence[int]], layers: Sequence[int]
) -> Iterator[dict[int, torch.Tensor]]:
    """layer -> states (N, D) fp32 on the model's device; N runs over the rows, and over the positions of each, in
    order.

    Where gradients are on it is one forward: call backward within the block, since what is written and which adapters
    act lasts as long, also where checkpointing computes a part anew. Where they are off it is `capture`."""
    if not torch.is_grad_enabled():
        found = capture(engine, rows, positions, layers)
        yield {layer: states_ND.to(engine.device) for layer, states_ND in found.items()}
        return
    blocks = engine.blocks
    assert blocks is not None
    wanted = [blocks.layer(layer) for layer in dict.fromkeys(layers)]
    distinct = list(dict.fromkeys(rows))
    ordered = [distinct[k] for part in batches([len(row) for row in distinct], engine) for k in part]
    place_of = {row: b for b, row in enumerate(ordered)}
    places = [(place_of[row], c) for row, own in zip(rows, positions, strict=True) for c in own]
    if not places:
        yield {layer: torch.empty(0, blocks.width, device=engine.device) for layer in wanted}
        return
    at_B, at_T = torch.tensor(places, device=engine.device).unbind(1)
    out: dict[int, torch.Tensor] = {}
    whole = checkpointed(engine.model)  # what is computed anew must meet no exception

    def keeper(layer: int) -> Hook:
        def hook(stream_BTD: torch.Tensor) -> None:
            if layer in out:
                return  # computed anew: what was read first has the graph
            out[layer] = stream_BTD[at_B, at_T].float()
            if not whole and layer == max(wanted):
                raise StopForward

        return hook

    hooks = [(layer, keeper(layer)) for layer in wanted]
    with engine.prepared(padded(engine, ordered)) as plain, blocks.hooked(hooks):
        with suppress(StopForward):
            decoder_of(engine.model)(**plain)
        yield out
