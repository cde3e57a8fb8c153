"""One table, drawn twice: the same words in a terminal and as HTML, and no foreign text is ever markup."""

from __future__ import annotations

import re
from html import unescape

import pytest

from selfscope.tables import Table, html, terminal

PLAIN = Table("", ("name", "size"), (("small", "3"), ("larger", "12")), numeric=(1,))
FRAMED = Table("What is there?", PLAIN.head, PLAIN.rows, (1,), "Two of them.")
GROUPS = Table("", ("", ""), (("model", "name"), ("", "size"), ("text", "failed: no BOS")))
LINES = Table("", ("kind", "verdict", "share", "rival"), (("a", "yes\nIt follows.", "1 %", "none, 0.1"),) * 2, (2,))
EVERY = {"plain": PLAIN, "framed": FRAMED, "groups": GROUPS, "lines": LINES}


def texts(page: str) -> list[str]:
    """The words of a page, cell by cell."""
    return [unescape(text) for text in re.findall(r"<(?:td|th|caption|p)(?: [^>]*)?>(.*?)</(?:td|th|caption|p)>", page)]


@pytest.mark.parametrize("table", EVERY.values(), ids=EVERY)
def test_both_say_every_word_of_it(table: Table) -> None:
    words = [table.title, table.note, *table.head, *(cell for row in table.rows for cell in row)]
    shown, page = terminal(table, 80), texts(html(table))
    for word in filter(None, words):
        assert all(line in shown for line in word.split("\n"))
        assert word.replace("\n", "<br>") in page


@pytest.mark.parametrize("table", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_terminal_or_ends_in_spaces(table: Table, width: int) -> None:
    lines = terminal(table, width).split("\n")
    assert lines[0]
    assert lines[-1]
    assert all(len(line) <= width and line == line.rstrip() for line in lines)


def test_numbers_stand_flush_right() -> None:
    small, larger = terminal(PLAIN, 80).split("\n")[1:]
    assert len(small) == len(larger)
    assert html(PLAIN).count(' class="n"') == 3


def test_without_a_head_the_first_column_names_groups() -> None:
    assert "<thead>" not in html(GROUPS)
    assert [line[:5].strip() for line in terminal(GROUPS, 80).split("\n")] == ["model", "", "", "text"]


def test_the_first_column_and_numbers_are_not_broken_where_cells_have_several_lines() -> None:
    row = ("word probabilities", "yes\n" + "so it is. " * 9, "12 % [1, 23]", "none " * 9)
    shown = terminal(Table("", LINES.head, (row,), (2,)), 70)
    assert "word probabilities" in shown
    assert "12 % [1, 23]" in shown


def test_colours_are_written_only_when_asked_for() -> None:
    styles = {"failed": "bold red"}
    assert "\x1b" not in terminal(GROUPS, 80, styles=styles)
    assert "\x1b[1;31mfailed: no BOS" in terminal(GROUPS, 80, colour=True, styles=styles)


def test_foreign_text_is_no_markup_and_no_escape_sequence() -> None:
    hostile = "[bold]<b>&\x1b[31m"
    table = Table(hostile, (hostile, "x"), ((hostile, "1"),), note=hostile)
    for shown in (terminal(table, 120), terminal(table, 120, colour=True)):
        assert shown.count("[bold]<b>&␛[31m") == 4
    assert "<b>" not in html(table)
    assert html(table).count("&lt;b&gt;&amp;") == 4
