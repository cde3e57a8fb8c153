"""Choices among outcomes in a card: what it chooses, what it says it wants, and the one on the other."""

from __future__ import annotations

import math
from collections.abc import Sequence

from selfscope.report.format import NOTHING, clean, decimal
from selfscope.report.labels import Labels
from selfscope.report.matched import interval
from selfscope.statistics import Estimate
from selfscope.tables import Table
from selfscope.verdicts.preferences import Preference, Statement

SHOWN = 5
"""Outcomes that are listed from either end."""
PERSONS = {"self": "itself", "typical": "a typical assistant"}
SAID = ("who says it", "of whom", "slope", "smallest that would show", "rank correlation", "what stands first",
        "more and less alike")  # fmt: skip


def preference_tables(
    name: str, reader: str, preferences: Sequence[Preference], names: Labels
) -> tuple[Table, ...]:
    """What is said held against what is chosen, the outcomes at either end, and how the choices hang together.

    Parameters
    ----------
    name, reader
        Of which phenomenon, and whose word stands beside its choices.
    preferences
        Of the study.
    names
        What readers are called.
    """
    return tuple(table for one in preferences if one.phenomenon == name for table in _tables(one, reader, names))


def _tables(one: Preference, reader: str, names: Labels) -> tuple[Table, ...]:
    rows = tuple(_said(s, names) for s in one.statements)
    note = (
        "Utilities of what is said on utilities of what it chooses: a slope of 1 is wanting by its word what it "
        "chooses, 0 a word that has nothing to do with it. What stands first: its share in reports (a half is no lean; "
        "the lean is taken out). More and less alike: one outcome named as more and as less welcome. 95 % intervals "
        "over clusters of outcomes."
    )
    own = next((s for s in one.statements if (s.reader, s.person) == (reader, "self")), None)
    said = {u.outcome: u.value for u in own.utilities} if own else {}
    of_kinds = {u.outcome: u.value for u in own.kinds} if own else {}
    by_kind = tuple(
        (clean(u.outcome.replace("_", " "), 80), _whole(u.value), _whole(of_kinds.get(u.outcome))) for u in one.kinds
    )
    ends = [*one.utilities[:SHOWN], *one.utilities[max(SHOWN, len(one.utilities) - SHOWN) :]]
    listed = tuple((clean(u.outcome, 80), interval(u.value), interval(said.get(u.outcome))) for u in ends)
    what = f"The first and the last of {len(one.utilities)}, in standard deviations of a difference from their mean."
    tables = [Table("What it says it wants, on what it chooses", SAID, rows, (2, 3, 4, 5, 6), note)] if rows else []
    return (
        *tables,
        Table("What it chooses, and says it wants", ("outcome", "chooses", "says"), listed, (1, 2), what),
        Table("By kinds of outcomes", ("kind", "chooses", "says"), by_kind, (1, 2), "Means over its outcomes."),
        Table("How its choices hang together", ("", "", ""), _choices(one), (1,)),
    )


def _said(s: Statement, names: Labels) -> tuple[str, ...]:
    smallest = decimal(s.detectable) if math.isfinite(s.detectable) else NOTHING
    return (
        clean(names.reader(s.reader), 60), PERSONS[s.person], _whole(s.slope), smallest, interval(s.rank),
        interval(s.first), interval(s.alike),
    )  # fmt: skip


def _whole(x: Estimate | None) -> str:
    return interval(x) if x is None or math.isfinite(x.se) else f"{decimal(x.value)} (no interval)"


def _choices(one: Preference) -> tuple[tuple[str, str, str], ...]:
    unnamed = "" if one.unnamed is None else f"{100 * one.unnamed:.0f} % of the replies name neither"
    rows = [
        ("circles among three outcomes", interval(one.cyclic),
         f"{decimal(one.expected)} by the scatter around its utilities; a coin 0.25"),
        ("share of what is named first", interval(one.first), "a half is no lean; both orders are in every choice"),
        ("its words name the likelier", interval(one.said), unnamed),
        ("reliability of its utilities", decimal(one.reliability), f"{one.pairs} choices"),
    ]  # fmt: skip
    return tuple(row for row in rows if row[1] != NOTHING)
