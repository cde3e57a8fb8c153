"""One reading against one truth. Every score takes the truth's own noise into account."""

from __future__ import annotations

import math
from collections.abc import Sequence

from selfscope.records import Reading, Score, Truth

LOG_FLOOR = 0.02
"""Mixed into a report before its log score, shared over the options: a confident wrong report scores what this says."""


def score(reading: Reading, truth: Truth) -> Score | None:
    """The scores of an answered reading; None for any other outcome (a non-answer has no default), and where nobody
    knows the truth, or it rests on a single rollout, whose noise cannot be taken off."""
    if reading.distribution is None or not truth.mean or truth.n == 1:
        return None
    report = reading.distribution
    top = max(range(len(report)), key=lambda k: report[k])
    return Score(brier(report, truth.mean, truth.n), log_score(report, truth.mean), truth.mean[top])


def brier(report: Sequence[float], truth: Sequence[float], n: int) -> float:
    """Squared distance of a report (K,) to the truth that the frequencies (K,) of n rollouts estimate.

    Unbiased for |report - p|^2: the rollouts' own spread, (1 - |x|^2) / (n - 1), is taken off. n = 0: exact truth.
    Raises ValueError for n = 1, whose spread cannot be known.
    """
    if len(report) != len(truth):
        raise ValueError(f"a report of {len(report)} options against a truth of {len(truth)}")
    distance = math.fsum((f - x) ** 2 for f, x in zip(report, truth, strict=True))
    return distance - rollout_noise(truth, n)


def rollout_noise(truth: Sequence[float], n: int) -> float:
    """What n rollouts add to a squared distance on average."""
    if n == 0:
        return 0.0
    if n == 1:
        raise ValueError("one rollout says nothing about its own noise: sample at least two")
    return (1.0 - math.fsum(x * x for x in truth)) / (n - 1)


def log_score(report: Sequence[float], truth: Sequence[float]) -> float:
    """Expected log-probability (nats) of the truth's outcomes under the floored report."""
    floor = LOG_FLOOR / len(report)
    return math.fsum(
        x * math.log((1 - LOG_FLOOR) * f + floor) for f, x in zip(report, truth, strict=True) if x > 0
    )  # fmt: skip


def agreement(half_a: Sequence[float], half_b: Sequence[float]) -> float:
    """Inner product of two halves of the rollouts: its mean over items estimates |p|^2 without noise, the base of
    every split-half ceiling."""
    return math.fsum(a * b for a, b in zip(half_a, half_b, strict=True))
