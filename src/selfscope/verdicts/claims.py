"""What a verdict is made of: records that the estimator fills and the report draws. JSON-ready, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from selfscope.statistics import Estimate

VERDICTS = ("access", "alarm only", "narrative", "self-prediction", "not supported")


@dataclass(frozen=True)
class Check:
    """One required control. status: passed | failed | missing. `needed_for`: the verdicts that demand it."""

    name: str
    status: str
    detail: str
    needed_for: tuple[str, ...] = ()
    run: str = ""  # what to run when it is missing


@dataclass(frozen=True)
class Step:
    """One observer on the ladder, on the same items: noise-corrected Brier skill (0 = prior, 1 = the truth itself)."""

    reader: str
    rung: str
    skill: Estimate
    gap: Estimate | None = None  # self minus this observer, paired, in skill units; None for the self
    control: str = "plain"
    answered: float = 1.0


@dataclass(frozen=True)
class Claim:
    """The verdict on one reader of one phenomenon, with everything that it rests on.

    verdict: one of VERDICTS; basis: causal | ablated | rivals | None; reason: a short code when not supported
    ("undecided", "format not crossed", "control missing", "no private variation", "too few clusters", ...).
    sentence: the one line for people. shares: a, b, g, y, c (private, habit, input, format, unmoved), "public" (b+g).
    headlines: "among answered", "intention to ask", "bounds": each a mapping share -> Estimate or (low, high).
    numbers: kappa, f_hat, f_star, mde_a, mde_causal, mean_confidence, earned_confidence, items, clusters, rollouts ...
    calibration: bins of (stated, happened, low, high, items) for the calibration plot.
    """

    phenomenon: str
    reader: str
    verdict: str
    sentence: str
    basis: str | None = None
    reason: str | None = None
    primary: bool = True
    shares: Mapping[str, Estimate] = field(default_factory=dict)
    causal: Estimate | None = None
    causal_control: Estimate | None = None
    ablated: Estimate | None = None
    identification: Estimate | None = None
    alarm: Estimate | None = None
    ladder: tuple[Step, ...] = ()
    ceiling: Estimate | None = None
    incremental: Estimate | None = None
    headlines: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    rivals: tuple[str, ...] = ()
    outcomes: Mapping[str, int] = field(default_factory=dict)
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    numbers: Mapping[str, Any] = field(default_factory=dict)
    calibration: tuple[tuple[float, float, float, float, int], ...] = ()
    notes: tuple[str, ...] = ()
    settings_hash: str = ""
