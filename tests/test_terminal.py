"""What reaches a terminal or a page: foreign text is made harmless there, by one way out for all of it."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from hostile import HARM, Hostile
from selfscope.api.ask import ask
from selfscope.api.cards import Card
from selfscope.cli import main
from selfscope.cli.progress import Bar
from selfscope.errors import BadModel, UnknownName
from selfscope.secrets import STARS
from selfscope.terminal import COLOURS, HIDDEN, all_shown, as_json, one_line, say, say_json, shown
from source_tree import SOURCE, files, tree_of

MODEL = "hostile:HOSTILE"
VISIBLE_FORMATS = re.compile("[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd\U00013430-\U00013438]")
"""Characters of the category "format" that are drawn: signs that stand around numbers, and hieroglyphs."""
PRINTERS = {
    "terminal.py": "the way out", "subjects/template_process.py": "a pipe", "cli/output.py": "a cleaned line, dim",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("hostile") / "card"
    main(["card", MODEL, "--phenomena", "confidence", "-o", str(where)])
    return where


def test_every_character_that_is_not_seen_is_known() -> None:
    for code in range(0x110000):
        character = chr(code)
        hides = unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in "\n\t"
        if hides and not VISIBLE_FORMATS.match(character):
            assert HIDDEN.match(character), hex(code)
        if character.isprintable() and unicodedata.category(character)[0] in "NPSZ":
            assert not HIDDEN.match(character), hex(code)


def test_what_is_not_seen_is_shown_and_lines_stay() -> None:
    assert shown("a\x1b[31m\u202eb\x9b\n\tc") == "a␛[31m<U+202E>b<U+009B>\n\tc"
    assert shown("é 🙂 中文 ٣ ☀️ ²") == "é 🙂 中文 ٣ ☀️ ²"
    assert one_line("a\n b\u2028c " * 9, 12) == "a b<U+2028>c..."
    assert all_shown({"a\x07": ("\x07", ["\x07", 1, None])}) == {"a␇": ("␇", ["␇", 1, None])}
    assert json.loads(as_json(json.dumps({"k": HARM}, ensure_ascii=False))) == {"k": HARM}
    assert not HIDDEN.search(as_json(json.dumps({"k": HARM}, ensure_ascii=False)))


def test_of_codes_only_colours_of_ours_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    say("\x1b[1;31mred\x1b[0m\x1b[2J", coloured=True)
    say("\x1b[1;31mred")
    assert capsys.readouterr().out == "\x1b[1;31mred\x1b[0m␛[2J\n␛[1;31mred\n"


@pytest.mark.parametrize("key", ["nabcdef-0123456", "u00e9-0123456789", "\u002fabcdef-0123456"])
@pytest.mark.parametrize("indent", [None, 1])
def test_json_stays_json_where_a_secret_is_printed(
    key: str, indent: int | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A secret may begin like an escape: the text as it is written holds it where the data does not."""
    monkeypatch.setenv("SELFSCOPE_API_KEY", key)
    data = {"a line\n" + key[1:]: ["\n" + key[1:], "é" + key[5:], f"it is {key}", 7]}
    for ascii_ in (True, False):
        one = json.dumps(data, indent=indent, ensure_ascii=ascii_) + "\n"
        for text, count in ((one, 1), (one * 2, 2)) if indent is None else ((one, 1),):
            say_json(text)
            out = capsys.readouterr().out
            assert out.endswith("\n")
            held = [json.loads(line) for line in out.split("\n") if line] if indent is None else [json.loads(out)]
            assert len(held) == count
            for value in held:
                (name, (first, second, third, number)), = value.items()
                assert (name, first, second, number) == ("a line\n" + key[1:], "\n" + key[1:], "é" + key[5:], 7)
                assert third == f"it is {STARS}"


def test_errors_are_harmless_in_python_too() -> None:
    for error in (BadModel(f"no {HARM}"), UnknownName("model", HARM, ["a", HARM])):
        assert not HIDDEN.search(str(error))
        assert not HIDDEN.search(repr(error))


def test_only_one_file_prints() -> None:
    found = {}
    for path in files():
        name = path.relative_to(SOURCE).as_posix()
        lines = list(printing(tree_of(path)))
        if lines:
            found[name] = lines
    assert found.keys() <= PRINTERS.keys(), f"print through terminal.say: {found}"


def printing(tree: ast.AST) -> list[int]:
    """Lines that print, write to a standard stream or a console."""
    lines = []
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Name) and called.id == "print":
            lines.append(node.lineno)  # type: ignore[attr-defined]
        if isinstance(called, ast.Attribute) and called.attr in ("print", "write", "writelines"):
            owner = ast.unparse(called.value)
            if owner.startswith(("sys.std", "Console(", "rich.")):
                lines.append(node.lineno)  # type: ignore[attr-defined]
    return lines


def test_a_print_is_seen() -> None:
    for line in ("print(1)", "sys.stderr.write('x')", "sys.stdout.buffer.write(b'')", "Console().print('x')"):
        assert printing(ast.parse(line)), line
    assert not printing(ast.parse("file.write('x'); say('x')"))


UNQUOTED = HARM.replace('"', "").replace("\r", "")
"""What may stand in a list of answers: quotes and the ends of lines mean something there."""
COMMANDS = (
    ["ask", MODEL, f"Sure?{HARM}", "--about", f"Name a colour. {HARM}"],
    ["ask", MODEL, f"Sure?{HARM}", "--options", f"yes,no{UNQUOTED}", "--about", "Name a colour."],
    ["ask", MODEL, "Sure?", "--json"],
    ["report", "FOLDER"], ["report", "FOLDER", "--json"],
    ["rows", "FOLDER"], ["rows", "FOLDER", "--to", "csv", "-o", "-"], ["rows", "FOLDER", "--to", "jsonl", "-o", "-"],
    ["card", MODEL, "--phenomena", "confidence", "--dry-run"],
    ["models", "list"], ["phenomena"], ["readers", "--json"], ["controls"],
)  # fmt: skip
MISTAKES = (
    ["card", f"no{HARM}"], ["card", f"phantom:{HARM}=1"], ["card", f"api:m{HARM}@http://x y/v1"],
    ["card", f"hostile:{HARM}"], ["card", MODEL, "--phenomena", HARM], ["card", MODEL, "--readers", f"ask[{HARM}]"],
    ["card", MODEL, "--items", HARM.replace("\0", "")], ["ask", MODEL, "q", "--reader", HARM], ["report", HARM],
    ["rows", HARM], ["models", "path", HARM], ["models", "get", HARM], ["doctor", MODEL],
    ["study", "phantom", "--seeds", HARM], [HARM], ["card", "phantom", f"--{HARM}", "1"],
    ["ask", "hostile:Hostile:dies=true", "Sure?"],
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: " ".join(w for w in c if HARM not in w))
def test_no_command_prints_what_a_hostile_model_says(
    command: list[str], folder: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    main([str(folder) if word == "FOLDER" else word for word in command])
    for stream in capfdbinary.readouterr():
        assert not HIDDEN.search(stream.decode()), HIDDEN.search(stream.decode())


@pytest.mark.parametrize("command", MISTAKES, ids=lambda c: ascii(c)[:40])
def test_no_mistake_prints_what_it_quotes(command: list[str], capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with pytest.raises(SystemExit) as end:
        main(command)
    assert end.value.code == 2
    out, errors = (stream.decode() for stream in capfdbinary.readouterr())
    assert not out
    assert errors.count("\n") == 1
    assert not HIDDEN.search(errors)


def test_a_traceback_is_harmless_too() -> None:
    """A mistake in a part of a user's own is no line of ours; what it quotes is still foreign."""
    path = os.pathsep.join([str(Path(__file__).parent), *(p for p in sys.path if p)])
    done = subprocess.run(
        [sys.executable, "-m", "selfscope", "ask", "hostile:Hostile:breaks=true", "Sure?"],
        capture_output=True, check=False, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == 1
    assert b"ValueError: a mistake" in done.stderr
    assert not HIDDEN.search(done.stderr.decode())


def test_the_bar_shows_what_it_is_told_harmlessly(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stderr", screen := Terminal())
    with Bar(first=f"first{HARM}") as bar:
        bar.plan(2)
        bar.step(f"mine{HARM}", 1)
    assert "mine" in screen.getvalue()
    own = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", screen.getvalue())
    assert not HIDDEN.search(own)


def test_a_study_of_a_hostile_model_prints_and_names_its_folders_harmlessly(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    main(["study", MODEL, "--seeds", "0", "--phenomena", "confidence", "-o", str(tmp_path / "all")])
    for stream in capfdbinary.readouterr():
        assert not HIDDEN.search(stream.decode())
    for path in (tmp_path / "all").rglob("*"):
        assert not HIDDEN.search(path.name)


def test_in_python_and_on_pages_it_is_harmless_too(folder: Path, tmp_path: Path) -> None:
    card, answers = Card(folder), ask(Hostile(), f"Sure?{HARM}", about=f"Do it.{HARM}")
    drawn = (card.table(colour=True), answers.table(colour=True))
    for text in (str(card), str(answers), *(COLOURS.sub("", one) for one in drawn)):
        assert "mine" in text
        assert not HIDDEN.search(text)
    for page in (card.page.read_text(encoding="utf-8"), answers._repr_html_(), card.rows._repr_html_()):
        assert "mine" in page
        assert not HIDDEN.search(page)
        assert "<script" not in page
        assert "<img" not in page
        assert not re.search(r"<[^>]*\sonerror=", page)
    assert "<iframe srcdoc=" in card._repr_html_()
    assert "<script" not in card._repr_html_()
