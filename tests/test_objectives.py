"""Laws of objectives: gradients are closed forms, proper scores want what was measured, and others do not."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from selfscope.errors import BadInput
from selfscope.records import Prompt, content_hash
from selfscope.training.examples import BEHAVIOUR, Example, fingerprint
from selfscope.training.objectives import (
    AGREEMENTS,
    KEEP,
    OBJECTIVES,
    REFERRING,
    agreement,
    dpo,
    losses_of,
    objective_of,
    option_shares,
    report_agreement,
    reward,
    rl,
    score,
    shift,
)

TRUTH = (0.5, 0.3, 0.15, 0.05)
REFERENCE = tuple(math.log(p) for p in (0.1, 0.2, 0.2, 0.1))
NAMED = Example(Prompt(text="?"), ("a", "b", "c", "d"), (0, 1, 2, 3), TRUTH, "g", reference=REFERENCE)
PERCENT = tuple((n / 20, 1 - n / 20) for n in range(21))
STATED = Example(
    Prompt(text="?"), tuple(f" {5 * n}%" for n in range(21)), (), (0.3, 0.7), "g", stated=PERCENT,
    reference=tuple(-3.0 - 0.1 * n for n in range(21)),
)  # fmt: skip


def logits(size: int, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.tensor(rng.standard_normal(size), dtype=torch.float64, requires_grad=True)


def gradient(loss: torch.Tensor, at: torch.Tensor) -> np.ndarray:
    return torch.autograd.grad(loss, at)[0].numpy()


def climbed(value, size: int, seed: int) -> np.ndarray:
    """Shares where the ascent ends."""
    x = logits(size, seed)
    optimizer = torch.optim.LBFGS([x], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        out = -value(x.log_softmax(0))
        out.backward()
        return out

    optimizer.step(loss)
    return x.detach().softmax(0).numpy()


def test_the_policy_gradient_of_named_options_is_the_closed_form() -> None:
    """Of 2 q.t - |q|^2: q_k (g_k - q.g) with g = 2 t - 2 q. The KL: q_k (log q_k / r_k - KL)."""
    x = logits(4)
    q, t = x.detach().softmax(0).numpy(), np.array(TRUTH)
    r = np.exp(REFERENCE) / np.exp(REFERENCE).sum()
    g = 2 * t - 2 * q
    gain = q * (g - q @ g)
    ratio = np.log(q / r)
    cost = q * (ratio - q @ ratio)
    found = gradient(rl("brier", x.log_softmax(0), NAMED, kl=0.3), x)
    assert np.allclose(found, 0.3 * cost - gain, atol=1e-12)


@pytest.mark.parametrize("name", ["brier", "spherical", "right"])
def test_the_policy_gradient_of_stated_numbers_is_the_closed_form(name: str) -> None:
    """p_c (r_c - mean r): the score of each statement by hand."""
    x = logits(21)
    p, s, t = x.detach().softmax(0).numpy(), np.array(PERCENT), np.array(STATED.target)
    r = {"brier": 2 * s @ t - (s**2).sum(1), "spherical": s @ t / np.sqrt((s**2).sum(1)), "right": s @ t}[name]
    assert np.allclose(gradient(reward(name, x.log_softmax(0), STATED), x), p * (r - p @ r), atol=1e-12)


def test_drawn_statements_give_the_exact_gradient_on_average() -> None:
    """What sampling would estimate: reward of the drawn one times the gradient of its log-probability, outcomes drawn
    as well. Its mean over 40,000 draws is the exact one, within 4 standard errors at every statement."""
    x = logits(21, 3)
    exact = gradient(reward("brier", x.log_softmax(0), STATED), x)
    rng, p = np.random.default_rng(5), x.detach().softmax(0).numpy()
    drawn = rng.choice(21, size=40_000, p=p)
    happened = (rng.random(40_000) >= STATED.target[0]).astype(int)  # option 0 in 30 %
    s = np.array(PERCENT)
    got = 2 * s[drawn, happened] - (s[drawn] ** 2).sum(1)
    each = got[:, None] * (np.eye(21)[drawn] - p)
    error = each.std(0) / math.sqrt(len(each))
    assert np.all(np.abs(each.mean(0) - exact) < 4 * error)
    assert np.abs(exact).max() > 10 * error.min()


@pytest.mark.parametrize("seed", range(3))
def test_proper_scores_want_what_was_measured_and_being_right_does_not(seed: int) -> None:
    for name in ("brier", "spherical"):
        found = climbed(lambda x, name=name: reward(name, x, NAMED), 4, seed)
        assert np.allclose(found, TRUTH, atol=0.01), name
    named = climbed(lambda x: reward("right", x, NAMED), 4, seed)
    assert named[0] > 0.97  # the likeliest, always
    rng = np.random.default_rng(seed)
    for truth in rng.dirichlet(np.ones(4), size=10):
        others = torch.tensor(rng.dirichlet(np.ones(4), size=200))
        t = torch.tensor(truth)
        for name in ("brier", "spherical"):
            assert score(name, t, t) >= score(name, others, t).max(), name
            assert score(name, others, t).abs().max() <= 2
        assert score("right", torch.eye(4, dtype=torch.float64), t).max() > score("right", t, t)


def test_the_statement_with_the_highest_score_is_the_nearest_to_the_truth() -> None:
    s, t = torch.tensor(PERCENT), torch.tensor(STATED.target)
    assert int(score("brier", s, t).argmax()) == 6  # 30 %
    assert int(score("spherical", s, t).argmax()) == 6
    assert int(score("right", s, t).argmax()) == 0  # 0 %: the certainty that pays


def test_with_a_cost_of_leaving_the_reference_statements_end_in_between() -> None:
    """The optimum of E r - c KL(p | ref) is ref exp(r / c), normalised: there the gradient vanishes."""
    s, t = np.array(PERCENT), np.array(STATED.target)
    r = 2 * s @ t - (s**2).sum(1)
    best = torch.tensor(np.array(STATED.reference) + r / 0.2, dtype=torch.float64, requires_grad=True)
    assert np.abs(gradient(rl("brier", best.log_softmax(0), STATED, kl=0.2), best)).max() < 1e-8  # fp32 of the records
    away = logits(21)
    assert np.abs(gradient(rl("brier", away.log_softmax(0), STATED, kl=0.2), away)).max() > 1e-3


def test_dpo_is_the_mean_over_all_pairs_and_its_minimum_has_the_odds_of_the_paper() -> None:
    x = logits(4)
    gain = x.detach().log_softmax(0).numpy() - np.array(REFERENCE)
    by_hand = 0.0
    for i in range(4):
        for j in set(range(4)) - {i}:
            by_hand -= TRUTH[i] / 3 * math.log(1 / (1 + math.exp(-0.1 * (gain[i] - gain[j]))))
    at = x.detach().log_softmax(0)
    assert float(dpo(at, NAMED)) == pytest.approx(by_hand, abs=1e-6)
    assert float(dpo(torch.tensor(REFERENCE), NAMED)) == pytest.approx(math.log(2), abs=1e-6)
    found = climbed(lambda y: -dpo(y, NAMED, beta=0.5), 4, 0)
    wanted = np.exp(REFERENCE) * np.array(TRUTH) ** 2
    assert np.allclose(found, wanted / wanted.sum(), atol=0.01)
    assert not np.allclose(found, TRUTH, atol=0.05)  # which is true, and no calibration
    h = 1e-6
    for k in range(4):
        up = x.detach().clone()
        up[k] += h
        slope = (float(dpo(up.log_softmax(0), NAMED)) - float(dpo(at, NAMED))) / h
        assert slope == pytest.approx(gradient(dpo(x.log_softmax(0), NAMED), x)[k], abs=1e-5)


def test_two_sides_agree_where_they_are_equal_and_either_moves() -> None:
    a, b = logits(4, 1), logits(4, 2)
    p, q = (y.detach().softmax(0).numpy() for y in (a, b))
    one, other = (y.detach().log_softmax(0) for y in (a, b))
    half = float(agreement(one, other))
    assert half == pytest.approx(0.5 * ((p - q) * np.log(p / q)).sum())
    assert half == pytest.approx(float(agreement(other, one)))
    assert float(agreement(one, one)) == 0
    flat = torch.zeros(4).log_softmax(0)
    assert float(agreement(flat, flat)) == 0, "two sides that say nothing agree, which is why the shift is told"
    for loss, moves in ((agreement, (True, True)), (report_agreement, (True, False))):
        value = loss(a.log_softmax(0), b.log_softmax(0))
        found = torch.autograd.grad(value, [a, b], allow_unused=True)
        assert tuple(x is not None and bool(x.abs().max() > 1e-3) for x in found) == moves
    assert np.allclose(gradient(report_agreement(a.log_softmax(0), b.log_softmax(0)), a), p - q)


def test_a_behaviour_is_kept_and_a_reply_has_its_own_objective() -> None:
    x = logits(4).detach().log_softmax(0)
    done = replace(NAMED, kind=BEHAVIOUR)
    kept = replace(NAMED, kind="replay", objective=KEEP, group="other")
    for name in (*OBJECTIVES, *AGREEMENTS):
        report, behaviour, replay = losses_of(name, [x, x + 0.0, x], [NAMED, done, kept])
        assert float(replay) == pytest.approx(float(objective_of(KEEP)(x, NAMED)))
        wanted = 0.0 if name in AGREEMENTS else float(objective_of("soft_labels")(x, NAMED))
        assert float(behaviour) == pytest.approx(wanted)
        assert float(report) == (0 if name in AGREEMENTS else pytest.approx(float(objective_of(name)(x, NAMED))))
    with pytest.raises(BadInput, match="behaviours=true"):
        losses_of("agreement", [x], [NAMED])
    for name in REFERRING:
        with pytest.raises(BadInput, match="before training"):
            losses_of(name, [x], [replace(NAMED, reference=())])


def test_a_stated_report_is_what_it_says_on_average() -> None:
    x = logits(21)
    p = x.detach().softmax(0).numpy()
    found = option_shares(x.log_softmax(0), STATED).exp().detach().numpy()
    assert found == pytest.approx(p @ np.array(PERCENT), abs=1e-6)
    assert np.isfinite(gradient(objective_of("soft_labels")(x.log_softmax(0), STATED), x)).all()


def test_the_shift_is_the_divergence_from_before() -> None:
    x = torch.tensor([math.log(p) for p in (0.4, 0.3, 0.2, 0.1)])
    before = np.exp(REFERENCE) / np.exp(REFERENCE).sum()
    by_hand = (before * np.log(before / np.array([0.4, 0.3, 0.2, 0.1]))).sum()
    assert shift(x, NAMED) == pytest.approx(by_hand, abs=1e-6)
    assert shift(torch.tensor(REFERENCE), NAMED) == pytest.approx(0, abs=1e-7)


def test_a_run_that_was_begun_before_these_objectives_goes_on() -> None:
    """Its examples have the fingerprint that they had; whatever came later is in it where it says something."""
    old = replace(NAMED, reference=())
    before = content_hash((old.prompt, old.candidates, old.option_index, old.target, old.group, old.weight))
    assert fingerprint([old]) == before
    others = [NAMED, replace(old, objective=KEEP), replace(old, kind=BEHAVIOUR)]
    assert len({fingerprint([e]) for e in (old, *others)}) == 4
    assert fingerprint([replace(old, kind="person")]) == before


def test_examples_that_cannot_be_are_refused() -> None:
    with pytest.raises(BadInput, match="references"):
        replace(NAMED, reference=(0.0,))
    with pytest.raises(BadInput, match="states no distribution"):
        replace(STATED, stated=((0.5, 0.6),) * 21)
    with pytest.raises(BadInput, match="meanings"):
        replace(STATED, stated=PERCENT[:3])
