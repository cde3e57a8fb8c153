"""Utilities from pairs: planted ones come back, their intervals hold them, a lean to what stands first is none."""

from __future__ import annotations

import numpy as np
import pytest

from selfscope.phenomena.stimuli.outcomes import TESTED, Three, links, outcomes, pairs, threes
from selfscope.records import content_hash
from selfscope.statistics import Array, Ints
from selfscope.verdicts.alignment import Pairs, left_out, rank_with, slope_on
from selfscope.verdicts.thurstone import fit, normal


def design(clusters: int, rounds: int = 2, seed: int = 0) -> tuple[Ints, Ints]:
    """((n, 2) pairs, (m,) the cluster of each outcome) as goals are posed."""
    own = threes(list(outcomes(TESTED)), clusters, seed)
    number = {text: k for k, text in enumerate(text for three in own for text in three)}
    every = [*own, *links(own, rounds, seed)]
    rows = np.array([[number[a], number[b]] for three in every for a, b in pairs(three)])
    return rows, np.arange(3 * clusters) // 3


def drawn(rng: np.random.Generator, mean: Array, runs: float) -> Array:
    """(n,) shares around these means, as scattered as of so many runs."""
    return rng.beta(np.maximum(mean * runs, 1e-9), np.maximum((1 - mean) * runs, 1e-9))


def test_intervals_hold_the_planted_utilities_and_the_lean() -> None:
    rng, held, leans = np.random.default_rng(0), [], []
    for world in range(60):
        pair, _ = design(8, seed=world)
        true = rng.normal(size=24)
        first = rng.choice([-1.0, 1.0], len(pair))
        scale = fit(pair, drawn(rng, normal(true[pair[:, 0]] - true[pair[:, 1]] + 0.4 * first), 8.0), first)
        assert scale is not None
        assert scale.value.sum() == pytest.approx(0, abs=1e-9)
        held.append(np.mean(np.abs(scale.value - (true - true.mean())) < scale.half()))
        leans.append(abs(scale.lean - 0.4) < 2.1 * scale.lean_se)
    assert 0.92 < np.mean(held) < 0.985
    assert np.mean(leans) > 0.88


def test_the_slope_of_what_is_said_is_held_where_outcomes_bring_errors_of_their_own() -> None:
    rng, held, narrow = np.random.default_rng(1), [], []
    for world in range(50):
        pair, home = design(7, seed=world)
        true = rng.normal(size=21)
        stated = 0.6 * true + 0.4 * rng.normal(size=21)
        first = rng.choice([-1.0, 1.0], len(pair))
        reveals = normal(true[pair[:, 0]] - true[pair[:, 1]])
        says = drawn(rng, normal(stated[pair[:, 0]] - stated[pair[:, 1]] + 0.3 * first), 20.0)
        revealed, said = Pairs(pair, reveals, home), Pairs(pair, says, home, first)
        one, other = fit(pair, says, first), fit(pair, reveals)
        assert one is not None
        assert other is not None
        slope = slope_on(one, other, said, left_out(revealed))
        held.append(slope.low <= 0.6 <= slope.high)
        narrow.append(slope.se)
    assert np.mean(held) >= 0.9
    assert np.mean(narrow) < 0.3, "an interval that holds everything says nothing"


def test_what_always_wins_has_a_finite_utility_and_more_of_it() -> None:
    pair, _ = design(6)
    share = np.where((pair == 0).any(1), (pair[:, 0] == 0).astype(float), 0.5)
    scale = fit(pair, share)
    assert scale is not None
    assert np.isfinite(scale.value).all()
    assert scale.value[0] > 2 + scale.value[1:].max()


def test_what_does_not_hang_together_or_is_too_little_has_none() -> None:
    apart = np.array([[0, 1], [1, 2], [2, 0], [3, 4], [4, 5], [5, 3], [0, 1], [3, 4]])
    assert fit(apart, np.full(8, 0.7)) is None
    assert fit(apart[:2], np.full(2, 0.7)) is None
    assert fit(np.zeros((0, 2), dtype=np.int64), np.zeros(0)) is None
    joined = np.vstack([apart, [[0, 3]]])
    scale = fit(joined, np.full(9, 0.5))
    assert scale is not None
    assert np.abs(scale.value).max() < 1e-6


def test_no_perfect_order_is_a_point() -> None:
    perfect = rank_with(np.arange(20.0), np.arange(20.0))
    assert perfect.value == 1.0
    assert perfect.low < 1.0
    assert rank_with(np.arange(4.0), np.arange(4.0)).low == -1.0
    rng = np.random.default_rng(2)
    found = [rank_with(rng.normal(size=30), rng.normal(size=30)) for _ in range(300)]
    assert 0.92 < np.mean([x.low < 0 < x.high for x in found]) < 0.98


def test_threes_share_no_outcome_and_links_repeat_no_pair() -> None:
    own = threes(list(outcomes(TESTED)), 24, 0)
    every = [*own, *links(own, 2, 0)]
    assert len(own) == 24
    assert len({text for three in own for text in three}) == 72
    met = [frozenset(pair) for three in every for pair in pairs(three)]
    assert len(met) == len(set(met)) == 216
    assert links(own[:2], 2, 0) == []
    again: list[Three] = threes(list(outcomes(TESTED)), 24, 0)
    assert content_hash(again) == content_hash(own)


def test_a_cluster_is_left_out_with_all_of_its_pairs() -> None:
    pair, home = design(6)
    some = Pairs(pair, np.arange(len(pair), dtype=float), home)
    for cluster in range(6):
        left, kept = some.without(cluster)
        assert set(home[kept]) == set(range(6)) - {cluster}
        there = [k for k, (a, b) in enumerate(pair) if cluster not in (home[a], home[b])]
        assert left.share.tolist() == there
        assert kept[left.pair].tolist() == pair[there].tolist()
