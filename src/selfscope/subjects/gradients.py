"""Scores with their gradients: the forward that training needs, on the answer columns only.

Questions about one object branch off one prefix, as in `prefix_trees`: what they have in common is computed once, and
its gradient is the sum over its branches. Nothing above an answer's column goes through the head.

Axes: B rows, T tokens, D width, N read places, V vocabulary, C candidates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from transformers.cache_utils import DynamicCache

from selfscope.subjects.decode import Engine, Ids, common_header, expand_cache, header_cache, padded
from selfscope.subjects.growing_rows import left_padded, prefill
from selfscope.subjects.live_adapters import SWITCHED
from selfscope.subjects.live_states import checkpointed
from selfscope.subjects.prefix_trees import Tree, grow, rows_of, tree_inputs


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
    groups = _frozen_beginnings(engine, prompts)
    if groups is None:
        trees = rows_of(grow(prompts, candidates, 0, range(len(prompts))))
        inputs = tree_inputs(engine, trees, 0, None)
    else:
        trees, inputs = _behind_beginnings(engine, groups, prompts, candidates)
    with engine.prepared(inputs) as plain:
        yield _summed(engine, engine.states(plain), [tree.reads for tree in trees], candidates)


def _frozen_beginnings(engine: Engine, prompts: Sequence[Ids]) -> dict[Ids, list[int]] | None:
    """Prompts by their beginning through which no gradient goes: all before the question, where the adapters that act
    are switched ones and what is written has none. None where there is no such thing."""
    marks = engine.marks
    if marks is None or marks.tensors or not engine.active or any(a.carry != SWITCHED for a in engine.active):
        return None
    if engine.steps != "in place" or checkpointed(engine.model):
        return None  # it keeps no cache, or what is computed anew has none
    groups: dict[Ids, list[int]] = {}
    for i, prompt in enumerate(prompts):
        asked = next((t for t, token in enumerate(prompt) if marks.acts(token)), 0)
        groups.setdefault(prompt[:asked], []).append(i)
    return None if () in groups else groups


def _behind_beginnings(
    engine: Engine, groups: dict[Ids, list[int]], prompts: Sequence[Ids], candidates: Sequence[Sequence[Ids]]
) -> tuple[list[Tree], dict[str, Any]]:
    """One row for each beginning, which is read once without a graph: the questions about it branch off its cache."""
    beginnings = list(groups)
    rows = left_padded(beginnings, common_header(beginnings))
    device = engine.device.type
    with torch.no_grad(), torch.autocast(device, enabled=False):  # the base's own states, whatever is trained in
        header = header_cache(engine, beginnings[0][: rows.cut])
        cache = DynamicCache() if header is None else expand_cache(header, len(beginnings))
        prefill(engine, rows, slice(None), cache, rows.seen_NT.to(engine.device))
    trees = []
    for beginning, members in groups.items():
        tree = Tree()
        for i in sorted(members, key=lambda i: prompts[i]):
            tree.add(i, prompts[i][len(beginning) :], candidates[i])
        trees.append(tree)
    lengths = np.array([len(beginning) for beginning in beginnings])
    return trees, tree_inputs(engine, trees, lengths, cache, rows.seen_NT.bool().numpy())


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
