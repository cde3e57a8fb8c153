"""Whatever the system, a file or a command line does: one line, exit code 2, and nothing written that was not there."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import selfscope
from selfscope.cli import main
from selfscope.errors import BadInput, FileError, SelfscopeError, StoreError, reaching
from selfscope.phenomena.items import Items, read_lines
from selfscope.records import Prompt
from selfscope.records.json import strict_json
from selfscope.store import read
from selfscope.store.segments import Segment, frame, lines
from selfscope.subjects.phantom_dials import Dials

CARD = ("card", "phantom", "--phenomena", "confidence")


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line of a command that fails."""
    with pytest.raises(SystemExit) as ended:
        main([*words])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("selfscope: ")
    assert error.count("\n") == 1, error
    assert "Traceback" not in error
    return error


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small card."""
    return selfscope.card("phantom", tmp_path_factory.mktemp("made") / "card", phenomena=["confidence"]).folder


def copied(folder: Path, to: Path) -> Path:
    import shutil

    return Path(shutil.copytree(folder, to))


PLACES: dict[str, tuple[Callable[[Path], str], str]] = {
    "a file where a folder should be": (lambda tmp: str(_file(tmp) / "below"), "Not a directory"),
    "5000 characters": (lambda tmp: "a" * 5000, "give a shorter path"),
    "5000 characters below": (lambda tmp: str(tmp / ("a" * 5000)), "give a shorter path"),
    "a link to itself": (lambda tmp: str(_loop(tmp)), "symbolic links"),
    "below a link to itself": (lambda tmp: str(_loop(tmp) / "card"), "symbolic links"),
    "a NUL": (lambda tmp: str(tmp / "a\0b"), "null byte"),
    "no such device": (lambda tmp: "/proc/none/card", "No such file"),
    "half of a character": (lambda tmp: str(tmp / "\udc80"), "UTF-8"),
}


def _file(folder: Path) -> Path:
    (folder / "file").write_text("x")
    return folder / "file"


def _loop(folder: Path) -> Path:
    (folder / "loop").symlink_to(folder / "loop")
    return folder / "loop"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("command", ["card", "rows", "report", "export", "items"])
def test_a_place_that_cannot_be_used_is_one_line(
    place: str, command: str, tmp_path: Path, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where, words = PLACES[place]
    target = where(tmp_path)
    calls: dict[str, Sequence[str]] = {
        "card": (*CARD, "-o", target),
        "rows": ("rows", target),
        "report": ("report", target),
        "export": ("rows", str(made), "-o", target),
        "items": ("card", "phantom", "--items", target, "-o", str(tmp_path / "card")),
    }
    if command == "export" and place == "a link to itself":
        pytest.skip("a file that is replaced as a whole replaces the link")
    before = sorted(os.listdir(tmp_path))
    error = said(capsys, *calls[command])
    if command in ("card", "export"):
        assert words in error
    assert len(error) < 600
    assert sorted(os.listdir(tmp_path)) == before, "nothing is left"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> selfscope.Card:
    return selfscope.card("phantom", tmp_path_factory.mktemp("whole"), phenomena=["confidence"])


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO, errno.EDQUOT])
def test_what_a_disk_says_is_one_line_and_no_finished_row_is_lost(
    code: int,
    whole: selfscope.Card,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The disk fills after some lines, in the middle of one."""
    folder = tmp_path / "card"
    room = 0.8 * sum(path.stat().st_size for path in (whole.folder / "data").iterdir())
    written = 0
    append = Segment._open

    class Full:
        def __init__(self, file: Any) -> None:
            self.file = file

        def write(self, data: Any) -> int:
            nonlocal written
            written += len(data)
            if written > room:
                self.file.write(bytes(data)[:37])
                raise OSError(code, os.strerror(code), "data/rows.jsonl")
            return int(self.file.write(data))

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

    with monkeypatch.context() as patched:
        patched.setattr(Segment, "_open", lambda self: Full(append(self)))
        error = said(capsys, *CARD, "-o", str(folder))
    assert os.strerror(code) in error
    kept = read(folder)
    assert 0 < len(kept.rows) < len(whole.rows)
    again = selfscope.card("phantom", folder, phenomena=["confidence"], resume=True)
    assert {(r.cell, r.trial): r.score for r in again.rows} == {(r.cell, r.trial): r.score for r in whole.rows}
    assert not read(folder).warnings


def test_in_python_it_is_ours_with_its_cause(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        selfscope.card("phantom", _file(tmp_path) / "below", phenomena=["confidence"])
    assert isinstance(caught.value, SelfscopeError)
    assert isinstance(caught.value, OSError)
    assert isinstance(caught.value.__cause__, NotADirectoryError)


DAMAGE = {
    "nothing": b"", "a list": b"[]\n", "cut": b'{"a": 1', "deep": b"[" * 10_000 + b"]" * 10_000 + b"\n",
    "no text": b"\xff\xfe\x00\n", "not a number": b'{"schema": NaN}\n',
    "too large": b'{"schema": 1' + b"0" * 400 + b"}\n",
    "half a character": b'{"schema": "\\ud800"}\n', "another object": b'{"a": 1}\n',
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["study.json", "findings.json", "card.json", *(
    f"data/{kind}.jsonl" for kind in ("trials", "observations", "truths", "rows", "cells")
)])  # fmt: skip
def test_a_damaged_file_is_named_or_made_again(
    name: str, damage: str, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(made, tmp_path / "card")
    data = DAMAGE[damage]
    if name.startswith("data/") and data.endswith(b"}\n"):  # a line whose checksum is right and whose content is not
        data = frame(data.decode().strip())
    (folder / name).write_bytes(data)
    if name == "study.json":
        assert "study.json" in said(capsys, "report", str(folder))
        return
    main(["report", str(folder)])
    error = capsys.readouterr().err
    assert "Traceback" not in error
    if name in ("data/trials.jsonl", "data/truths.jsonl", "data/rows.jsonl", "data/cells.jsonl"):
        assert Path(name).name in error, "what is not there any more is said"


@pytest.mark.parametrize("kind", ["trials", "truths", "rows", "cells", "observations"])
def test_one_damaged_line_costs_that_line(kind: str, made: Path, tmp_path: Path) -> None:
    folder = copied(made, tmp_path / "card")
    path = folder / "data" / f"{kind}.jsonl"
    held = path.read_bytes().split(b"\n")
    held[1] = held[1][:60] + b"\x00" + held[1][61:]
    path.write_bytes(b"\n".join(held))
    found = read(folder)
    assert any(w.startswith(f"{kind}.jsonl:2:") for w in found.warnings)
    selfscope.redraw(folder)


def test_every_line_of_a_store_is_json(made: Path) -> None:
    for path in sorted((made / "data").glob("*.jsonl")):
        for line in path.read_bytes().split(b"\n")[:-1]:
            record = strict_json(line)
            assert len(record.pop("crc32")) == 8
            assert record


def test_lines_of_earlier_folders_are_read(tmp_path: Path) -> None:
    import zlib

    payload = b'{"a":1}'
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"%08x %s\n" % (zlib.crc32(payload), payload) + frame('{"b":2}') + b"0000zzzz x\n")
    warnings: list[str] = []
    assert [p for _, p in lines(path, warnings)] == [payload, b'{"b":2}']
    assert len(warnings) == 1


BAD_LINES = {
    "nan": '{"prompt": "a", "property": "first_word_longer", "threshold": NaN}',
    "infinity": '{"prompt": "a", "options": ["x", "y"], "threshold": Infinity}',
    "truth": '{"prompt": "a", "property": "words_above", "threshold": true}',
    "10^400": '{"prompt": "a", "property": "words_above", "threshold": 1' + "0" * 400 + "}",
    "1e400": '{"prompt": "a", "options": ["x", "y"], "threshold": 1e400}',
    "equal options": '{"prompt": "a", "options": ["x", " X "]}',
    "deep": "[" * 10_000,
    "half a character": '{"prompt": "\\ud800", "options": ["x", "y"]}',
    "an object as id": '{"prompt": "a", "options": ["x", "y"], "id": {}}',
    "a truth as cluster": '{"prompt": "a", "options": ["x", "y"], "cluster": true}',
    "a number as question": '{"prompt": "a", "options": ["x", "y"], "ask": 3}',
}


@pytest.mark.parametrize("line", BAD_LINES)
def test_a_wrong_item_is_one_line_and_blocks_no_folder(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = tmp_path / "items.jsonl"
    items.write_text('{"prompt": "b", "options": ["x", "y"]}\n' + BAD_LINES[line] + "\n")
    error = said(capsys, "card", "phantom", "--items", str(items), "-o", str(tmp_path / "card"))
    assert "line 2" in error
    assert not (tmp_path / "card").exists()


def test_a_line_ends_where_json_lines_end(tmp_path: Path) -> None:
    items = tmp_path / "items.jsonl"
    text = "One\u2028two\u0085three\x0bfour"
    items.write_text(json.dumps({"prompt": text, "options": ["x", "y"]}, ensure_ascii=False) + "\n", encoding="utf-8")
    assert read_lines(str(items))[0]["prompt"] == text


def test_items_are_their_content(tmp_path: Path) -> None:
    one, same, other = (tmp_path / f"{n}.jsonl" for n in "abc")
    one.write_text('{"prompt": "a", "options": ["x", "y"]}\n')
    same.write_text('{"prompt":  "a", "options": ["x", "y"]}\n\n')
    other.write_text('{"prompt": "b", "options": ["x", "y"]}\n')
    assert Items(str(one)).id == Items(str(same)).id != Items(str(other)).id
    folder = tmp_path / "card"
    selfscope.card("phantom", folder, items=one)
    selfscope.card("phantom", folder, items=same, resume=True)
    one.write_text('{"prompt": "a, edited", "options": ["x", "y"]}\n')
    with pytest.raises(StoreError, match="another study"):
        selfscope.card("phantom", folder, items=one, resume=True)


@pytest.mark.parametrize("name", [
    "phantom:seed=-1", "phantom:kappa=nan", "phantom:kappa=0", "phantom:tau=inf", "phantom:access=nan",
    "phantom:alarm=2", "phantom:competence=-1", "phantom:access=1e999", "phantom:seed=1" + "0" * 400,
    "phantom:seed=" + "9" * 5000, "phantom:refusal={" + "[" * 5000,
])  # fmt: skip
def test_a_dial_beyond_its_bounds_is_one_line(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "card", name, "--phenomena", "confidence", "-o", str(tmp_path / "card"))
    assert not (tmp_path / "card").exists()


def test_all_clusters_alike_is_a_dial() -> None:
    assert Dials(kappa=float("inf")).kappa == float("inf")


def test_a_study_that_ends_before_a_trial_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from selfscope.phenomena.confidence import Confidence

    def fails(self: Any, subject: Any, seed: int) -> Any:
        raise BadInput("no trial can be posed")

    (tmp_path / "empty").mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(Confidence, "pose", fails)
        for place in ("new", "empty"):
            with pytest.raises(BadInput):
                selfscope.card("phantom", tmp_path / place, phenomena=["confidence"])
    assert sorted(os.listdir(tmp_path)) == ["empty"]
    assert os.listdir(tmp_path / "empty") == []
    selfscope.card("phantom", tmp_path / "empty", phenomena=["confidence"])


def test_half_of_a_character_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="half of a character"):
        selfscope.ask("phantom", "tea \ud800?", options=["tea", "coffee"])
    assert Prompt(text="whole \U0001f600").text


def test_a_full_device() -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    with pytest.raises(FileError, match="space"), reaching("/dev/full"):
        Path("/dev/full").write_text("x" * 100_000)
