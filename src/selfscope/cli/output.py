"""What commands print: data as JSON, tables, warnings on the standard error."""

from __future__ import annotations

import json as js
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfscope.secrets import cleaned
from selfscope.terminal import one_line, say, say_json, shown

INDENT = 4 * " "


def print_data(value: Any) -> None:
    """JSON-ready data."""
    say_json(js.dumps(value, indent=1, ensure_ascii=False) + "\n")


def print_dim(line: str) -> None:
    """A line that stands back."""
    from rich.console import Console
    from rich.text import Text

    Console(highlight=False, soft_wrap=True).print(Text(shown(cleaned(line)), "dim"))


def print_warnings(folder: Path, warnings: Sequence[str]) -> None:
    for line in warnings:
        say(f"selfscope: {folder}: {line}", error=True)


def coloured() -> bool:
    return sys.stdout.isatty()


def print_entries(entries: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Names, each with its lines below it, as wide as the terminal. A long path is not broken."""
    width = shutil.get_terminal_size((80, 24)).columns
    for name, lines in entries:
        say(one_line(name))
        for line in lines:
            say(textwrap.fill(
                shown(line), width, initial_indent=INDENT, subsequent_indent=INDENT, break_long_words=False,
                break_on_hyphens=False,
            ))  # fmt: skip
