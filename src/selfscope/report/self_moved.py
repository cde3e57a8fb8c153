"""What moved from one map of a self-model to another -> a table, a map with where each statement was, and a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from selfscope.report.activation_format import part
from selfscope.report.format import NOTHING, clean, decimal, percent
from selfscope.report.self_document import SelfPicture
from selfscope.report.self_map import CAPTION, KEYS, SIGNS, WORDS, groups
from selfscope.statistics import Estimate
from selfscope.tables import Table
from selfscope.verdicts.self_model import SelfMap
from selfscope.verdicts.self_moved import RATE, Change, MapChange

HEAD = ("statement", "says", "moved by, points", "does", "moved by, points")
LARGEST = 6
"""Statements that are shown where nothing moved."""
STILL = "Nothing moved beyond chance; the largest differences in what it says are shown."


@dataclass(frozen=True)
class Moved:
    """Two cards, and what moved between them. tables: the verdicts of both, then what moved in each self-model."""

    title: str
    tables: tuple[Table, ...]
    pictures: tuple[SelfPicture, ...]


def moved_table(change: MapChange, who: str) -> Table:
    """The statements of which what is said or what is done moved, the largest first."""
    ordered = sorted(change.changes, key=lambda c: -abs(c.said.value))
    shown = [c for c in ordered if c.moved or c.acts_otherwise] or ordered[:LARGEST]
    rows = tuple(
        (
            clean(c.says, 120), f"{percent(c.before.value)} → {percent(c.after.value)}",
            _points(c.said) + (" *" if c.moved else ""), _did(c), NOTHING if c.done is None else _points(c.done),
        )
        for c in shown
    )  # fmt: skip
    return Table(f"What moved of what it says it is ({who})", HEAD, rows, (1, 2, 3, 4), _note(change))


def moved_picture(after: SelfMap, change: MapChange) -> SelfPicture:
    """The map as it is after, a dashed line from where each moved statement was before."""
    moved = {c.name: c for c in change.changes if c.moved or c.acts_otherwise}
    legend = tuple((KEYS[so], SIGNS[so], f"{words} ({after.counted(so)})") for so, words in WORDS.items())
    caption = f"{CAPTION} Dashed: from what it said before, where what it says or does moved."
    return SelfPicture("What it says it is, after", caption, legend, groups(after, moved))


def sentence(change: MapChange) -> str:
    """How much moved, and whether what is said went along with what is done."""
    said, done = (sum(getattr(c, name) for c in change.changes) for name in ("moved", "acts_otherwise"))
    checked = sum(c.done is not None for c in change.changes)
    text = f"Of {len(change.changes)} statements what it says moved in {said}, of {checked} what it does in {done}. "
    if change.slope is None:
        return text + "What it does moved too little to say whether what it says goes along."
    goes = "goes along" if change.slope.low > 0 else "is not seen to go along"
    return text + f"What it says {goes}: slope of the one on the other {_figure(change.slope)}."


def _note(change: MapChange) -> str:
    still = "" if any(c.moved or c.acts_otherwise for c in change.changes) else f"{STILL} "
    return (
        f"{sentence(change)} {still}Mean distance {_figure(change.size)}, from 0 to 1. *: moved, with at most "
        f"{percent(RATE)} of those marked so by chance (Benjamini and Hochberg); 95\u202f% intervals, over wordings of "
        "what it says, over messages of what it does."
    )


def _did(c: Change) -> str:
    if c.true_before is None or c.true_after is None:
        return NOTHING
    return f"{percent(c.true_before.value)} → {percent(c.true_after.value)}"


def _points(x: Estimate) -> str:
    return part(x, change=True).both.replace("\u202fpoints", "")


def _figure(x: Estimate) -> str:
    return f"{decimal(x.value)} [{decimal(x.low)}, {decimal(x.high)}]"


def page(moved: Moved) -> str:
    """Both as one self-contained HTML page, without a script."""
    from selfscope.report.html import rendered

    return rendered("compare.html", moved)


def matched(before: Sequence[SelfMap], after: Sequence[SelfMap]) -> list[tuple[SelfMap, SelfMap]]:
    """Maps of the same reader, asked of the subject itself, in both."""
    own = {one.reader: one for one in before if one.rung == "self"}
    return [(own[one.reader], one) for one in after if one.rung == "self" and one.reader in own]
