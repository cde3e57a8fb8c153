"""Scores: unbiased for the true distribution, finite for confident nonsense, silent for non-answers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from selfscope.records import Outcome, Reading, Truth
from selfscope.scoring import brier, log_score, score


@pytest.mark.parametrize(("k", "n"), [(2, 10), (4, 10), (10, 20), (4, 2)])
def test_corrected_brier_of_the_truth_averages_to_zero(k: int, n: int) -> None:
    rng = np.random.default_rng([k, n])
    values = []
    for _ in range(4000):
        p = rng.dirichlet(np.ones(k))
        values.append(brier(p.tolist(), (rng.multinomial(n, p) / n).tolist(), n))
    assert abs(float(np.mean(values))) < 4 * float(np.std(values)) / math.sqrt(4000)
    # Without the correction it would not: the noise floor is far from 0.
    assert float(np.mean(values)) < 0.2 * (1 - 1 / k) / n


def test_exact_truths_have_no_floor_and_one_rollout_is_refused() -> None:
    assert brier((0.5, 0.5), (0.5, 0.5), 0) == 0
    assert brier((1.0, 0.0), (0.0, 1.0), 0) == 2
    with pytest.raises(ValueError, match="at least two"):
        brier((0.5, 0.5), (1.0, 0.0), 1)
    with pytest.raises(ValueError, match="3 options against a truth of 2"):
        brier((0.5, 0.25, 0.25), (1.0, 0.0), 10)


def test_log_score_is_floored_and_proper() -> None:
    assert log_score((1.0, 0.0), (0.0, 1.0)) == pytest.approx(math.log(0.01))
    truth = (0.7, 0.2, 0.1)
    best = max(np.linspace(0, 1, 101), key=lambda q: log_score((q, (1 - q) / 2, (1 - q) / 2), truth))
    assert abs(best - 0.7) < 0.02


def test_an_answer_is_scored_and_a_refusal_is_not() -> None:
    truth = Truth("t", (0.8, 0.2), (0.8, 0.2), (0.8, 0.2), 10, "rollouts")
    got = score(Reading(Outcome.ANSWERED, (0.9, 0.1)), truth)
    assert got is not None
    assert got.hit == 0.8
    assert score(Reading(Outcome.REFUSED), truth) is None


def test_a_single_rollout_is_shown_and_not_scored() -> None:
    """Of the replies to a user's own question one alone may name an option."""
    once = Truth("t", (1.0, 0.0), (1.0, 0.0), (1.0, 0.0), 1, "rollouts")
    assert score(Reading(Outcome.ANSWERED, (0.7, 0.3)), once) is None
