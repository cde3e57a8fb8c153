"""Readings of activations -> sections of a card: readers against their arms, all ways on one axis, sweeps, and what
each layer says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from selfscope.report import labels
from selfscope.report.activation_format import anchor, asked, part
from selfscope.report.crossed import crossed
from selfscope.report.document import Axis, AxisMark, Heat, HeatCell, Inside, Tick
from selfscope.report.format import NOTHING, clean, decimal, percent
from selfscope.report.injections import injections
from selfscope.report.labels import Labels
from selfscope.report.matched import channel_tables, told
from selfscope.report.material import Material
from selfscope.statistics import Estimate
from selfscope.tables import Table
from selfscope.verdicts.arm_gaps import ARMS, Gap, Grid, SweepCell
from selfscope.verdicts.crossed import Crossing
from selfscope.verdicts.detection import InjectionFinding

SHOWN, LAST_WORDS = 4, 3
"""Places, and words of each, in the table of what each layer says."""
AXES = ("layer", "target_layer", "position", "strength")
RULE = (
    "Part of the items answered rightly, 95\u202f% intervals over clusters, paired by item. An arm has everything but "
    "the vector; the gap is to the hardest of them. A rival reads the same states at the same layer, untrained or by a "
    "ridge map: nothing is claimed beyond one that does as well."
)


def inside(material: Material) -> tuple[Inside, ...]:
    """One section for each phenomenon that reads or writes activations, in the order of the rows."""
    gaps: dict[str, list[Gap]] = {}
    for gap in material.gaps:
        gaps.setdefault(gap.phenomenon, []).append(gap)
    injected: dict[str, list[InjectionFinding]] = {}
    for finding in material.injected:
        injected.setdefault(finding.phenomenon, []).append(finding)
    moved: dict[str, list[Crossing]] = {}
    for crossing in material.crossed:
        moved.setdefault(crossing.phenomenon, []).append(crossing)
    sections = []
    for name, own in {**gaps, **{name: [] for name in moved if name not in gaps}}.items():
        if name in moved:
            sections.append(crossed(name, moved[name], material))
        elif name in injected:
            sections.append(injections(name, injected[name], material))
        else:
            sections.append(_section(name, own, material))
    return tuple(sections)


def _section(name: str, gaps: Sequence[Gap], material: Material) -> Inside:
    names = material.names
    grids = [g for g in material.grids if g.phenomenon == name]
    return Inside(
        anchor=anchor(name),
        title=names.phenomenon(name),
        asks=names.asks(name),
        says=sentence(gaps, names) + told(name, material.channels, names),
        items=asked(name, material),
        ladder=_ladder(gaps, names),
        readers=_readers(gaps, names),
        heats=tuple(h for h in (*(_heat(grid, names) for grid in grids), _layers(name, material)) if h is not None),
        more=(*(t for t in (_tokens(gaps, names),) if t is not None), *channel_tables(name, material.channels, names)),
        notes=tuple(_notes(gaps, names)),
    )


def sentence(gaps: Sequence[Gap], names: Labels) -> str:
    """What may be said: which reading beats every arm and rival, or that none does, and by how much it had to."""
    read = [g for g in gaps if g.gap is not None]
    if not read:
        return "Asked in words only: no activations were read here."
    best = max(read, key=lambda g: (g.claimed, g.supported, g.gap.low if g.gap else -1.0))
    assert best.gap is not None
    lead = f"{part(best.gap, change=True).both} against {names.arm(best.best)}, its hardest arm"
    who = labels.sentence_case(names.reader(best.reader))
    where = f" at layer {best.layer}" if best.layer is not None else ""
    if best.claimed:
        beyond = f", {_beside(best, names)}, its hardest rival" if best.rivals else ""
        return f"{who}{where} reads it from the activations: right on {percent(best.real.value)}, {lead}{beyond}."
    if best.supported:
        return f"Not supported: {who}{where} beats all of its arms, {no_more(best, names)}."
    if best.missing:
        return f"Not supported: {who} lacks the arms {', '.join(names.arm(m) for m in best.missing)}."
    return f"Not supported: no reading beats all of its arms. The nearest is {who}{where}: {lead}."


def no_more(gap: Gap, names: Labels) -> str:
    """Why nothing is claimed of a reading that beats its arms: the rivals that do as well, or that were not read."""
    if gap.unread:
        return f"but was not held against its rivals ({', '.join(names.reader(kind) for kind in gap.unread)})"
    rival = gap.rivals[gap.hardest]
    where = "the same layer" if rival.same else f"layer {rival.layer}"
    return f"but shows no more than the {names.reader(gap.hardest)} at {where} reads: {_points(rival.gap)} points"


def _beside(gap: Gap, names: Labels) -> str:
    """A reading minus its hardest rival: "+2 points [-3, 7] against the centred lens at the same layer"."""
    rival = gap.rivals[gap.hardest]
    where = "the same layer" if rival.same else f"layer {rival.layer}"
    return f"{part(rival.gap, change=True).both} against the {names.reader(gap.hardest)} at {where}"


def _ladder(gaps: Sequence[Gap], names: Labels) -> Axis | None:
    marks = []
    for gap in gaps:
        words = gap.rung == "self"
        answers = "" if gap.answered > 0.995 else f", answers {percent(gap.answered)}"
        note = labels.RUNGS.get(gap.rung, gap.rung) + answers
        where = f", layer {gap.layer}" if gap.layer is not None else ""
        label = clean(names.reader(gap.reader), 80) + where
        marks.append((gap.rung, AxisMark(label, note, gap.rung, part(gap.real), strong=gap.claimed or words)))
        if gap.ceiling is not None:
            full = f"{clean(names.reader(gap.reader), 60)}: full text"
            mark = AxisMark(full, "ceiling: told everything", "behaviour", part(gap.ceiling))
            marks.append(("behaviour", mark))
        text = gap.arms.get("text")
        if text is not None:
            alone = f"{clean(names.reader(gap.reader), 60)}: text only"
            marks.append(("input", AxisMark(alone, "input: what these tokens spell out", "input", part(text))))
    if not marks:
        return None
    order = {rung: i for i, rung in enumerate(labels.RUNGS)}
    marks.sort(key=lambda pair: (order.get(pair[0], len(order)), pair[1].label))
    chance = sum(g.chance for g in gaps) / len(gaps)
    ticks = (Tick(0.0, "0"), Tick(chance, f"chance {percent(chance)}", "dashed"), Tick(1.0, "100\u202f%"))
    return Axis(-0.02, 1.02, ticks, tuple(m for _, m in marks), RULE)


def _readers(gaps: Sequence[Gap], names: Labels) -> Table | None:
    rows = []
    for gap in gaps:
        if gap.gap is None:
            continue
        arms = [percent(gap.arms[a].value) if a in gap.arms else NOTHING for a in ARMS]
        rows.append(
            (
                clean(names.reader(gap.reader), 80),
                NOTHING if gap.layer is None else str(gap.layer),
                part(gap.real).both,
                *arms,
                ("✓ " if gap.claimed else "") + _points(gap.gap),
                f"{_points(gap.rivals[gap.hardest].gap)} ({names.reader(gap.hardest)})" if gap.rivals else NOTHING,
            )
        )
    head = ("reading", "layer", "real vector", *(names.arm(a) for a in ARMS), "gap, points", "beyond its rival, points")
    title = "Readings and their arms (✓: beats all of them, and its rivals)"
    return Table(title, head, tuple(rows), tuple(range(1, len(head)))) if rows else None


def _points(gap: Estimate) -> str:
    return part(gap, change=True).both.replace("\u202fpoints", "")


def _tokens(gaps: Sequence[Gap], names: Labels) -> Table | None:
    rows = []
    for gap in gaps:
        if gap.tokens is None:
            continue
        nats = gap.tokens.surprisal
        rows.append(
            (
                clean(names.reader(gap.reader), 80),
                part(gap.tokens.precision).both,
                f"{decimal(nats.value)} [{decimal(nats.low)}, {decimal(nats.high)}]",
                percent(gap.tokens.clipped),
            )
        )
    title = "The next token out of the whole vocabulary"
    return Table(title, ("reading", "precision@1", "surprisal, nats", "at its bound"), tuple(rows)) if rows else None


def _shown(token: str) -> str:
    """A token in a cell: spaces at its ends are left away, other blanks are made visible."""
    return clean(token.replace("\n", "↵").replace("\t", "⇥"), 24).strip() or "␣"


def _layers(name: str, material: Material) -> Heat | None:
    """What each layer says of a few places: the likeliest token of the whole vocabulary that a swept reader names."""
    likeliest: dict[str, dict[int, Mapping[str, Any]]] = {}
    reader = ""
    for row in material.rows:
        swept = row.phenomenon == name and material.parts.role(row.control) == "sweep"
        if not swept or row.reader != (reader or row.reader):
            continue
        trial = material.trials.get(row.trial)
        if trial is not None and trial.split == "test" and "likeliest" in row.reading.extra:
            reader = row.reader
            by_layer = likeliest.setdefault(trial.base or trial.id, {})
            by_layer[int(row.reading.extra["layer"])] = row.reading.extra["likeliest"]
    shown = list(likeliest)[:SHOWN]
    layers = sorted({layer for base in shown for layer in likeliest[base]})
    if len(layers) < 2:
        return None
    texts = [material.trials[base].prompt.text or "" for base in shown]
    cells = []
    for layer in layers:
        tokens = [likeliest[base].get(layer) for base in shown]
        cells.append(
            tuple(HeatCell(math.exp(t["logprob"]), _shown(t["text"])) if t else HeatCell(0.0, NOTHING) for t in tokens)
        )
    lines = [*map(str, layers)]
    note = (
        "The likeliest token of the whole vocabulary at the last word shown, by the model’s own final norm and head; "
        "the deeper the shade, the likelier."
    )
    if all(material.trials[base].question.quantity == "next_token" for base in shown):
        cells.append(tuple(HeatCell(0.0, _itself(base, material), "chosen") for base in shown))
        lines.append("itself")
        note += " The last line is what the model itself says."
    heads = tuple("… " + clean(" ".join(text.split()[-LAST_WORDS:]), 60) for text in texts)
    return Heat(f"What each layer says ({material.names.reader(reader)})", heads, tuple(lines), tuple(cells), note)


def _itself(base: str, material: Material) -> str:
    """The likeliest next token of the model, where it was observed."""
    truth = material.truths.get(base)
    if truth is None or truth.greedy is None:
        return NOTHING
    return _shown(material.trials[base].question.options[truth.greedy].text)


def _notes(gaps: Sequence[Gap], names: Labels) -> list[str]:
    notes = []
    for gap in gaps:
        if gap.missing:
            lacking = ", ".join(names.arm(m) for m in gap.missing)
            notes.append(f"{labels.sentence_case(names.reader(gap.reader))}: arms not run: {lacking}.")
        who = labels.sentence_case(names.reader(gap.reader))
        if gap.supported and not gap.claimed:
            notes.append(f"{who} beats all of its arms, {no_more(gap, names)}.")
        if gap.least is not None and not gap.supported:
            least = decimal(100 * gap.least, 0)
            notes.append(f"{who}: the smallest gap that this run could have found is {least} points.")
    return notes


def _heat(grid: Grid, names: Labels) -> Heat | None:
    cells_of_split = grid.test or grid.dev
    axes = [a for a in AXES if len({s.at.get(a) for s in cells_of_split}) > 1]
    if not axes:
        return None
    across, up = axes[0], axes[1] if len(axes) > 1 else ""
    columns = sorted({s.at[across] for s in cells_of_split})
    lines = sorted({s.at.get(up, 0.0) for s in cells_of_split}) if up else [0.0]
    cells = []
    for line in lines:
        row = []
        for column in columns:
            here = [s for s in cells_of_split if s.at[across] == column and (not up or s.at.get(up) == line)]
            if not here:
                row.append(HeatCell(0.0, NOTHING, ""))
                continue
            value = max(s.right.value for s in here)
            mark = _marked(grid, here)
            row.append(HeatCell(value, decimal(100 * value, 0), mark))
        cells.append(tuple(row))
    caption = f"{labels.sentence_case(names.reader(grid.reader))}: right, %, by {across.replace('_', ' ')}"
    caption += f" (across) and {up.replace('_', ' ')} (down)" if up else ""
    notes = []
    if grid.chosen is not None:
        notes.append(f"chosen on dev ({_at(grid.chosen.at, axes)}): {part(grid.chosen.right).both} on test")
    if grid.best is not None:
        notes.append(f"best of the grid on test ({_at(grid.best.at, axes)}), an optimist’s figure: "
                     f"{part(grid.best.right).both}")  # fmt: skip
    label = [_short(line) if up else "" for line in lines]
    return Heat(caption, tuple(_short(c) for c in columns), tuple(label), tuple(cells), "; ".join(notes))


def _marked(grid: Grid, here: Sequence[SweepCell]) -> str:
    if grid.chosen is not None and any(s.at == grid.chosen.at for s in here):
        return "chosen"
    return "best" if grid.best is not None and any(s.at == grid.best.at for s in here) else ""


def _at(at: Mapping[str, float], axes: Sequence[str]) -> str:
    return ", ".join(f"{a.replace('_', ' ')} {_short(at[a])}" for a in axes if a in at)


def _short(value: float) -> str:
    return str(int(value)) if value == int(value) else decimal(value, 1)
