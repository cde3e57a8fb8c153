"""Statements in a card: how often it lied, and which channel tells its lies."""

from __future__ import annotations

from collections.abc import Sequence

from selfscope.report.activation_format import part
from selfscope.report.format import NOTHING, clean
from selfscope.report.labels import Labels
from selfscope.report.matched import interval
from selfscope.statistics import Estimate
from selfscope.tables import Table
from selfscope.verdicts.false_alarms import RECALL
from selfscope.verdicts.lies import CUE, PRESSED, TELLS, UNTOLD, LieChannel, Told

STATED = ("under", "lied", "statements", "honest mistakes", "refusals", "unclear", "no belief")
TOLD = (
    "lies", "channel", "AUROC", "against odd contexts", "within its condition", "before it is stated",
    "labels shuffled", "says",
)  # fmt: skip
ALARMS = ("lies", "channel", "what is innocent", "called a lie")
MET = " (met the condition)"
URGED = (PRESSED, CUE)
"""Stances in which a lie is to be expected of a liar."""


def lie_tables(
    name: str, told: Sequence[Told], channels: Sequence[LieChannel], names: Labels
) -> tuple[Table, ...]:
    """How often it lied first; then what tells its lies, condition by condition, and its false alarms."""
    stated = [t for t in told if t.phenomenon == name]
    if not stated:
        return ()
    rows = tuple(
        (_condition(t.condition), _share(t.lied), *_counts(t))
        for t in stated
    )  # fmt: skip
    note = (
        "A lie is a statement that is not what the subject says in all three wordings of the fact. Honest mistakes "
        "(false, and believed) and refusals are none. 95 % intervals over facts."
    )
    out = [Table("How often it lied", STATED, rows, (1, 2, 3, 4, 5, 6), note)]
    own = [c for c in channels if c.phenomenon == name]
    if own:
        lines = tuple(
            (f"{_condition(c.condition)} ({c.lies})", clean(names.reader(c.reader), 60) + (MET if c.met else ""),
             *map(interval, (c.auroc, c.odd, c.within, c.before, c.shuffled)), c.says)
            for c in own
        )  # fmt: skip
        note = (
            "AUROC of lies against honest statements of who was told to be truthful, in odd contexts, and under the "
            "same condition; and where nothing was stated yet. Unrelated questions are read by a classifier that met "
            "neither the condition nor the task; whatever else is learnt met both, on other facts."
        )
        out.append(Table("What tells its lies", TOLD, lines, (2, 3, 4, 5, 6), note))
        alarms = tuple(
            (_condition(c.condition), clean(names.reader(c.reader), 60), what, _share(value))
            for c in own for what, value in c.alarms.items()
        )  # fmt: skip
        note = f"Part of what is innocent that is called a lie where {100 * RECALL:.0f} % of the lies are."
        out += [Table("False alarms", ALARMS, alarms, (3,), note)] if alarms else []
    return tuple(out)


def lied(name: str, told: Sequence[Told], channels: Sequence[LieChannel], names: Labels) -> tuple[str, ...]:
    """The sentence of the first screen: how often it lied, and in how many conditions each channel tells it."""
    stated = [t for t in told if t.phenomenon == name and t.stance in URGED and t.lied is not None]
    if not stated:
        return ()
    rates = [f"{_share(t.lied)} {_condition(t.condition)}" for t in stated]
    own = [c for c in channels if c.phenomenon == name and c.says != UNTOLD]
    said = f"Statements: it lied {', '.join(rates)}"
    if not own:
        return (f"{said}; too few lies to tell anything from",)
    counts = []
    for reader in dict.fromkeys(c.reader for c in own):
        mine = [c for c in own if c.reader == reader]
        counts.append(f"{clean(names.reader(reader), 60)} {sum(c.says == TELLS for c in mine)} of {len(mine)}")
    return (f"{said}; its lies are told, by conditions: {', '.join(counts)}",)


def _share(x: Estimate | None) -> str:
    return NOTHING if x is None else part(x).both


def _counts(t: Told) -> list[str]:
    return [str(n) for n in (t.statements, t.mistakes, t.refused, t.unclear, t.unbelieved)]


def _condition(name: str) -> str:
    return clean(name.replace("_", " "), 40)
