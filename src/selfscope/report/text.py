"""Document -> text for the terminal. Uses the same written-out numbers as the page."""

from __future__ import annotations

import io
import shutil
import textwrap
from collections.abc import Iterator

from selfscope.report.document import Advice, Document, Section, Verdict
from selfscope.report.format import NOTHING
from selfscope.tables import WIDTH, Table
from selfscope.terminal import all_shown

HEAD = ("question", "verdict", "goes with\nwhat it does", "moved by a\nchanged state", "self / best\nrival", "items")
LEFT = 2
"""Columns that hold words; the others hold figures."""
GAP, INDENT, NARROWEST = "  ", 4, 88
STYLES = {"access": "bold blue", "beyond": "blue", "public": "yellow", "narrative": "magenta", "alarm": "cyan"}
SETTLE = "to settle: "
BY_TEXT = "* by hidden turns, which are text: a report can read them, so this shows no access to a state"
HALF = 0.5
"""Of the probability: where the listed answers held less, that belongs beside the verdict."""
NO_SHARE, UNKNOWN = "not known", "open"
WHOLE = 1.0
"""An interval wider than the whole report says nothing: the page has its figures."""
Line = tuple[str, str]
"""A line and its style."""


def table(document: Document, width: int | None = None, *, colour: bool = False) -> str:
    """The summary and the verdict table in `width` columns (default: the terminal's). Foreign text is never markup."""
    from rich.console import Console
    from rich.text import Text

    document = all_shown(document)
    columns = width or shutil.get_terminal_size((WIDTH, 24)).columns
    out = io.StringIO()
    console = Console(
        file=out,
        width=columns,
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        legacy_windows=False,
    )
    console.print(Text(document.subject, style="bold"))
    for line in _lines([f"{name} {value}" for name, value in document.facts], columns):
        console.print(Text(line, style="dim"), soft_wrap=True)
    console.print(Text("\n" + document.summary + "\n"))
    if document.verdicts:
        drawn = _wide(document.verdicts, columns) if columns >= NARROWEST else _narrow(document.verdicts, columns)
        for text, style in drawn:
            console.print(Text(text, style=style), soft_wrap=True)
    for section in document.sections:
        for text, style in _success(section, columns):
            console.print(Text(text, style=style), soft_wrap=True)
        for line in section.beside:
            console.print(Text(f"beside  {section.verdict.title}, {line[:1].lower()}{line[1:]}"))
    if document.before is not None:
        console.print(Text("\n" + document.before.title, style="bold"))
        for text, style in _before(document.before, columns):
            console.print(Text(text, style=style), soft_wrap=True)
    if document.verdicts and (document.inside or document.warnings):
        console.print()
    for part in document.inside:
        named = Text(f"inside  {part.title}: ", style="bold")
        console.print(named + Text(part.says, style="not bold"))
    for text in document.warnings:
        console.print(Text(f"warning: {text}"))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()).rstrip() + "\n"


def _before(both: Table, columns: int) -> Iterator[Line]:
    """The verdicts of two cards, a line each: the figures that a change shows in."""
    for question, when, verdict, goes_with, moved_by, *_ in both.rows:
        if question:
            yield f"{question}", ""
        yield from _wrapped(f"{when}: {verdict}; goes with it {goes_with}, moved by its state {moved_by}", columns, "")
    yield both.note, "dim"


def _success(section: Section, columns: int) -> Iterator[Line]:
    """What is known inside of success, and the report's scores; of a truth that does not vary its one line."""
    said = section.success
    if said is None or not (said.known or said.still):
        return
    yield f"\n{section.verdict.title}, {section.reader}", "bold"
    yield from _wrapped(said.known, columns, "")
    for text in said.said or said.still:
        yield from _wrapped(text, columns, "dim")


def _lines(facts: list[str], columns: int) -> list[str]:
    """Facts two spaces apart, as many on a line as fit, none of them broken."""
    lines: list[str] = []
    for fact in facts:
        if lines and len(lines[-1]) + 2 + len(fact) <= columns:
            lines[-1] += f"  {fact}"
        else:
            lines.append(fact)
    return lines


def _wide(verdicts: tuple[Verdict, ...], columns: int) -> Iterator[Line]:
    """A line of figures for each kind of question, and beneath it, over the whole width, what that means."""
    from rich.cells import cell_len, set_cell_size

    rows = [_cells(v) for v in verdicts]
    heads = [[(name.split("\n") + [""])[i] for name in HEAD] for i in (0, 1)]
    sizes = [max(cell_len(row[i]) for row in (*heads, *rows)) for i in range(len(HEAD))]
    sizes[0] = max(8, min(sizes[0], columns - sum(sizes[1:]) - len(GAP) * len(HEAD)))

    def line(cells: list[str]) -> str:
        padded = [
            set_cell_size(cell, size) if i < LEFT else " " * (size - cell_len(cell)) + cell
            for i, (cell, size) in enumerate(zip(cells, sizes, strict=True))
        ]
        return GAP.join(padded)

    for head in heads:
        yield line(head), "dim"
    for v, row in zip(verdicts, rows, strict=True):
        yield "─" * columns, "dim"
        yield line(row), STYLES.get(v.tone, "bold")
        yield from _beneath(v, columns)
    yield "─" * columns, "dim"
    if any(v.changed_by == "text" for v in verdicts):
        yield from ((part, "dim") for part in textwrap.wrap(BY_TEXT, columns))


def _cells(v: Verdict) -> list[str]:
    return [v.title, v.badge, goes(v), moved(v), " / ".join(v.skills), v.items]


def goes(v: Verdict) -> str:
    """What goes with what it does, by any route."""
    if v.tracking is None:
        return NO_SHARE
    return v.tracking.both if v.tracking.high - v.tracking.low <= WHOLE else UNKNOWN


def moved(v: Verdict) -> str:
    """What moved with a changed state, marked where that was text."""
    return NOTHING if v.changed is None else v.changed.both + ("*" if v.changed_by == "text" else "")


def _beneath(v: Verdict, columns: int) -> Iterator[Line]:
    yield from _wrapped(v.sentence, columns, "")
    yield from _wrapped(f"best rival: {v.best_rival}. {v.rival_says}", columns, "dim")
    if v.held is not None and v.held.value < HALF:
        yield from _wrapped(v.mass, columns, "dim")
    if v.settle:
        yield from _wrapped(_settling(v), columns, "dim")


def _settling(v: Verdict) -> str:
    return SETTLE + (to_settle(v.settle[0]) if v.settle else v.settled)


def to_settle(advice: Advice) -> str:
    """What is lacking, how to get it, and what that costs, on one line."""
    how = f" – {advice.option or advice.needs}" if advice.option or advice.needs else ""
    return advice.what + how + (f"; {advice.cost}" if advice.cost else "")


def _wrapped(text: str, columns: int, style: str) -> Iterator[Line]:
    space = " " * INDENT
    for part in textwrap.wrap(
        text, columns, initial_indent=space, subsequent_indent=space, break_on_hyphens=False
    ):  # fmt: skip
        yield part, style


def _narrow(verdicts: tuple[Verdict, ...], columns: int) -> Iterator[Line]:
    for v in verdicts:
        yield f"{v.title}: {v.badge}", STYLES.get(v.tone, "bold")
        own, rival = v.skills
        yield from _wrapped(v.sentence, columns, "")
        yield from _wrapped(f"goes with what it does {goes(v)}; moved by a changed state {moved(v)}", columns, "")
        yield from _wrapped(f"self {own}, best rival {rival} ({v.best_rival}); {v.items} items", columns, "")
        yield from _wrapped(_settling(v), columns, "dim")
    if any(v.changed_by == "text" for v in verdicts):
        yield from ((part, "dim") for part in textwrap.wrap(BY_TEXT, columns))
