"""What a local model shows of its inside: captured states with their record, the lens, the norms of ordinary tokens."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from selfscope.errors import BadInput
from selfscope.records import Injection, Prompt, TokenDistribution, Vector
from selfscope.subjects.activations import CONVENTION, Activations, without_sinks
from selfscope.subjects.capture import capture
from selfscope.subjects.decode import Engine, Ids
from selfscope.subjects.inject import positions_of

if TYPE_CHECKING:
    from selfscope.subjects.local import Local

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
    local: Local, engine: Engine, rows: Sequence[Ids], layers: Sequence[int], positions: str | Sequence[Sequence[int]]
) -> Activations:
    """See `Local.capture`."""
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
    texts: dict[int, str] = {}
    ids = [engine.token(rows[i][c]) for i, c in places]
    for token in ids:
        if token not in texts:
            texts[token] = local.tokenizer.decode([token])
    tokens = tuple(texts[token] for token in ids)
    return Activations(tuple(places), states, tokens, record_of(local, [tuple(map(engine.token, r)) for r in rows]))


def _within(positions: Sequence[int], length: int) -> list[int]:
    """Columns from 0. Raises BadInput saying which there are."""
    if not positions:
        return []
    return list(positions_of(Injection(0, Vector(""), tuple(positions)), length)[0])


def record_of(local: Local, rows: Sequence[Ids]) -> dict[str, Any]:
    """Whose states these are: what a reader of stored activations has to know."""
    known = local.environment
    return {
        "subject": local.identity,
        "model": local.name,
        "tokenizer": local.vocabulary_hash,
        "revision": known.get("revision"),
        "adapter": known.get("adapter"),
        "standing": len(local.standing),
        "prompts": [sha256(repr(row).encode()).hexdigest()[:16] for row in rows],
        "convention": CONVENTION,
        "dtype": known.get("dtype", str(local.engine.model.dtype)),
        "kernel": known.get("attention"),
        "device": known.get("device"),
        "torch": known.get("torch", torch.__version__),
        "transformers": known.get("transformers"),
    }


def unembedded(local: Local, states_ND: Any, ids: Sequence[int] | None, top: int | None) -> list[TokenDistribution]:
    """See `Local.unembed`."""
    engine, blocks = local.engine, local.engine.blocks
    assert blocks is not None
    states = torch.as_tensor(np.asarray(states_ND, dtype=np.float32)).to(engine.device, engine.model.dtype)
    if states.ndim != 2 or states.shape[1] != blocks.width:
        raise BadInput(f"states are (N, {blocks.width}) for this model, not {tuple(states.shape)}")
    if not torch.isfinite(states).all():
        raise BadInput("states to unembed have values that are not finite numbers")
    out = []
    words: dict[int, str] = {}
    for _, logprobs_NV in engine.heads(blocks.normed(states)):
        for row_V, entropy in zip(logprobs_NV, entropies(logprobs_NV).tolist(), strict=True):
            out.append(listed(local, row_V, entropy, ids, top, words))
    return out


def entropies(logprobs_XV: torch.Tensor) -> torch.Tensor:
    """Entropy (nats) of each distribution over the vocabulary."""
    return -(logprobs_XV.exp() * logprobs_XV.clamp(min=-1e4)).sum(-1)


def listed(
    local: Local,
    logprobs_V: torch.Tensor,
    entropy: float,
    ids: Sequence[int] | None,
    top: int | None,
    words: dict[int, str],
) -> TokenDistribution:
    """The listed ids and then the `top` likeliest (10 where nothing is listed) of one distribution. words: texts of
    tokens as they are known, for other distributions too."""
    most = top or (10 if ids is None else 0)
    chosen = [*(ids or ()), *logprobs_V.topk(min(most, len(logprobs_V))).indices.tolist()]
    values = logprobs_V[torch.tensor(chosen, device=logprobs_V.device)].tolist()
    for k in chosen:
        if k not in words:
            words[k] = local.tokenizer.decode([k])
    return TokenDistribution(tuple(chosen), tuple(values), entropy, tuple(words[k] for k in chosen))


def median_norms(local: Local) -> dict[int, float]:
    """layer -> median norm of the ordinary tokens of neutral sentences, -1 included."""
    engine = local.engine
    assert engine.blocks is not None
    layers = [-1, *engine.blocks.layers]
    rows = [local.encode(Prompt(text=text)) for text in NEUTRAL]
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
