"""What a model computes of many rows, masked ones apart: those take a way of their own, and the others keep theirs.

A masked row is computed whole under a mask of its own (`sight.attention_mask`): no tree, no beginning that is held
once. Its draws share it: it is read once, and what grows behind it does not look at the hidden columns. Axes as in
decode.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import torch

from selfscope.subjects import capture as reading
from selfscope.subjects import prefix_trees, rollout
from selfscope.subjects.decode import Engine, Ids
from selfscope.subjects.rollout import Draw, SamplingPlan

T = TypeVar("T")


def apart(engine: Engine, rows: Sequence[Ids]) -> list[tuple[Engine, list[int]]]:
    """At most two groups of rows, each with the engine that computes it: those where nothing is hidden, and the
    others."""
    hides = [engine.marks is not None and engine.marks.hides(row) for row in rows]
    steps = "in place" if engine.steps == "in place" else "recomputed"
    under_mask = replace(engine, masked=True, tree=False, cascade=False, steps=steps)
    groups = [(own, [i for i, h in enumerate(hides) if h == own.masked]) for own in (engine, under_mask)]
    return [(own, members) for own, members in groups if members]


def score(
    engine: Engine, prompts: Sequence[Ids], candidates: Sequence[Sequence[Ids]]
) -> list[list[list[float]]]:
    """See `prefix_trees.score`."""
    out: dict[int, list[list[float]]] = {}
    for own, members in apart(engine, prompts):
        found = prefix_trees.score(own, [prompts[i] for i in members], [candidates[i] for i in members])
        out.update(zip(members, found, strict=True))
    return [out[i] for i in range(len(prompts))]


def next_logprobs(engine: Engine, prompts: Sequence[Ids], use: Callable[[int, torch.Tensor], T]) -> list[T]:
    """See `prefix_trees.next_logprobs`."""
    out: dict[int, T] = {}
    for own, members in apart(engine, prompts):

        def used(k: int, logprobs_V: torch.Tensor, members: Sequence[int] = members) -> T:
            return use(members[k], logprobs_V)

        found = prefix_trees.next_logprobs(own, [prompts[i] for i in members], used)
        out.update(zip(members, found, strict=True))
    return [out[i] for i in range(len(prompts))]


def sample(
    engine: Engine, prompts: Sequence[Ids], n: int, plan: SamplingPlan, on_done: Callable[[int, list[Draw]], None]
) -> int:
    """See `rollout.sample`."""
    ties = 0
    for own, members in apart(engine, prompts):

        def done(k: int, draws: list[Draw], members: Sequence[int] = members) -> None:
            on_done(members[k], draws)

        ties += rollout.sample(own, [prompts[i] for i in members], n, plan, done)
    return ties


def capture(
    engine: Engine, rows: Sequence[Ids], positions: Sequence[Sequence[int]], layers: Sequence[int]
) -> dict[int, torch.Tensor]:
    """See `capture.capture`."""
    groups = apart(engine, rows)
    if len(groups) < 2:
        return reading.capture(groups[0][0] if groups else engine, rows, positions, layers)
    places = [(i, c) for i, own in enumerate(positions) for c in range(len(own))]
    out: dict[int, torch.Tensor] = {}
    for own, members in groups:
        found = reading.capture(own, [rows[i] for i in members], [positions[i] for i in members], layers)
        mine = set(members)
        at = [k for k, (i, _) in enumerate(places) if i in mine]
        for layer, states_ND in found.items():
            out.setdefault(layer, states_ND.new_empty(len(places), states_ND.shape[1]))[at] = states_ND
    return out
