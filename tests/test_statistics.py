"""Statistics against textbooks and simulation: each interval covers, each test holds its level."""

from __future__ import annotations

import math

import numpy as np
import pytest

from selfscope import statistics as st


def clustered(rng: np.random.Generator, g: int = 25, size: int = 8, icc: float = 0.4) -> tuple[st.Array, st.Ints]:
    cluster = np.repeat(np.arange(g), size)
    shared = rng.normal(size=g)[cluster] * math.sqrt(icc)
    return shared + rng.normal(size=g * size) * math.sqrt(1 - icc), cluster


def test_jackknife_mean_covers_where_independence_would_not() -> None:
    rng = np.random.default_rng(0)
    inside = naive = 0
    for _ in range(600):
        x, cluster = clustered(rng)
        got = st.mean(x, cluster)
        inside += got.low <= 0 <= got.high
        half = 1.96 * x.std(ddof=1) / math.sqrt(len(x))
        naive += abs(x.mean()) <= half
    assert 0.92 <= inside / 600 <= 0.975
    assert naive / 600 < 0.85


def test_ratio_covers() -> None:
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(400):
        num, cluster = clustered(rng)
        den, _ = clustered(rng)
        got = st.ratio(1.0 + 0.5 * num, 2.0 + 0.3 * den, cluster)
        inside += got.low <= 0.5 <= got.high
    assert 0.92 <= inside / 400 <= 0.98
    with pytest.raises(ValueError, match="vanishes"):
        st.ratio(np.ones(4), np.zeros(4), np.arange(4))


def test_bootstrap_of_a_mean_covers_at_many_clusters() -> None:
    rng = np.random.default_rng(2)
    inside = 0
    for seed in range(200):
        x, cluster = clustered(rng, g=60)
        sums, counts = st.by_cluster(x, cluster), st.by_cluster(np.ones(len(x)), cluster)
        got = st.bootstrap(lambda w, s=sums, n=counts: float(w @ s / (w @ n)), 60, draws=500, seed=seed)
        inside += got.low <= 0 <= got.high
    assert 0.88 <= inside / 200 <= 0.98


@pytest.mark.parametrize("g", [12, 40])
def test_sign_flip_holds_its_level_and_finds_an_effect(g: int) -> None:
    rng = np.random.default_rng(g)
    p0 = [st.sign_flip(*clustered(rng, g=g), draws=500, seed=i) for i in range(200)]
    assert np.mean(np.array(p0) <= 0.05) <= 0.09
    x, cluster = clustered(rng, g=g)
    assert st.sign_flip(x + 2.0, cluster) < 0.01


def test_sign_flip_is_exact_for_few_clusters() -> None:
    # Three clusters, all positive: 2 of 8 sign patterns are as extreme.
    assert st.sign_flip(np.array([1.0, 2.0, 3.0]), np.arange(3)) == 0.25


def test_multiplicity_against_worked_examples() -> None:
    p = [0.01, 0.04, 0.03, 0.005]
    assert st.holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert st.benjamini_hochberg(p) == pytest.approx([0.02, 0.04, 0.04, 0.02])


def test_holm_holds_the_family_and_benjamini_hochberg_the_rate() -> None:
    rng = np.random.default_rng(3)
    family = [min(st.holm(rng.random(10).tolist())) <= 0.05 for _ in range(2000)]
    assert 0.03 <= np.mean(family) <= 0.065
    false = []
    for _ in range(800):
        p = np.concatenate([rng.random(8), rng.random(4) * 1e-4]).tolist()
        hits = [i for i, q in enumerate(st.benjamini_hochberg(p)) if q <= 0.1]
        false.append(sum(i < 8 for i in hits) / max(len(hits), 1))
    assert np.mean(false) <= 0.1


def test_equivalence_needs_the_whole_ninety_per_cent_interval_below() -> None:
    assert st.below(st.estimate(0.0, 0.05, 30, 100), 0.1)
    assert not st.below(st.estimate(0.05, 0.05, 30, 100), 0.1)
    rng = np.random.default_rng(4)
    wrong = []
    for _ in range(1000):  # the true effect lies on the margin: "below" is an error, at most 5 %
        x, cluster = clustered(rng, size=2)
        wrong.append(st.below(st.mean(x + 0.3, cluster), 0.3))
    assert np.mean(wrong) <= 0.075


def test_auroc_is_the_probability_of_order() -> None:
    assert st.auroc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])) == 0.75
    assert st.auroc(np.ones(4), np.array([True, False, True, False])) == 0.5
    with pytest.raises(ValueError, match="negatives"):
        st.auroc(np.ones(2), np.array([True, True]))


def test_brier_parts_add_up() -> None:
    rng = np.random.default_rng(5)
    said = np.round(rng.random(2000), 1)
    happened = (rng.random(2000) < said**2).astype(float)
    parts = st.brier_parts(said, happened, bins=2000)
    by_value = [said == v for v in np.unique(said)]
    reliability = sum(m.mean() * (said[m].mean() - happened[m].mean()) ** 2 for m in by_value)
    resolution = sum(m.mean() * (happened[m].mean() - happened.mean()) ** 2 for m in by_value)
    assert parts.brier == pytest.approx(reliability - resolution + parts.uncertainty)


def test_calibration_error_is_only_read_with_its_null_band() -> None:
    rng = np.random.default_rng(6)
    said = rng.random(100)
    inside = []
    for seed in range(60):
        happened = (rng.random(100) < said).astype(float)
        low, high = st.calibration_null(said, draws=200, seed=seed)
        inside.append(low <= st.calibration_error(said, happened) <= high)
    assert np.mean(inside) > 0.85
    assert st.calibration_null(said, draws=200)[0] > 0.03  # a perfect forecaster is far from 0


def test_calibration_line_recovers_overconfidence() -> None:
    rng = np.random.default_rng(7)
    true = rng.normal(size=20_000)
    happened = (rng.random(20_000) < 1 / (1 + np.exp(-true))).astype(float)
    intercept, slope = st.calibration_line(1 / (1 + np.exp(-2 * true)), happened)
    assert slope == pytest.approx(0.5, abs=0.03)
    assert abs(intercept) < 0.05


def test_rank_correlation_and_wilson() -> None:
    x = np.array([1.0, 2.0, 3.0, 4.0])
    assert st.spearman(x, x**3) == pytest.approx(1)
    assert st.spearman(x, np.ones(4)) == 0
    low, high = st.wilson(0, 10)
    assert (low, round(high, 3)) == (0.0, 0.278)
    assert st.wilson(0, 0) == (0.0, 1.0)
    assert st.t_quantile(0.975, 24) == pytest.approx(2.0639, abs=1e-4)


def test_softmax_is_the_distribution_of_its_log_probabilities() -> None:
    assert st.softmax([math.log(0.2), math.log(0.3), math.log(0.5)]) == pytest.approx((0.2, 0.3, 0.5), abs=1e-15)
    assert st.softmax([-1e6, -1e6 - math.log(3)]) == pytest.approx((0.75, 0.25))  # far below what exp can hold
    assert st.softmax([800.0, -math.inf]) == (1.0, 0.0)
    assert st.exponentials([-3.0, -1.0]) == [math.exp(-2.0), 1.0]


def test_softmax_is_bit_equal_whatever_the_order_of_the_candidates() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        logs = [float(x) for x in rng.normal(0, 8, size=101)]
        turned = [int(i) for i in rng.permutation(len(logs))]
        shares = st.softmax(logs)
        assert st.softmax([logs[i] for i in turned]) == tuple(shares[i] for i in turned)
