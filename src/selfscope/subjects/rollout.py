"""Batched sampling: a prompt is computed once for all of its draws, keys and values are written in place.

Axes: N prompts, B rows (draws that still grow), T tokens, V vocabulary, D width.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

from selfscope.subjects.cascade import shared_prefix_cache
from selfscope.subjects.decode import (
    Engine,
    Ids,
    cache_after_prefix,
    common_header,
    header_cache,
    padded,
    prefix_groups,
    with_backoff,
)
from selfscope.subjects.gumbel_sampling import digest, key, pick

KV_TOKENS = 12_288  # cached tokens of a batch: about 0.6 GB for a model of 135M parameters in fp32
LOGITS = 1 << 25  # numbers that one step's logits may have: 134 MB
STEP = 20  # tokens that a step of a batch of its own costs beside its rows: what a family has to save for each
NEAR = 1e-4  # nats: where the two likeliest tokens lie closer, another batch shape may change a greedy token


@dataclass
class Draw:
    """One growing reply. finish: stop | length, "" while it grows. seconds: its share of its batch."""

    prompt: int
    draw: int
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    finish: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Plan:
    """How to sample. ended(ids): whether the text of a reply is over (stop strings). and_greedy: the last draw of each
    prompt is greedy."""

    max_tokens: int
    temperature: float
    seed: int
    ended: Callable[[Sequence[int]], bool] | None = None
    and_greedy: bool = False


def sample(
    engine: Engine, prompts: Sequence[Ids], n: int, plan: Plan, on_done: Callable[[int, list[Draw]], None]
) -> int:
    """Calls on_done(i, n draws) as prompts finish; returns the number of near ties of greedy steps.

    n counts the greedy draw that the plan may want."""
    ties = 0

    def run(part: Sequence[int]) -> None:
        nonlocal ties
        start = time.perf_counter()
        done, near = _batch(engine, [prompts[i] for i in part], n, plan)
        ties += near
        share = (time.perf_counter() - start) / max(1, len(part) * n)
        for i, draws in zip(part, done, strict=True):
            for draw in draws:
                draw.seconds = share
            on_done(i, draws)

    most = max(1, LOGITS // engine.vocabulary)
    for _, members in prefix_groups(prompts, worth=STEP * plan.max_tokens):
        part: list[int] = []
        for i in sorted(members, key=lambda i: (len(prompts[i]), i)):
            rows = (len(part) + 1) * n
            if part and (rows * (len(prompts[i]) + plan.max_tokens) > KV_TOKENS or rows > most):
                with_backoff(run, part)
                part = []
            part.append(i)
        with_backoff(run, part)
    return ties


def _batch(engine: Engine, prompts: Sequence[Ids], n: int, plan: Plan) -> tuple[list[list[Draw]], int]:
    draws = [[Draw(i, k) for k in range(n)] for i in range(len(prompts))]
    live = [d for many in draws for d in many]
    if plan.max_tokens < 1 or not live:
        for draw in live:
            draw.finish = "length"
        return draws, 0
    marks = [digest(tuple(map(engine.token, p))) for p in prompts]  # what is written into a row changes no noise
    growing = _start(engine, prompts, n, plan.max_tokens)
    ties = 0
    for step in range(plan.max_tokens):
        logits_BV = engine.logits(growing.hidden_BD)
        if step == 0 and n > 1:  # a prompt's draws begin with the same distribution: one row of the head for all
            logits_BV = logits_BV.repeat_interleave(n, dim=0)
        tokens_B, logprobs_B, near = _choose(logits_BV, plan, marks, live, step, n - 1 if plan.and_greedy else n)
        ties += near
        del logits_BV  # not held beside the next ones
        tokens = tokens_B.tolist()
        for draw, token, logprob in zip(live, tokens, logprobs_B.tolist(), strict=True):
            _append(engine, plan, draw, token, logprob)
        going = [b for b, draw in enumerate(live) if not draw.finish]
        if not going:
            break
        order = compact_order(going)
        live = [live[b] for b in order]
        growing.advance([engine.continues(prompts[live[k].prompt], tokens[b]) for k, b in enumerate(order)], order)
    return draws, ties


def _choose(
    logits_BV: torch.Tensor, plan: Plan, marks: Sequence[bytes], live: Sequence[Draw], step: int, random: int
) -> tuple[torch.Tensor, torch.Tensor, int]:
    """The next token of each row, its log-probability at temperature 1, near ties of greedy steps. random: draws below
    this number are random, the others greedy."""
    drawn = [b for b, d in enumerate(live) if plan.temperature > 0 and d.draw < random]
    if len(drawn) == len(live):
        return *_drawn(logits_BV, plan, marks, live, step), 0
    greedy = [b for b, d in enumerate(live) if plan.temperature <= 0 or d.draw >= random]
    some_BV = logits_BV[greedy] if drawn else logits_BV
    top = some_BV.topk(2, dim=-1)
    best_B = top.values[:, 0] - some_BV.logsumexp(-1)  # no second matrix of the vocabulary's size
    near = int((top.values[:, 0] - top.values[:, 1] < NEAR).sum())
    if not drawn:
        return top.indices[:, 0], best_B, near
    tokens_B, logprobs_B = torch.empty_like(logits_BV[:, 0], dtype=torch.long), torch.empty_like(logits_BV[:, 0])
    tokens_B[greedy], logprobs_B[greedy] = top.indices[:, 0], best_B
    tokens_B[drawn], logprobs_B[drawn] = _drawn(logits_BV[drawn], plan, marks, [live[b] for b in drawn], step)
    return tokens_B, logprobs_B, near


def _drawn(
    logits_BV: torch.Tensor, plan: Plan, marks: Sequence[bytes], live: Sequence[Draw], step: int
) -> tuple[torch.Tensor, torch.Tensor]:
    return pick(logits_BV, plan.temperature, [key(marks[d.prompt], plan.seed, d.draw, step) for d in live])


def _append(engine: Engine, plan: Plan, draw: Draw, token: int, logprob: float) -> None:
    if token in engine.stop_ids:
        draw.finish = "stop"
        return
    draw.ids.append(token)
    draw.logprobs.append(logprob)
    if plan.ended is not None and plan.ended(draw.ids):
        draw.finish = "stop"
    elif len(draw.ids) == plan.max_tokens:
        draw.finish = "length"


def compact_order(going: Sequence[int]) -> list[int]:
    """The rows that go on, in an order that moves as few as possible: the last ones into the gaps of the first."""
    n = len(going)
    stay = {b for b in going if b < n}
    movers = iter([b for b in going if b >= n])
    return [b if b in stay else next(movers) for b in range(n)]


class _Growing(Protocol):
    """The model's side of a batch. hidden_BD: last states; (N, D) at first, then of the rows that go on."""

    hidden_BD: torch.Tensor

    def advance(self, tokens: Sequence[int], order: Sequence[int]) -> None:
        """One more token for each of the rows `order` (indices into the rows of before; moved as `closed_up` says)."""
        ...


def _start(engine: Engine, prompts: Sequence[Ids], n: int, room: int) -> _Growing:
    if engine.steps == "recomputed":
        return _Recomputed(engine, prompts, n)
    fast = engine.steps == "in place" and engine.within_window(max(map(len, prompts)) + room)
    return _Cached(engine, prompts, n, room, fast)


class _Recomputed:
    """For architectures whose state is no cache of keys and values: every step computes the whole rows."""

    def __init__(self, engine: Engine, prompts: Sequence[Ids], n: int) -> None:
        self.engine = engine
        self.hidden_BD = self._last(list(prompts))
        self.rows = [p for p in prompts for _ in range(n)]

    def _last(self, rows: Sequence[Ids]) -> torch.Tensor:
        hidden_BTD = self.engine.body(**padded(self.engine, rows))
        return hidden_BTD[list(range(len(rows))), [len(r) - 1 for r in rows]]

    def advance(self, tokens: Sequence[int], order: Sequence[int]) -> None:
        self.rows = [(*self.rows[b], token) for b, token in zip(order, tokens, strict=True)]
        self.hidden_BD = self._last(self.rows)


class _Cached:
    """Left-padded rows behind a common header, with a cache; every row ends at the same position."""

    def __init__(self, engine: Engine, prompts: Sequence[Ids], n: int, room: int, fast: bool) -> None:
        self.engine, self.fast = engine, fast
        device = engine.device
        cut = common_header(prompts) if fast else 0
        width = max(map(len, prompts)) - cut
        ids_NT = torch.zeros(len(prompts), width, dtype=torch.long)
        seen_NT = torch.ones(len(prompts), cut + width, dtype=torch.long)
        for i, prompt in enumerate(prompts):
            start = cut + width - len(prompt)
            ids_NT[i, start:] = torch.tensor(prompt[cut:])
            seen_NT[i, cut : cut + start] = 0
        positions_NT = seen_NT.cumsum(1) - 1
        header = header_cache(engine, prompts[0][:cut]) if fast else None
        self.beside = header is not None and engine.cascade
        self.padded = bool((seen_NT == 0).any())
        if self.beside:  # over the rows' own tokens alone
            seen_NT = seen_NT[:, cut:]
        rooms: list[InPlaceLayer] = []
        states: list[torch.Tensor] = []
        # In parts: what one layer makes of all prompts at once would be more than all that is kept of them.
        step = max(1, engine.tokens // width) if fast else len(prompts)
        for start in range(0, len(prompts), step):
            part = slice(start, start + step)
            cache: Any = cache_after_prefix(engine, header, len(ids_NT[part]))
            if cache is None:
                cache = DynamicCache() if fast else DynamicCache(config=engine.model.config)
            mask = seen_NT[part].to(device) if self.padded or cut or not fast else None
            hidden_PD = engine.body(
                input_ids=ids_NT[part].to(device),
                attention_mask=_causal(engine, seen_NT[part]) if self.beside else mask,
                position_ids=positions_NT[part, cut:].clamp(min=0).to(device),
                cache=cache,
                use_cache=True,
            )[:, -1]
            states.append(hidden_PD.clone())
            if not fast:
                cache.batch_repeat_interleave(n)
                continue
            owns = [layer.own if self.beside else layer for layer in cache.layers]
            rooms = rooms or [InPlaceLayer(own, len(prompts) * n, room) for own in owns]
            for layer, own in zip(rooms, owns, strict=True):
                layer.fill(start * n, own, n)
        if fast:
            cache = shared_prefix_cache(header, rooms) if self.beside else DynamicCache()
            cache.layers = cache.layers or rooms
        self.cache: Cache = cache
        self.hidden_BD = torch.cat(states)
        self.seen_BT = seen_NT.repeat_interleave(n, dim=0).to(device)
        self.position_B = positions_NT[:, -1].repeat_interleave(n).to(device)

    def advance(self, tokens: Sequence[int], order: Sequence[int]) -> None:
        if len(order) < len(self.seen_BT):
            rows = torch.tensor(order, device=self.seen_BT.device)
            self.seen_BT, self.position_B = self.seen_BT[rows], self.position_B[rows]
            if self.fast:
                for layer in self.cache.layers:
                    layer.keep(order)
            else:
                self.cache.batch_select_indices(rows)
        self.seen_BT = torch.cat([self.seen_BT, torch.ones_like(self.seen_BT[:, :1])], dim=1)
        self.position_B = self.position_B + 1
        mask: torch.Tensor | None = self.seen_BT
        if self.beside and not self.padded:
            mask = None
        elif self.fast:  # one new token sees everything but the padding
            dtype = self.engine.model.dtype
            unseen = (self.seen_BT == 0)[:, None, None]
            mask = torch.zeros(unseen.shape, dtype=dtype, device=unseen.device)
            mask.masked_fill_(unseen, torch.finfo(dtype).min)
        self.hidden_BD = self.engine.body(
            input_ids=torch.tensor(tokens, device=self.engine.device)[:, None],
            attention_mask=mask,
            position_ids=self.position_B[:, None],
            cache=self.cache,
            use_cache=True,
        )[:, -1]


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
