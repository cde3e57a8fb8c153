"""What a local model shows of its inside: captured states, the lens, the norms of ordinary tokens.

Axes: N rows of states, D width, V vocabulary, X any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from selfscope.errors import BadInput
from selfscope.records import TokenDistribution
from selfscope.records.numbers import finite_numbers
from selfscope.subjects import ordinary_tokens
from selfscope.subjects.activations import Activations
from selfscope.subjects.decode import Engine, Ids
from selfscope.subjects.masked_rows import capture
from selfscope.subjects.ordinary_tokens import ordinary
from selfscope.subjects.places import columns_to_read

TextOf = Callable[[int], str]
"""The text of a token."""


def captured(
    engine: Engine,
    rows: Sequence[Ids],
    layers: Sequence[int],
    positions: str | Sequence[Sequence[int]],
    *,
    text_of: TextOf,
    record: Mapping[str, Any],
) -> Activations:
    """See `Local.capture`. record: whose states these are."""
    assert engine.blocks is not None
    for layer in layers:
        engine.blocks.layer(layer)
    columns = columns_to_read(positions, [len(row) for row in rows])
    states = {layer: states_ND.numpy() for layer, states_ND in capture(engine, rows, columns, layers).items()}
    places = [(i, c) for i, own in enumerate(columns) for c in own]
    if positions == "all":
        keep = ordinary(states, [len(own) for own in columns])
        states = {k: v[keep] for k, v in states.items()}
        places = [places[i] for i in keep]
    tokens = tuple(text_of(engine.token(rows[i][c])) for i, c in places)
    return Activations(tuple(places), states, tokens, record)


def unembedded(
    engine: Engine, states_ND: Any, *, ids: Sequence[int] | None, top: int | None, text_of: TextOf
) -> list[TokenDistribution]:
    """See `Local.unembed`."""
    blocks = engine.blocks
    assert blocks is not None
    states = torch.from_numpy(finite_numbers(states_ND, "states to unembed")).to(engine.device, engine.model.dtype)
    if states.ndim != 2 or states.shape[1] != blocks.width:
        raise BadInput(f"states are (N, {blocks.width}) for this model, not {tuple(states.shape)}")
    if not torch.isfinite(states).all():
        raise BadInput(f"states to unembed have values too large for {engine.model.dtype}")
    out = []
    for _, logprobs_NV in engine.heads(blocks.normed(states)):
        for row_V, entropy in zip(logprobs_NV, entropies(logprobs_NV).tolist(), strict=True):
            out.append(listed(row_V, entropy, ids=ids, top=top, text_of=text_of))
    return out


def entropies(logprobs_XV: torch.Tensor) -> torch.Tensor:
    """Entropy (nats) of each distribution over the vocabulary."""
    return -(logprobs_XV.exp() * logprobs_XV.clamp(min=-1e4)).sum(-1)


def listed(
    logprobs_V: torch.Tensor, entropy: float, *, ids: Sequence[int] | None, top: int | None, text_of: TextOf
) -> TokenDistribution:
    """The listed ids and then the `top` likeliest (10 where nothing is listed) of one distribution."""
    for token in ids or ():
        if not 0 <= token < len(logprobs_V):
            raise BadInput(f"there is no token {token}: this model has 0 to {len(logprobs_V) - 1}")
    most = top or (10 if ids is None else 0)
    chosen = [*(ids or ()), *logprobs_V.topk(min(most, len(logprobs_V))).indices.tolist()]
    values = logprobs_V[torch.tensor(chosen, device=logprobs_V.device)].tolist()
    return TokenDistribution(tuple(chosen), tuple(values), entropy, tuple(text_of(k) for k in chosen))


def median_norms(engine: Engine, rows: Sequence[Ids]) -> dict[int, float]:
    """layer -> median norm of the ordinary tokens of neutral sentences (token ids, a row each), -1 included."""
    assert engine.blocks is not None
    layers = [-1, *engine.blocks.layers]
    lengths = [len(row) for row in rows]
    states = capture(engine, rows, [list(range(length)) for length in lengths], layers)
    return ordinary_tokens.median_norms({k: x.norm(dim=-1).numpy() for k, x in states.items()}, lengths)
