"""Batched sampling: a prompt is computed once for all of its draws, keys and values are written in place.

Axes: N prompts, B rows (draws that still grow), V vocabulary, D width.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from selfscope.subjects.decode import Engine, Ids, prefix_groups, with_backoff
from selfscope.subjects.growing_rows import growing_rows
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
class SamplingPlan:
    """How to sample. ended(ids): whether the text of a reply is over (stop strings). and_greedy: the last draw of each
    prompt is greedy."""

    max_tokens: int
    temperature: float
    seed: int
    ended: Callable[[Sequence[int]], bool] | None = None
    and_greedy: bool = False


def sample(
    engine: Engine, prompts: Sequence[Ids], n: int, plan: SamplingPlan, on_done: Callable[[int, list[Draw]], None]
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


def _batch(engine: Engine, prompts: Sequence[Ids], n: int, plan: SamplingPlan) -> tuple[list[list[Draw]], int]:
    draws = [[Draw(i, k) for k in range(n)] for i in range(len(prompts))]
    live = [d for own in draws for d in own]
    if plan.max_tokens < 1 or not live:
        for draw in live:
            draw.finish = "length"
        return draws, 0
    digests = [digest(tuple(map(engine.token, p))) for p in prompts]  # what is written into a row changes no noise
    growing = growing_rows(engine, prompts, n, plan.max_tokens)
    ties = 0
    for step in range(plan.max_tokens):
        logits_BV = engine.logits(growing.hidden_BD)
        if step == 0 and n > 1:  # a prompt's draws begin with the same distribution: one row of the head for all
            logits_BV = logits_BV.repeat_interleave(n, dim=0)
        tokens_B, logprobs_B, near = _choose(logits_BV, plan, digests, live, step, n - 1 if plan.and_greedy else n)
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
    logits_BV: torch.Tensor, plan: SamplingPlan, digests: Sequence[bytes], live: Sequence[Draw], step: int, random: int
) -> tuple[torch.Tensor, torch.Tensor, int]:
    """The next token of each row, its log-probability at temperature 1, near ties of greedy steps. random: draws below
    this number are random, the others greedy."""
    random_rows = [b for b, d in enumerate(live) if plan.temperature > 0 and d.draw < random]
    if len(random_rows) == len(live):
        return *_sampled(logits_BV, plan, digests, live, step), 0
    greedy_rows = [b for b, d in enumerate(live) if plan.temperature <= 0 or d.draw >= random]
    greedy_BV = logits_BV[greedy_rows] if random_rows else logits_BV
    top = greedy_BV.topk(2, dim=-1)
    best_B = top.values[:, 0] - greedy_BV.logsumexp(-1)  # no second matrix of the vocabulary's size
    near = int((top.values[:, 0] - top.values[:, 1] < NEAR).sum())
    if not random_rows:
        return top.indices[:, 0], best_B, near
    tokens_B, logprobs_B = torch.empty_like(logits_BV[:, 0], dtype=torch.long), torch.empty_like(logits_BV[:, 0])
    tokens_B[greedy_rows], logprobs_B[greedy_rows] = top.indices[:, 0], best_B
    draws = [live[b] for b in random_rows]
    tokens_B[random_rows], logprobs_B[random_rows] = _sampled(logits_BV[random_rows], plan, digests, draws, step)
    return tokens_B, logprobs_B, near


def _sampled(
    logits_BV: torch.Tensor, plan: SamplingPlan, digests: Sequence[bytes], live: Sequence[Draw], step: int
) -> tuple[torch.Tensor, torch.Tensor]:
    return pick(logits_BV, plan.temperature, [key(digests[d.prompt], plan.seed, d.draw, step) for d in live])


def _append(engine: Engine, plan: SamplingPlan, draw: Draw, token: int, logprob: float) -> None:
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
