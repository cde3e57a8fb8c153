"""The figures of a self-model, beside the verdict on its reports."""

from __future__ import annotations

from selfscope.statistics import minimum_detectable
from selfscope.verdicts.asides import POINTS, Aside, AsideLine, without_empty
from selfscope.verdicts.assemble import Table
from selfscope.verdicts.self_model import EITHER, NOT_SO, SO, SelfMap, self_map


def portrait(table: Table, reader: str) -> Aside | None:
    """The figures of a map, beside the verdict."""
    found = self_map(table, reader)
    if found is None:
        return None
    no_truth = "0: what it says has nothing to do with it; 1: it says how far each is so"
    lines = (
        AsideLine("slope on what it does", found.slope, POINTS, no_truth),
        AsideLine("the same, said of a typical assistant", found.slope_typical, POINTS),
        AsideLine("what it says of itself alone", found.lead, POINTS, "its own less the typical assistant's agreement"),
        AsideLine("tells what is so (AUROC)", found.auroc, POINTS, "0.5: who agrees with everything, or with nothing"),
        AsideLine("the same, said of a typical assistant (AUROC)", found.auroc_typical, POINTS),
        AsideLine("stability: again in other words", found.stability, POINTS, "ICC of disjoint halves of the wordings"),
        AsideLine("stability of what it says of a typical assistant", found.stability_typical, POINTS),
        AsideLine("yes-saying", found.yes, POINTS, "agrees so far above one half with a wording and its reverse alike"),
        AsideLine("shared with a typical assistant", found.shared, POINTS, "slope of its own on that one's agreement"),
        AsideLine("distance from a typical assistant", found.apart, POINTS, "mean over statements, from 0 to 1"),
    )  # fmt: skip
    return Aside("What it says it is", _says(found), without_empty(lines), _limits(found))


def _says(found: SelfMap) -> str:
    counts = f"of {len(found.checked)} statements that its replies show, {found.counted(SO)} are as it says, "
    counts += f"{found.counted(NOT_SO)} are not, the others are undecided"
    if found.slope is None:
        return counts
    if found.slope.low > 0 and found.lead is not None and found.lead.low > 0:
        return f"{counts}; what it says goes with what it does, more than what it says of a typical assistant"
    if found.slope.low > 0:
        return f"{counts}; what it says goes with what it does, and so does what it says of a typical assistant"
    if found.slope.high < 0:
        return f"{counts}; what it says goes against what it does: it says so rather of what is not"
    return f"{counts}; what it says does not go with what it does, as far as could be seen"


def _limits(found: SelfMap) -> str:
    note = "A check is a fixed pattern: it finds what the statement says in words, and nothing more."
    if found.auroc is None:
        note += f" No AUROC: fewer than {EITHER} statements are so in more than half of the replies, or are not."
    if found.slope is not None and found.slope.se > 0:
        least = minimum_detectable(found.slope.se, found.slope.clusters)
        note += f" The smallest slope that 4 of 5 such runs would show is {least:.2f}."
    return note
