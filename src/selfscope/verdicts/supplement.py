"""What stands beside a verdict: the ladder, other wordings, ways to count non-answers, numbers and notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from selfscope.records import PLAIN
from selfscope.statistics import Array, Estimate, below, mean, minimum_detectable
from selfscope.verdicts import ladder
from selfscope.verdicts.assemble import Table, items_of, matrix, numbered
from selfscope.verdicts.claims import Step
from selfscope.verdicts.decision import Decision, Evidence, f_star
from selfscope.verdicts.settings import Settings
from selfscope.verdicts.shares import Items, Shares, composed, kept

TAU_MATTERS = 1.25


def _on(table: Table, reader: str, control: str, ids: Sequence[str], width: int) -> tuple[Array, np.ndarray[Any, Any]]:
    """Another reading of the same items: (m, K) and the rows of `ids` that it has."""
    cells = table.answered(reader, control)
    rows = np.array([k for k, i in enumerate(ids) if i in cells], dtype=np.int64)
    return matrix([cells[ids[k]].distribution or () for k in rows], width), rows


def climb(
    table: Table, reader: str, ids: Sequence[str], items: Items
) -> tuple[tuple[Step, ...], Estimate | None, Estimate | None, list[Estimate]]:
    """Steps from prior to behaviour, the split-half ceiling, the incremental gap, and the gaps over the rivals."""
    width = items.report.shape[1]
    priors = table.on("prior")
    loss = ladder.losses(items.report, items.x, items.rolls)
    if priors:
        said, rows = _on(table, priors[0], PLAIN, ids, width)
    if not priors or len(rows) < len(ids):
        return (), None, None, []
    base = ladder.losses(said, items.x, items.rolls)
    steps: list[Step] = []
    gaps: list[Estimate] = []
    stack: list[Array] = []
    observers = [(r, PLAIN) for r in table.readers if table.cells(r)] + [(reader, table.control("person", reader))]
    for name, control in observers:
        forecast, rows = _on(table, name, control, ids, width)
        if len(rows) < 2 or len(np.unique(items.cluster[rows])) < 2:
            continue
        some = kept(items, rows)
        own = ladder.losses(forecast, some.x, some.rolls)
        level = ladder.skill(own, base[rows], some.cluster)
        if level is None:
            continue
        me = name == reader and control == PLAIN
        rung = table.rungs[name]
        gap = None if me else ladder.gap(loss[rows], own, base[rows], some.cluster)
        steps.append(Step(name, rung, level, gap, control, len(rows) / len(ids)))
        if rung in ("prior", "input", "history", "twin"):
            gaps += [gap] if gap is not None else []
            stack += [forecast] if len(rows) == len(ids) else []
    return tuple(steps), ladder.ceiling(items, base), ladder.incremental(items, stack, base), gaps


def standalone(gaps: Sequence[Estimate]) -> dict[str, Any]:
    hardest = ladder.standalone(gaps)
    return {} if hardest is None else {"standalone_low": hardest.low, "standalone": hardest.value}


def headlines(e: Mapping[str, Estimate], answered: float) -> dict[str, dict[str, Any]]:
    """Three ways to count non-answers: left out, following nothing, and at their best and worst."""
    scaled = {
        k: replace(x, value=answered * x.value, low=answered * x.low, high=answered * x.high, se=answered * x.se)
        for k, x in e.items()
    }
    private = e["private"]
    best = max(private.high, answered * private.high + 1 - answered)
    return {
        "among answered": dict(e),
        "intention to ask": {**scaled, "silent": 1 - answered},
        "bounds": {"private": (min(private.low, answered * private.low), best)},
    }


def conditions(table: Table, reader: str) -> dict[str, dict[str, Any]]:
    """What each other wording or framing changed, on the same items."""
    out: dict[str, dict[str, Any]] = {}
    plain = table.answered(reader)
    for control in table.parts.in_role("wording", "person", "sham"):
        cells = table.answered(reader, control)
        ids = [i for i in cells if i in plain and i in table.truths]
        clusters = numbered([table.trials[i].cluster for i in ids])
        if len(ids) < 2 or clusters.max() == 0:
            continue
        k = max(len(plain[i].distribution or ()) for i in ids)
        before = matrix([plain[i].distribution or () for i in ids], k)
        after = matrix([cells[i].distribution or () for i in ids], k)
        truth = matrix([table.truths[i].mean for i in ids], k)
        rolls = np.array([table.truths[i].n for i in ids], dtype=np.int64)
        better = ladder.losses(before, truth, rolls) - ladder.losses(after, truth, rolls)
        silent = len(table.cells(reader, control)) - len(cells)
        out[control] = {
            "change": ladder.paired_change(before, after, clusters),
            "better": mean(better, clusters),
            "items": len(ids),
            "silent": silent,
        }
    return out


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


def numbers_of(
    table: Table,
    reader: str,
    items: Items,
    found: Shares,
    *,
    do: Estimate | None,
    private_twin: Estimate | None,
    trust: Mapping[str, Estimate],
    s: Settings,
) -> dict[str, Any]:
    e = found.estimates
    tipping = f_star(Evidence(private=e["private"], habit=e["habit"]))
    numbers: dict[str, Any] = {
        "items": len(items.report),
        "clusters": items.clusters,
        "rollouts": int(items.rolls.max()),
        "kappa": found.kappa,
        "f_hat": found.f_hat,
        "f_star": tipping if np.isfinite(tipping) else None,  # no habit at all: nothing to tip
        "mde_private": minimum_detectable(e["private"].se, items.clusters),
        "mde_causal": minimum_detectable(do.se, do.clusters) if do else None,
        "smallest_eigenvalue": found.smallest,
        "n_rivals": sum(table.rungs[r] in ("prior", "input", "history", "twin") for r in table.readers),
        "margin": s.margin,
        "margin_causal": s.margin_causal,
        **trust,
        **silence(table, reader),
    }
    if private_twin is not None:
        numbers["private_twin"] = private_twin
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
    decision: Decision, found: Shares, numbers: Mapping[str, Any], do: Estimate | None, s: Settings
) -> tuple[str, ...]:
    notes, e = [], found.estimates
    if decision.verdict == "access" and decision.basis == "rivals":
        notes.append("Beyond the rivals that were tried; never counted as access in a headline.")
    if found.kappa < s.kappa:
        notes.append("The history rival is mostly noise here: habit, unmoved and their split are not quoted.")
    elif max(e[k].high - e[k].low for k in ("habit", "input")) > 0.6:
        notes.append("Habit and input are public together; their split is too coarse to quote.")
    if do is not None and e["private"].low > 0 and below(do, s.margin_causal):
        notes.append("By observation it looks private, by intervention it is not: a habit that the rivals missed.")
    if found.f_hat > 0.1:
        notes.append(f"More history would explain {100 * found.f_hat:.0f} % of what the rivals leave.")
    if "private_tau" in numbers:
        private, tau = numbers["private_tau"], numbers["tau"]
        bent = "more" if tau > 1 else "less"
        notes.append(
            f"Its confidence is {bent} than it earns (tau {tau:.2f}); with that taken out the private share is "
            f"{private.value:.2f}."
        )
    return tuple(notes)


