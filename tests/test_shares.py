"""Laws of the estimator: the shares of phantoms whose dials are known (numbers are those of the verdict's tests)."""

from __future__ import annotations

import sys
import time
import tracemalloc
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from selfscope.subjects.phantom_dials import Dials
from selfscope.verdicts import ladder, state_effect
from selfscope.verdicts.shares import NAMES, Items, composition, kept, moments, shares, solve

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "studies"))
from world import Size, World, change, items, reports, world


def exact(seed: int, k: int, dial: tuple[float, ...], n: int = 120) -> Items:
    """Endless rollouts, perfect rivals, no spread between clusters: the report is its expectation."""
    rng = np.random.default_rng([seed, k])
    h, p, g = (rng.dirichlet(np.ones(k), n) for _ in range(3))
    first = rng.integers(0, k, n)
    constant = rng.dirichlet(np.ones(k))
    a, b, share_g, y = dial
    said = a * p + b * h + share_g * g + y * np.eye(k)[first] + (1 - sum(dial)) * constant
    return Items(
        said, p, p, h, np.zeros((0, n, k)), g, g, first, np.tile(np.eye(k), (n, 1, 1)), np.ones((n, k), dtype=bool),
        np.arange(n) % 20, np.zeros(n, dtype=np.int64),
    )  # fmt: skip


@pytest.mark.parametrize("k", [2, 3, 4, 10])
def test_1_exact_shares_equal_the_dials(k: int) -> None:
    for a, b, y in product((0, 0.2, 0.4), (0, 0.2, 0.4), (0, 0.1, 0.2)):
        found = shares(exact(1, k, (a, b, 0.1, y))).estimates
        got = [found[s].value for s in NAMES[:5]]
        assert np.allclose(got, [a, b, 0.1, y, 0.9 - a - b - y], atol=1e-7)


def test_2_order_and_halves_change_nothing() -> None:
    w = world(3, Size())
    test = items(w, reports(w, Dials(access=0.3, habit=0.3, seed=3)))
    base = shares(test)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(test.report))
    options = rng.permutation(test.report.shape[1])
    turned = replace(
        test,
        **{f: getattr(test, f)[:, options] for f in ("report", "xa", "xb", "history", "g1", "g2", "there")},
        jack=test.jack[:, :, options],
        halves=None if test.halves is None else test.halves[:, :, options],
        dummies=test.dummies[:, options],
        first=np.argsort(options)[test.first],
    )
    names = rng.permutation(25)
    for other in (
        replace(test, xa=test.xb, xb=test.xa, g1=test.g2, g2=test.g1),
        kept(test, order),
        turned,
        replace(test, cluster=names[test.cluster]),
    ):
        found = shares(other)
        for name, estimate in base.estimates.items():
            assert found.estimates[name].value == pytest.approx(estimate.value, abs=1e-10)
            assert found.estimates[name].se == pytest.approx(estimate.se, abs=1e-10)


def private_only(seed: int, rolls: int) -> tuple[float, float]:
    """a of a phantom with a = 0.4 by halves as instruments, and by least squares, from few rollouts."""
    w = world(seed, Size(items=400, clusters=50))
    rng = np.random.default_rng([5, seed])
    halves = [rng.multinomial(rolls // 2, w.p) / (rolls // 2) for _ in range(2)]
    few = replace(w, xa=halves[0], xb=halves[1])
    test = items(few, reports(w, Dials(access=0.4, habit=0.2, format=0.1, seed=seed)))
    naive = replace(test, xa=test.x, xb=test.x)
    return shares(test).estimates["private"].value, shares(naive).estimates["private"].value


def test_3_rollout_noise_drops_out() -> None:
    both = np.array([private_only(s, 4) for s in range(24)])
    instrument, least_squares = np.median(both, axis=0)
    assert abs(instrument - 0.4) < 0.06  # 24 seeds here; 100 seeds and 0.04 in the slow test
    assert least_squares < 0.34


@pytest.mark.slow
def test_3_rollout_noise_drops_out_in_full() -> None:
    both = np.array([private_only(s, 4) for s in range(100)])
    assert abs(np.median(both[:, 0]) - 0.4) < 0.04
    assert np.median(both[:, 1]) < 0.32


def habit_trap(seed: int) -> tuple[bool, bool]:
    w = world(seed + 500, Size())
    test = items(w, reports(w, Dials(habit=0.8, seed=seed)))
    face_value = replace(test, jack=test.jack[:0])
    matrix, vector = moments(face_value, corrected=False)
    assert composition(solve(matrix.sum(0), vector.sum(0))).shape == (6,)
    return shares(face_value).estimates["private"].low > 0, shares(test).estimates["private"].low > 0


def test_4_the_rivals_training_noise_must_be_taken_out() -> None:
    both = np.array([habit_trap(s) for s in range(24)])
    assert both[:, 0].mean() > 0.5  # at face value the habit is mistaken for access
    assert both[:, 1].mean() <= 0.25  # the tipping rule takes the rest (test_proof)


def test_6_causal_slope_needs_no_rival() -> None:
    slopes = []
    for seed in range(12):
        w = world(seed, Size())
        dials = Dials(access=0.3, habit=0.3, format=0.1, seed=seed)
        slopes.append(state_effect.causal(change(w, reports(w, dials), reports(w, dials, after=True))).value)
    assert abs(float(np.mean(slopes)) - 0.3) < 0.03
    # `Change` holds no rival at all: there is nothing to delete.
    assert not {"history", "g1", "jack"} & set(state_effect.Change.__dataclass_fields__)


def test_7_ablated_slope_has_no_false_positives_with_an_inexpressible_habit() -> None:
    hits = 0
    for seed in range(40):
        w = world(seed, Size(train=400, bend=1.0))
        said = reports(w, Dials(habit=0.8, seed=seed))
        without = reports(w, Dials(habit=0.8, seed=seed + 9999), state_on=False)
        hits += state_effect.ablated(said, without, w.xa, w.xb, w.history, w.cluster).low > 0
    assert hits <= 5  # 2.5 % expected; P(more than 5 of 40) < 0.002 even at 5 %


def test_8_format_share_recovers_when_positions_vary() -> None:
    found = []
    for seed in range(10):
        w = world(seed, Size())
        found.append(shares(items(w, reports(w, Dials(format=0.6, seed=seed)))).estimates["format"].value)
    assert abs(float(np.mean(found)) - 0.6) < 0.06


def test_13_shuffled_reports_have_no_private_share() -> None:
    inside = 0
    for seed in range(40):
        w = world(seed, Size())
        said = reports(w, Dials(access=0.6, seed=seed))
        said = said[np.random.default_rng(seed).permutation(len(said))]
        a = shares(items(w, said)).estimates["private"]
        inside += a.low <= 0 <= a.high
    assert inside >= 35


def test_15_ladder_losses_are_unbiased_and_more_rivals_only_lower_the_gap() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4), 4000)
    x = np.array([rng.multinomial(20, q) / 20 for q in p])
    losses = ladder.losses(p, x, np.full(len(p), 20))
    assert abs(float(losses.mean())) < 3 * float(losses.std()) / np.sqrt(len(p))
    w = world(1, Size())
    test = items(w, reports(w, Dials(access=0.5, seed=1)))
    base = ladder.losses(np.tile(test.x.mean(0), (200, 1)), test.x, test.rolls)
    own = ladder.losses(test.report, test.x, test.rolls)
    gaps = [
        g
        for f in (test.history, test.g1, test.g2, test.x)
        if (g := ladder.gap(own, ladder.losses(f, test.x, test.rolls), base, test.cluster)) is not None
    ]
    lows = [ladder.standalone(gaps[: k + 1]).low for k in range(len(gaps))]  # type: ignore[union-attr]
    assert lows == sorted(lows, reverse=True)
    assert len(lows) == 4


def test_16_same_input_same_numbers() -> None:
    def once() -> str:
        w: World = world(2, Size())
        return repr(shares(items(w, reports(w, Dials(access=0.2, habit=0.2, seed=2)))))

    assert once() == once()


def test_17_fast_and_small() -> None:
    w = world(2, Size(items=400, clusters=50))
    test = items(w, reports(w, Dials(access=0.2, seed=2)))
    shares(test)
    tracemalloc.start()
    shares(test)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6
    start = time.process_time()
    for _ in range(5):
        shares(test)
    # The bound of 50 ms is printed by the benchmark; a timed test gates nothing, so this catches disasters alone.
    assert (time.process_time() - start) / 5 < 1.0
