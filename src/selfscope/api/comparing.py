"""Two cards side by side: their verdicts, and what moved of what the model says it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from selfscope.api.cards import Card
from selfscope.errors import BadInput

if TYPE_CHECKING:
    from selfscope.report.self_moved import Moved
    from selfscope.verdicts.self_moved import MapChange


@dataclass(frozen=True)
class Comparison:
    """Two cards. Shows itself in a notebook; `print` gives the verdicts of both, and what moved of its self-model.

    Attributes
    ----------
    before, after
        The cards.
    changes
        What moved in each self-model that both have, by reader: of each statement what is said and what is done, with
        intervals. Empty where they share none.
    """

    before: Card
    after: Card

    @cached_property
    def changes(self) -> tuple[MapChange, ...]:
        """What moved in each self-model that both cards have."""
        from selfscope.report.self_moved import matched
        from selfscope.verdicts.self_moved import moved_between

        pairs = matched(self.before.findings.self_maps, self.after.findings.self_maps)
        return tuple(change for a, b in pairs if (change := moved_between(a, b)) is not None)

    @cached_property
    def drawn(self) -> Moved:
        """What is shown of both."""
        from selfscope.report.before import beside, said
        from selfscope.report.self_moved import Moved, moved_picture, moved_table

        names = self.after.material.names
        both = beside(said(self.before.drawn.document), self.after.drawn.document.verdicts)
        maps = {m.reader: m for m in self.after.findings.self_maps if m.rung == "self"}
        tables = (*([both] if both else []), *(moved_table(c, names.reader(c.reader)) for c in self.changes))
        title = f"{self.before.drawn.document.subject} → {self.after.drawn.document.subject}"
        return Moved(title, tables, tuple(moved_picture(maps[c.reader], c) for c in self.changes))

    def __str__(self) -> str:
        return self.table()

    def table(self, width: int | None = None, *, colour: bool = False) -> str:
        """Both as text.

        Parameters
        ----------
        width
            Columns (default: what the terminal has, 100 where there is none).
        colour
            Whether to write codes for bold and colours.

        Returns
        -------
        str
            Lines, the last one without an end.
        """
        from selfscope.tables import terminal

        return "\n\n".join(terminal(one, width, colour=colour) for one in self.drawn.tables)

    def page(self) -> str:
        """Both as one page, with a map of each self-model that shows where a statement was.

        Returns
        -------
        str
            Self-contained HTML.
        """
        from selfscope.report.self_moved import page

        return page(self.drawn)

    def _repr_html_(self) -> str:
        from selfscope.tables import html

        return "".join(map(html, self.drawn.tables))


def compare(before: Path | str, after: Path | str) -> Comparison:
    """What differs between two cards: of a model before and after it was trained, told something, or steered.

    Parameters
    ----------
    before, after
        Folders of cards. No model is loaded.

    Returns
    -------
    Comparison
        The verdicts of both, and what moved of each self-model that both have.

    Raises
    ------
    StoreError
        A folder holds no study.
    BadInput
        Both are one folder.
    """
    if Path(before).resolve() == Path(after).resolve():
        raise BadInput(f"{before} and {after} are one folder: give the cards of before and after")
    both = Comparison(Card(Path(before)), Card(Path(after)))
    for card in (both.before, both.after):
        _ = card.contents  # a folder that holds no study is told of at once
    return both
