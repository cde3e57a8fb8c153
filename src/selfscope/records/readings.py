"""One reader's answer to one trial, and the row of a study that keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from selfscope.records.replies import Cost


class Outcome(StrEnum):
    """What became of one reading. Closed: anything that is not an answer says which kind of non-answer it is."""

    ANSWERED = "answered"
    REFUSED = "refused"
    UNREADABLE = "unreadable"
    TRUNCATED = "truncated"
    UNSUPPORTED = "unsupported"
    ERROR = "error"


@dataclass(frozen=True)
class Reading:
    """One reader's answer to one trial.

    Attributes
    ----------
    outcome : Outcome
        What became of it.
    distribution : tuple of float or None
        (K,) over the trial's options in canonical order, sums to 1; None unless the outcome is answered.
    kind : str
        distribution, or class: a one-hot (class reports of a greedy reply are modes, not draws).
    text : str or None
        The raw replies, where there are any.
    first : int or None
        Canonical index of the option shown first, or that "yes" means on this item: the format direction.
    mass : float or None
        Probability that the options hold together before normalising (scored formats).
    extra : mapping
        What a verdict needs besides: "jackknife" (J, K) and "halves" (2, K) of a learnt rival, "prior_free" (K,).
    cost : Cost
        What it took.
    """

    outcome: Outcome
    distribution: tuple[float, ...] | None = None
    kind: str = "distribution"
    text: str | None = None
    first: int | None = None
    mass: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    cost: Cost = Cost()


@dataclass(frozen=True)
class Score:
    """One reading against one truth.

    Attributes
    ----------
    brier : float
        Noise-corrected squared distance.
    log : float
        Expected log-probability in nats, floored.
    hit : float
        Truth mass on the reported option.
    """

    brier: float
    log: float
    hit: float


@dataclass(frozen=True)
class Row:
    """One line of a study: a reading of a trial by a reader in a cell. Trials and truths are stored once, beside.

    Attributes
    ----------
    cell : str
        Hash of the product that it belongs to.
    subject, phenomenon, trial, reader : str
        Who was asked what, and by which reader (its id).
    rung : str
        One of RUNGS.
    control : str
        plain, or the name of the control.
    seed : int
        Of the study.
    reading : Reading
        The answer.
    score : Score or None
        None where nothing was answered.
    """

    cell: str
    subject: str
    phenomenon: str
    trial: str
    reader: str
    rung: str
    control: str
    seed: int
    reading: Reading
    score: Score | None = None
