"""What batched decoding needs of a transformers model: its states, its head, batches that fit, shared beginnings.

Axes: B rows of a batch, T tokens, V vocabulary, D width. Rows are right-padded: in a causal model what stands to the
right of a token cannot reach it. Prompts of one call that begin alike share the beginning: it is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch

from selfscope.subjects.blocks import Blocks, cache_word, decoder_of
from selfscope.subjects.cascade import BesideCache, attending, shared_prefix_cache
from selfscope.subjects.company import Company, Tried
from selfscope.subjects.live_adapters import Adapter, AdapterStack
from selfscope.subjects.marks import MarkedTokens
from selfscope.subjects.sight import attention_mask

Ids = tuple[int, ...]
MIN_SHARED = 8  # shorter common beginnings are not worth a cache
MEMBERS, WORTH = 16, 400  # rows of a group with a beginning of its own, and the tokens that it has to save
HEAD_FLOATS = 1 << 24  # logits held at a time: 64 MB
MEMORY_WORDS = ("out of memory", "not enough memory", "can't allocate memory")


@dataclass(frozen=True)
class Engine:
    """A model with what decoding needs to know about it; the four facts are checked when it is loaded.

    tree: prompts and candidates may be packed into one row under a tree-shaped mask; else one candidate a row.
    full_logits: its logits are not its output embedding applied to its last states, so its own logits are computed.
    steps: how a reply grows: "in place" (cache written in place), "cached" (the model's own cache, for sliding windows)
    or "recomputed" (no cache of keys and values).
    cascade: a common beginning is held once for all rows (cascade.py); else every row gets a copy.
    window: its shortest attention window; longer rows do not take the fast ways. beyond: how a reply grows there,
    "cached" or "recomputed". company: which rows may be computed together. ways: how the fast ways compared with the
    plain one.
    tokens, rows: what a batch holds. blocks: its residual stream (None: not to be read or written).
    marks: what the marked tokens of this call stand for. masked: every row hides tokens (masked_rows.py).
    stack, active: the adapters that stand beside the weights, and those of them that act.
    """

    model: Any
    stop_ids: Ids
    tree: bool = True
    full_logits: bool = False
    steps: str = "in place"
    cascade: bool = False
    window: int | None = None
    beyond: str = "cached"
    company: Company = Company()
    ways: tuple[Tried, ...] = ()
    tokens: int = 2048
    rows: int = 128
    blocks: Blocks | None = None
    marks: MarkedTokens | None = None
    masked: bool = False
    stack: AdapterStack | None = None
    active: tuple[Adapter, ...] = ()

    @property
    def device(self) -> torch.device:
        return torch.device(self.model.device)

    @property
    def vocabulary(self) -> int:
        return int(self.model.config.get_text_config().vocab_size)

    def within_window(self, length: int) -> bool:
        """Whether a row of this length lies inside every attention window, and follows the one rule of short rows."""
        return (self.window is None or length < self.window) and self.company.one_rule(length)

    def token(self, marked: int) -> int:
        """A token without its mark."""
        return marked if self.marks is None else self.marks.token(marked)

    def continues(self, prompt: Ids, token: int) -> int:
        """A token that follows a prompt: marked where what is written into the prompt goes on behind it."""
        return token if self.marks is None else self.marks.continues(prompt[-1], token)

    def body(self, **inputs: Any) -> torch.Tensor:
        """Last hidden states (B, T, D) after the final norm, no head. Marked tokens are written at, adapters act."""
        with self.prepared(inputs) as plain:
            return self.states(plain)

    @contextmanager
    def prepared(self, inputs: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The inputs with their real tokens. While the block runs, the marked ones are written at and adapters act:
        also in what checkpointing computes anew on the way back."""
        marks, ids_BT = self.marks, inputs["input_ids"]
        with ExitStack() as open_:
            if self.active and self.stack is not None:
                open_.enter_context(self.stack.acting(self.active, None if marks is None else marks.asked(ids_BT)))
            if marks is not None and self.blocks is not None:
                real_BT, hooks = marks.plain(ids_BT)
                inputs = {**inputs, "input_ids": real_BT}
                if hooks:
                    open_.enter_context(self.blocks.hooked(hooks))
            yield inputs

    def states(self, inputs: dict[str, Any]) -> torch.Tensor:
        """Last hidden states (B, T, D) of `prepared` inputs."""
        if isinstance(inputs.get("cache"), BesideCache):
            with attending(self.model):
                return self._forward(inputs)
        return self._forward(inputs)

    def _forward(self, inputs: dict[str, Any]) -> torch.Tensor:
        model = self.model if self.full_logits else decoder_of(self.model)
        if "cache" in inputs:
            others = {name: value for name, value in inputs.items() if name != "cache"}
            inputs = {**others, cache_word(model): inputs["cache"]}
        if self.full_logits:
            logits: torch.Tensor = model(**inputs).logits
            return logits
        hidden_BTD: torch.Tensor = model(**inputs).last_hidden_state
        return hidden_BTD

    def logits(self, hidden_ND: torch.Tensor) -> torch.Tensor:
        """Logits (N, V) in fp32, with the family's own scaling."""
        if self.full_logits:
            return hidden_ND.float()
        config = self.model.config.get_text_config()
        logits_NV: torch.Tensor = self.model.get_output_embeddings()(hidden_ND).float()
        if getattr(config, "logit_scale", None):  # Cohere
            logits_NV = logits_NV * config.logit_scale
        if getattr(config, "logits_scaling", None):  # Granite
            logits_NV = logits_NV / config.logits_scaling
        cap = getattr(config, "final_logit_softcapping", None)  # Gemma 2
        return cap * torch.tanh(logits_NV / cap) if cap else logits_NV

    def head(self, hidden_ND: torch.Tensor) -> torch.Tensor:
        """Log-probabilities (N, V)."""
        return torch.log_softmax(self.logits(hidden_ND), dim=-1)

    def heads(self, hidden_ND: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
        """(first row, log-probabilities) of as many rows at a time as memory should hold."""
        step = max(1, HEAD_FLOATS // self.vocabulary)
        for start in range(0, len(hidden_ND), step):
            yield start, self.head(hidden_ND[start : start + step])


def common_header(rows: Sequence[Ids]) -> int:
    """Length of the longest common beginning that leaves every row at least one token of its own."""
    if len(rows) < 2:
        return 0
    low, high = min(rows), max(rows)
    header = min(shared(low, high), min(map(len, rows)) - 1)
    return header if header >= MIN_SHARED else 0


def prefix_groups(rows: Sequence[Ids], worth: int = WORTH) -> list[tuple[int, list[int]]]:
    """Rows in groups that begin alike: (length of the beginning to compute once, indices of its rows).

    A group is split where some of its rows go on alike (the questions about one kind of conversation) for so long that
    a batch of their own costs less than computing that part for each of them. Every row is in one group.
    worth: tokens that a group of its own has to save.
    """
    order = sorted(range(len(rows)), key=lambda i: (rows[i], i))
    cut = common_header(rows)
    groups, others = _split(rows, order, cut, worth)
    return groups + ([(cut, others)] if others else [])


def _split(
    rows: Sequence[Ids], part: list[int], cut: int, worth: int
) -> tuple[list[tuple[int, list[int]]], list[int]]:
    """Groups worth a beginning of their own among rows (sorted) that have `cut` tokens in common, and the others."""
    groups: list[tuple[int, list[int]]] = []
    others: list[int] = []
    # Beyond a short beginning that is not worth a cache the rows are still compared from where they part.
    at = max(cut, shared(rows[part[0]], rows[part[-1]])) if len(part) > 1 else cut
    for _, same in groupby(part, key=lambda i: rows[i][at] if len(rows[i]) > at else -1):
        child = list(same)
        longer = min(shared(rows[child[0]], rows[child[-1]]), min(len(rows[i]) for i in child) - 1)
        if len(child) < MEMBERS or longer <= at:
            others += child
            continue
        own_groups, own_others = _split(rows, child, longer, worth)
        groups += own_groups
        if len(own_others) >= MEMBERS and (longer - cut) * len(own_others) >= worth:
            groups.append((longer, own_others))
        else:
            others += own_others
    return groups, others


def shared(a: Sequence[int], b: Sequence[int]) -> int:
    """Length of the common beginning of two rows."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def with_backoff(run: Callable[[Sequence[int]], None], order: Sequence[int]) -> None:
    """Calls run(part) over all of order, in halves where memory runs out. A single row that does not fit raises."""
    try:
        run(order)
        return
    except (MemoryError, RuntimeError) as error:
        text = str(error).lower()
        if len(order) < 2 or not (isinstance(error, MemoryError) or any(word in text for word in MEMORY_WORDS)):
            raise
    # Outside the handler: the traceback would keep the failed batch's tensors alive.
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    middle = len(order) // 2
    with_backoff(run, order[:middle])
    with_backoff(run, order[middle:])


def batches(lengths: Sequence[int], engine: Engine) -> Iterator[list[int]]:
    """Rows sorted by length, as many a batch as the padded tokens allow, all of which may be computed together."""
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i], i))
    part: list[int] = []
    for i in order:
        most = 1 if engine.company.alone and not engine.company.one_rule(lengths[i]) else engine.rows
        full = (len(part) + 1) * max(lengths[i], 1) > engine.tokens or len(part) >= most
        if part and (full or engine.company.side(lengths[part[-1]]) != engine.company.side(lengths[i])):
            yield part
            part = []
        part.append(i)
    if part:
        yield part


def header_cache(engine: Engine, ids: Ids) -> Any:
    """The key-value cache of a common beginning, one row; None when there is none."""
    from transformers import DynamicCache

    if not ids:
        return None
    cache = DynamicCache()
    engine.body(input_ids=torch.tensor([ids], device=engine.device), cache=cache, use_cache=True)
    return cache


def cache_after_prefix(engine: Engine, header: Any, rows: int) -> Any:
    """A cache for rows behind a common beginning (a one-row cache), held once where that works; None stays None."""
    if header is None:
        return None
    return shared_prefix_cache(header) if engine.cascade else expand_cache(header, rows)


def expand_cache(header: Any, rows: int) -> Any:
    """A copy of a one-row cache for each of the rows."""
    from transformers import DynamicCache

    cache = DynamicCache()
    for layer, source in enumerate(header.layers):
        cache.update(source.keys.expand(rows, -1, -1, -1), source.values.expand(rows, -1, -1, -1), layer)
    return cache


def padded(engine: Engine, rows: Sequence[Ids]) -> dict[str, Any]:
    """Right-padded inputs with mask and positions, no cache. The mask of masked rows has four dimensions."""
    width = max(map(len, rows))
    ids_BT = torch.zeros(len(rows), width, dtype=torch.long)
    mask_BT = torch.zeros(len(rows), width, dtype=torch.long)
    for b, row in enumerate(rows):
        ids_BT[b, : len(row)] = torch.tensor(row)
        mask_BT[b, : len(row)] = 1
    positions_BT = torch.arange(width)[None].expand(len(rows), -1)
    if engine.masked and engine.marks is not None:
        mask_BT = attention_mask(engine.marks.kinds(ids_BT), mask_BT, engine.model.dtype)
    return {
        "input_ids": ids_BT.to(engine.device),
        "attention_mask": mask_BT.to(engine.device),
        "position_ids": positions_BT.to(engine.device),
        "use_cache": False,
    }
