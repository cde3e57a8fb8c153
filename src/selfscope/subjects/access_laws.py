"""The laws of access on a loaded model: what a capture, a score or a reply is worth. `doctor` and `make laws` run them.

Each compares what this project computes with the bare model on rows of tokens, one row at a time. A law that a model
cannot be held to (no activations, a rule too far out to be tried) is *not run*, with the reason.

Axes: T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import torch

from selfscope.errors import SelfscopeError
from selfscope.records import Decoding, Prompt
from selfscope.subjects.company import (
    PROBE,
    UNLIKELY,
    Tried,
    bound_of,
    causal_gap,
    company_of,
    probe_row,
    tolerance_of,
)
from selfscope.subjects.decode import Ids
from selfscope.subjects.local import Local
from selfscope.subjects.no_gradients import no_gradients
from selfscope.subjects.self_test import Check

AFFORDABLE = 5e11
"""Parameters times tokens of one probe: some seconds on two cores."""
LONGEST = 4200  # tokens of a row that is tried
REPLY = 6  # tokens of a reply


def access_laws(
    local: Local, *, affordable: float = AFFORDABLE, done: Callable[[], None] = lambda: None
) -> tuple[Check, ...]:
    """Every law, on this model.

    Parameters
    ----------
    local : Local
        A loaded model; nothing of it is changed.
    affordable : float
        Parameters times tokens of one probe: longer rows are not tried, and the law says so.
    done : callable
        Called behind each of `LAWS`.

    Returns
    -------
    tuple of Check
        In the order of `LAWS`. outcome: passed | failed | not run. note: the largest difference, in nats.
    """
    checks = [_told(way) for way in local.engine.ways]
    with no_gradients(local.engine.device):
        rows = _rows(local, affordable)
        for law in LAWS:
            checks += law(local, rows, affordable)
            done()
    return tuple(checks)


def _rows(local: Local, affordable: float) -> list[Ids]:
    """Short rows, and rows on both sides of every length at which this model changes a rule."""
    engine = local.engine
    edges = {PROBE, engine.window, engine.company.bound, engine.company.equal_from}
    size = sum(p.numel() for p in engine.model.parameters())
    lengths = {n + step for n in edges if n for step in (-1, 0, 1, 3) if n + step > 2} | {3, 9}
    most = min(local.context - REPLY - 1, LONGEST, int(affordable / size / 3))
    return [probe_row(engine.vocabulary, n, k) for k, n in enumerate(sorted(lengths)) if n <= most]


def _bare(local: Local, row: Ids) -> torch.Tensor:
    """Log-probabilities (T, V) of a row alone, in a model that has just read a short one."""
    model = local.engine.model
    short = torch.tensor([probe_row(local.engine.vocabulary, 2)], device=model.device)
    model(input_ids=short, use_cache=False)
    ids = torch.tensor([row], device=model.device)
    out: torch.Tensor = model(input_ids=ids, use_cache=False).logits[0].float().log_softmax(-1)
    return out


def _steps(local: Local, row: Ids, ids: Sequence[int]) -> list[float]:
    """Log-probabilities of ids behind a row, as the bare model gives them: in one forward where one rule holds."""
    side = local.engine.company.side
    if side(len(row)) == side(len(row) + len(ids)):
        own_TV = _bare(local, (*row, *ids[:-1]))[len(row) - 1 :]
        return [float(own_TV[place, token]) for place, token in enumerate(ids)]
    return [float(_bare(local, (*row, *ids[:place]))[-1, token]) for place, token in enumerate(ids)]


def _unlike(a: Sequence[float], b: Sequence[float]) -> float:
    return max((abs(max(x, UNLIKELY) - max(y, UNLIKELY)) for x, y in zip(a, b, strict=True)), default=0.0)


def _judged(name: str, gap: float, local: Local, note: str = "", bound: float | None = None) -> Check:
    # Ten times the tolerance of a fast way: the bare model's own rounding is in these.
    passed = gap < (bound or 10 * tolerance_of(local.engine.model))
    words = "exactly" if gap == 0 else f"within {gap:.1g} nats" if passed else f"differs by {gap:.2g} nats"
    return Check(name, "passed" if passed else "failed", ", ".join(filter(None, (words, note))))


def _causal(local: Local, rows: Sequence[Ids], affordable: float) -> list[Check]:
    gap, name = causal_gap(local.engine.model), "a later token changes nothing before it"
    return [_judged(name, gap, local, bound=bound_of(local.engine.model))]


def _company(local: Local, rows: Sequence[Ids], affordable: float) -> list[Check]:
    """What was tried of rows in company; a difference that rows are parted for is no failure."""
    found = company_of(local.engine.model, local.context, affordable=affordable, longest=LONGEST)
    kept = local.engine.company
    if (found.bound, found.equal_from) != (kept.bound, kept.equal_from) and found.equal_from is not None:
        wrong = f"rows beyond {found.equal_from} tokens change each other's numbers"
        return [Check("rows in company, longer ones included", "failed", wrong)]
    return [_told(one) for one in found.tried]


def _told(one: Tried) -> Check:
    gap = "" if one.gap is None else "exactly" if one.gap == 0 else f"{one.gap:.1g} nats"
    outcome = "not run" if one.gap is None or one.note.startswith("refused") else "passed"
    return Check(one.what, outcome, ", ".join(filter(None, (gap, one.note))))


def _alone(local: Local, rows: Sequence[Ids], affordable: float) -> list[Check]:
    prompts = [Prompt(ids=row) for row in rows]
    every = list(range(local.engine.vocabulary))
    gap = 0.0
    for start in range(0, len(rows), 8):  # a whole vocabulary a row
        found = local.next_token(prompts[start : start + 8], ids=every)
        for row, one in zip(rows[start : start + 8], found, strict=True):
            gap = max(gap, _unlike(_bare(local, row)[-1].tolist(), one.logprobs))
    return [_judged("a row has the numbers that it has alone", gap, local, _reach(rows))]


def _reach(rows: Sequence[Ids]) -> str:
    return f"rows of {min(map(len, rows))} to {max(map(len, rows))} tokens"


def _score(local: Local, rows: Sequence[Ids], affordable: float) -> list[Check]:
    """A score is the sum of the steps over its own tokens."""
    from selfscope.subjects.masked_rows import score

    candidates = [probe_row(local.engine.vocabulary, 3, k + 1) for k in range(2)]
    gap = 0.0
    scores = score(local.engine, list(rows), [candidates] * len(rows))
    for row, own in zip(rows, scores, strict=True):
        for candidate, logprobs in zip(candidates, own, strict=True):
            gap = max(gap, _unlike(_steps(local, row, candidate), logprobs))
    return [_judged("a score is the sum of its steps", gap, local, _reach(rows))]


def _replies(local: Local, rows: Sequence[Ids], affordable: float) -> list[Check]:
    decoding = Decoding(temperature=1.0, max_tokens=REPLY, seed=0, and_greedy=True)
    found = local.sample([Prompt(ids=row) for row in rows], 1, decoding)
    gap = 0.0
    for row, replies in zip(rows, found, strict=True):
        for reply in replies:
            if reply.ids:
                gap = max(gap, _unlike(_steps(local, row, reply.ids), reply.logprobs or ()))
    return [_judged("a reply has the numbers of its whole rows", gap, local, _reach(rows))]


def _captures(local: Local, rows: Sequence[Ids], affordable: float) -> list[Check]:
    names = ("captures are the model's hidden states", "the last states give the next token")
    blocks = local.engine.blocks
    if blocks is None:
        return [Check(name, "not run", local.refused) for name in names]
    last = len(blocks.blocks) - 1
    short = list(rows[:4])
    states = local.capture([Prompt(ids=row) for row in short], range(-1, last + 1), "every")
    unlike = 0.0
    for k, row in enumerate(short):
        ids = torch.tensor([row], device=local.engine.device)
        own = local.engine.model(input_ids=ids, use_cache=False, output_hidden_states=True).hidden_states
        if own is None or len(own) < last + 1:
            none = Check(names[0], "not run", "the model gives no hidden states")
            return [none, _lens(local, short, states, names[1])]
        entering_TD = torch.from_numpy(states.of(k, -1))
        first = own[0][0].float().cpu()
        begins = first.shape == entering_TD.shape and torch.allclose(first, entering_TD, atol=1e-4)  # Mamba's do not
        for layer in range(last):
            a_TD, b_TD = torch.from_numpy(states.of(k, layer)), own[layer + int(begins)][0].float().cpu()
            unlike = max(unlike, float((a_TD - b_TD).abs().max() / b_TD.abs().max()))
    bound = 1e-4 if local.engine.model.dtype == torch.float32 else 5e-2
    words = "exactly" if unlike == 0 else f"within {unlike:.1g} of the largest"
    check = Check(names[0], "passed" if unlike < bound else "failed", words)
    return [check, _lens(local, short, states, names[1])]


def _lens(local: Local, rows: Sequence[Ids], states: Any, name: str) -> Check:
    every = list(range(local.engine.vocabulary))
    gap = 0.0
    for k, row in enumerate(rows):
        (found,) = local.unembed(states.of(k, max(states.layers))[-1:], ids=every)
        gap = max(gap, _unlike(_bare(local, row)[-1].tolist(), found.logprobs))
    return _judged(name, gap, local)


def _nothing_left(local: Local, rows: Sequence[Ids], affordable: float) -> list[Check]:
    """Whatever was called before leaves no hook and no other number."""
    hooks = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in local.engine.model.modules())
    before_TV = _bare(local, rows[0])
    if local.engine.blocks is not None:
        with suppress(SelfscopeError):
            local.capture([Prompt(ids=rows[0])], [0], [[len(rows[0])]])  # there is no such position
        local.capture([Prompt(ids=rows[0])], [0], "last")
    after = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in local.engine.model.modules())
    same = after == hooks and torch.equal(before_TV, _bare(local, rows[0]))
    name = "calls leave nothing behind in the model"
    return [Check(name, "passed" if same else "failed", "" if same else f"{after - hooks} hooks were left")]


Law = Callable[[Local, Sequence[Ids], float], list[Check]]
LAWS: tuple[Law, ...] = (_causal, _company, _alone, _score, _replies, _captures, _nothing_left)
