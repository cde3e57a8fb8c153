"""Forecasts of success -> what a claim's section says of them: tables, risk against coverage, what is known inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from selfscope.records import RUNGS
from selfscope.report import labels
from selfscope.report.format import NOTHING, clean, count, decimal, percent, signed
from selfscope.report.labels import Labels
from selfscope.report.material import Material
from selfscope.report.success_document import RiskLine, RiskPlot, Success
from selfscope.statistics import Estimate
from selfscope.tables import Table
from selfscope.verdicts.claims import Claim
from selfscope.verdicts.forecasts import Forecast, KnownInside

AUTHORS = {"own": "its own attempts", "given": "written by nobody, right or wrong", "other": "another model’s attempts"}
"""Whose is what is shown."""
SCORES = (
    "Brier: squared error of the probability of one attempt. AUROC: how often a success stands above a failure, of "
    "different tasks, of tasks of one difficulty, of two attempts at one task. 95\u202f% intervals over tasks."
)
PAYOFF = (
    "A success earns one, a failure costs the price, what is held back earns nothing; an attempt is let through where "
    "its stated probability is above price / (1 + price)."
)


def success(claim: Claim, material: Material) -> Success | None:
    """What a claim's section says of success; None where its phenomenon asks of none."""
    names = material.names
    forecasts = [f for f in material.forecasts if f.phenomenon == claim.phenomenon]
    own = [f for f in forecasts if f.reader == claim.reader]
    if not own:
        return None
    known = [k for k in material.known if k.phenomenon == claim.phenomenon and k.words == claim.reader]
    groups = _titles(own, names)
    tables = [
        _scores(label, [f for f in forecasts if (f.quantity, f.author) == key], claim.reader, names)
        for key, label in groups.items()
    ]
    first = next(iter(known), None)
    return Success(
        said=tuple(_line(f, groups[f.quantity, f.author]) for f in own) if known else (),
        known="" if first is None else sentence(first, names),
        still=tuple(still(f, groups[f.quantity, f.author]) for f in own if not f.varies),
        tables=(*tables, *_payoffs(own, groups), *_inside(known, names)),
        risks=tuple(_risks(label, key, forecasts, claim.reader, names) for key, label in groups.items()),
    )  # fmt: skip


def _titles(own: Sequence[Forecast], names: Labels) -> dict[tuple[str, str], str]:
    """When or of what each question was asked, and of whose, where several wrote what was shown."""
    authors = {quantity: {f.author for f in own if f.quantity == quantity} for quantity in {f.quantity for f in own}}
    out = {}
    for f in own:
        asked = names.event(f.phenomenon, f.quantity)
        whose = f": {AUTHORS.get(f.author, f.author)}" if len(authors[f.quantity]) > 1 else ""
        out[f.quantity, f.author] = asked + whose
    return out


def still(f: Forecast, title: str) -> str:
    """The one line of a truth that does not vary."""
    what = "all" if f.rate.value > 0.5 else "none"
    return f"{labels.sentence_case(title)}: {what} of {count(f.items)} succeed, so nothing can be told apart."


def sentence(known: KnownInside, names: Labels) -> str:
    """The name of what is known inside, with the figures behind it."""
    inside, words = clean(names.reader(known.inside), 80), clean(names.reader(known.words), 80)
    rival = ""
    if known.best is not None:
        rival = f"; best rival, {clean(names.reader(known.rival), 60)}, {figure(known.best)}"
    ahead = f"inside less words {difference(known.ahead)}"
    return (
        f"{labels.sentence_case(known.name)}. Which of its attempts at one task succeeds (AUROC within the task, "
        f"{count(known.knows.clusters)} tasks with both outcomes): {inside} {figure(known.knows)}; in words, {words}, "
        f"{figure(known.says)}; {ahead}{rival}."
    )


def figure(x: Estimate | None) -> str:
    """0.66 [0.57, 0.75]; a dash where there is none."""
    return NOTHING if x is None else f"{decimal(x.value)} {_interval(x)}".strip()


def difference(x: Estimate | None) -> str:
    """+0.19 [0.06, 0.31]; a dash where there is none."""
    return NOTHING if x is None else f"{signed(x.value)} {_interval(x)}".strip()


def _interval(x: Estimate) -> str:
    return "" if NOTHING in (decimal(x.low), decimal(x.high)) else f"[{decimal(x.low)}, {decimal(x.high)}]"


def _line(f: Forecast, title: str) -> str:
    """One reader's scores of one question, for a terminal."""
    if not f.varies:
        return still(f, title)
    parts = [f"succeeds {percent(f.rate.value)}", f"Brier {figure(f.brier)}"]
    parts[-1] += f", base rate {decimal(f.base_brier.value)}" if f.base_brier else ""
    for what, area in (("across tasks", f.across), ("of one difficulty", f.within_difficulty),
                       ("within a task", f.within_task)):  # fmt: skip
        parts += [f"AUROC {what} {figure(area)}"] if area is not None else []
    if f.curve is not None:
        area = f.curve.area
        parts.append(f"risk {figure(area)}, between {decimal(f.curve.best)} and {decimal(f.curve.failing)}")
    if f.self_specific is not None:
        parts.append(f"beyond all rivals {difference(f.self_specific)}")
    return f"{title}: " + "; ".join(parts) + "."


def _scores(label: str, forecasts: Sequence[Forecast], reader: str, names: Labels) -> Table:
    """One question, every reader that answered it."""
    order = {rung: k for k, rung in enumerate(RUNGS)}
    own = next(f for f in forecasts if f.reader == reader)
    heading = f"{labels.sentence_case(label)}: {percent(own.rate.value)} of {count(own.items)} succeed"
    head = (
        "reader", "items", "Brier", "base rate", "better by", "AUROC across tasks", "of one difficulty",
        "within a task", "risk, area", "beyond all rivals",
    )  # fmt: skip
    rows = tuple(
        (
            ("→ " if f.reader == reader else "") + clean(names.reader(f.reader), 80), count(f.items), figure(f.brier),
            NOTHING if f.base_brier is None else decimal(f.base_brier.value), difference(f.gain), figure(f.across),
            figure(f.within_difficulty), figure(f.within_task), figure(f.curve.area if f.curve else None),
            difference(f.self_specific),
        )
        for f in sorted(forecasts, key=lambda f: order.get(f.rung, len(order)))
    )  # fmt: skip
    return Table(heading, head, rows, tuple(range(1, len(head))), SCORES)


def _payoffs(own: Sequence[Forecast], titles: Mapping[tuple[str, str], str]) -> list[Table]:
    """What acting on the claim's reader earns."""
    rows = [
        (
            titles[f.quantity, f.author], f"{decimal(p.price)} : 1", percent(p.acts), figure(p.earned), decimal(p.base),
            difference(p.over_base), decimal(p.always), decimal(p.best),
        )
        for f in own if f.varies
        for p in f.payoffs
    ]  # fmt: skip
    head = (
        "asked", "price of a failure", "lets through", "earns", "on the base rate", "more than that",
        "all let through", "best",
    )  # fmt: skip
    name = "What acting on it earns, an attempt"
    return [Table(name, head, tuple(rows), tuple(range(1, len(head))), PAYOFF)] if rows else []


def _inside(known: Sequence[KnownInside], names: Labels) -> list[Table]:
    rows = [
        (clean(names.reader(k.inside), 80), figure(k.knows), figure(k.says),
         difference(k.ahead), count(k.knows.clusters), k.name)
        for k in known
    ]  # fmt: skip
    head = ("inside", "it tells", "words tell", "inside less words", "tasks", "so")
    name = "Which of its attempts at one task succeeds, AUROC"
    return [Table(name, head, tuple(rows), (1, 2, 3, 4))] if rows else []


def _risks(
    label: str, key: tuple[str, str], forecasts: Sequence[Forecast], reader: str, names: Labels
) -> RiskPlot:
    """Risk against coverage of one question: the claim's reader, who looks inside, and the rivals."""
    lines = tuple(
        RiskLine(clean(names.reader(f.reader), 80), f.rung, f.curve.points, f.reader == reader, figure(f.curve.area))
        for f in forecasts
        if (f.quantity, f.author) == key and f.curve is not None
        and (f.reader == reader or f.rung != "self")
    )  # fmt: skip
    first = next((f.curve for f in forecasts if (f.quantity, f.author) == key and f.curve is not None), None)
    ends = "" if first is None else f"Area: best {decimal(first.best)}, in any order {decimal(first.failing)}."
    return RiskPlot(labels.sentence_case(label), lines, ends)

