"""The model's side of sampling: rows that grow by a token at a time, with or without a cache of keys and values.

Axes: N prompts, P prompts of a part, B rows (draws that still grow), T tokens, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

from selfscope.subjects.cascade import shared_prefix_cache
from selfscope.subjects.decode import (
    Engine,
    Ids,
    batches,
    cache_after_prefix,
    common_header,
    header_cache,
    padded,
)
from selfscope.subjects.sight import HIDDEN, attention_mask


class GrowingRows(Protocol):
    """A batch. hidden_BD: last states; (N, D) at first, then of the rows that go on."""

    hidden_BD: torch.Tensor

    def advance(self, tokens: Sequence[int], order: Sequence[int]) -> None:
        """One more token for each of the rows `order`: indices into the rows of before, in the order of
        `rollout.compact_order`."""
        ...


def growing_rows(engine: Engine, prompts: Sequence[Ids], n: int, room: int) -> GrowingRows:
    """n rows a prompt, in the way that this engine grows them. room: most tokens that a row will get."""
    longest = max(map(len, prompts)) + room
    # What is kept of a row under one rule is of no use under another.
    one_rule = engine.company.side(min(map(len, prompts))) == engine.company.side(longest)
    if engine.steps == "recomputed" or not one_rule:
        return Recomputed(engine, prompts, n)
    if engine.masked:
        return MaskedRows(engine, prompts, n, room)
    if engine.within_window(longest):
        return FastCached(engine, prompts, n, room) if engine.steps == "in place" else ModelCached(engine, prompts, n)
    if engine.beyond == "recomputed":
        return Recomputed(engine, prompts, n)
    return ModelCached(engine, prompts, n)


class Recomputed:
    """For architectures whose state is no cache of keys and values, and rows in whose middle a rule changes: every step
    computes the whole rows."""

    def __init__(self, engine: Engine, prompts: Sequence[Ids], n: int) -> None:
        self.engine = engine
        self.hidden_BD = self._last(list(prompts))
        self.rows = [p for p in prompts for _ in range(n)]

    def _last(self, rows: Sequence[Ids]) -> torch.Tensor:
        out: dict[int, torch.Tensor] = {}
        for part in batches([len(r) for r in rows], replace(self.engine, tokens=1 << 62, rows=1 << 62)):
            hidden_BTD = self.engine.body(**padded(self.engine, [rows[i] for i in part]))
            last_BD = hidden_BTD[list(range(len(part))), [len(rows[i]) - 1 for i in part]]
            out.update(zip(part, last_BD, strict=True))
        return torch.stack([out[i] for i in range(len(rows))])

    def advance(self, tokens: Sequence[int], order: Sequence[int]) -> None:
        self.rows = [(*self.rows[b], token) for b, token in zip(order, tokens, strict=True)]
        self.hidden_BD = self._last(self.rows)


@dataclass(frozen=True)
class LeftPadded:
    """Prompts that all end at the same position, behind `cut` tokens that they have in common. ids_NT: their own
    tokens; seen_NT and positions_NT reach over the common ones too; seen is 0 on padding."""

    cut: int
    ids_NT: torch.Tensor
    seen_NT: torch.Tensor
    positions_NT: torch.Tensor


def left_padded(prompts: Sequence[Ids], cut: int) -> LeftPadded:
    """The prompts without the first `cut` tokens, which are equal."""
    width = max(map(len, prompts)) - cut
    ids_NT = torch.zeros(len(prompts), width, dtype=torch.long)
    seen_NT = torch.ones(len(prompts), cut + width, dtype=torch.long)
    for i, prompt in enumerate(prompts):
        start = cut + width - len(prompt)
        ids_NT[i, start:] = torch.tensor(prompt[cut:])
        seen_NT[i, cut : cut + start] = 0
    return LeftPadded(cut, ids_NT, seen_NT, seen_NT.cumsum(1) - 1)


def prefill(engine: Engine, rows: LeftPadded, part: slice, cache: Any, mask: torch.Tensor | None) -> torch.Tensor:
    """Reads a part of the prompts into a cache; their last states (P, D)."""
    return engine.body(
        input_ids=rows.ids_NT[part].to(engine.device),
        attention_mask=mask,
        position_ids=rows.positions_NT[part, rows.cut :].clamp(min=0).to(engine.device),
        cache=cache,
        use_cache=True,
    )[:, -1].clone()


class _Cached:
    """What rows with a cache have in common: every row ends at the same position. seen_BT: what a new token sees."""

    engine: Engine
    cache: Any
    hidden_BD: torch.Tensor
    seen_BT: torch.Tensor
    position_B: torch.Tensor

    def advance(self, tokens: Sequence[int], order: Sequence[int]) -> None:
        if len(order) < len(self.seen_BT):
            rows = torch.tensor(order, device=self.seen_BT.device)
            self.seen_BT, self.position_B = self.seen_BT[rows], self.position_B[rows]
            self._keep(order)
        self.seen_BT = torch.cat([self.seen_BT, torch.ones_like(self.seen_BT[:, :1])], dim=1)
        self.position_B = self.position_B + 1
        self.hidden_BD = self.engine.body(
            input_ids=torch.tensor(tokens, device=self.engine.device)[:, None],
            attention_mask=self._mask(),
            position_ids=self.position_B[:, None],
            cache=self.cache,
            use_cache=True,
        )[:, -1]

    def _keep(self, order: Sequence[int]) -> None:
        raise NotImplementedError

    def _mask(self) -> torch.Tensor | None:
        raise NotImplementedError


class ModelCached(_Cached):
    """Rows with the model's own cache: it knows the attention windows."""

    def __init__(self, engine: Engine, prompts: Sequence[Ids], n: int) -> None:
        rows = left_padded(prompts, 0)
        self.engine, self.cache = engine, DynamicCache(config=engine.model.config)
        self.hidden_BD = prefill(engine, rows, slice(None), self.cache, rows.seen_NT.to(engine.device))
        self.cache.batch_repeat_interleave(n)
        self.seen_BT = rows.seen_NT.repeat_interleave(n, dim=0).to(engine.device)
        self.position_B = rows.positions_NT[:, -1].repeat_interleave(n).to(engine.device)

    def _keep(self, order: Sequence[int]) -> None:
        self.cache.batch_select_indices(torch.tensor(order, device=self.seen_BT.device))

    def _mask(self) -> torch.Tensor | None:
        return self.seen_BT


class FastCached(_Cached):
    """Rows behind a common header, with a cache that has room for the whole reply; where the engine cascades the header
    is held once, beside the rows."""

    def __init__(self, engine: Engine, prompts: Sequence[Ids], n: int, room: int) -> None:
        self.engine = engine
        rows = left_padded(prompts, common_header(prompts))
        header = header_cache(engine, prompts[0][: rows.cut])
        self.cascades = header is not None and engine.cascade
        self.padded = bool((rows.seen_NT == 0).any())
        seen_NT = rows.seen_NT[:, rows.cut :] if self.cascades else rows.seen_NT  # then over the rows' own tokens
        layers: list[InPlaceLayer] = []
        states: list[torch.Tensor] = []
        # In parts: what one layer makes of all prompts at once would be more than all that is kept of them.
        step = max(1, engine.tokens // rows.ids_NT.shape[1])
        for start in range(0, len(prompts), step):
            part = slice(start, start + step)
            shared = cache_after_prefix(engine, header, len(rows.ids_NT[part]))
            cache = DynamicCache() if shared is None else shared
            states.append(prefill(engine, rows, part, cache, self._prefill_mask(seen_NT[part], rows.cut)))
            owns = [layer.own if self.cascades else layer for layer in cache.layers]
            layers = layers or [InPlaceLayer(own, len(prompts) * n, room) for own in owns]
            for layer, own in zip(layers, owns, strict=True):
                layer.fill(start * n, own, n)
        self.cache = shared_prefix_cache(header, layers) if self.cascades else DynamicCache()
        self.cache.layers = self.cache.layers or layers
        self.hidden_BD = torch.cat(states)
        self.seen_BT = seen_NT.repeat_interleave(n, dim=0).to(engine.device)
        self.position_B = rows.positions_NT[:, -1].repeat_interleave(n).to(engine.device)

    def _prefill_mask(self, seen_PT: torch.Tensor, cut: int) -> torch.Tensor | None:
        if self.cascades:
            return _causal(self.engine, seen_PT)
        return seen_PT.to(self.engine.device) if self.padded or cut else None

    def _keep(self, order: Sequence[int]) -> None:
        for layer in self.cache.layers:
            layer.keep(order)

    def _mask(self) -> torch.Tensor | None:
        """One new token sees everything but the padding."""
        if self.cascades and not self.padded:
            return None
        dtype = self.engine.model.dtype
        unseen = (self.seen_BT == 0)[:, None, None]
        mask = torch.zeros(unseen.shape, dtype=dtype, device=unseen.device)
        return mask.masked_fill_(unseen, torch.finfo(dtype).min)


class MaskedRows(FastCached):
    """Rows that hide tokens: each prompt is read whole under its mask, and what grows behind it sees no hidden one."""

    def __init__(self, engine: Engine, prompts: Sequence[Ids], n: int, room: int) -> None:
        assert engine.marks is not None
        self.engine, self.cascades, self.padded = engine, False, True
        rows = left_padded(prompts, 0)
        kinds_NT = engine.marks.kinds(rows.ids_NT)
        mask = attention_mask(kinds_NT, rows.seen_NT, engine.model.dtype).to(engine.device)
        self.cache = DynamicCache()
        self.hidden_BD = prefill(engine, rows, slice(None), self.cache, mask)
        layers = [InPlaceLayer(own, len(prompts) * n, room) for own in self.cache.layers]
        for layer, own in zip(layers, self.cache.layers, strict=True):
            layer.fill(0, own, n)
        self.cache.layers = layers
        seen_NT = rows.seen_NT * (kinds_NT != HIDDEN)
        self.seen_BT = seen_NT.repeat_interleave(n, dim=0).to(engine.device)
        self.position_B = rows.positions_NT[:, -1].repeat_interleave(n).to(engine.device)


def _causal(engine: Engine, seen_NT: torch.Tensor) -> torch.Tensor:
    """Additive mask (N, 1, T, T): a token sees itself and the real tokens before it."""
    width = seen_NT.shape[1]
    sees_NTT = torch.ones(width, width, dtype=torch.bool).tril()[None] & (seen_NT == 1)[:, None]
    sees_NTT = sees_NTT | torch.eye(width, dtype=torch.bool)[None]
    dtype = engine.model.dtype
    mask_NTT = torch.zeros(sees_NTT.shape, dtype=dtype).masked_fill_(~sees_NTT, torch.finfo(dtype).min)
    return mask_NTT[:, None].to(engine.device)


class InPlaceLayer(DynamicLayer):
    """Keys and values of one layer in a buffer that has room for the whole reply: no copy a step.

    like: a layer of prompts, for widths and length; `fill` brings what it holds."""

    def __init__(self, like: Any, rows: int, room: int) -> None:
        super().__init__()
        _, heads, self.filled, width = like.keys.shape
        self.key_room = like.keys.new_empty(rows, heads, self.filled + room, width)
        self.value_room = like.values.new_empty(rows, heads, self.filled + room, like.values.shape[-1])
        self.dtype, self.device, self.is_initialized = like.keys.dtype, like.keys.device, True
        self._show()

    def fill(self, start: int, layer: Any, repeats: int) -> None:
        """Takes the keys and values of prompts, each for `repeats` rows, from row `start` on."""
        rows = slice(start, start + len(layer.keys) * repeats)
        self.keys[rows] = layer.keys.repeat_interleave(repeats, dim=0)
        self.values[rows] = layer.values.repeat_interleave(repeats, dim=0)

    def _show(self) -> None:
        self.keys = self.key_room[:, :, : self.filled]
        self.values = self.value_room[:, :, : self.filled]

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        new = key_states.shape[-2]
        self.key_room[:, :, self.filled : self.filled + new] = key_states
        self.value_room[:, :, self.filled : self.filled + new] = value_states
        self.filled += new
        self._show()
        return self.keys, self.values

    def keep(self, order: Sequence[int]) -> None:
        """Drops finished rows: only the rows that move into a gap are copied, and of them only what is filled."""
        moves = [(to, b) for to, b in enumerate(order) if to != b]
        if moves:
            to, source = (list(x) for x in zip(*moves, strict=True))
            self.keys[to], self.values[to] = self.keys[source], self.values[source]
        self.key_room, self.value_room = self.key_room[: len(order)], self.value_room[: len(order)]
        self._show()
