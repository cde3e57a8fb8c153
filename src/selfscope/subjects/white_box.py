"""What a local model shows of its inside: captured states, the lens, the norms of ordinary tokens.

Axes: N rows of states, D width, V vocabulary, X any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from selfscope.errors import BadInput
from selfscope.records import Injection, TokenDistribution, Vector
from selfscope.subjects.activations import Activations, without_sinks
from selfscope.subjects.capture import capture
from selfscope.subjects.decode import Engine, Ids
from selfscope.subjects.inject import positions_of

TextOf = Callable[[int], str]
"""The text of a token."""
NEUTRAL = (
    "The museum opens at ten in the morning and closes at six, except on the first Monday of each month.",
    "After the rain had stopped, they walked along the river and talked about the journey of the next day.",
    "Copper conducts electricity well, which is why most of the wires in a house are made of it.",
    "She bought three apples, a loaf of bread and some cheese, and put them in a paper bag.",
    "The committee will meet again in spring to decide how the money should be spent.",
    "Most birds of this kind build their nests in low bushes near the water.",
    "He could not remember where he had left the keys, so he looked in every room twice.",
    "The train to the coast leaves from the second platform and takes a little under two hours.",
)
"""Ordinary sentences on which the norms of ordinary tokens are measured."""


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
    if isinstance(positions, str):
        if positions not in ("last", "all", "every"):
            raise BadInput(f"positions are last, all, every, or those of each prompt; not {positions!r}")
        wanted = [[len(r) - 1] if positions == "last" else list(range(len(r))) for r in rows]
    else:
        if len(positions) != len(rows):
            raise BadInput(f"{len(positions)} lists of positions for {len(rows)} prompts")
        wanted = [_within(many, len(row)) for many, row in zip(positions, rows, strict=True)]
    states = {layer: states_ND.numpy() for layer, states_ND in capture(engine, rows, wanted, layers).items()}
    places = [(i, c) for i, many in enumerate(wanted) for c in many]
    if positions == "all":
        keep: list[int] = []
        start = 0
        for many in wanted:
            norms = {k: np.linalg.norm(v[start : start + len(many)], axis=1) for k, v in states.items()}
            keep += [start + i for i in without_sinks(norms)]
            start += len(many)
        states = {k: v[keep] for k, v in states.items()}
        places = [places[i] for i in keep]
    tokens = tuple(text_of(engine.token(rows[i][c])) for i, c in places)
    return Activations(tuple(places), states, tokens, record)


def _within(positions: Sequence[int], length: int) -> list[int]:
    """Columns from 0. Raises BadInput saying which there are."""
    if not positions:
        return []
    return list(positions_of(Injection(0, Vector(""), tuple(positions)), length)[0])


def unembedded(
    engine: Engine, states_ND: Any, *, ids: Sequence[int] | None, top: int | None, text_of: TextOf
) -> list[TokenDistribution]:
    """See `Local.unembed`."""
    blocks = engine.blocks
    assert blocks is not None
    states = torch.as_tensor(np.asarray(states_ND, dtype=np.float32)).to(engine.device, engine.model.dtype)
    if states.ndim != 2 or states.shape[1] != blocks.width:
        raise BadInput(f"states are (N, {blocks.width}) for this model, not {tuple(states.shape)}")
    if not torch.isfinite(states).all():
        raise BadInput("states to unembed have values that are not finite numbers")
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
    most = top or (10 if ids is None else 0)
    chosen = [*(ids or ()), *logprobs_V.topk(min(most, len(logprobs_V))).indices.tolist()]
    values = logprobs_V[torch.tensor(chosen, device=logprobs_V.device)].tolist()
    return TokenDistribution(tuple(chosen), tuple(values), entropy, tuple(text_of(k) for k in chosen))


def median_norms(engine: Engine, rows: Sequence[Ids]) -> dict[int, float]:
    """layer -> median norm of the ordinary tokens of neutral sentences (`NEUTRAL` as token ids), -1 included."""
    assert engine.blocks is not None
    layers = [-1, *engine.blocks.layers]
    states = capture(engine, rows, [list(range(len(r))) for r in rows], layers)
    norms = {layer: x.norm(dim=-1).numpy() for layer, x in states.items()}
    out: dict[int, list[float]] = {layer: [] for layer in layers}
    start = 0
    for row in rows:
        for layer in layers:  # a sink of one layer is an ordinary token of another
            own = norms[layer][start : start + len(row)]
            out[layer] += [float(own[i]) for i in without_sinks({layer: own.tolist()})]
        start += len(row)
    return {layer: float(np.median(values)) for layer, values in out.items()}
