"""Two cards on one page: what another subject's card said of the same questions, beside this one.

What the other card said is kept in this folder, so that the page is drawn again without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfscope.report.document import Document, Verdict
from selfscope.report.format import NOTHING, clean
from selfscope.report.text import goes, moved
from selfscope.tables import Table

TITLE = "Before and after"
HEAD = ("question", "", "verdict", "goes with what it does", "moved by a changed state", "self / best rival", "items")
BEFORE, AFTER = "before", "after"
FACTS = ("identity", "date", "profile")


def said(document: Document) -> dict[str, Any]:
    """What a card says, short, as data that another card can keep."""
    facts = dict(document.facts)
    return {
        "subject": document.subject,
        **{name: facts.get(name, "") for name in FACTS},
        "lines": [_cells(v) for v in document.verdicts],
    }


def beside(kept: Mapping[str, Any] | None, verdicts: Sequence[Verdict]) -> Table | None:
    """A table of both cards, a question at a time; None where no other card is kept."""
    if not isinstance(kept, Mapping) or not isinstance(kept.get("lines"), list):
        return None
    old = {str(line[0]): [clean(str(cell), 120) for cell in line] for line in kept["lines"] if line}
    rows: list[tuple[str, ...]] = []
    for new in map(_cells, verdicts):
        was = old.pop(new[0], None)
        first = [new[0], BEFORE, *(was[1:] if was else [NOTHING] * (len(HEAD) - 2))]
        rows += [tuple(first), ("", AFTER, *new[1:])]
    rows += [(title, BEFORE, *line[1:]) for title, line in old.items()]
    who = ", ".join(f"{name} {clean(str(kept.get(name)), 40)}" for name in FACTS if kept.get(name))
    note = f"Before: {clean(str(kept.get('subject', '')), 80)} ({who})."
    return Table(TITLE, HEAD, tuple(rows), (3, 4, 5, 6), note)


def _cells(v: Verdict) -> list[str]:
    return [v.title, v.badge, goes(v), moved(v), " / ".join(v.skills), v.items]
