"""Document -> text for the terminal. Uses the same written-out numbers as the page."""

from __future__ import annotations

import io
import shutil

from selfscope.report.document import Document, Verdict
from selfscope.tables import WIDTH, Table, terminal

HEAD = ("question", "verdict", "private share", "self", "best rival", "items")
LACK = "not run: "
STYLES = {"access": "bold blue", "beyond": "blue", "public": "yellow", "narrative": "magenta", "alarm": "cyan"}


def table(document: Document, width: int | None = None, *, colour: bool = False) -> str:
    """The summary and the verdict table in `width` columns (default: the terminal's). Foreign text is never markup."""
    from rich.console import Console
    from rich.text import Text

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
        if columns >= 88:
            console.file.write(f"\n{_wide(document.verdicts, columns, colour=colour)}\n\n")
        else:
            console.print(_narrow(document.verdicts))
    for part in document.inside:
        named = Text(f"inside  {part.title}: ", style="bold")
        console.print(named + Text(part.says, style="not bold"))
    for text in document.warnings:
        console.print(Text(f"warning: {text}"))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _lines(facts: list[str], columns: int) -> list[str]:
    """Facts two spaces apart, as many on a line as fit, none of them broken."""
    lines: list[str] = []
    for fact in facts:
        if lines and len(lines[-1]) + 2 + len(fact) <= columns:
            lines[-1] += f"  {fact}"
        else:
            lines.append(fact)
    return lines


def _wide(verdicts: tuple[Verdict, ...], columns: int, *, colour: bool) -> str:
    rows = tuple(
        (
            v.title,
            "\n".join((v.badge, v.sentence, *([f"{LACK}{', '.join(v.missing)}"] if v.missing else []))),
            v.share.both if v.share else "not identified",
            v.self_skill,
            f"{v.best_rival}, {v.rival_skill}",
            v.items,
        )
        for v in verdicts
    )
    styles = {v.badge: STYLES.get(v.tone, "bold") for v in verdicts} | {LACK: "dim"}
    return terminal(Table("", HEAD, rows, numeric=(2, 3, 5)), columns, colour=colour, styles=styles)


def _narrow(verdicts: tuple[Verdict, ...]) -> object:
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    parts: list[Text | Padding] = []
    for v in verdicts:
        share = f"private {v.share.both}" if v.share else "private share not identified"
        parts.append(Text(f"{v.title}: ", style="bold") + Text(v.badge, style=STYLES.get(v.tone, "bold")))
        body = f"{v.sentence}\n{share}; skill {v.self_skill}\n"
        body += f"best rival: {v.best_rival}, {v.rival_skill}; {v.items} items\n"
        if v.missing:
            body += f"{LACK}{', '.join(v.missing)}\n"
        parts.append(Padding(Text(body), (0, 0, 0, 2)))
    return Group(*parts)
