"""How good is a report, by how it was elicited? Every way to ask on the same items, with the rivals beside it.

Each way is one reader of the rung self; who forecasts without asking stands beside, with as many labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from selfscope.statistics import Estimate, minimum_detectable
from selfscope.verdicts.assemble import Table, items_of
from selfscope.verdicts.ladder import climb
from selfscope.verdicts.shares import Items, shares
from selfscope.verdicts.splits import FULL, POOLED, TRACKING, pooled, tracking

FEWEST = 3
"""Clusters below which nothing is estimated."""


@dataclass(frozen=True)
class Way:
    """One reader on the items that it answered.

    Attributes
    ----------
    reader, rung
        Its id, and where it stands on the observer ladder.
    skill
        Noise-corrected Brier skill: 0 is the base rate, 1 the truth itself.
    beside
        Slope of the report on the truth beside the rivals; None for a rival.
    split
        How many rivals could be told apart from the truth there: full, pooled or tracking; "" for a rival.
    smallest
        The slope beside the rivals that would have been found with a power of 0.8.
    ahead
        Skill more than each other reader's, paired, by id.
    answered
        Part of the questions that were answered.
    items
        Of them.
    """

    reader: str
    rung: str
    skill: Estimate | None
    beside: Estimate | None = None
    split: str = ""
    smallest: float | None = None
    ahead: Mapping[str, Estimate] = field(default_factory=dict)
    answered: float = 1.0
    items: int = 0


def ways(table: Table, quantity: str = "") -> list[Way]:
    """Every way to ask of one phenomenon, then every rival.

    Parameters
    ----------
    table : Table
        Of the phenomenon.
    quantity : str
        Only questions about it; empty: all.

    Returns
    -------
    list of Way
        In the order of the rows. A reader that answered too few clusters has no skill.
    """
    own = _only(table, quantity) if quantity else table
    found, rivals = [], dict[str, Way]()
    for reader in own.on("self"):
        posed = items_of(own, reader)
        asked = len(own.cells(reader))
        if posed is None or posed[1].clusters < FEWEST:
            found.append(Way(reader, "self", None, answered=_part(0 if posed is None else len(posed[0]), asked)))
            continue
        ids, items = posed
        steps = climb(own, reader, ids, items).steps
        mine = next((s for s in steps if s.reader == reader and s.gap is None), None)
        split, beside = _beside(own, items)
        ahead = {s.reader: s.gap for s in steps if s.gap is not None and s.control == "plain"}
        smallest = minimum_detectable(beside.se, items.clusters) if beside is not None else None
        found.append(Way(reader, "self", None if mine is None else mine.skill, beside, split, smallest, ahead,
                         _part(len(ids), asked), len(ids)))  # fmt: skip
        for step in steps:
            if step.rung != "self":
                rivals.setdefault(step.reader, Way(step.reader, step.rung, step.skill, items=len(ids)))
    return [*found, *rivals.values()]


def _part(answered: int, asked: int) -> float:
    return answered / asked if asked else 0.0


def _beside(table: Table, items: Items) -> tuple[str, Estimate | None]:
    """The slope on the truth in the fullest split that can be told: beside all rivals, one public forecast, none."""
    whole = shares(items)
    if not whole.singular and table.rivals("history"):
        return FULL, whole.estimates["private"]
    for name, of in ((POOLED, pooled), (TRACKING, tracking)):
        if name == POOLED and not table.rivals("input"):
            continue
        split = of(items)
        if not split.singular:
            return name, split.estimates["tracking"]
    return "", None


def _only(table: Table, quantity: str) -> Table:
    """The rows about one quantity."""
    kept = {
        key: {i: r for i, r in cells.items() if table.trials[i].question.quantity == quantity}
        for key, cells in table.readings.items()
    }
    return replace(table, readings=kept, changes={})


def quantities_of(table: Table) -> Sequence[str]:
    """What is asked for in the test split, in the order of the rows."""
    ids = [i for (_, _, _, split), cells in table.readings.items() if split == "test" for i in cells]
    return list(dict.fromkeys(table.trials[i].question.quantity for i in ids))
