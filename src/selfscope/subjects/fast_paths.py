"""The engine of a loaded model: each fast way is compared with the plain one on a small example before it is taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from selfscope.subjects.company import (
    AFFORDABLE,
    LONGEST,
    RAISED,
    Tried,
    company_of,
    probe_row,
    require_causal,
    tolerance_of,
)
from selfscope.subjects.decode import Engine, Ids
from selfscope.subjects.no_gradients import no_gradients
from selfscope.subjects.prefix_trees import score
from selfscope.subjects.render import end_of_turn
from selfscope.subjects.rollout import Draw, SamplingPlan, sample

WINDOWS = ("sliding_window", "attention_chunk_size", "window_size", "attention_window_size", "local_attention")
"""How configurations call the length beyond which a layer no longer sees: a short probe does not show it."""


def engine_of(model: Any, tokenizer: Any) -> Engine:
    """The engine of a loaded model, fast ways not checked yet."""
    config = model.config.get_text_config()
    windows = [getattr(config, name, None) for name in WINDOWS]
    window = min((w for w in windows if isinstance(w, int) and w > 0), default=None)
    return Engine(model, end_of_turn(tokenizer, model.generation_config), window=window)


def checked(engine: Engine, context: int) -> Engine:
    """Compares each fast way with the plain one on a small example; where they differ the plain one is taken.

    context: most tokens of a row. Raises BadModel for a model that is not causal."""
    with no_gradients(engine.device):
        causal = require_causal(engine.model)
        company = company_of(engine.model, context)
    engine = replace(engine, company=replace(company, tried=(causal, *company.tried)))
    rows = [tuple((7 * k + 3 * r + 11) % engine.vocabulary for k in range(3 + 4 * r)) for r in range(2)]
    prompts = [tuple((5 * k + 2) % engine.vocabulary for k in range(8)) + row for row in rows]
    words: list[list[Ids]] = [[(1, 2, 3), (1, 2, 4)], [(6, 7), (8,)]]
    candidates = [[tuple(t % engine.vocabulary for t in c) for c in row_words] for row_words in words]
    tolerance = tolerance_of(engine.model)
    plain = replace(engine, tree=False, steps="recomputed")
    ways: list[Tried] = []
    with no_gradients(engine.device):
        head = _head_gap(plain, prompts[0])
        ways.append(_way("output embedding on the last states", head, tolerance))
        plain = replace(plain, full_logits=not head[0] < tolerance)
        fast = replace(engine, full_logits=plain.full_logits)
        one_by_one = score(plain, prompts, candidates)
        trees = _tried(lambda: _gap(score(replace(fast, window=None), prompts, candidates), one_by_one))
        ways.append(_way("token trees", trees, tolerance))
        agree = trees[0] < tolerance
        fast = replace(fast, tree=agree)
        if agree:
            beginnings = _tried(lambda: _cascade_gap(fast, prompts))
            ways.append(_way("a beginning held once", beginnings, tolerance))
            fast = replace(fast, cascade=beginnings[0] < tolerance)
        for steps in ("in place", "cached"):
            grown = replace(fast, steps=steps, window=None if agree else engine.window)
            gap = _tried(lambda own=grown: _steps_gap(own, prompts))  # type: ignore[misc]
            ways.append(_way(f"keys and values {steps}", gap, tolerance))
            if gap[0] < tolerance:
                fast = replace(fast, steps=steps)
                return replace(fast, beyond=_beyond(fast, tolerance), ways=tuple(ways))
    return replace(fast, steps="recomputed", ways=tuple(ways))


def _tried(gap: Callable[[], float]) -> tuple[float, str]:
    """A difference, or infinity and what the architecture raised."""
    try:
        return gap(), ""
    except RAISED as error:
        return float("inf"), f"{type(error).__name__}: {' '.join(str(error).split())[:80]}".rstrip(": ")


def _way(what: str, found: tuple[float, str], tolerance: float) -> Tried:
    gap, raised = found
    if gap < tolerance:
        return Tried(what, gap, "taken")
    return Tried(what, None if raised else gap, f"refused ({raised or 'differs from the plain way'})")


def _beyond(engine: Engine, tolerance: float) -> str:
    """How a reply grows beyond the attention window, tried where rows of that length can be afforded."""
    size = sum(p.numel() for p in engine.model.parameters())
    if engine.window is None or engine.window > LONGEST or 20 * (engine.window + 8) * size > AFFORDABLE:
        return "cached"
    lengths = (5, max(engine.window - 2, 1), engine.window + 5)
    rows = [probe_row(engine.vocabulary, n, k) for k, n in enumerate(lengths)]
    return "cached" if _tried(lambda: _steps_gap(engine, rows))[0] < tolerance else "recomputed"


def _cascade_gap(engine: Engine, prompts: Sequence[Ids]) -> float:
    """How far scores and steps behind a beginning that is held once are from those where each row has a copy of it."""
    with_it, without = replace(engine, cascade=True, window=None), replace(engine, window=None)
    words: list[list[Ids]] = [[(1, 2, 3), (1, 2, 4)], [(2, 1)]]
    rows = list(prompts)
    if engine.within_window(180):  # long enough to take both ways of joining the two parts
        tails = [tuple((11 * k + 5 * r + 1) % engine.vocabulary for k in range(40)) for r in range(2)]
        rows = [prompts[0][:8] * 15 + tail for tail in tails]
    both = [_gap(score(with_it, examples, words), score(without, examples, words)) for examples in (prompts, rows)]
    return max(*both, _steps_gap(replace(with_it, steps="in place"), prompts))


def _head_gap(engine: Engine, row: Ids) -> tuple[float, str]:
    """How far the output embedding on the decoder's last states is from the model's own logits."""
    ids = torch.tensor([row], device=engine.device)
    own_TV = engine.model(input_ids=ids, use_cache=False).logits[0].float().log_softmax(-1)

    def gap() -> float:
        head_TV = engine.head(engine.body(input_ids=ids, use_cache=False)[0])
        return float((head_TV - own_TV).abs().max()) if head_TV.shape == own_TV.shape else float("inf")

    return _tried(gap)


def _steps_gap(engine: Engine, prompts: Sequence[Ids]) -> float:
    """How far log-probabilities of a growing reply are from those of the whole rows."""
    plain = replace(engine, tree=False, stop_ids=())
    grown: dict[int, Ids] = {}
    logprobs: dict[int, list[float]] = {}

    def note(i: int, draws: list[Draw]) -> None:
        grown[i], logprobs[i] = tuple(draws[0].ids), draws[0].logprobs

    sample(plain, prompts, 2, SamplingPlan(3, 1.0, 0), note)
    full_scores = score(plain, prompts, [[grown[i]] for i in range(len(prompts))])
    return _gap([[logprobs[i]] for i in range(len(prompts))], full_scores)


def _gap(a: Any, b: Any) -> float:
    """Largest difference of two nested lists of numbers of one shape; not-a-number is infinitely far."""
    if isinstance(a, float):
        return abs(a - b) if abs(a - b) >= 0 else float("inf")
    return max((_gap(x, y) for x, y in zip(a, b, strict=True)), default=0.0)
