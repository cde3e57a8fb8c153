"""One claim -> one section of a card: axes, lists and tables, each with the sentence that stands where it is empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfscope.records import PLAIN, RUNGS
from selfscope.report import labels
from selfscope.report.bar import QUOTED_FROM, determined, reliable
from selfscope.report.document import Axis, AxisMark, CalibrationBin, ChecklistItem, Section, Tick, Verdict
from selfscope.report.effects import UNTOUCHED, asides, effects, effects_note, splits
from selfscope.report.format import (
    NOTHING,
    clean,
    count,
    decimal,
    percent,
    scalar,
    share,
    skill,
    triple,
)
from selfscope.report.labels import Labels
from selfscope.report.verdict_row import self_step
from selfscope.tables import Table
from selfscope.verdicts.claims import Claim

LOWEST = -1.0  # a ladder's axis never reaches further down: one very bad observer must not squeeze the others flat


def section(claim: Claim, verdict: Verdict, siblings: Sequence[Claim], names: Labels) -> Section:
    """Everything but the example trials, which need rows (examples.py)."""
    ladder, shares_, smaller = _ladder(claim, names), _shares(claim), splits(claim)
    changed, headlines = effects(claim), _headlines(claim)
    conditions, more = _conditions(claim, names)
    absent = {
        "ladder": "" if ladder else "No observer could be scored on these items.",
        "shares": "" if shares_ else _no_shares(claim),
        "calibration": "" if claim.calibration else "No stated probabilities to compare with what happened.",
        "effects": "" if changed else UNTOUCHED,
        "conditions": "" if conditions or more else "No condition was read again under a control.",
        "checks": "" if claim.checks else "The list of required controls was not recorded.",
    }
    return Section(
        verdict=verdict,
        reader=clean(names.reader(claim.reader), 80),
        ladder=ladder,
        shares=shares_,
        calibration=_calibration(claim),
        splits=smaller,
        asides=asides(claim),
        beside=tuple(clean(f"{a.title}: {a.says}", 300) for a in claim.asides),
        effects=changed,
        effects_note=effects_note(claim),
        headlines=headlines,
        conditions=conditions,
        more_conditions=more,
        checks=tuple(_item(c.name, c.status, c.detail, c.run) for c in claim.checks),
        others=_others(claim, siblings, names),
        numbers=_numbers(claim),
        notes=tuple(clean(n, 400) for n in claim.notes),
        absent={k: v for k, v in absent.items() if v},
    )


def _no_shares(claim: Claim) -> str:
    """Why there is no full split; a smaller one may stand below."""
    why = labels.reason(claim.reason) if claim.reason else "too little was answered or varied"
    if claim.tracking:
        why = "rivals and truth move together"
    return f"Its own state, habit and text cannot be told apart here: {why}."


def _item(name: str, status: str, detail: str, run: str) -> ChecklistItem:
    known = status if status in labels.STATUS else "missing"
    title = labels.sentence_case(clean(name, 80))
    return ChecklistItem(title, known, clean(detail, 300), clean(run, 200) if run else "")


def _ladder(claim: Claim, names: Labels) -> Axis | None:
    order = {r: i for i, r in enumerate(RUNGS)}
    steps = [s for s in claim.ladder if triple(s.skill)]
    steps.sort(key=lambda s: (order.get(s.rung, len(order)), s.reader != claim.reader, s.reader, s.control))
    marks = []
    for step in steps:
        number, gap = skill(step.skill), skill(step.gap, change=True)
        assert number is not None  # filtered above
        condition = "" if step.control == PLAIN else f" – {clean(names.control(step.control), 80)}"
        answered = "" if step.answered >= 0.995 else f", on {percent(step.answered)} of the items"
        marks.append(
            AxisMark(
                label=clean(names.reader(step.reader), 80) + condition,
                note=clean(names.rung(step.reader, step.rung), 80) + answered,
                colour=step.rung if step.rung in RUNGS else "",
                number=number,
                strong=step.reader == claim.reader and step.control == PLAIN,
                gap=gap.both if gap else "",
            )
        )
    if not marks:
        return None
    low = max(LOWEST, min(0.0, *(m.number.low for m in marks)) - 0.04)
    high = min(1.5, max(1.0, *(min(m.number.high, 1.5) for m in marks)) + 0.04)
    ticks = [Tick(0.0, "0 base rate", "line"), Tick(1.0, "1 the truth", "line")]
    top = skill(claim.ceiling)
    if top and low <= top.value < 0.97:
        ticks.append(Tick(top.value, f"ceiling {top.text}", "dashed"))
    caption = "Brier skill without the rollouts’ noise, same items for everyone, 95\u202f% intervals over clusters."
    return Axis(low, high, tuple(ticks), tuple(marks), caption)


def _full_split(claim: Claim) -> tuple[tuple[str, ...], str]:
    """Which shares of the full split may be quoted, and why the others may not (verdict, section 9)."""
    shares = claim.shares
    if not reliable(claim):
        kappa = triple(claim.numbers.get("kappa"))
        assert kappa is not None  # else it would be reliable
        had = decimal(max(0.0, kappa[0]))
        why = f"The history rival is mostly noise (reliability {had}, needed {decimal(QUOTED_FROM)}): "
        return ("private", "format"), why + "habit, text and the unmoved part are not quoted."
    if "public" in shares and not all(determined(shares.get(k)) for k in ("habit", "input") if k in shares):
        together = "Habit and text are quoted together, as what anyone could say: their split is too coarse."
        return ("private", "public", "format", "unmoved"), together
    public = share(shares.get("public"))
    together = f"What anyone could say, habit and text together: {public.both}." if public else ""
    return ("private", "habit", "input", "format", "unmoved"), together


def _shares(claim: Claim) -> Axis | None:
    keys, caption = _full_split(claim)
    marks = []
    for key in keys:
        colour, name, line = labels.SHARES[key]
        number = share(claim.shares.get(key))
        if number:
            marks.append(AxisMark(f"{name} ({key})", line, colour, number, strong=key == "private"))
    if not marks:
        return None
    ticks = (Tick(0.0, "0"), Tick(0.5, "50", "faint"), Tick(1.0, "100\u202f%"))
    return Axis(-0.04, 1.04, ticks, tuple(marks), caption)


def _calibration(claim: Claim) -> tuple[CalibrationBin, ...]:
    bins = []
    for stated, happened, low, high, items in claim.calibration:
        number = share((happened, happened))
        if number is None or triple(stated) is None:
            continue
        text = f"stated {percent(stated)}: happened {share({'value': happened, 'low': low, 'high': high}).both}"  # type: ignore[union-attr]
        text += f", {count(items)} items"
        bins.append(CalibrationBin(stated, happened, max(low, 0.0), min(high, 1.0), int(items), text))
    return tuple(bins)


def _headlines(claim: Claim) -> Table | None:
    """Three ways to count non-answers (verdict, section 7): rows are the shares, columns the ways."""
    if not claim.shares:
        return None
    ways = [w for w, shares_ in claim.headlines.items() if shares_]
    keys = [k for k in (*_full_split(claim)[0], "silent") if any(k in claim.headlines[w] for w in ways)]
    rows = []
    for key in keys:
        cells = []
        for way in ways:
            number = share(claim.headlines[way].get(key))
            cells.append(NOTHING if number is None else number.interval if way == "bounds" else number.both)
        rows.append((labels.SHARES[key][1] if key in labels.SHARES else "no answer", *cells))
    if not rows:
        return None
    return Table("Non-answers, counted three ways", ("", *ways), tuple(rows), tuple(range(1, len(ways) + 1)))


def _conditions(claim: Claim, names: Labels) -> tuple[Axis | None, Table | None]:
    """How much better or worse the report forecasts under each condition is drawn; what else was recorded is noted."""
    marks, rows = [], []
    for name, entry in claim.conditions.items():
        number, moved = skill(entry.get("better"), change=True), share(entry.get("change"))
        rest = {k: v for k, v in entry.items() if k not in ("better", "change")}
        notes = [f"report moved by {moved.both}"] if moved else []
        note, title = ", ".join(notes + _rest(rest)), labels.sentence_case(clean(names.control(name), 80))
        if number:
            marks.append(AxisMark(title, note, "self", number))
        elif note:
            rows.append((title, note))
    axis = None
    if marks:
        reach = max(0.1, *(min(1.0, max(abs(m.number.low), abs(m.number.high))) for m in marks)) * 1.06
        ticks = (Tick(-reach, "worse", "faint"), Tick(0.0, "as asked plainly"), Tick(reach, "better", "faint"))
        caption = "Same items, asked otherwise: how much the Brier loss fell, and how far the report itself moved."
        axis = Axis(-reach, reach, ticks, tuple(marks), caption)
    return axis, Table("Other conditions", ("condition", "found"), tuple(rows)) if rows else None


def _rest(entry: Mapping[str, Any]) -> list[str]:
    parts = []
    for key, value in entry.items():
        number = skill(value) if isinstance(value, Mapping | tuple | list) or hasattr(value, "low") else None
        name, text = clean(key.replace("_", " "), 60), number.both if number else scalar(value)
        counted = key in ("items", "silent")
        if not (counted and value == 0):
            parts.append(f"{text} {name}" if counted else f"{name} {text}")
    return parts


def _others(claim: Claim, siblings: Sequence[Claim], names: Labels) -> Table | None:
    """Every other reader or format that was tried on the same phenomenon, with its own verdict."""
    rows = []
    for other in siblings:
        if other is claim:
            continue
        step = self_step(other)
        answered = other.outcomes.get("answered", 0)
        asked = sum(other.outcomes.values())
        rows.append(
            (
                clean(names.reader(other.reader), 80),
                skill(step.skill).both if step and triple(step.skill) else NOTHING,  # type: ignore[union-attr]
                percent(answered / asked) if asked else NOTHING,
                n.both if (n := share(other.tracking.get("tracking"))) else NOTHING,
                other.verdict + (f": {labels.reason(other.reason)}" if other.reason else ""),
            )
        )
    head = ("reader", "skill", "answered", "goes with what it does", "verdict")
    return Table("Other ways of asking", head, tuple(rows), (1, 2, 3)) if rows else None


_SHOWN = {
    "kappa": "reliability of the history rival, κ",
    "f_hat": "part that more history would explain, f̂",
    "f_star": "the claim fails above this part, f*",
    "standalone": "lead over the hardest rival, skill",
    "mean_confidence": "stated confidence",
    "earned_confidence": "earned confidence",
    "unearned": "confidence not earned",
    "tau": "sharpness of the report (1 is honest), τ",
    "private_tau": "private share with that taken out",
    "rollouts": "rollouts behind a truth",
    "tried": "readers tried",
    "p_holm": "p of the claim among them (Holm)",
}


def _numbers(claim: Claim) -> tuple[tuple[str, str], ...]:
    shown = [(label, claim.numbers[key]) for key, label in _SHOWN.items() if claim.numbers.get(key) is not None]
    pairs = []
    for label, value in shown:
        number = skill(value) if not isinstance(value, int | float) else None
        pairs.append((label, number.both if number else scalar(value)))
    return tuple(pairs)
