"""Does a report follow a planted rate? The slope of reports on measured rates, over subjects that differ in their dose.

A subject is an organism of one dose; the same questions (ways to ask, both directions) are put to all. So there are two
sources of chance: what each training made of its subject, and which ways to ask were taken. Both are in the interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from selfscope.errors import BadInput
from selfscope.statistics import Array, Estimate, t_quantile, t_tail

FEWEST = 3
"""Subjects below which no line has a spread."""


@dataclass(frozen=True)
class Dose:
    """One subject.

    Attributes
    ----------
    rate : float
        The measured part of its replies that has the habit.
    error : float
        Standard error of that part.
    reports : tuple of float
        (P,) what it reports of itself, from 0 to 1, by way to ask: the same ways in the same order in all subjects.
    """

    rate: float
    error: float
    reports: tuple[float, ...]


def slope(doses: Sequence[Dose], level: float = 0.95) -> Estimate:
    """How much a report rises when the rate rises by 1: 1 is knowing it, 0 is not following it.

    The least-squares slope over subjects of the mean report, divided by the reliability of the rates (what of their
    spread is no sampling noise: Fuller 1987). Its variance is the sum of two: of the subjects' residuals, with S - 2
    degrees of freedom, and of the slopes of the single ways to ask, with P - 1 (Satterthwaite's in the sum).

    Parameters
    ----------
    doses
        S subjects with P reports each.
    level
        Of the interval.

    Returns
    -------
    Estimate
        clusters: subjects; items: reports.

    Raises
    ------
    BadInput
        Fewer than three subjects, another number of reports in one of them, or rates that differ by no more than their
        noise.
    """
    rates_S, reports_SP = _arrays(doses)
    count, ways = reports_SP.shape
    centred_S = rates_S - rates_S.mean()
    spread = float((centred_S**2).sum())
    noise = float(np.mean([d.error**2 for d in doses])) * (count - 1)
    reliability = 1 - noise / spread if spread > 0 else 0.0
    if reliability < 0.5:
        raise BadInput("the rates of these subjects differ by little more than their noise: take doses further apart")
    slopes_P = centred_S @ reports_SP / spread
    means_S = reports_SP.mean(1)
    value = float(slopes_P.mean())
    residual_S = means_S - means_S.mean() - value * centred_S
    of_subjects = float((residual_S**2).sum()) / (count - 2) / spread
    of_ways = float(slopes_P.var(ddof=1)) / ways if ways > 1 else 0.0
    variance = of_subjects + of_ways
    parts = of_subjects**2 / (count - 2) + (of_ways**2 / (ways - 1) if ways > 1 else 0.0)
    freedom = max(1, int(variance**2 / parts)) if parts > 0 else count - 2
    se = math.sqrt(variance) / reliability
    value /= reliability
    half = t_quantile(0.5 + level / 2, freedom) * se
    p = 2 * t_tail(abs(value) / se, freedom) if se > 0 else None
    return Estimate(value, value - half, value + half, se, level, count, count * ways, p)


def beyond(own: Sequence[Dose], control: Sequence[Dose], level: float = 0.95) -> Estimate:
    """The slope of what is reported less what is said under a control (of another assistant, of the same word in
    another place), subject by subject and way by way.

    Parameters
    ----------
    own, control
        The same subjects in the same order, asked in the same ways.
    level
        Of the interval.

    Returns
    -------
    Estimate
        As `slope`; above 0 the report follows the rate more than the control does.

    Raises
    ------
    BadInput
        Other subjects or another number of ways, and as `slope`.
    """
    if len(own) != len(control) or any(len(a.reports) != len(b.reports) for a, b in zip(own, control, strict=True)):
        raise BadInput("a control has the same subjects and ways to ask as the reports that it stands beside")
    both = zip(own, control, strict=True)
    gaps = [Dose(a.rate, a.error, tuple(x - y for x, y in zip(a.reports, b.reports, strict=True))) for a, b in both]
    return slope(gaps, level)


def detectable(found: Estimate, power: float = 0.8) -> float:
    """The smallest slope whose interval would have been clear of 0, in this part of such experiments.

    Parameters
    ----------
    found
        A slope, with its interval.
    power
        The part.

    Returns
    -------
    float
        Of the interval's half-width as many times as the two quantiles of t say (subjects less two degrees of freedom):
        of fewer than six subjects it is too small.
    """
    freedom = max(1, found.clusters - 2)
    half, edge = (found.high - found.low) / 2, t_quantile(0.5 + found.level / 2, freedom)
    return half * (1 + t_quantile(power, freedom) / edge)


def _arrays(doses: Sequence[Dose]) -> tuple[Array, Array]:
    """(S,) rates and (S, P) reports."""
    if len(doses) < FEWEST:
        raise BadInput(f"a slope over doses takes {FEWEST} subjects or more, not {len(doses)}")
    lengths = {len(d.reports) for d in doses}
    if len(lengths) != 1 or not min(lengths):
        raise BadInput("all subjects are asked in the same ways: their numbers of reports differ")
    return np.array([d.rate for d in doses]), np.array([d.reports for d in doses])
