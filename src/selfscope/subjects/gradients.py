"""Scores with their gradients: the forward that training needs, on the answer columns only.

Questions about one object branch off one prefix, as in `prefix_trees`: what they have in common is computed once, and
its gradient is the sum over its branches. Nothing above an answer's column goes through the head.

Axes: B rows, T tokens, D width, N read places, V vocabulary, C candidates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from selfscope.subjects.decode import Engine, Ids, cache_after_prefix, common_header, header_cache, padded
from selfscope.subjects.live_adapters import SWITCHED
from selfscope.subjects.prefix_trees import grow, rows_of, tree_inputs


@contextmanager
def candidate_logprobs(
    engine: Engine, prompts: Sequence[Ids], candidates: Sequence[Sequence[Ids]]
) -> Iterator[list[torch.Tensor]]:
    """For each prompt (C,) log-probabilities (nats) of its candidates, all in one forward, differentiable.

    Call backward within the block: what is written and which adapters act lasts as long, also where checkpointing
    computes a part anew."""
    if engine.tree and engine.within_window(_longest(prompts, candidates)):
        yield from _on_trees(engine, prompts, candidates)
    else:
        yield from _on_rows(engine, prompts, candidates)


def _longest(prompts: Sequence[Ids], candidates: Sequence[Sequence[Ids]]) -> int:
    return max((len(p) + max(map(len, own), default=0) for p, own in zip(prompts, candidates, strict=True)), default=0)


def _on_trees(
    engine: Engine, prompts: Sequence[Ids], candidates: Sequence[Sequence[Ids]]
) -> Iterator[list[torch.Tensor]]:
    cut = _frozen_header(engine, prompts)
    with torch.no_grad():
        header = header_cache(engine, prompts[0][:cut]) if cut else None
    trees = rows_of(grow(prompts, candidates, cut, range(len(prompts))))
    inputs = tree_inputs(engine, trees, cut, cache_after_prefix(engine, header, len(trees)))
    with engine.prepared(inputs) as plain:
        hidden_BTD = engine.states(plain)
        yield _summed(engine, hidden_BTD, [tree.reads for tree in trees], candidates)


def _on_rows(
    engine: Engine, prompts: Sequence[Ids], candidates: Sequence[Sequence[Ids]]
) -> Iterator[list[torch.Tensor]]:
    """One candidate a row: what every causal architecture can do."""
    flat = [(i, j) for i, own in enumerate(candidates) for j in range(len(own))]
    rows = [prompts[i] + candidates[i][j][:-1] for i, j in flat]
    reads = [
        {(i, j, k): (len(prompts[i]) - 1 + k, token) for k, token in enumerate(candidates[i][j])} for i, j in flat
    ]
    with engine.prepared(padded(engine, rows)) as plain:
        yield _summed(engine, engine.states(plain), reads, candidates)


def _frozen_header(engine: Engine, prompts: Sequence[Ids]) -> int:
    """Length of the common beginning through which no gradient goes: one on which no adapter acts, and where nothing is
    written. It is computed once, without a graph."""
    if any(adapter.carry != SWITCHED for adapter in engine.active):
        return 0
    if any(getattr(module, "gradient_checkpointing", False) for module in engine.model.modules()):
        return 0  # what is computed anew has no cache
    marked = next((t for t, token in enumerate(prompts[0]) if token >= engine.vocabulary), len(prompts[0]))
    cut = min(common_header(prompts), marked)
    return cut if len(prompts) > 1 else 0


def _summed(
    engine: Engine,
    hidden_BTD: torch.Tensor,
    reads: Sequence[dict[tuple[int, int, int], tuple[int, int]]],
    candidates: Sequence[Sequence[Ids]],
) -> list[torch.Tensor]:
    places: dict[tuple[int, int], int] = {}
    flat = [(b, key, at, token) for b, own in enumerate(reads) for key, (at, token) in own.items()]
    for b, _, at, _ in flat:
        places.setdefault((b, at), len(places))
    hidden_ND = hidden_BTD[[b for b, _ in places], [t for _, t in places]]
    logprobs_NV = engine.head(hidden_ND)
    index = torch.tensor([places[b, at] for b, _, at, _ in flat], device=hidden_ND.device)
    tokens = torch.tensor([engine.token(token) for *_, token in flat], device=hidden_ND.device)
    starts, total = [], 0
    for own in candidates:
        starts.append(total)
        total += len(own)
    target = torch.tensor([starts[key[0]] + key[1] for _, key, _, _ in flat], device=hidden_ND.device)
    sums = torch.zeros(total, device=hidden_ND.device).index_add(0, target, logprobs_NV[index, tokens])
    return [sums[start : start + len(own)] for start, own in zip(starts, candidates, strict=True)]
