"""Document -> a table for the terminal. Uses the same written-out numbers as the page."""

from __future__ import annotations

import io
import shutil

from selfscope.report.document import Document, Verdict

STYLES = {"access": "bold blue", "beyond": "blue", "public": "yellow", "narrative": "magenta", "alarm": "cyan"}


def table(document: Document, width: int | None = None, *, colour: bool = False) -> str:
    """The summary and the verdict table in `width` columns (default: the terminal's). Foreign text is never markup."""
    from rich.console import Console
    from rich.text import Text

    columns = width or shutil.get_terminal_size((100, 24)).columns
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
        console.print(_wide(document.verdicts) if columns >= 88 else _narrow(document.verdicts))
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


def _wide(verdicts: tuple[Verdict, ...]) -> object:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True, header_style="dim", show_lines=False)
    made.add_column("question", no_wrap=True)
    made.add_column("verdict", ratio=6)
    made.add_column("private share", justify="right", no_wrap=True)
    made.add_column("self", justify="right", no_wrap=True)
    made.add_column("best rival", ratio=3)
    made.add_column("items", justify="right", no_wrap=True)
    for v in verdicts:
        said = Text(v.badge, style=STYLES.get(v.tone, "bold")) + Text("\n" + v.sentence)
        if v.missing:
            said += Text(f"\nnot run: {', '.join(v.missing)}", style="dim")
        made.add_row(
            Text(v.title),
            said,
            v.share.both if v.share else "not identified",
            v.self_skill,
            Text(f"{v.best_rival}, {v.rival_skill}"),
            v.items,
        )
        made.add_section()
    return made


def _narrow(verdicts: tuple[Verdict, ...]) -> object:
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    parts: list[Text | Padding] = []
    for v in verdicts:
        share = f"private {v.share.both}" if v.share else "private share not identified"
        parts.append(Text(f"{v.title}: ", style="bold") + Text(v.badge, style=STYLES.get(v.tone, "bold")))
        said = f"{v.sentence}\n{share}; skill {v.self_skill}\n"
        said += f"best rival: {v.best_rival}, {v.rival_skill}; {v.items} items\n"
        if v.missing:
            said += f"not run: {', '.join(v.missing)}\n"
        parts.append(Padding(Text(said), (0, 0, 0, 2)))
    return Group(*parts)
