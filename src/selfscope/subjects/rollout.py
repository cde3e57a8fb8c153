"""Batched sampling: a prompt is computed once for all of its draws, keys and values are written in place.

Axes: N prompts, B rows (a prompt's draws stand together), T tokens, V vocabulary.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

from selfscope.subjects.decode import Engine, Ids, with_backoff

BLOCK = 256
KV_TOKENS = 12_288  # cached tokens of a batch: about 0.6 GB for a model of 135M parameters in fp32
ROWS = 256


@dataclass
class Draw:
    """One growing reply. finish: stop | length, "" while it grows."""

    prompt: int
    draw: int
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    finish: str = ""


@dataclass(frozen=True)
class Plan:
    """How to sample. ended(ids): whether the text of a reply is over (stop strings); near_ties counts greedy steps
    whose two likeliest tokens lie within 1e-4 nats: there alone may another batch shape change a token."""

    max_tokens: int
    temperature: float
    seed: int
    ended: Callable[[Sequence[int]], bool] | None = None


class InPlaceLayer(DynamicLayer):
    """Keys and values of one layer in a buffer that has room for the whole reply: no copy a step."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, repeats: int, room: int) -> None:
        super().__init__()
        rows, heads, length, width = keys.shape
        self.filled = length
        self.key_room = keys.new_empty(rows * repeats, heads, length + room, width)
        self.value_room = values.new_empty(rows * repeats, heads, length + room, values.shape[-1])
        self.key_room[:, :, :length] = keys.repeat_interleave(repeats, dim=0)
        self.value_room[:, :, :length] = values.repeat_interleave(repeats, dim=0)
        self.dtype, self.device, self.is_initialized = keys.dtype, keys.device, True
        self._show()

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

    def keep(self, rows: torch.Tensor) -> None:
        """Drops the rows that are finished."""
        self.key_room, self.value_room = self.key_room[rows], self.value_room[rows]
        self._show()


def uniform(seed: int, prompt: Ids, draw: int, step: int) -> float:
    """The noise of one token: a number in (0, 1) keyed by seed, prompt, draw and step, and by nothing else."""
    head = hashlib.blake2b(repr(prompt).encode(), digest_size=16).digest()
    return _noise(seed, head, draw, step)


def _noise(seed: int, head: bytes, draw: int, step: int) -> float:
    key = head + f"|{seed}|{draw}|{step}".encode()
    bits = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big") >> 11
    return (bits + 0.5) / (1 << 53)


def pick(weights_BV: torch.Tensor, noise_B: torch.Tensor) -> torch.Tensor:
    """The token at which the cumulative weight passes noise x total: inverse CDF, block sums in float64."""
    rows, vocabulary = weights_BV.shape
    spare = -vocabulary % BLOCK
    if spare:
        weights_BV = torch.nn.functional.pad(weights_BV, (0, spare))
    blocks = weights_BV.view(rows, -1, BLOCK)
    sums = blocks.sum(-1, dtype=torch.float64).cumsum(-1)
    target = noise_B.to(sums) * sums[:, -1]
    block = torch.searchsorted(sums, target[:, None])[:, 0].clamp(max=sums.shape[1] - 1)
    before = torch.where(block > 0, sums.gather(1, (block - 1).clamp(min=0)[:, None])[:, 0], torch.zeros_like(target))
    inside = blocks[torch.arange(rows, device=block.device), block].double().cumsum(-1)
    place = torch.searchsorted(inside, (target - before)[:, None])[:, 0]
    # Rounding may point just behind the last token that has any weight in the block.
    last = (inside < inside[:, -1:]).sum(-1)
    return block * BLOCK + torch.minimum(place, last)


def sample(
    engine: Engine, prompts: Sequence[Ids], n: int, plan: Plan, on_done: Callable[[int, list[Draw]], None]
) -> int:
    """Calls on_done(i, n draws) as prompts finish; returns the number of near ties of greedy steps."""
    ties = 0

    def run(part: Sequence[int]) -> None:
        nonlocal ties
        done, near = _batch(engine, [prompts[i] for i in part], n, plan)
        ties += near
        for i, draws in zip(part, done, strict=True):
            on_done(i, draws)

    order = sorted(range(len(prompts)), key=lambda i: (len(prompts[i]), i))
    part: list[int] = []
    for i in order:
        rows = (len(part) + 1) * n
        if part and (rows * (len(prompts[i]) + plan.max_tokens) > KV_TOKENS or rows > ROWS):
            with_backoff(run, part)
            part = []
        part.append(i)
    if part:
        with_backoff(run, part)
    return ties


def _batch(engine: Engine, prompts: Sequence[Ids], n: int, plan: Plan) -> tuple[list[list[Draw]], int]:
    draws = [[Draw(i, k) for k in range(n)] for i in range(len(prompts))]
    if plan.max_tokens < 1:
        for draw in (d for many in draws for d in many):
            draw.finish = "length"
        return draws, 0
    state = _State(engine, prompts, n, plan)
    live = [d for many in draws for d in many]
    ties = 0
    for step in range(plan.max_tokens):
        tokens_B, near = state.choose(live, step)
        ties += near
        for draw, token in zip(live, tokens_B.tolist(), strict=True):
            if token in engine.stop_ids:
                draw.finish = "stop"
                draw.logprobs.pop()
            else:
                draw.ids.append(token)
                if plan.ended is not None and plan.ended(draw.ids):
                    draw.finish = "stop"
                elif step == plan.max_tokens - 1:
                    draw.finish = "length"
        going = [b for b, draw in enumerate(live) if not draw.finish]
        if not going:
            break
        live = [live[b] for b in going]
        state.advance(tokens_B, going)
    return draws, ties


class _State:
    """The model's side of a batch: cache, mask, the last hidden state of each row."""

    def __init__(self, engine: Engine, prompts: Sequence[Ids], n: int, plan: Plan) -> None:
        self.engine, self.plan = engine, plan
        self.heads = [hashlib.blake2b(repr(p).encode(), digest_size=16).digest() for p in prompts]
        width = max(map(len, prompts))
        total = width + plan.max_tokens
        self.fast = engine.tree and (engine.window is None or total < engine.window)
        ids_NT = torch.zeros(len(prompts), width, dtype=torch.long)
        seen_NT = torch.zeros(len(prompts), width, dtype=torch.long)
        for i, prompt in enumerate(prompts):  # left padding: every row ends at the same column
            ids_NT[i, width - len(prompt) :] = torch.tensor(prompt)
            seen_NT[i, width - len(prompt) :] = 1
        device = engine.device
        cache: Any = DynamicCache() if self.fast else DynamicCache(config=engine.model.config)
        positions_NT = (seen_NT.cumsum(1) - 1).clamp(min=0)
        hidden_NTD = engine.body(
            input_ids=ids_NT.to(device),
            attention_mask=seen_NT.to(device) if (seen_NT == 0).any() or not self.fast else None,
            position_ids=positions_NT.to(device),
            past_key_values=cache,
            use_cache=True,
        )
        # Equal prompts draw from the same distribution: one head row a prompt at the first step.
        self.first = engine.head(hidden_NTD[:, -1]).repeat_interleave(n, dim=0)
        self.seen_BT = seen_NT.repeat_interleave(n, dim=0).to(device)
        self.ragged = bool((seen_NT == 0).any())
        self.next_position_B = (positions_NT[:, -1] + 1).repeat_interleave(n).to(device)
        if self.fast:
            cache.layers = [InPlaceLayer(x.keys, x.values, n, plan.max_tokens) for x in cache.layers]
        else:
            cache.batch_repeat_interleave(n)
        self.cache: Cache = cache
        self.hidden_BD: torch.Tensor | None = None

    def choose(self, live: Sequence[Draw], step: int) -> tuple[torch.Tensor, int]:
        """The next token of each row, its log-probability noted; near ties of a greedy step."""
        logprobs_BV = self.first if self.hidden_BD is None else self.engine.head(self.hidden_BD)
        ties = 0
        if self.plan.temperature == 0:
            top = logprobs_BV.topk(2, dim=-1)
            tokens_B = top.indices[:, 0]
            ties = int((top.values[:, 0] - top.values[:, 1] < 1e-4).sum())
        else:
            noise = [_noise(self.plan.seed, self.heads[d.prompt], d.draw, step) for d in live]
            scaled = logprobs_BV if self.plan.temperature == 1 else logprobs_BV / self.plan.temperature
            noise_B = torch.tensor(noise, dtype=torch.float64, device=logprobs_BV.device)
            tokens_B = pick(scaled.exp(), noise_B)
        for draw, value in zip(live, logprobs_BV.gather(1, tokens_B[:, None])[:, 0].tolist(), strict=True):
            draw.logprobs.append(value)
        return tokens_B, ties

    def advance(self, tokens_B: torch.Tensor, going: Sequence[int]) -> None:
        """One forward of the rows that go on."""
        rows = torch.tensor(going, device=tokens_B.device)
        if len(going) < len(tokens_B):
            tokens_B, self.seen_BT = tokens_B[rows], self.seen_BT[rows]
            self.next_position_B = self.next_position_B[rows]
            if self.fast:
                for layer in self.cache.layers:
                    layer.keep(rows)
            else:
                self.cache.batch_select_indices(rows)
        self.seen_BT = torch.cat([self.seen_BT, torch.ones_like(self.seen_BT[:, :1])], dim=1)
        mask: torch.Tensor | None = self.seen_BT
        if self.fast:
            # One new token sees everything but the padding: no mask at all where no row is padded.
            dtype = self.engine.model.dtype
            hidden = (self.seen_BT == 0)[:, None, None]
            mask = torch.zeros(hidden.shape, dtype=dtype, device=hidden.device).masked_fill_(
                hidden, torch.finfo(dtype).min
            )  # fmt: skip
        self.hidden_BD = self.engine.body(
            input_ids=tokens_B[:, None],
            attention_mask=mask,
            position_ids=self.next_position_B[:, None],
            past_key_values=self.cache,
            use_cache=True,
        )[:, -1]
        self.next_position_B = self.next_position_B + 1
