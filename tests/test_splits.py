"""Laws of the two smaller splits: exact where nothing is noise, the halves alike, in any order, a reason where there is
nothing to tell apart."""

from __future__ import annotations

import math
import sys
import warnings
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from selfscope.subjects.phantom_dials import Dials
from selfscope.verdicts.shares import Items, kept
from selfscope.verdicts.splits import POOLED, TRACKING, Split, pooled, tracking
from test_shares import exact

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "studies"))
from world import Size, items, reports, world

BOTH = (pooled, tracking)


def values(split: Split) -> dict[str, float]:
    return {name: x.value for name, x in split.estimates.items()}


def told(k: int, truth: float, public: float, form: float) -> Items:
    """Endless rollouts, and a report of these shares of the truth, a public forecast and the format."""
    base = exact(2, k, (0, 0, 0, 0))
    constant = np.random.default_rng(k).dirichlet(np.ones(k))
    said = truth * base.xa + public * base.g1 + form * base.direction + (1 - truth - public - form) * constant
    return replace(base, report=said)


@pytest.mark.parametrize("k", [2, 3, 4, 10])
def test_tracking_is_the_dial_of_a_report_that_follows_the_truth(k: int) -> None:
    for a, y in product((0, 0.2, 0.4, 1.0), (0, 0.1)):
        if a + y > 1:
            continue
        found = values(tracking(told(k, a, 0, y)))
        assert found == pytest.approx({"tracking": a, "format": y, "unmoved": 1 - a - y}, abs=1e-7)


@pytest.mark.parametrize("k", [2, 3, 4, 10])
def test_the_pooled_split_is_exact_where_the_public_forecast_is(k: int) -> None:
    for a, z, y in product((0, 0.2, 0.4), (0, 0.2, 0.5), (0, 0.1)):
        found = values(pooled(told(k, a, z, y)))
        assert found == pytest.approx({"tracking": a, "public": z, "format": y, "unmoved": 1 - a - z - y}, abs=1e-7)


def test_tracking_of_a_habit_is_what_of_the_truth_goes_with_it() -> None:
    """b x cov(h, p) / var(p), both within options and beyond the format."""
    test = exact(3, 4, (0, 0, 0, 0))
    habit = 0.5 * test.history + 0.5 * test.xa  # a habit that the truth shares a half with
    found = tracking(replace(test, report=0.8 * habit + 0.05)).estimates["tracking"].value
    beside = np.concatenate([test.direction[..., None], test.dummies], axis=2).reshape(-1, 5)

    def beyond(x: np.ndarray) -> np.ndarray:
        flat = x.reshape(-1)
        return np.asarray(flat - beside @ np.linalg.lstsq(beside, flat, rcond=None)[0])

    h, p = beyond(habit), beyond(test.xa)
    assert found == pytest.approx(0.8 * (h @ p) / (p @ p), abs=1e-7)


@pytest.mark.parametrize("split", BOTH)
def test_rollout_noise_drops_out(split: object) -> None:
    """The halves are each other's instruments: with them joined the slope is pulled towards 0."""
    got, naive = [], []
    for seed in range(12):
        w = world(seed, Size(items=400, clusters=50))
        rng = np.random.default_rng([5, seed])
        halves = [rng.multinomial(2, w.p) / 2 for _ in range(2)]
        test = items(replace(w, xa=halves[0], xb=halves[1]), reports(w, Dials(access=0.6, seed=seed)))
        got.append(split(test).estimates["tracking"].value)  # type: ignore[operator]
        naive.append(split(replace(test, xa=test.x, xb=test.x)).estimates["tracking"].value)  # type: ignore[operator]
    assert abs(float(np.mean(got)) - 0.6) < 0.06
    assert float(np.mean(naive)) < 0.45


@pytest.mark.parametrize("split", BOTH)
def test_order_and_halves_change_nothing(split: object) -> None:
    w = world(3, Size())
    test = items(w, reports(w, Dials(access=0.3, habit=0.3, seed=3)))
    base: Split = split(test)  # type: ignore[operator]
    rng = np.random.default_rng(0)
    options, names = rng.permutation(4), rng.permutation(25)
    turned = replace(
        test,
        **{f: getattr(test, f)[:, options] for f in ("report", "xa", "xb", "history", "g1", "g2", "there")},
        jack=test.jack[:, :, options], halves=None, dummies=test.dummies[:, options],
        first=np.argsort(options)[test.first],
    )  # fmt: skip
    for other in (
        replace(test, xa=test.xb, xb=test.xa, g1=test.g2, g2=test.g1), kept(test, rng.permutation(200)), turned,
        replace(test, cluster=names[test.cluster]),
    ):  # fmt: skip
        found: Split = split(other)  # type: ignore[operator]
        for name, estimate in base.estimates.items():
            assert found.estimates[name].value == pytest.approx(estimate.value, abs=1e-10)
            assert found.estimates[name].se == pytest.approx(estimate.se, abs=1e-10)


def test_the_smaller_splits_look_at_no_history() -> None:
    w = world(4, Size())
    test = items(w, reports(w, Dials(access=0.3, habit=0.3, seed=4)))
    noise = np.random.default_rng(0).dirichlet(np.ones(4), 200)
    for split in BOTH:
        assert values(split(replace(test, history=noise, jack=test.jack[:0], halves=None))) == values(split(test))
    assert values(tracking(replace(test, g1=noise, g2=noise))) == values(tracking(test))


def same_truth(test: Items) -> Items:
    even = np.full_like(test.xa, 0.25)
    return replace(test, xa=even, xb=even)


def truth_is_public(test: Items) -> Items:
    return replace(test, g1=test.xa, g2=test.xb)


def constant_report(test: Items) -> Items:
    return replace(test, report=np.full_like(test.report, 0.25))


def no_forecast(test: Items) -> Items:
    return replace(test, g1=np.zeros_like(test.g1), g2=np.zeros_like(test.g2))


def heavy(test: Items) -> Items:
    return replace(test, cluster=np.where(np.arange(len(test.report)) < 3, 1, 0))


@pytest.mark.parametrize(
    ("spoil", "singular"),
    [
        (same_truth, (TRACKING, POOLED)), (truth_is_public, (POOLED,)), (constant_report, ()), (no_forecast, ()),
        (heavy, ()),
    ],
)  # fmt: skip
def test_what_cannot_be_told_apart_is_singular_and_never_a_number(spoil: object, singular: tuple[str, ...]) -> None:
    w = world(5, Size())
    test: Items = spoil(items(w, reports(w, Dials(access=0.5, seed=5))))  # type: ignore[operator]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for split in (tracking(test), pooled(test)):
            assert split.singular == (split.kind in singular)
            assert (split.estimates == {}) == split.singular
            assert all(math.isfinite(v) for x in split.estimates.values() for v in (x.value, x.low, x.high, x.se))
