"""Orders, risk and payoff: exact laws, and intervals that hold the truth as often as they say."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import norm

from selfscope.statistics import Array, Estimate, Ints, auroc
from selfscope.verdicts import ranks, selective

RNG = np.random.default_rng(7)
DRAWS = 300
LEAST = 0.92
"""Of 300 intervals of 95 %, with room for the draw (three standard errors are 0.038)."""


def world(tasks: int, attempts: int, separation: float, rng: np.random.Generator) -> tuple[Array, Array, Ints]:
    """(scores, outcomes, task) of attempts at tasks that differ in how hard they are and in how they are scored."""
    cluster = np.repeat(np.arange(tasks), attempts)
    hard = 1.5 * rng.normal(size=tasks)[cluster]
    passed = (rng.random(len(cluster)) < 1 / (1 + np.exp(-hard))).astype(float)
    scores = separation * passed + rng.normal(size=len(cluster)) + 2 * rng.normal(size=tasks)[cluster]
    return scores, passed, cluster


def area_of(scores: Array, rates: Array, cluster: Ints, pairs: ranks.Pairs) -> Estimate:
    found = ranks.area(ranks.ordering(scores, rates, cluster, pairs))
    assert found is not None
    return found


def brute(scores: Array, passed: Array, allowed: ranks.Pairs) -> float:
    """By counting."""
    won = total = 0.0
    for i, j in itertools.permutations(range(len(scores)), 2):
        if allowed[i, j] and passed[i] > passed[j]:
            total += 1
            won += 1.0 if scores[i] > scores[j] else 0.5 if scores[i] == scores[j] else 0.0
    return won / total


def test_an_area_is_what_counting_pairs_gives() -> None:
    scores, passed, cluster = world(9, 4, 0.5, RNG)
    scores = np.round(scores)  # with ties
    stratum = cluster % 3
    for pairs in (ranks.across(cluster), ranks.within(cluster), ranks.within_strata(cluster, stratum)):
        assert area_of(scores, passed, cluster, pairs).value == pytest.approx(brute(scores, passed, pairs))
    alone = np.arange(len(scores))
    assert area_of(scores, passed, alone, ranks.across(alone)).value == pytest.approx(auroc(scores, passed > 0.5))


def test_matched_items_are_told_apart_over_clusters() -> None:
    """A cluster holds both kinds. Copies are no new clusters; intervals hold the truth; a constant is no certainty."""
    positive = np.arange(400) % 2 == 0
    scores = RNG.normal(size=400) + positive
    many = ranks.apart(scores, positive, np.arange(400) // 2)
    few = ranks.apart(*(np.repeat(x[:40], 10) for x in (scores, positive, np.arange(400) // 2)))
    assert many.value == pytest.approx(auroc(scores, positive))
    assert few.high - few.low > 1.5 * (many.high - many.low)
    assert (few.clusters, few.items) == (20, 400)
    same = ranks.apart(np.zeros(40), positive[:40], np.arange(40) // 2)
    assert same.low < same.value == 0.5 < same.high
    held = 0
    for _ in range(DRAWS):
        noise = RNG.normal(size=20)[np.arange(80) // 4] + RNG.normal(size=80)
        found = ranks.apart(noise + positive[:80], positive[:80], np.arange(80) // 4)
        held += found.low <= norm.cdf(1 / 2) <= found.high
    assert held / DRAWS >= LEAST
    with pytest.raises(ValueError, match="positives and negatives"):
        ranks.apart(np.zeros(3), np.ones(3, dtype=bool), np.arange(3))


def test_an_order_without_a_cluster_is_that_of_the_others() -> None:
    scores, passed, cluster = world(8, 3, 0.5, RNG)
    for pairs in (ranks.across(cluster), ranks.within_strata(cluster, cluster % 2)):
        whole = ranks.ordering(scores, passed, cluster, pairs)
        assert whole is not None
        for left_out in range(8):
            rows = cluster != left_out
            rest = ranks.ordering(scores[rows], passed[rows], cluster[rows], pairs[np.ix_(rows, rows)])
            assert whole.without[left_out] == pytest.approx(whole.value if rest is None else rest.value)


def test_the_laws_of_an_order() -> None:
    _, passed, cluster = world(12, 4, 0.5, RNG)
    pairs = ranks.within(cluster)
    for scores, value in ((passed, 1.0), (-passed, 0.0), (np.zeros(len(passed)), 0.5)):
        found = area_of(scores, passed, cluster, pairs)
        assert found.value == value
        assert found.low < found.high
        assert found.low <= value <= found.high
    assert 0.5 < area_of(passed, passed, cluster, pairs).low < 1, "that all pairs are in order is no certainty"
    # A shift of all scores of a task, as of hard ones, moves nothing within the tasks.
    moved = area_of(passed + 10 * cluster, passed, cluster, pairs)
    assert moved.value == 1.0
    assert ranks.ordering(passed, np.ones(len(passed)), cluster, pairs) is None


def test_a_rate_stands_for_its_attempts() -> None:
    """One item of rate 3/4 counts as four attempts of one score, but for pairs among themselves."""
    scores = np.array([0.1, 0.5, 0.3])
    rates, copies = np.array([0.25, 0.75, 0.5]), 4
    cluster = np.arange(3)
    passed = np.concatenate([np.arange(copies) < r * copies for r in rates]).astype(float)
    apart = np.repeat(cluster, copies)
    whole = brute(np.repeat(scores, copies), passed, ranks.across(apart))
    assert area_of(scores, rates, cluster, ranks.across(cluster)).value == pytest.approx(whole)


@pytest.mark.parametrize(("tasks", "attempts", "separation"), [(20, 4, 0.0), (40, 4, 0.6), (30, 4, 2.0)])
def test_the_interval_of_an_area_within_tasks_holds_the_truth(tasks: int, attempts: int, separation: float) -> None:
    rng = np.random.default_rng([tasks, attempts])
    truth = norm.cdf(separation / math.sqrt(2))
    held, powered = [], []
    for _ in range(DRAWS):
        scores, passed, cluster = world(tasks, attempts, separation, rng)
        found = area_of(scores, passed, cluster, ranks.within(cluster))
        held.append(found.low <= truth <= found.high)
        powered.append(found.low > 0.5)
    assert np.mean(held) >= LEAST
    assert (np.mean(powered) <= 0.05) if separation == 0 else (np.mean(powered) > 0.3)


def test_the_interval_of_a_difference_of_areas_holds_the_truth() -> None:
    rng = np.random.default_rng(3)
    truth = norm.cdf(1.0 / math.sqrt(2)) - 0.5
    held = []
    for _ in range(DRAWS):
        scores, passed, cluster = world(30, 4, 1.0, rng)
        words = rng.normal(size=len(scores))
        pairs = ranks.within(cluster)
        inside, said = (ranks.ordering(s, passed, cluster, pairs) for s in (scores, words))
        assert inside is not None
        assert said is not None
        ahead = ranks.ahead(inside, said)
        assert ahead.value == pytest.approx(inside.value - said.value)
        held.append(ahead.low <= truth <= ahead.high)
    assert np.mean(held) >= LEAST


@pytest.mark.parametrize(("items", "failed"), [(10, 3), (100, 40), (7, 6)])
def test_the_area_of_risk_is_its_closed_form(items: int, failed: int) -> None:
    part, ones = failed / items, np.ones(items)
    passed = np.concatenate([np.ones(items - failed), np.zeros(failed)])
    oracle = part + (1 - part) * math.log(1 - part)
    assert selective.risk_area(passed, passed, ones) == pytest.approx(oracle)
    assert selective.risk_area(np.zeros(items), passed, ones) == pytest.approx(part)
    assert selective.risk_area(-passed, passed, ones) > part
    found = selective.curve(passed, passed, np.arange(items))
    assert found.area.value == pytest.approx(oracle)
    assert (found.best, found.failing) == (pytest.approx(oracle), pytest.approx(part))
    assert found.points[-1] == (1.0, pytest.approx(part))
    assert found.points[0] == (pytest.approx(1 - part), 0.0)


def test_a_weight_is_so_many_copies() -> None:
    scores, passed, _ = world(20, 1, 1.0, RNG)
    weights = RNG.integers(0, 4, size=20).astype(float)
    copied = [np.repeat(x, weights.astype(int)) for x in (scores, passed)]
    whole = selective.risk_area(copied[0], copied[1], np.ones(len(copied[0])))
    assert selective.risk_area(scores, passed, weights) == pytest.approx(whole)


def test_the_intervals_of_risk_and_payoff_hold_the_truth() -> None:
    def stated(tasks: int, rng: np.random.Generator) -> tuple[Array, Array, Ints]:
        hard = 1.5 * rng.normal(size=tasks)
        cluster = np.repeat(np.arange(tasks), 2)
        passed = (rng.random(2 * tasks) < 1 / (1 + np.exp(-hard[cluster]))).astype(float)
        return 1 / (1 + np.exp(-(0.5 * passed + rng.normal(size=2 * tasks)))), passed, cluster

    def payoff(f: Array, passed: Array, cluster: Ints) -> Estimate:
        return selective.payoff(f, np.full(len(f), 0.5), passed, cluster, 1.0).earned

    rng = np.random.default_rng(11)
    f, passed, cluster = stated(30_000, rng)
    risk, earned = selective.risk_area(f, passed, np.ones(len(f))), payoff(f, passed, cluster).value
    held = []
    for _ in range(DRAWS):
        world_ = stated(40, rng)
        area, own = selective.curve(*world_).area, payoff(*world_)
        held.append((area.low <= risk <= area.high, own.low <= earned <= own.high))
    assert np.mean(held, axis=0).min() >= LEAST


def test_payoff_at_a_price() -> None:
    passed, cluster = np.array([1.0, 1.0, 0.0, 0.0]), np.arange(4)
    base = np.full(4, 0.5)
    known = selective.payoff(passed, base, passed, cluster, 3.0)
    assert (known.earned.value, known.always, known.base, known.best, known.acts) == (0.5, -1.0, 0.0, 0.5, 0.5)
    assert known.over_base.value == 0.5
    sure = selective.payoff(np.full(4, 0.8), base, passed, cluster, 3.0)
    assert sure.earned.value == -1.0, "it says 0.8, and three quarters is the bar"
    assert selective.payoff(np.full(4, 0.7), base, passed, cluster, 3.0).earned.value == 0.0


def test_the_score_of_one_attempt() -> None:
    stated, rate = np.array([0.3]), np.array([0.75])
    each = [(0.3 - y) ** 2 for y in (1, 1, 1, 0)]
    assert selective.attempt_brier(stated, rate)[0] == pytest.approx(np.mean(each))
