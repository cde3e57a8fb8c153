"""Agreement, stability and slopes of self-descriptions: intervals hold what was put in."""

from __future__ import annotations

import numpy as np
import pytest

from selfscope.statistics import Estimate
from selfscope.verdicts.stability import agreed, intraclass, slope_on_truth
from selfscope.verdicts.unseen import no_point, unseen

AGAINST = np.array([False, True, False, True, False])
WORLDS = 400
HELD = (0.92 * WORLDS, 0.98 * WORLDS)
"""Of intervals that hold what was put in in 95 % of the worlds."""


@pytest.mark.parametrize("yes", [0.0, 0.3, -0.2])
def test_who_says_yes_to_everything_agrees_with_nothing(yes: float) -> None:
    said = 0.5 + np.where(AGAINST, -yes, yes)
    assert agreed(said, AGAINST).value == pytest.approx(0.5)
    moved = agreed(0.7 + np.where(AGAINST, -yes, yes), AGAINST)
    assert moved.value == pytest.approx(0.7)
    assert moved.low < moved.value < moved.high, "of five wordings no interval is a point"
    with pytest.raises(ValueError, match="both senses"):
        agreed(said, np.zeros(5, dtype=bool))


def test_intervals_of_agreement_hold_what_was_put_in() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(WORLDS):
        said = 0.6 + np.where(AGAINST, -0.1, 0.1) + 0.05 * rng.standard_normal(5)
        got = agreed(said, AGAINST)
        held += got.low <= 0.6 <= got.high
    assert HELD[0] <= held <= HELD[1]


@pytest.mark.parametrize("icc", [0.0, 0.4, 0.8])
def test_intervals_of_stability_hold_what_was_put_in(icc: float) -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(WORLDS):
        true = np.sqrt(icc) * rng.standard_normal(40)
        first, second = (true + np.sqrt(1 - icc) * rng.standard_normal(40) + shift for shift in (0.0, 0.8))
        got = intraclass(first, second)
        assert got is not None
        held += got.low <= icc <= got.high
    assert HELD[0] <= held <= HELD[1]


def test_halves_of_two_and_three_wordings_of_what_is_bounded_are_near_enough() -> None:
    """Agreement is from 0 to 1, and its halves are of unlike size; the true ICC is taken from 4,000 statements."""
    rng = np.random.default_rng(2)

    def halves(n: int) -> tuple[np.ndarray, np.ndarray]:
        level = 2.0 * rng.standard_normal(n)
        said = 1 / (1 + np.exp(-level[:, None] - rng.standard_normal((n, 5))))
        return said[:, :2].mean(1), said[:, 2:].mean(1)

    whole = intraclass(*halves(4000))
    assert whole is not None
    found = [intraclass(*halves(60)) for _ in range(WORLDS)]
    held = sum(x is not None and x.low <= whole.value <= x.high for x in found)
    assert HELD[0] <= held <= HELD[1]


def test_same_scores_are_stable_and_flat_ones_say_nothing() -> None:
    scores = np.linspace(0, 1, 12)
    same = intraclass(scores, scores)
    assert same is not None
    assert same.value == 1
    assert same.low < 1
    assert intraclass(np.ones(12), np.ones(12)) is None
    assert intraclass(scores[:2], scores[:2]) is None


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_intervals_of_slopes_hold_what_was_put_in(slope: float) -> None:
    """With a truth that was measured on few replies: the halves' covariance takes their noise off."""
    rng = np.random.default_rng(3)
    held = 0
    values = []
    for _ in range(WORLDS):
        true = rng.beta(0.6, 0.9, 50)
        a, b = (rng.binomial(16, true) / 16 for _ in range(2))
        said = np.clip(0.3 + slope * (true - 0.4) + 0.15 * rng.standard_normal(50), -9, 9)
        got = slope_on_truth(said, a, b)
        assert got is not None
        held += got.low <= slope <= got.high
        values.append(got.value)
    assert HELD[0] <= held <= HELD[1]
    assert np.mean(values) == pytest.approx(slope, abs=0.03)
    assert slope_on_truth(true, np.ones(50), np.ones(50)) is None


def test_a_point_is_widened_by_what_was_not_seen() -> None:
    point = Estimate(0.4, 0.4, 0.4, 0.0, 0.95, 20)
    assert no_point(point).high == pytest.approx(0.4 + 1 - 0.025 ** (1 / 20))
    assert unseen(1) > unseen(10)
    wide = Estimate(0.4, 0.3, 0.5)
    assert no_point(wide) is wide


def test_a_slope_on_few_that_moved_holds_and_there_is_none_where_nothing_did() -> None:
    """Of 23 differences three are large, as where one thing was planted; or none is, and what differs is noise."""
    rng = np.random.default_rng(7)
    held, none = 0, 0
    for _ in range(WORLDS):
        base = rng.beta(0.5, 2, 23)
        for movers in (3, 0):
            after = np.clip(base + np.where(np.arange(23) < movers, 0.85, 0), 0, 1)
            a, b = (rng.binomial(24, after) / 24 - rng.binomial(24, base) / 24 for _ in range(2))
            got = slope_on_truth(0.5 * (after - base) + 0.03 * rng.standard_normal(23), a, b)
            held += movers > 0 and got is not None and got.low <= 0.5 <= got.high
            none += movers == 0 and got is None
    assert HELD[0] <= held <= HELD[1]
    assert none >= 0.92 * WORLDS
