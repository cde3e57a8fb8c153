"""Rows -> claims: one for each self reader of each phenomenon, with everything that it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from selfscope.records import Reading, Row, Trial, Truth
from selfscope.statistics import Array, Estimate, holm, mean, minimum_detectable, t_tail
from selfscope.verdicts import arms, checks, ladder
from selfscope.verdicts.assemble import Table, change_of, items_of, matrix, numbered, outcomes, tables
from selfscope.verdicts.claims import Check, Claim, Step
from selfscope.verdicts.decision import Decision, Evidence, decide, f_star
from selfscope.verdicts.settings import Settings
from selfscope.verdicts.shares import Items, Shares, kept, shares

CONDITIONS = (
    "third_person",
    "third_person_named",
    "framing_introspective",
    "framing_accurate",
    "paraphrase",
    "option_order",
    "scale_flip",
    "sham",
)
TAU_MATTERS = 1.25


def judge(
    rows: Sequence[Row],
    trials: Mapping[str, Trial],
    truths: Mapping[str, Truth],
    settings: Settings | None = None,
) -> list[Claim]:
    """Claims in the order of the rows; the primary one of each phenomenon first. Pure: no model, no randomness but
    the settings' seed."""
    s = settings or Settings()
    claims: list[Claim] = []
    for table in tables(rows, trials, truths):
        own = [r for r in table.on("self") if any(x.outcome.value != "unsupported" for x in table.cells(r).values())]
        asks = [r for r in own if r.startswith("ask[")]
        primary = dict(s.primary).get(table.phenomenon) or (asks or own or [""])[0]
        ordered = sorted(own, key=lambda r: r != primary)
        some = [_claim(table, reader, reader == primary, s) for reader in ordered]
        claims.extend(_multiplicity(some, len(own), s))
    return claims


@dataclass(frozen=True)
class _Arms:
    """What do(state) showed."""

    do: Estimate | None = None
    control: Estimate | None = None
    identification: Estimate | None = None
    ablated: Estimate | None = None


def _claim(table: Table, reader: str, primary: bool, s: Settings) -> Claim:
    counts = outcomes(table.cells(reader))
    asked = sum(v for k, v in counts.items() if k != "unsupported")
    answered = counts["answered"] / asked if asked else 0.0
    shown = {k: v for k, v in counts.items() if v}
    base = Claim(table.phenomenon, reader, "not supported", "", primary=primary, outcomes=shown, settings_hash=s.hash)
    got = items_of(table, reader)
    if got is None or len(np.unique(got[1].cluster)) < 2 or got[1].report.shape[1] < 2:
        reason = "too many non-answers" if answered < 1 - s.silent else "too few items"
        return replace(base, reason=reason, sentence="nothing to estimate from: no item has all answers")
    ids, items = got
    if np.abs(items.x - items.x[:1]).max() < 1e-12:
        return replace(base, reason="no private variation", sentence="the truth is the same on every item")
    found = shares(items)
    required = checks.required(table, reader, ids, items, found, s)
    state = _arms(table, reader, items, ids)
    trust = ladder.earned(items.report, items.x, items.cluster)
    e = found.estimates
    evidence = Evidence(
        a=e["a"], b=e["b"], g=e["g"], y=e["y"], c=e["c"], public=e["public"], do=state.do,
        identification=state.identification, ablated=state.ablated, unearned=trust["unearned"], kappa=found.kappa,
        f_hat=found.f_hat, answered=answered, clusters=items.clusters, singular=found.singular,
        blocks=_blocks(table, reader, required, s), checks=tuple(required),
    )  # fmt: skip
    decision = decide(evidence, s)
    usable = found.kappa >= s.kappa
    steps, top, added, gaps = _ladder(table, reader, ids, items)
    return replace(
        base,
        verdict=decision.verdict,
        sentence=decision.sentence,
        basis=decision.basis,
        reason=decision.reason,
        shares={} if found.singular else dict(e),
        causal=state.do,
        causal_control=state.control,
        ablated=state.ablated,
        identification=state.identification,
        ladder=steps,
        ceiling=top,
        incremental=added,
        headlines=_headlines(e, answered),
        checks=tuple(required),
        rivals=tuple(r for r in table.readers if table.rungs[r] in ("prior", "input", "history", "twin")),
        conditions=_conditions(table, reader),
        numbers=_numbers(table, reader, items, found, state, trust) | _standalone(gaps),
        calibration=ladder.calibration(items),
        notes=_notes(decision, e, usable, state, found, s),
    )


def _blocks(table: Table, reader: str, required: Sequence[Check], s: Settings) -> tuple[tuple[str, str], ...]:
    """What stops any claim before the table is read."""
    out = []
    if any(c.name == "format panel" and c.status == "failed" for c in required):
        out.append(("format not crossed", "what stands first, or what yes means, never varied"))
    plain = table.cells(reader)
    after = table.cells(reader, "changed")
    both = [k for k in after if k in plain]
    if len(both) >= s.clusters:
        gap = mean(
            np.array([_read(plain[k]) - _read(after[k]) for k in both]),
            numbered([table.trials[k].cluster for k in both]),
        )
        if abs(gap.value) > s.parse_gap and not gap.low <= 0 <= gap.high:
            out.append(("parse rates differ", "the share of readable answers differs between the compared arms"))
    return tuple(out)


def _read(reading: Reading) -> float:
    return float(reading.distribution is not None)


def _arms(table: Table, reader: str, items: Items, ids: Sequence[str]) -> _Arms:
    bare = change_of(table, reader, control=False)
    if bare is None or len(np.unique(bare[1].cluster)) < 2:
        return _Arms()
    names, change = bare
    group = numbered([(table.trials[i].question.quantity, len(table.trials[i].question.options)) for i in names])
    try:
        if arms.moved(change).low <= 0:
            return _Arms()  # a change that moves no behaviour has no slope
        controlled = change_of(table, reader)
        do = arms.causal_net(controlled[1]) if controlled else arms.causal(change)
        control = arms.causal_control(controlled[1]) if controlled else None
    except ValueError:
        return _Arms()
    return _Arms(do, control, arms.identification(change, group), _ablated(table, names, change))


def _ablated(table: Table, names: Sequence[str], change: arms.Change) -> Estimate | None:
    """The hidden context is the state; the plain report is the report without it."""
    past = table.answered(table.on("history")[0]) if table.on("history") else {}
    rows = [k for k, i in enumerate(names) if i in past]
    if len({change.cluster[k] for k in rows}) < 2:
        return None
    history = matrix([past[names[k]].distribution or () for k in rows], change.before.shape[1])
    _, cluster = np.unique(change.cluster[rows], return_inverse=True)
    try:
        return arms.ablated(
            change.after[rows], change.before[rows], change.xa_after[rows], change.xb_after[rows], history,
            cluster.astype(np.int64),
        )  # fmt: skip
    except ValueError:
        return None


def _on(table: Table, reader: str, control: str, ids: Sequence[str], width: int) -> tuple[Array, np.ndarray[Any, Any]]:
    """Another reading of the same items: (m, K) and the rows of `ids` that it has."""
    cells = table.answered(reader, control)
    rows = np.array([k for k, i in enumerate(ids) if i in cells], dtype=np.int64)
    return matrix([cells[ids[k]].distribution or () for k in rows], width), rows


def _ladder(
    table: Table, reader: str, ids: Sequence[str], items: Items
) -> tuple[tuple[Step, ...], Estimate | None, Estimate | None, list[Estimate]]:
    """Steps from prior to behaviour, the split-half ceiling, the incremental gap, and the gaps over the rivals."""
    width = items.report.shape[1]
    priors = table.on("prior")
    loss = ladder.losses(items.report, items.x, items.rolls)
    if priors:
        said, rows = _on(table, priors[0], "plain", ids, width)
    if not priors or len(rows) < len(ids):
        return (), None, None, []
    base = ladder.losses(said, items.x, items.rolls)
    steps: list[Step] = []
    gaps: list[Estimate] = []
    stack: list[Array] = []
    observers = [(r, "plain") for r in table.readers if table.cells(r)] + [(reader, "third_person")]
    for name, control in observers:
        forecast, rows = _on(table, name, control, ids, width)
        if len(rows) < 2 or len(np.unique(items.cluster[rows])) < 2:
            continue
        some = kept(items, rows)
        own = ladder.losses(forecast, some.x, some.rolls)
        level = ladder.skill(own, base[rows], some.cluster)
        if level is None:
            continue
        me = name == reader and control == "plain"
        rung = table.rungs[name]
        gap = None if me else ladder.gap(loss[rows], own, base[rows], some.cluster)
        steps.append(Step(name, rung, level, gap, control, len(rows) / len(ids)))
        if rung in ("prior", "input", "history", "twin"):
            gaps += [gap] if gap is not None else []
            stack += [forecast] if len(rows) == len(ids) else []
    return tuple(steps), ladder.ceiling(items, base), ladder.incremental(items, stack, base), gaps


def _standalone(gaps: Sequence[Estimate]) -> dict[str, Any]:
    hardest = ladder.standalone(gaps)
    return {} if hardest is None else {"standalone_low": hardest.low, "standalone": hardest.value}


def _headlines(e: Mapping[str, Estimate], answered: float) -> dict[str, dict[str, Any]]:
    """Three ways to count non-answers: left out, following nothing, and at their best and worst."""
    scaled = {
        k: replace(x, value=answered * x.value, low=answered * x.low, high=answered * x.high, se=answered * x.se)
        for k, x in e.items()
    }
    a = e["a"]
    return {
        "among answered": dict(e),
        "intention to ask": {**scaled, "silent": 1 - answered},
        "bounds": {"a": (answered * a.low, answered * a.high + 1 - answered)},
    }


def _conditions(table: Table, reader: str) -> dict[str, dict[str, Any]]:
    """What each other wording or framing changed, on the same items."""
    out: dict[str, dict[str, Any]] = {}
    plain = table.answered(reader)
    for control in CONDITIONS:
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


def _numbers(
    table: Table, reader: str, items: Items, found: Shares, state: _Arms, trust: Mapping[str, Estimate]
) -> dict[str, Any]:
    e = found.estimates
    evidence = Evidence(a=e["a"], b=e["b"])
    numbers: dict[str, Any] = {
        "items": len(items.report),
        "clusters": items.clusters,
        "rollouts": int(items.rolls.max()),
        "kappa": found.kappa,
        "f_hat": found.f_hat,
        "f_star": f_star(evidence),
        "mde_a": minimum_detectable(e["a"].se, items.clusters),
        "mde_causal": minimum_detectable(state.do.se, state.do.clusters) if state.do else None,
        "smallest_eigenvalue": found.smallest,
        "n_rivals": sum(table.rungs[r] in ("prior", "input", "history", "twin") for r in table.readers),
        **trust,
    }
    dev = items_of(table, reader, "dev")
    if dev is not None and len(dev[1].report) >= 20:
        tau = ladder.fit_tau(dev[1].report, dev[1].x)
        numbers["tau"] = tau
        if not 1 / TAU_MATTERS < tau < TAU_MATTERS:
            numbers["a_tau"] = shares(replace(items, report=ladder.sharpness(items.report, tau))).estimates["a"]
    return numbers


def _notes(
    decision: Decision, e: Mapping[str, Estimate], usable: bool, state: _Arms, found: Shares, s: Settings
) -> tuple[str, ...]:
    notes = []
    if decision.verdict == "access" and decision.basis == "rivals":
        notes.append("Beyond the rivals that were tried; never counted as access in a headline.")
    if not usable:
        notes.append("The history rival is mostly noise here: habit, unmoved and their split are not quoted.")
    elif max(e[k].high - e[k].low for k in "bg") > 0.6:
        notes.append("Habit and input are public together; their split is too coarse to quote.")
    if state.do is not None and e["a"].low > 0 and state.do.at(2 * s.level - 1).high < s.margin_causal:
        notes.append("By observation it looks private, by intervention it is not: a habit that the rivals missed.")
    if found.f_hat > 0.1:
        notes.append(f"More history would explain {100 * found.f_hat:.0f} % of what the rivals leave.")
    return tuple(notes)


def _multiplicity(claims: Sequence[Claim], tried: int, s: Settings) -> list[Claim]:
    """Holm over the self readers of a phenomenon: an access that does not survive it is not supported."""
    p = []
    for claim in claims:
        x = claim.causal if claim.basis == "causal" else claim.shares.get("a")
        if x is None:
            p.append(1.0)
        elif x.se <= 0:
            p.append(0.0 if x.value > 0 else 1.0)
        else:
            tail = t_tail(abs(x.value) / x.se, x.clusters - 1)
            p.append(tail if x.value > 0 else 1 - tail)
    out = []
    for claim, adjusted in zip(claims, holm(p), strict=True):
        claim = replace(claim, numbers={**claim.numbers, "tried": tried, "p_holm": adjusted})
        if claim.verdict == "access" and adjusted > (1 - s.level) / 2:
            claim = replace(
                claim, verdict="not supported", basis=None, reason="does not survive the number of readers tried",
                sentence=f"access on its own, but not among {tried} readers that were tried (Holm)",
            )  # fmt: skip
        out.append(claim)
    return out
