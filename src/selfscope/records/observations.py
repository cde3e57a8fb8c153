"""What a subject did, and the truth that is computed from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from selfscope.records.replies import Cost


@dataclass(frozen=True)
class Observation:
    """What the subject did, raw: truth is computed from it.

    Attributes
    ----------
    key : str
        Hash of the prompt and the settings; trials name it.
    replies : tuple of str
        Texts of the rollouts.
    greedy : str or None
        Text of a greedy answer.
    exact : mapping
        Exact numbers: log-probabilities and entropies in nats.
    cost : Cost
        What it took.
    """

    key: str
    replies: tuple[str, ...] = ()
    greedy: str | None = None
    exact: Mapping[str, Any] = field(default_factory=dict)
    cost: Cost = Cost()


@dataclass(frozen=True)
class Truth:
    """A distribution over the trial's options, with its noise.

    Attributes
    ----------
    trial : str
        Id of the trial.
    mean : tuple of float
        (K,) frequencies over all rollouts.
    half_a, half_b : tuple of float
        (K,) frequencies over two disjoint halves of them (exact truths repeat the mean).
    n : int
        Rollouts behind ``mean``; 0 is exact.
    grade : str
        exact, rollouts, program, record, probe, judge or given.
    greedy : int or None
        Index of the option of the greedy answer.
    """

    trial: str
    mean: tuple[float, ...]
    half_a: tuple[float, ...]
    half_b: tuple[float, ...]
    n: int
    grade: str
    greedy: int | None = None
