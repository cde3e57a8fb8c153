"""What stands beside a verdict: three ways to count non-answers, the numbers behind it, and sentences for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from selfscope.statistics import Estimate, below, minimum_detectable
from selfscope.verdicts import ladder
from selfscope.verdicts.assemble import Table, items_of
from selfscope.verdicts.decision import Decision, f_star
from selfscope.verdicts.interventions import StateEffects
from selfscope.verdicts.measured import Measured
from selfscope.verdicts.settings import Settings
from selfscope.verdicts.shares import Items, Shares, composed
from selfscope.verdicts.splits import POOLED, TRACKING
from selfscope.verdicts.words import COPIES, share

TAU_MATTERS = 1.25
WHY = {
    POOLED: "Its history could not be used (too noisy, or not to be told from what it does), so it is split with one "
    "public forecast: what that misses counts as going with what it does, and is never called private.",
    TRACKING: "No forecast by others could be used: it is only split into what goes with what it does, by whatever "
    "route, and the rest.",
}
"""Split -> why the verdict rests on it and not on the full one."""


def headlines(
    shares: Mapping[str, Estimate], answered: float, mass: Estimate | None = None
) -> dict[str, dict[str, Any]]:
    """Three ways to count non-answers: left out, following nothing, and at their best and worst. mass: probability of
    the listed answers together: what it leaves of one is a refusal or something else, and follows nothing."""
    if mass is not None:
        answered = min(answered, mass.value)
    scaled = {
        k: replace(x, value=answered * x.value, low=answered * x.low, high=answered * x.high, se=answered * x.se)
        for k, x in shares.items()
    }
    private = shares["private"]
    best = max(private.high, answered * private.high + 1 - answered)
    return {
        "among answered": dict(shares),
        "intention to ask": {**scaled, "silent": 1 - answered},
        "bounds": {"private": (min(private.low, answered * private.low), best)},
    }


def silence(table: Table, reader: str) -> dict[str, float]:
    """Are refused and unreadable items like the answered ones? Mean entropy (nats) of the truth on either side:
    silence that goes with it makes the shares of the answers unlike those of all questions."""
    by_silence: dict[bool, list[float]] = {False: [], True: []}
    for i, reading in table.cells(reader).items():
        if i in table.truths:
            by_silence[reading.distribution is None].append(_entropy(table.truths[i].mean))
    if min(len(values) for values in by_silence.values()) < 5:
        return {}
    return {
        "entropy_answered": float(np.mean(by_silence[False])),
        "entropy_silent": float(np.mean(by_silence[True])),
    }


def _entropy(p: Sequence[float]) -> float:
    return -sum(x * float(np.log(x)) for x in p if x > 0)


def numbers_of(table: Table, reader: str, items: Items, composition: Shares, settings: Settings) -> dict[str, Any]:
    """How many there were, how good the rivals are, what could have been found, and the share with a fitted sharpness
    taken out."""
    private, habit = composition.estimates["private"], composition.estimates["habit"]
    tipping = f_star(Measured(private=private, habit=habit))
    numbers: dict[str, Any] = {
        "items": len(items.report),
        "clusters": items.clusters,
        "rollouts": int(items.rolls.max()),
        "kappa": composition.kappa,
        "f_hat": composition.f_hat,
        "f_star": tipping if np.isfinite(tipping) else None,  # no habit at all: nothing to tip
        "mde_private": minimum_detectable(private.se, items.clusters),
        "smallest_eigenvalue": composition.smallest,
        "n_rivals": sum(table.rungs[r] in ladder.RIVAL_RUNGS for r in table.readers),
        "margin": settings.margin,
        "margin_causal": settings.margin_causal,
        **silence(table, reader),
    }
    dev = items_of(table, reader, "dev")
    if dev is not None and len(dev[1].report) >= 20 and dev[1].report.max(1).min() < 1:
        tau = ladder.fit_tau(dev[1].report, dev[1].x)
        numbers["tau"] = tau
        # A perfect subject has tau 1; far from it the shares are access times how strongly it is expressed.
        if not 1 / TAU_MATTERS < tau < TAU_MATTERS:
            sharpened = replace(items, report=ladder.sharpness(items.report, tau))
            numbers["private_tau"] = composed(sharpened)[0]["private"]
    return numbers


def notes_of(
    decision: Decision, composition: Shares, numbers: Mapping[str, Any], effects: StateEffects, settings: Settings
) -> tuple[str, ...]:
    """What people should know beside the verdict, in sentences."""
    notes, shares = [], composition.estimates
    do, form = effects.do, shares["format"]
    if decision.split in WHY:
        notes.append(WHY[decision.split])
    if decision.verdict == "access" and decision.basis == "rivals":
        notes.append("Beyond the rivals that were tried; never counted as access in a headline.")
    if composition.kappa < settings.kappa:
        notes.append("The history rival is mostly noise here: habit, unmoved and their split are not quoted.")
    elif max(shares[k].high - shares[k].low for k in ("habit", "input")) > 0.6:
        notes.append("Habit and input are public together; their split is too coarse to quote.")
    if do is not None and shares["private"].low > 0 and below(do, settings.margin_causal):
        notes.append("By observation it looks private, by intervention it is not: a habit that the rivals missed.")
    if effects.copies is not None and effects.copies.low > 0 and decision.verdict != COPIES:
        notes.append(f"Where an answer stands in its context it repeats that: {share(effects.copies)} of the report.")
    if form.high < 0 and not composition.singular:
        notes.append(f"It leans against the option that stands first, or against “yes”: {share(form)}.")
    if composition.f_hat > 0.1:
        notes.append(f"More history would explain {100 * composition.f_hat:.0f} % of what the rivals leave.")
    if "private_tau" in numbers:
        private, tau = numbers["private_tau"], numbers["tau"]
        bent = "more" if tau > 1 else "less"
        notes.append(
            f"Its confidence is {bent} than it earns (tau {tau:.2f}); with that taken out the private share is "
            f"{private.value:.2f}."
        )
    return tuple(notes)
