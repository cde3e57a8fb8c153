"""Exact scores: prompts and their candidates packed into token trees, so that no common beginning is computed twice.

A row of a batch holds trees: each token sees its ancestors alone (a mask), at the position that its depth gives. What
many prompts of a call have in common is one cache before all of their trees; what a few have in common (the questions
about one conversation) is a trunk of their tree; the candidates of a prompt are its branches. Short trees stand in one
row, so that little is padding. Axes as in decode.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import torch

from selfscope.subjects.decode import (
    Engine,
    Ids,
    batches,
    cache_after_prefix,
    header_cache,
    padded,
    prefix_groups,
    shared,
    with_backoff,
)

T = TypeVar("T")
ROW = 256  # tokens of a row: longer rows spend more on masked attention than sharing saves
Scores = list[list[list[float]]]


@dataclass
class Tree:
    """One row of one or more trees. ids: its tokens. parent: for each, the index of the one that it follows (-1: none).

    ends: prompt -> index of its last token. reads: (prompt, candidate, place) -> (index of the token before, token).
    """

    ids: list[int] = field(default_factory=list)
    parent: list[int] = field(default_factory=list)
    ends: dict[int, int] = field(default_factory=dict)
    reads: dict[tuple[int, int, int], tuple[int, int]] = field(default_factory=dict)
    child: dict[tuple[int, int], int] = field(default_factory=dict)

    def walk(self, at: int, tokens: Sequence[int]) -> int:
        """The token reached from `at`; what is not there yet grows."""
        for token in tokens:
            reached = self.child.get((at, token))
            if reached is None:
                reached = self.child[at, token] = len(self.ids)
                self.ids.append(token)
                self.parent.append(at)
            at = reached
        return at

    def add(self, i: int, prompt: Sequence[int], candidates: Sequence[Ids]) -> None:
        """Prompt i with its candidates. The last token of a candidate is only read, never computed."""
        end = self.ends[i] = self.walk(-1, prompt)
        for j, candidate in enumerate(candidates):
            at = end
            for place, token in enumerate(candidate):
                self.reads[i, j, place] = (at, token)
                if place < len(candidate) - 1:
                    at = self.walk(at, (token,))

    def join(self, other: Tree) -> None:
        """Puts another's trees behind its own, in the same row."""
        at = len(self.ids)
        self.ids += other.ids
        self.parent += [up + at if up >= 0 else -1 for up in other.parent]
        self.ends.update((i, end + at) for i, end in other.ends.items())
        self.reads.update((key, (place + at, token)) for key, (place, token) in other.reads.items())


def rows_of(trees: Sequence[Tree]) -> list[Tree]:
    """The trees, longest first, each in the first row of ROW tokens that has room for it."""
    rows: list[Tree] = []
    for tree in sorted(trees, key=lambda tree: -len(tree.ids)):
        fitting = next((row for row in rows if len(row.ids) + len(tree.ids) <= ROW), None)
        if fitting is None:
            rows.append(tree)
        else:
            fitting.join(tree)
    return rows


def grow(prompts: Sequence[Ids], candidates: Sequence[Sequence[Ids]], cut: int, members: Sequence[int]) -> list[Tree]:
    """Trees over these prompts behind their first `cut` tokens: neighbours that begin alike share one, of ROW tokens at
    most, so that the fewest tokens are computed."""
    order = sorted(members, key=lambda i: (prompts[i], i))
    alone = [len(prompts[i]) - cut + sum(len(c) for c in candidates[i]) for i in order]
    common = [0] + [shared(prompts[i], prompts[j]) - cut for i, j in pairwise(order)]
    trees = []
    for start, stop in _pieces(alone, common):
        tree = Tree()
        for i in order[start:stop]:
            tree.add(i, prompts[i][cut:], candidates[i])
        trees.append(tree)
    return trees


def _pieces(alone: Sequence[int], common: Sequence[int]) -> list[tuple[int, int]]:
    """The cheapest cut of sorted prompts into trees of ROW tokens at most. alone: tokens of each; common: those that it
    shares with the one before."""
    count = len(alone)
    least, stop_of = [0] * (count + 1), [0] * count
    for start in range(count - 1, -1, -1):
        size, best = alone[start], alone[start] + least[start + 1]
        stop_of[start] = start + 1
        for stop in range(start + 2, count + 1):
            size += alone[stop - 1] - common[stop - 1]
            if size > ROW:
                break
            if size + least[stop] < best:
                best, stop_of[start] = size + least[stop], stop
        least[start] = best
    pieces = []
    at = 0
    while at < count:
        pieces.append((at, stop_of[at]))
        at = stop_of[at]
    return pieces


def score(engine: Engine, prompts: Sequence[Ids], candidates: Sequence[Sequence[Ids]]) -> Scores:
    """Log-probability (nats) of every token of every candidate after its prompt."""
    longest = max((len(p) + max(map(len, cs), default=0) for p, cs in zip(prompts, candidates, strict=True)), default=0)
    if not engine.tree or not engine.within_window(longest):
        return _score_rows(engine, prompts, candidates)
    out: Scores = [[[0.0] * len(c) for c in cs] for cs in candidates]

    def read(trees: Sequence[Tree], hidden_BTD: torch.Tensor) -> None:
        places: dict[tuple[int, int], int] = {}  # each place that is read gets one row of the head
        wanted: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
        for b, tree in enumerate(trees):
            for at, marked in sorted(set(tree.reads.values())):
                wanted[places.setdefault((b, at), len(places)), engine.token(marked)] = []
            for key, (at, marked) in tree.reads.items():
                wanted[places[b, at], engine.token(marked)].append(key)
        if not places:
            return
        hidden_ND = hidden_BTD[[b for b, _ in places], [t for _, t in places]]
        for value, keys in zip(_read_tokens(engine, hidden_ND, list(wanted)), wanted.values(), strict=True):
            for i, j, place in keys:
                out[i][j][place] = value

    _grown(engine, prompts, candidates, read)
    return out


def next_logprobs(engine: Engine, prompts: Sequence[Ids], use: Callable[[int, torch.Tensor], T]) -> list[T]:
    """use(i, logprobs_V) for the next-token distribution of every prompt; the head runs once for equal prompts."""
    out: dict[int, T] = {}

    def read(members: Sequence[Sequence[int]], hidden_ND: torch.Tensor) -> None:
        for start, logprobs_NV in engine.heads(hidden_ND):
            for same, row_V in zip(members[start:], logprobs_NV, strict=False):
                first = use(same[0], row_V)
                out.update((i, first) for i in same)

    def rows(part: Sequence[int]) -> None:
        hidden_BTD = engine.body(**padded(engine, [prompts[i] for i in part]))
        ends = [len(prompts[i]) - 1 for i in part]
        read([[i] for i in part], hidden_BTD[list(range(len(part))), ends])

    def branches(trees: Sequence[Tree], hidden_BTD: torch.Tensor) -> None:
        at: dict[tuple[int, int], list[int]] = {}
        for b, tree in enumerate(trees):
            for i, end in tree.ends.items():
                at.setdefault((b, end), []).append(i)
        read(list(at.values()), hidden_BTD[[b for b, _ in at], [t for _, t in at]])

    if engine.tree and engine.within_window(max(map(len, prompts), default=0)):
        _grown(engine, prompts, [()] * len(prompts), branches)
    else:
        for part in batches([len(p) for p in prompts], engine):
            with_backoff(rows, part)
    return [out[i] for i in range(len(prompts))]


def _grown(
    engine: Engine,
    prompts: Sequence[Ids],
    candidates: Sequence[Sequence[Ids]],
    read: Callable[[Sequence[Tree], torch.Tensor], None],
) -> None:
    """read(trees, hidden_BTD) over all trees of the prompts, a batch at a time."""
    for cut, members in prefix_groups(prompts):
        header = header_cache(engine, prompts[members[0]][:cut]) if cut else None
        trees = rows_of(grow(prompts, candidates, cut, members))

        def run(part: Sequence[int], trees: Sequence[Tree] = trees, cut: int = cut, header: Any = header) -> None:
            batch = [trees[k] for k in part]
            read(batch, engine.body(**tree_inputs(engine, batch, cut, cache_after_prefix(engine, header, len(part)))))

        for part in batches([len(t.ids) for t in trees], engine):
            with_backoff(run, part)


def _read_tokens(engine: Engine, hidden_ND: torch.Tensor, wanted: Sequence[tuple[int, int]]) -> list[float]:
    """Log-probabilities of (row, token) pairs, rows ascending."""
    out: list[float] = []
    at = 0
    for start, logprobs_NV in engine.heads(hidden_ND):
        stop = at
        while stop < len(wanted) and wanted[stop][0] < start + len(logprobs_NV):
            stop += 1
        rows = torch.tensor([row - start for row, _ in wanted[at:stop]], device=engine.device)
        tokens = torch.tensor([token for _, token in wanted[at:stop]], device=engine.device)
        out += logprobs_NV[rows, tokens].tolist()
        at = stop
    return out


def tree_inputs(
    engine: Engine, trees: Sequence[Tree], cut: int | np.ndarray, cache: Any, seen_BP: np.ndarray | None = None
) -> dict[str, Any]:
    """Inputs of right-padded trees behind `cut` cached tokens: a token sees the cache, its ancestors and itself.

    seen_BP: which cached tokens each row has, where rows have caches of their own, of `cut` (B,) tokens each."""
    width = max(len(t.ids) for t in trees)
    before = seen_BP.shape[1] if seen_BP is not None else 0 if engine.cascade else int(cut)
    ids_BT = np.zeros((len(trees), width), dtype=np.int64)
    depth_BT = np.zeros((len(trees), width), dtype=np.int64)
    sees_BTP = np.ones((len(trees), width, before + width), dtype=bool)
    if seen_BP is not None:
        sees_BTP[:, :, :before] = seen_BP[:, None]
    sees_BTP[:, :, before:] = np.eye(width, dtype=bool)  # padding sees itself: a row without any key is not a number
    for b, tree in enumerate(trees):
        own, sees_TT = len(tree.ids), sees_BTP[b, :, before:]
        ids_BT[b, :own] = tree.ids
        straight = next((t for t in range(own) if tree.parent[t] != t - 1), own)
        sees_TT[:straight, :straight] = np.tri(straight, dtype=bool)
        depth_BT[b, :straight] = np.arange(straight)
        for t in range(straight, own):
            up = tree.parent[t]
            if up >= 0:
                sees_TT[t] |= sees_TT[up]
                depth_BT[b, t] = depth_BT[b, up] + 1
    dtype, device = engine.model.dtype, engine.device
    hidden = torch.from_numpy(~sees_BTP).to(device)[:, None]
    inputs: dict[str, Any] = {
        "input_ids": torch.from_numpy(ids_BT).to(device),
        "position_ids": torch.from_numpy(depth_BT + np.asarray(cut).reshape(-1, 1)).to(device),
        "attention_mask": torch.zeros(hidden.shape, dtype=dtype, device=device).masked_fill_(
            hidden, torch.finfo(dtype).min
        ),
        "use_cache": cache is not None,
    }  # fmt: skip
    if cache is not None:
        inputs["cache"] = cache
    return inputs


def _score_rows(engine: Engine, prompts: Sequence[Ids], candidates: Sequence[Sequence[Ids]]) -> Scores:
    """Right-padded rows, one for the candidates that differ in their last token alone: what every causal architecture
    can do. A candidate in whose middle the model's rule changes has a row on each side: the log-probability of a token
    is that of the row which ends before it."""
    ends: dict[tuple[int, Ids], list[tuple[int, int, int]]] = {}
    for i, own in enumerate(candidates):
        for j, tokens in enumerate(own):
            for first, last in _sides(engine, len(prompts[i]), len(tokens)):
                ends.setdefault((i, tokens[:last]), []).append((j, first, last))
    flat = list(ends)
    rows = [prompts[i] + beginning for i, beginning in flat]
    out: Scores = [[[0.0] * len(c) for c in cs] for cs in candidates]

    def run(part: Sequence[int]) -> None:
        hidden_BTD = engine.body(**padded(engine, [rows[r] for r in part]))
        for b, r in enumerate(part):
            i, beginning = flat[r]
            start = len(prompts[i]) - 1
            logprobs_TV = engine.head(hidden_BTD[b, start : start + len(beginning) + 1])
            for j, first, last in ends[flat[r]]:
                tokens = torch.tensor([engine.token(t) for t in candidates[i][j][: last + 1]], device=engine.device)
                out[i][j][first : last + 1] = logprobs_TV.gather(1, tokens[:, None])[first:, 0].tolist()

    for part in batches([len(r) for r in rows], engine):
        with_backoff(run, part)
    return out


def _sides(engine: Engine, prompt: int, tokens: int) -> list[tuple[int, int]]:
    """(first, last) of the stretches of a candidate whose rows follow one rule: nearly always one stretch."""
    sides = [engine.company.side(prompt + place) for place in range(tokens)]
    starts = [place for place in range(tokens) if place == 0 or sides[place] != sides[place - 1]]
    return [(start, stop - 1) for start, stop in zip(starts, [*starts[1:], tokens], strict=True)]
