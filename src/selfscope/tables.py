"""One table, drawn twice: for a terminal, and as HTML for a page and a notebook. Foreign text is never markup."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from selfscope.terminal import all_shown, shown

if TYPE_CHECKING:
    from rich.table import Table as RichTable
    from rich.text import Text

WIDTH = 100
"""Columns where there is no terminal to ask."""
NO_STYLES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Table:
    """Words and numbers. numeric: columns that are set flush right. head: all empty where the table has none."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[int, ...] = ()
    note: str = ""


class Tabular:
    """What shows itself as one table: printed, in a notebook, and as text."""

    _styles: ClassVar[Mapping[str, str]] = NO_STYLES

    def _table(self) -> Table:
        raise NotImplementedError

    def __str__(self) -> str:
        return self.table(width=WIDTH)

    def table(self, *, width: int | None = None, colour: bool = False) -> str:
        """All of it as text, in columns.

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
        return terminal(self._table(), width, colour=colour, styles=self._styles)

    def _repr_html_(self) -> str:
        return html(self._table())


def terminal(
    table: Table, width: int | None = None, *, colour: bool = False, styles: Mapping[str, str] = NO_STYLES
) -> str:
    """The table as text, without a line's end.

    A title or a note gives it a frame; cells of several lines make it as wide as can be, with air between the rows; a
    table without a head is a list of groups, which its first column names. Any other stands bare.

    Parameters
    ----------
    width
        Columns of the terminal (default: what it has).
    colour
        Whether to write codes for bold and colours.
    styles
        Beginning of a cell's line -> the style of that line, as in {"failed": "bold red"}.
    """
    from rich.console import Console

    table = all_shown(table)
    columns = width or shutil.get_terminal_size((WIDTH, 24)).columns
    if not any(table.head):
        drawn = _groups(table, styles)
    elif table.title or table.note:
        drawn = _framed(table, styles)
    elif any("\n" in cell for row in table.rows for cell in row):
        drawn = _ruled(table, styles)
    else:
        drawn = _bare(table, styles)
    out = io.StringIO()
    system: Any = "standard" if colour else None
    console = Console(file=out, width=columns, force_terminal=colour, color_system=system, legacy_windows=False)
    console.print(drawn)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()).strip("\n")


def html(table: Table) -> str:
    """The table as HTML, every text in it escaped. Its classes are those of the card's style sheet."""
    caption = f"<caption>{_lines(table.title)}</caption>" if table.title else ""
    head = f"<thead>{_row(table, table.head, 'th')}</thead>" if any(table.head) else ""
    body = "\n".join(_row(table, row, "td") for row in table.rows)
    note = f'<p class="note under">{_lines(table.note)}</p>' if table.note else ""
    return f'<div class="scroll"><table class="plain">{caption}{head}<tbody>{body}</tbody></table></div>{note}'


def _row(table: Table, cells: tuple[str, ...], tag: str) -> str:
    classes = (' class="n"' if at in table.numeric else "" for at in range(len(cells)))
    drawn = (f"<{tag}{kind}>{_lines(cell)}</{tag}>" for kind, cell in zip(classes, cells, strict=True))
    return f"<tr>{''.join(drawn)}</tr>"


def _lines(text: str) -> str:
    return escape(shown(text)).replace("\n", "<br>")


def _framed(table: Table, styles: Mapping[str, str]) -> RichTable:
    from rich.table import Table as RichTable
    from rich.text import Text

    title, note = (Text(text) if text else None for text in (table.title, table.note))
    drawn = RichTable(title=title, title_justify="left", caption=note, caption_justify="left")
    return _filled(drawn, table, styles)


def _bare(table: Table, styles: Mapping[str, str]) -> RichTable:
    from rich.table import Table as RichTable

    return _filled(RichTable(box=None), table, styles)


def _filled(drawn: RichTable, table: Table, styles: Mapping[str, str]) -> RichTable:
    from rich.text import Text

    for at, name in enumerate(table.head):
        drawn.add_column(Text(name), overflow="fold", justify="right" if at in table.numeric else "left")
    for row in _styled(table, styles):
        drawn.add_row(*row)
    return drawn


def _groups(table: Table, styles: Mapping[str, str]) -> RichTable:
    from rich.table import Table as RichTable

    drawn = RichTable(box=None, show_header=False, padding=(0, 2, 0, 0))
    for at in range(len(table.head)):
        style = "bold" if at == 0 else ""
        drawn.add_column(overflow="fold", style=style, justify="right" if at in table.numeric else "left")
    grouped = any(not row[0] for row in table.rows)
    for row in _styled(table, styles):
        if grouped and row[0] and drawn.row_count:
            drawn.add_row()
        drawn.add_row(*row)
    return drawn


def _ruled(table: Table, styles: Mapping[str, str]) -> RichTable:
    """The first column and the numbers are never broken; text of several lines gets twice the room of other text."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, expand=True, header_style="dim")
    for at, name in enumerate(table.head):
        numeric = at in table.numeric
        several = any("\n" in row[at] for row in table.rows)
        ratio = None if numeric or at == 0 else 2 if several else 1
        drawn.add_column(Text(name), no_wrap=ratio is None, ratio=ratio, justify="right" if numeric else "left")
    for row in _styled(table, styles):
        drawn.add_row(*row)
        drawn.add_section()
    return drawn


def _styled(table: Table, styles: Mapping[str, str]) -> Iterator[list[Text]]:
    """Each row with its lines in the styles that they begin with."""
    from rich.text import Text

    for row in table.rows:
        lines = ([(line, _style(line, styles)) for line in cell.split("\n")] for cell in row)
        yield [Text("\n").join(Text(line, style) for line, style in cell) for cell in lines]


def _style(line: str, styles: Mapping[str, str]) -> str:
    return next((style for beginning, style in styles.items() if line.startswith(beginning)), "")
