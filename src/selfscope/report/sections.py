"""One claim -> one section of a card: axes, lists and tables, each with the sentence that stands where it is empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfscope.records import RUNGS
from selfscope.report import names
from selfscope.report.document import Axis, Bin, Item, Mark, Section, Table, Tick, Verdict
from selfscope.report.figures import NOTHING, Number, clean, count, percent, scalar, sentence, share, skill, triple
from selfscope.verdicts.claims import Claim, Step

LOWEST = -1.0  # a ladder's axis never reaches further down: one very bad observer must not squeeze the others flat
TONES = {"access": "access", "alarm only": "alarm", "narrative": "narrative", "self-prediction": "public"}


def verdict_line(claim: Claim, anchor: str, example: str) -> Verdict:
    """The line of the opening table for one claim."""
    self_step, rival = _self_step(claim), best_rival(claim)
    basis = {"causal": " · causal", "ablated": " · ablated", "rivals": " · rivals only"}
    badge = clean(claim.verdict, 40) + (basis.get(claim.basis or "", "") if claim.verdict == "access" else "")
    missing = tuple(clean(c.name, 80) for c in claim.checks if c.status == "missing")
    gap = skill(rival.gap, change=True) if rival else None
    main, note = _private(claim)
    return Verdict(
        anchor=anchor,
        title=clean(names.title(claim.phenomenon), 80),
        asks=names.PHENOMENA.get(claim.phenomenon, ("", ""))[1] or example,
        badge=badge,
        tone=_tone(claim),
        reason=clean(names.reason(claim.reason), 120),
        sentence=sentence(claim.sentence),
        share=main,
        share_note=note,
        best_rival=clean(names.reader(rival.reader), 80) if rival else "no rival scored",
        rival_skill=_text(skill(rival.skill)) if rival else NOTHING,
        self_skill=_text(skill(self_step.skill)) if self_step else NOTHING,
        gap=gap.both if gap else "",
        items=_number(claim, "items"),
        clusters=_number(claim, "clusters"),
        missing=missing,
    )


def _private(claim: Claim) -> tuple[Number | None, str]:
    """The private share that decides, and a line on the other one (verdict, section 5: the intervention decides)."""
    seen, moved = share(claim.shares.get("a")), share(claim.causal)
    if moved is None:
        return seen, "observed, state not changed" if seen else ""
    return moved, f"state changed; observed {seen.both}" if seen else "state changed"


def _tone(claim: Claim) -> str:
    if claim.verdict == "access" and claim.basis == "rivals":
        return "beyond"
    return TONES.get(claim.verdict, "neutral")


def _text(number: Number | None) -> str:
    return number.text if number else NOTHING


def _number(claim: Claim, key: str) -> str:
    value = claim.numbers.get(key)
    return count(float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else NOTHING


def _self_step(claim: Claim) -> Step | None:
    own = [s for s in claim.ladder if s.reader == claim.reader and s.control == "plain"]
    return own[0] if own else None


def best_rival(claim: Claim) -> Step | None:
    """The rival with the highest skill: not the model itself, not its probe, not its behaviour."""
    ours = ("self", "probe", "behaviour", "ablated")
    rivals = [s for s in claim.ladder if s.rung not in ours and s.reader != claim.reader and triple(s.skill)]
    rivals = [s for s in rivals if s.control == "plain"]
    return max(rivals, key=lambda s: (s.skill.value, s.reader), default=None)


def section(claim: Claim, verdict: Verdict, siblings: Sequence[Claim]) -> Section:
    """Everything but the example trials, which need rows (examples.py)."""
    ladder, shares_ = _ladder(claim), _shares(claim)
    arms, headlines = _arms(claim), _headlines(claim)
    conditions, more = _conditions(claim)
    absent = {
        "ladder": "" if ladder else "No observer could be scored on these items.",
        "shares": "" if shares_ else "The shares are not identified here: " + _because(claim),
        "calibration": "" if claim.calibration else "No stated probabilities to compare with what happened.",
        "arms": "" if arms else "The state was not changed in this run, so no causal statement is made.",
        "conditions": "" if conditions or more else "No condition was read again under a control.",
        "checks": "" if claim.checks else "The list of required controls was not recorded.",
    }
    return Section(
        verdict=verdict,
        reader=clean(names.reader(claim.reader), 80),
        ladder=ladder,
        shares=shares_,
        calibration=_calibration(claim),
        arms=arms,
        headlines=headlines,
        conditions=conditions,
        more_conditions=more,
        checks=tuple(_item(c.name, c.status, c.detail, c.run) for c in claim.checks),
        others=_others(claim, siblings),
        numbers=_numbers(claim),
        notes=tuple(clean(n, 400) for n in claim.notes),
        absent={k: v for k, v in absent.items() if v},
    )


def _because(claim: Claim) -> str:
    return f"{names.reason(claim.reason)}." if claim.reason else "too little was answered or varied."


def _item(name: str, status: str, detail: str, run: str) -> Item:
    known = status if status in names.STATUS else "missing"
    return Item(names.sentence_case(clean(name, 80)), known, clean(detail, 300), clean(run, 200) if run else "")


def _ladder(claim: Claim) -> Axis | None:
    order = {r: i for i, r in enumerate(RUNGS)}
    steps = [s for s in claim.ladder if triple(s.skill)]
    steps.sort(key=lambda s: (order.get(s.rung, len(order)), s.reader != claim.reader, s.reader, s.control))
    marks = []
    for step in steps:
        number, gap = skill(step.skill), skill(step.gap, change=True)
        assert number is not None  # filtered above
        condition = "" if step.control == "plain" else f" – {clean(names.control(step.control), 80)}"
        answered = "" if step.answered >= 0.995 else f", {percent(step.answered)} answered"
        marks.append(
            Mark(
                label=clean(names.reader(step.reader), 80) + condition,
                note=clean(names.RUNGS.get(step.rung, step.rung), 80) + answered,
                colour=step.rung if step.rung in RUNGS else "",
                number=number,
                strong=step.reader == claim.reader and step.control == "plain",
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


def _shares(claim: Claim) -> Axis | None:
    marks = []
    for key, (name, colour, line) in names.SHARES.items():
        number = share(claim.shares.get(key))
        if number:
            marks.append(Mark(name, line, "format" if key == "y" else colour, number, strong=key == "a"))
    if not marks:
        return None
    public = share(claim.shares.get("public"))
    caption = f"Public (habit and input together): {public.both}." if public else ""
    ticks = (Tick(0.0, "0"), Tick(0.5, "50", "faint"), Tick(1.0, "100\u202f%"))
    return Axis(-0.04, 1.04, ticks, tuple(marks), caption)


def _calibration(claim: Claim) -> tuple[Bin, ...]:
    bins = []
    for stated, happened, low, high, items in claim.calibration:
        number = share((happened, happened))
        if number is None or triple(stated) is None:
            continue
        text = f"stated {percent(stated)}: happened {share({'value': happened, 'low': low, 'high': high}).both}"  # type: ignore[union-attr]
        bins.append(Bin(stated, happened, max(low, 0.0), min(high, 1.0), int(items), f"{text}, {count(items)} items"))
    return tuple(bins)


def _arms(claim: Claim) -> Table | None:
    lines = [
        ("report follows the changed state (a_do, control subtracted)", claim.causal),
        ("control question, same change", claim.causal_control),
        ("against itself without the state (a_abl)", claim.ablated),
        ("names what changed (above chance)", claim.identification),
    ]
    rows = tuple((name, n.text, n.interval) for name, given in lines if (n := share(given, clip=False)))
    return Table("When the state is changed", ("", "share", "95\u202f%"), rows, (1, 2)) if rows else None


def _headlines(claim: Claim) -> Table | None:
    """Three ways to count non-answers (verdict, section 7): rows are the shares, columns the ways."""
    ways = [w for w, shares_ in claim.headlines.items() if shares_]
    keys = [k for k in ("a", "public", "b", "g", "y", "c", "silent") if any(k in claim.headlines[w] for w in ways)]
    rows = []
    for key in keys:
        cells = []
        for way in ways:
            number = share(claim.headlines[way].get(key), clip=way != "bounds")
            cells.append(NOTHING if number is None else number.interval if way == "bounds" else number.both)
        rows.append((names.SHARES[key][0] if key in names.SHARES else key, *cells))
    if not rows:
        return None
    return Table("Non-answers, counted three ways", ("", *ways), tuple(rows), tuple(range(1, len(ways) + 1)))


def _conditions(claim: Claim) -> tuple[Axis | None, Table | None]:
    """Changes with an interval become an axis; what else a condition recorded becomes a table."""
    marks, rows = [], []
    for name, entry in claim.conditions.items():
        change = next((entry[k] for k in ("change", "difference", "gap", "effect") if triple(entry.get(k))), None)
        number = skill(change, change=True)
        rest = {k: v for k, v in entry.items() if v is not change and k not in ("change",)}
        note, told = _rest(rest), names.sentence_case(clean(names.control(name), 80))
        if number:
            marks.append(Mark(told, note, "self", number))
        elif note:
            rows.append((told, note))
    axis = None
    if marks:
        reach = max(0.1, *(min(1.0, max(abs(m.number.low), abs(m.number.high))) for m in marks)) * 1.06
        ticks = (Tick(0.0, "no change"),)
        caption = "Change of the report’s skill under each condition, same items."
        axis = Axis(-reach, reach, ticks, tuple(marks), caption)
    return axis, Table("Other conditions", ("condition", "found"), tuple(rows)) if rows else None


def _rest(entry: Mapping[str, Any]) -> str:
    parts = []
    for key, value in entry.items():
        number = skill(value) if isinstance(value, Mapping | tuple | list) or hasattr(value, "low") else None
        parts.append(f"{clean(key.replace('_', ' '), 60)} {number.both if number else scalar(value)}")
    return "; ".join(parts)


def _others(claim: Claim, siblings: Sequence[Claim]) -> Table | None:
    """Every other reader or format that was tried on the same phenomenon, with its own verdict."""
    rows = []
    for other in siblings:
        if other is claim:
            continue
        step = _self_step(other)
        answered = other.outcomes.get("answered", 0)
        asked = sum(other.outcomes.values())
        rows.append(
            (
                clean(names.reader(other.reader), 80),
                skill(step.skill).both if step and triple(step.skill) else NOTHING,  # type: ignore[union-attr]
                percent(answered / asked) if asked else NOTHING,
                n.both if (n := share(other.shares.get("a"))) else NOTHING,
                other.verdict + (f": {names.reason(other.reason)}" if other.reason else ""),
            )
        )
    head = ("reader", "skill", "answered", "private share", "verdict")
    return Table("Other ways of asking", head, tuple(rows), (1, 2, 3)) if rows else None


_SHOWN = {
    "kappa": "rival reliability κ",
    "f_hat": "habit that more history would find f̂",
    "f_star": "claim fails above f*",
    "mde_a": "smallest detectable private share",
    "mde_causal": "smallest detectable causal share",
    "mean_confidence": "stated confidence, mean",
    "earned_confidence": "earned confidence, mean",
    "n_rollouts": "rollouts behind a truth",
    "needed_items": "items needed to tell",
}


def _numbers(claim: Claim) -> tuple[tuple[str, str], ...]:
    shown = [(label, claim.numbers[key]) for key, label in _SHOWN.items() if claim.numbers.get(key) is not None]
    pairs = []
    for label, value in shown:
        number = skill(value) if not isinstance(value, int | float) else None
        pairs.append((label, number.both if number else scalar(value)))
    return tuple(pairs)
