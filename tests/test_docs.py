"""The documentation runs: code is executed, commands are tried, help texts are compared, links lead somewhere.

After a change of the interface, `SELFSCOPE_DOCS=write make docs` writes the new output into the pages.
"""

from __future__ import annotations

import doctest
import io
import os
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from reference_page import page as reference
from selfscope.cli.main import app, main
from selfscope.errors import Unsupported
from selfscope.sandbox.self_test import tried

ROOT = Path(__file__).parents[1]
PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
SAME = doctest.OutputChecker()
HOW = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
RUNS = re.compile(r"^selfscope ([\w ]*--help|phenomena|readers|controls|organism list|(ask|card) (open-)?phantom\b.*)$")
"""Commands that are run as they stand; of all others only the name and the options are checked."""
BOXED = ("programs.md",)
"""Pages whose code runs programs: it is left out on a machine without a sandbox."""


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and where the text begins in the page."""

    language: str
    text: str
    at: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [Block(m.group(1), m.group(2), m.start(2)) for m in FENCE.finditer(text)]


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """(command, output that the page shows) of a console block."""
    command, shown = "", ""
    for line in block.text.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, shown
            command, shown = line[2:], ""
        else:
            shown += line + "\n"
    if command:
        yield command, shown


def having(language: str) -> list[Path]:
    return [page for page in PAGES if any(b.language == language for b in blocks(page))]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")


@pytest.mark.parametrize("page", having("python"), ids=lambda p: p.name)
def test_the_code_of_a_page_runs(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, in one namespace; an `output` block holds what the block before it prints."""
    if page.name in BOXED:
        try:
            tried()
        except Unsupported as error:
            pytest.skip(str(error))
    module = ModuleType(f"page_{page.stem}")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # where dataclasses look for the names of a class
    space = module.__dict__
    printed, old = "", page.read_text(encoding="utf-8")
    new = old
    for block in blocks(page):
        at = block.at + len(new) - len(old)
        if block.language == "python":
            lines = new[:at].count("\n")
            out = io.StringIO()
            with redirect_stdout(out):
                exec(compile("\n" * lines + block.text, str(page), "exec"), space)
            printed = out.getvalue()
        elif block.language == "output":
            new = agrees(page, new, block.text, printed, at=at)
    save(page, new)


@pytest.mark.parametrize("page", having("console"), ids=lambda p: p.name)
def test_the_commands_of_a_page_do_what_it_shows(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = page.read_text(encoding="utf-8")
    new = old
    for block in blocks(page):
        if block.language != "console":
            continue
        at = block.at + len(new) - len(old)
        for command, shown in commands(block):
            line = command.split("  #")[0].strip()
            if not line.startswith("selfscope"):
                continue
            if RUNS.match(line):
                main(shlex.split(line)[1:])
                new = agrees(page, new, shown, capsys.readouterr().out, at=at, where=line)
            else:
                understood(line)
    save(page, new)


def understood(line: str) -> None:
    """Raises when the command line has an unknown command or option."""
    words = shlex.split(line.partition("|")[0].partition(">")[0])
    app.parse_args(words[1:], exit_on_error=False, print_error=False)


def agrees(page: Path, text: str, shown: str, real: str, *, at: int, where: str = "") -> str:
    """The page's text; with SELFSCOPE_DOCS=write with the real output in the place of what it showed. at: where the
    block begins in the text. where: the command whose output it is."""
    real = "\n".join(line.rstrip() for line in real.rstrip().splitlines()) + "\n"
    if SAME.check_output(shown, real, HOW):
        return text
    if os.environ.get("SELFSCOPE_DOCS") == "write":
        start = text.index(f"{where}\n{shown}", at) + len(where) + 1 if where else at
        return text[:start] + real + text[start + len(shown) :]
    raise AssertionError(f"{page.name}: {where or 'code'} prints\n{real}\nbut the page shows\n{shown}")


def save(page: Path, text: str) -> None:
    if os.environ.get("SELFSCOPE_DOCS") == "write":
        page.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"https?:|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        assert file.exists(), f"{page.name} links to {target}, which does not exist"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{page.name} links to {target}; {file.name} has {sorted(anchors(file))}"


def anchors(file: Path) -> list[str]:
    heads = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads]


def test_the_reference_is_what_the_docstrings_say() -> None:
    page = ROOT / "docs" / "reference.md"
    if os.environ.get("SELFSCOPE_DOCS") == "write":
        page.write_text(reference(), encoding="utf-8")
    shown = page.read_text(encoding="utf-8") if page.exists() else ""
    assert shown == reference(), "docs/reference.md is old: SELFSCOPE_DOCS=write make docs writes it anew"


def test_every_command_is_documented() -> None:
    every = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    for name in [n for n in app if not n.startswith("-")]:
        assert re.search(rf"selfscope {name}\b", every), f"no page shows `selfscope {name}`"


def test_a_wrong_output_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SELFSCOPE_DOCS", raising=False)
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(1 + 1)\n```\n```output\n3\n```\n")
    with pytest.raises(AssertionError, match="prints"):
        agrees(page, page.read_text(), blocks(page)[1].text, "2\n", at=blocks(page)[1].at)
    with pytest.raises(Exception, match="--profil"):
        understood("selfscope card phantom --profil quick")


def test_new_output_is_written_where_it_belongs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFSCOPE_DOCS", "write")
    page, fence = tmp_path / "page.md", "```"
    page.write_text(f"{fence}output\n{fence}\n{fence}output\n{fence}\n{fence}console\n$ a b\nold\n{fence}\n")
    _, second, commanded = blocks(page)
    text = agrees(page, page.read_text(), "", "2\n", at=second.at)
    assert text == page.read_text()[: second.at] + "2\n" + page.read_text()[second.at :]
    assert agrees(page, text, "old\n", "new\n", at=commanded.at + 2, where="a b") == text.replace("old", "new")
