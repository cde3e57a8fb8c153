"""The engine of a loaded model: each fast way is compared with the plain one on a small example before it is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from selfscope.subjects.company import AFFORDABLE, LONGEST, company_of, probe_row, require_causal, tolerance_of
from selfscope.subjects.decode import Engine, Ids
from selfscope.subjects.no_gradients import no_gradients
from selfscope.subjects.prefix_trees import score
from selfscope.subjects.render import end_of_turn
from selfscope.subjects.rollout import Draw, SamplingPlan, sample

WINDOWS = ("sliding_window", "attention_chunk_size", "window_size", "attention_window_size", "local_attention")
"""How configurations call the length beyond which a layer no longer sees: a short probe does not show it."""
ERRORS = (TypeError, ValueError, RuntimeError, IndexError, AttributeError)
"""What an architecture raises that does not take a fast way."""


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
    with no_gradients(engine.device):
        plain = replace(plain, full_logits=not _heads_agree(plain, prompts[0], tolerance))
        fast = replace(engine, full_logits=plain.full_logits)
        one_by_one = score(plain, prompts, candidates)
        try:
            agree = _gap(score(replace(fast, window=None), prompts, candidates), one_by_one) < tolerance
        except ERRORS:
            agree = False  # the architecture does not take a mask of four dimensions
        fast = replace(fast, tree=agree)
        fast = replace(fast, cascade=agree and _cascades(fast, prompts, tolerance))
        for steps in ("in place", "cached"):
            if _steps_agree(replace(fast, steps=steps, window=None if agree else engine.window), prompts, tolerance):
                return replace(fast, steps=steps, beyond=_beyond(replace(fast, steps=steps), tolerance))
    return replace(fast, steps="recomputed")


def _beyond(engine: Engine, tolerance: float) -> str:
    """How a reply grows beyond the attention window, tried where rows of that length can be afforded."""
    size = sum(p.numel() for p in engine.model.parameters())
    if engine.window is None or engine.window > LONGEST or 20 * (engine.window + 8) * size > AFFORDABLE:
        return "cached"
    lengths = (5, max(engine.window - 2, 1), engine.window + 5)
    rows = [probe_row(engine.vocabulary, n, k) for k, n in enumerate(lengths)]
    return "cached" if _steps_agree(engine, rows, tolerance) else "recomputed"


def _cascades(engine: Engine, prompts: Sequence[Ids], tolerance: float) -> bool:
    """Whether a beginning that is held once gives the scores and the steps of one that each row has a copy of."""
    with_it, without = replace(engine, cascade=True, window=None), replace(engine, window=None)
    words: list[list[Ids]] = [[(1, 2, 3), (1, 2, 4)], [(2, 1)]]
    rows = list(prompts)
    if engine.within_window(180):  # long enough to take both ways of joining the two parts
        tails = [tuple((11 * k + 5 * r + 1) % engine.vocabulary for k in range(40)) for r in range(2)]
        rows = [prompts[0][:8] * 15 + tail for tail in tails]
    try:
        for examples in (prompts, rows):
            if not _gap(score(with_it, examples, words), score(without, examples, words)) < tolerance:
                return False
        return _steps_agree(replace(with_it, steps="in place"), prompts, tolerance)
    except (*ERRORS, NotImplementedError, KeyError):
        return False


def _heads_agree(engine: Engine, row: Ids, tolerance: float) -> bool:
    """Whether the output embedding on the decoder's last states gives the model's own logits."""
    ids = torch.tensor([row], device=engine.device)
    own_TV = engine.model(input_ids=ids, use_cache=False).logits[0].float().log_softmax(-1)
    try:
        head_TV = engine.head(engine.body(input_ids=ids, use_cache=False)[0])
    except (TypeError, ValueError, RuntimeError, AttributeError):
        return False
    return head_TV.shape == own_TV.shape and bool((head_TV - own_TV).abs().max() < tolerance)


def _steps_agree(engine: Engine, prompts: Sequence[Ids], tolerance: float) -> bool:
    """Whether log-probabilities of a growing reply are those of the whole rows."""
    plain = replace(engine, tree=False, stop_ids=())
    grown: dict[int, Ids] = {}
    logprobs: dict[int, list[float]] = {}

    def note(i: int, draws: list[Draw]) -> None:
        grown[i], logprobs[i] = tuple(draws[0].ids), draws[0].logprobs

    try:
        sample(plain, prompts, 2, SamplingPlan(3, 1.0, 0), note)
    except ERRORS:
        return False
    full_scores = score(plain, prompts, [[grown[i]] for i in range(len(prompts))])
    return _gap([[logprobs[i]] for i in range(len(prompts))], full_scores) < tolerance


def _gap(a: Any, b: Any) -> float:
    """Largest difference of two nested lists of numbers of one shape; not-a-number is infinitely far."""
    if isinstance(a, float):
        return abs(a - b) if abs(a - b) >= 0 else float("inf")
    return max((_gap(x, y) for x, y in zip(a, b, strict=True)), default=0.0)
