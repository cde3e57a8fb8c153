"""Batched generation and exact scoring on a transformers model.

Axes: B rows of a batch, T tokens, V vocabulary, D width. Rows are right-padded: in a causal model what stands to the
right of a token cannot reach it. Prompts of one call that begin alike share the beginning: it is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

Ids = tuple[int, ...]
T = TypeVar("T")
MIN_HEADER = 8  # shorter common beginnings are not worth a cache
MEMORY_WORDS = ("out of memory", "not enough memory", "can't allocate memory", "alloc")


@dataclass(frozen=True)
class Engine:
    """A model with what decoding needs to know about it.

    tree: candidates may be packed behind their prompt under a tree-shaped mask (checked when the model was loaded);
    False: one candidate a row. tokens: tokens of a batch, the memory bound. window: shortest attention window.
    """

    model: Any
    stop_ids: Ids
    tree: bool = True
    tokens: int = 2048
    rows: int = 128
    window: int | None = None

    @property
    def device(self) -> torch.device:
        return torch.device(self.model.device)

    def body(self, **inputs: Any) -> torch.Tensor:
        """Last hidden states (B, T, D) after the final norm, no head."""
        return self.model.get_decoder()(**inputs).last_hidden_state

    def head(self, hidden_ND: torch.Tensor) -> torch.Tensor:
        """Log-probabilities (N, V) in fp32, with the family's own scaling of logits."""
        config = self.model.config.get_text_config()
        logits_NV = self.model.get_output_embeddings()(hidden_ND).float()
        if getattr(config, "logit_scale", None):  # Cohere
            logits_NV = logits_NV * config.logit_scale
        if getattr(config, "logits_scaling", None):  # Granite
            logits_NV = logits_NV / config.logits_scaling
        cap = getattr(config, "final_logit_softcapping", None)  # Gemma
        if cap:
            logits_NV = cap * torch.tanh(logits_NV / cap)
        return torch.log_softmax(logits_NV, dim=-1)


def common_header(rows: Sequence[Ids]) -> int:
    """Length of the longest common beginning that leaves every row at least one token of its own."""
    if len(rows) < 2:
        return 0
    low, high = min(rows), max(rows)
    room = min(map(len, rows)) - 1
    same = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    header = min(same, room)
    return header if header >= MIN_HEADER else 0


def with_backoff(run: Callable[[Sequence[int]], None], order: Sequence[int]) -> None:
    """Calls run(part) over all of order, in halves where memory runs out. A single row that does not fit raises."""
    try:
        run(order)
    except (MemoryError, RuntimeError) as error:
        text = str(error).lower()
        if len(order) < 2 or not (isinstance(error, MemoryError) or any(word in text for word in MEMORY_WORDS)):
            raise
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        middle = len(order) // 2
        with_backoff(run, order[:middle])
        with_backoff(run, order[middle:])


def batches(lengths: Sequence[int], engine: Engine) -> Iterator[list[int]]:
    """Rows sorted by length, as many a batch as the padded tokens allow."""
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i], i))
    part: list[int] = []
    for i in order:
        if part and ((len(part) + 1) * max(lengths[i], 1) > engine.tokens or len(part) >= engine.rows):
            yield part
            part = []
        part.append(i)
    if part:
        yield part


def header_cache(engine: Engine, ids: Ids) -> Any:
    """The key-value cache of a common beginning, one row."""
    from transformers import DynamicCache

    cache = DynamicCache(config=engine.model.config)
    engine.body(input_ids=torch.tensor([ids], device=engine.device), past_key_values=cache, use_cache=True)
    return cache


def spread(engine: Engine, header: Any, rows: int) -> Any:
    """A copy of a one-row cache for many rows; None stays None."""
    from transformers import DynamicCache

    if header is None:
        return None
    cache = DynamicCache(config=engine.model.config)
    for layer, source in enumerate(header.layers):
        cache.update(source.keys.expand(rows, -1, -1, -1), source.values.expand(rows, -1, -1, -1), layer)
    return cache


# ---- a row of tokens with branches ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Tree:
    """A prompt's own tokens and, behind them, the candidates' tokens as a tree without its leaves.

    ids: (T,) tokens. parent: (T,) index of the token that each follows, -1 at the start. reads: for each candidate,
    for each of its tokens, (index of the token before it, the token).
    """

    ids: list[int]
    parent: list[int]
    reads: list[list[tuple[int, int]]]


def grow(prompt: Ids, candidates: Sequence[Ids]) -> Tree:
    """The tree of a prompt's candidates: shared beginnings once, last tokens not at all (they are only read)."""
    ids, parent = list(prompt), list(range(-1, len(prompt) - 1))
    last = len(prompt) - 1
    children: dict[tuple[int, int], int] = {}
    reads: list[list[tuple[int, int]]] = []
    for candidate in candidates:
        at, read = last, []
        for place, token in enumerate(candidate):
            read.append((at, token))
            if place == len(candidate) - 1:
                break
            key = (at, token)
            if key not in children:
                children[key] = len(ids)
                ids.append(token)
                parent.append(at)
            at = children[key]
        reads.append(read)
    return Tree(ids, parent, reads)


def score(engine: Engine, prompts: Sequence[Ids], candidates: Sequence[Sequence[Ids]]) -> list[list[list[float]]]:
    """Log-probability (nats) of every token of every candidate after its prompt."""
    if engine.tree:
        longest = max(len(p) + max((len(c) for c in cs), default=0) for p, cs in zip(prompts, candidates, strict=True))
        if engine.window is None or longest < engine.window:
            return _score_trees(engine, prompts, candidates)
    flat = [(i, j) for i, cs in enumerate(candidates) for j in range(len(cs))]
    rows = [prompts[i] + candidates[i][j] for i, j in flat]
    out: list[list[list[float]]] = [[[] for _ in cs] for cs in candidates]

    def run(part: Sequence[int]) -> None:
        hidden_BTD = engine.body(**padded(engine, [rows[r][:-1] for r in part]))
        for b, r in enumerate(part):
            i, j = flat[r]
            tokens = candidates[i][j]
            start = len(prompts[i]) - 1
            logprobs_TV = engine.head(hidden_BTD[b, start : start + len(tokens)])
            out[i][j] = logprobs_TV.gather(1, torch.tensor(tokens, device=engine.device)[:, None])[:, 0].tolist()

    for part in batches([len(r) for r in rows], engine):
        with_backoff(run, part)
    return out


def padded(engine: Engine, rows: Sequence[Ids]) -> dict[str, torch.Tensor]:
    """Right-padded inputs with mask and positions."""
    width = max(map(len, rows))
    ids_BT = torch.zeros(len(rows), width, dtype=torch.long)
    mask_BT = torch.zeros(len(rows), width, dtype=torch.long)
    for b, row in enumerate(rows):
        ids_BT[b, : len(row)] = torch.tensor(row)
        mask_BT[b, : len(row)] = 1
    positions_BT = torch.arange(width)[None].expand(len(rows), -1)
    device = engine.device
    return {
        "input_ids": ids_BT.to(device),
        "attention_mask": mask_BT.to(device),
        "position_ids": positions_BT.to(device),
        "use_cache": False,
    }


def _score_trees(
    engine: Engine, prompts: Sequence[Ids], candidates: Sequence[Sequence[Ids]]
) -> list[list[list[float]]]:
    cut = common_header(prompts)
    header = header_cache(engine, prompts[0][:cut]) if cut else None
    trees = [grow(p[cut:], cs) for p, cs in zip(prompts, candidates, strict=True)]
    out: list[list[list[float]]] = [[] for _ in trees]

    def run(part: Sequence[int]) -> None:
        some = [trees[i] for i in part]
        hidden_BTD = engine.body(**tree_inputs(engine, some, cut, spread(engine, header, len(part))))
        # Each distinct place that is read gets one row of the head.
        places = [sorted({at for read in tree.reads for at, _ in read}) for tree in some]
        flat_b = [b for b, many in enumerate(places) for _ in many]
        flat_t = [t for many in places for t in many]
        row = {bt: n for n, bt in enumerate(zip(flat_b, flat_t, strict=True))}
        wanted = [(row[b, at], token) for b, tree in enumerate(some) for read in tree.reads for at, token in read]
        picked = read_tokens(engine, hidden_BTD[flat_b, flat_t], wanted)
        values = iter(picked)
        for i, tree in zip(part, some, strict=True):
            out[i] = [[next(values) for _ in read] for read in tree.reads]

    for part in batches([len(t.ids) for t in trees], engine):
        with_backoff(run, part)
    return out


def read_tokens(engine: Engine, hidden_ND: torch.Tensor, wanted: Sequence[tuple[int, int]]) -> list[float]:
    """Log-probabilities of (row, token) pairs; the head runs over a bounded number of rows at a time."""
    step = max(1, (1 << 24) // int(engine.model.config.get_text_config().vocab_size))
    out = [0.0] * len(wanted)
    by_chunk: dict[int, list[int]] = {}
    for n, (row, _) in enumerate(wanted):
        by_chunk.setdefault(row // step, []).append(n)
    for chunk, members in by_chunk.items():
        logprobs_NV = engine.head(hidden_ND[chunk * step : (chunk + 1) * step])
        rows = torch.tensor([wanted[n][0] - chunk * step for n in members], device=engine.device)
        tokens = torch.tensor([wanted[n][1] for n in members], device=engine.device)
        for n, value in zip(members, logprobs_NV[rows, tokens].tolist(), strict=True):
            out[n] = value
    return out


def tree_inputs(engine: Engine, trees: Sequence[Tree], cut: int, cache: Any) -> dict[str, Any]:
    """Inputs of right-padded trees behind `cut` cached tokens: a token sees the cache, its ancestors and itself."""
    width = max(len(t.ids) for t in trees)
    rows = len(trees)
    ids_BT = torch.zeros(rows, width, dtype=torch.long)
    depth_BT = torch.zeros(rows, width, dtype=torch.long)
    sees_BTT = torch.eye(width, dtype=torch.bool).repeat(rows, 1, 1)
    for b, tree in enumerate(trees):
        own = len(tree.ids)
        ids_BT[b, :own] = torch.tensor(tree.ids)
        straight = next((t for t in range(own) if tree.parent[t] != t - 1), own)
        sees_BTT[b, :straight, :straight] = torch.ones(straight, straight, dtype=torch.bool).tril()
        depth_BT[b, :straight] = torch.arange(straight)
        for t in range(straight, own):
            up = tree.parent[t]
            sees_BTT[b, t] |= sees_BTT[b, up]
            depth_BT[b, t] = depth_BT[b, up] + 1
    past_BTP = torch.ones(rows, width, cut, dtype=torch.bool)
    sees = torch.cat([past_BTP, sees_BTT], dim=2)[:, None]
    dtype = engine.model.dtype
    mask = torch.zeros(sees.shape, dtype=dtype).masked_fill_(~sees, torch.finfo(dtype).min)
    inputs: dict[str, Any] = {
        "input_ids": ids_BT.to(engine.device),
        "position_ids": (depth_BT + cut).to(engine.device),
        "attention_mask": mask.to(engine.device),
        "use_cache": cache is not None,
    }
    if cache is not None:
        inputs["past_key_values"] = cache
    return inputs


def next_logprobs(engine: Engine, prompts: Sequence[Ids], use: Callable[[int, torch.Tensor], T]) -> list[T]:
    """use(i, logprobs_V) for the next-token distribution of every prompt; the head runs on one row each."""
    out: dict[int, T] = {}
    if not engine.tree:

        def plain(part: Sequence[int]) -> None:
            hidden_BTD = engine.body(**padded(engine, [prompts[i] for i in part]))
            ends = torch.tensor([len(prompts[i]) - 1 for i in part], device=engine.device)
            for i, row_V in zip(part, engine.head(hidden_BTD[range(len(part)), ends]), strict=True):
                out[i] = use(i, row_V)

        for part in batches([len(p) for p in prompts], engine):
            with_backoff(plain, part)
        return [out[i] for i in range(len(prompts))]
    cut = common_header(prompts)
    header = header_cache(engine, prompts[0][:cut]) if cut else None
    trees = [grow(p[cut:], ()) for p in prompts]

    def run(part: Sequence[int]) -> None:
        some = [trees[i] for i in part]
        hidden_BTD = engine.body(**tree_inputs(engine, some, cut, spread(engine, header, len(part))))
        ends = torch.tensor([len(t.ids) - 1 for t in some], device=engine.device)
        for i, row_V in zip(part, engine.head(hidden_BTD[range(len(part)), ends]), strict=True):
            out[i] = use(i, row_V)

    for part in batches([len(t.ids) for t in trees], engine):
        with_backoff(run, part)
    return [out[i] for i in range(len(prompts))]
