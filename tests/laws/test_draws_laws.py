"""Laws of drawing a token: the right frequencies, nothing impossible, the same token from nearly the same logits."""

from __future__ import annotations

import math

import pytest
import torch

from selfscope.subjects.gumbel_sampling import BLOCK, digest, key, pick

NEVER = float("-inf")
PROMPT = digest((3, 1, 4))


def keys(n: int, seed: int = 0) -> list[int]:
    return [key(PROMPT, seed, draw, 0) for draw in range(n)]


def logits(vocabulary: int, seed: int = 0) -> torch.Tensor:
    """Logits (V,) with forbidden tokens: every third one, and a whole block where there is more than one."""
    logits_V = 2 * torch.randn(vocabulary, generator=torch.Generator().manual_seed(seed))
    logits_V[::3] = NEVER
    if vocabulary > 2 * BLOCK:
        logits_V[BLOCK : 2 * BLOCK] = NEVER
    return logits_V


@pytest.mark.parametrize("vocabulary", [7, BLOCK, 3 * BLOCK + 41])
@pytest.mark.parametrize("temperature", [0.6, 1.0, 1.7])
def test_frequencies_are_the_softmax_and_the_impossible_never_happens(vocabulary: int, temperature: float) -> None:
    logits_V, n = logits(vocabulary), 20_000
    seen_V = torch.zeros(vocabulary)
    for start in range(0, n, 4000):
        tokens_B, _ = pick(logits_V.repeat(4000, 1), temperature, keys(n)[start : start + 4000])
        assert int(tokens_B.max()) < vocabulary  # what the last block is filled up with is no token
        seen_V += torch.bincount(tokens_B, minlength=vocabulary)
    expected_V = n * (logits_V.double() / temperature).softmax(-1)
    assert int(seen_V[logits_V == NEVER].sum()) == 0
    big = expected_V >= 8
    rest, rare = float(expected_V[~big].sum()), float(seen_V[~big].sum())
    chi2 = float(((seen_V - expected_V)[big] ** 2 / expected_V[big]).sum()) + (rare - rest) ** 2 / max(rest, 1e-9)
    freedom = int(big.sum()) + (rest > 0) - 1
    assert chi2 < freedom + 4.5 * math.sqrt(2 * freedom)


def test_one_possible_token_is_always_drawn() -> None:
    logits_BV = torch.full((200, 700), NEVER)
    logits_BV[:, 611] = -40.0
    tokens_B, logprobs_B = pick(logits_BV, 1.3, keys(200))
    assert tokens_B.tolist() == [611] * 200
    assert logprobs_B.tolist() == [0.0] * 200


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_the_log_probability_is_at_temperature_one(temperature: float) -> None:
    logits_BV = torch.stack([logits(1000, seed) for seed in range(50)])
    before = logits_BV.clone()
    tokens_B, logprobs_B = pick(logits_BV, temperature, keys(50))
    wanted_B = logits_BV.double().log_softmax(-1).gather(1, tokens_B[:, None])[:, 0]
    assert float((logprobs_B - wanted_B).abs().max()) < 1e-5
    assert torch.equal(logits_BV, before)


def test_another_batch_shapes_rounding_changes_no_token() -> None:
    """fp32 sums in another order move logits by some 1e-5: drawing must not turn that into another token."""
    logits_BV = torch.stack([2 * torch.randn(5000, generator=torch.Generator().manual_seed(k)) for k in range(300)])
    moved_BV = logits_BV + 1e-5 * torch.randn(logits_BV.shape, generator=torch.Generator().manual_seed(9))
    (one, _), (other, _) = (pick(x, 1.0, keys(300)) for x in (logits_BV, moved_BV))
    assert int((one != other).sum()) <= 1  # where two perturbed values lie within 1e-5: about one draw in 10^5
    alone = torch.cat([pick(row[None], 1.0, [k])[0] for row, k in zip(logits_BV, keys(300), strict=True)])
    assert torch.equal(one, alone)


def test_noise_depends_on_prompt_seed_draw_and_step_and_each_matters() -> None:
    base = key(PROMPT, 1, 2, 3)
    others = [key(digest((3, 1, 5)), 1, 2, 3), key(PROMPT, 2, 2, 3), key(PROMPT, 1, 3, 3), key(PROMPT, 1, 2, 4)]
    assert base == key(digest((3, 1, 4)), 1, 2, 3)
    assert base not in others
    assert key(PROMPT, 1, 23, 4) != key(PROMPT, 12, 3, 4)  # written one behind the other, these would be equal
    assert len({digest(p) for p in ((1, 2), (12,), (1,), (2, 1), (1, 2, 0))}) == 5
