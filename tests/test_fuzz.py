"""Malformed inputs of every kind end in one line and exit code 2, and write nothing.

Each law draws some inputs here, the same in every run, and 500 in `make fuzz`. What is drawn is a right input of which
something was made wrong, or anything at all.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import selfscope
from selfscope.cli import main
from selfscope.errors import SelfscopeError
from selfscope.phenomena.items import KNOWN, Items
from selfscope.records import Observation, Prompt, Row, Trial, Truth, from_json
from selfscope.records.json import strict_json
from selfscope.store import read
from selfscope.store.contents import KINDS
from selfscope.store.segments import frame
from selfscope.subjects.chat_answers import Answer, RequestFailed, completion, refusal

EXAMPLES = int(os.environ.get("SELFSCOPE_FUZZ", "20"))
fuzzed = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
JUNK = st.binary(max_size=60) | VALUE.map(lambda v: json.dumps(v).encode())
ITEM = {"prompt": "Name a colour.", "options": ["red", "blue"]}


def ran(*words: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command in this process."""
    out, error = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        try:
            main([*words])
        except SystemExit as ended:
            code = int(ended.code or 0)
    return code, out.getvalue(), error.getvalue()


def is_one_line(result: tuple[int, str, str]) -> None:
    code, _, error = result
    assert code == 2, (code, error[-500:])
    assert error.startswith("selfscope: "), error
    assert error.count("\n") == 1, error


def listing(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(p.relative_to(folder)), p.stat().st_size) for p in folder.rglob("*"))


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return selfscope.card("phantom", tmp_path_factory.mktemp("made") / "card", phenomena=["confidence"]).folder


@st.composite
def wrong_items(draw: st.DrawFn) -> bytes:
    """A line that is no item: junk, or an item of which one thing was made wrong."""
    way = draw(st.sampled_from(["junk", "field", "missing", "both", "options", "bytes", "number"]))
    if way == "junk":
        return draw(JUNK)
    line: dict[str, Any] = dict(ITEM)
    if way == "field":
        line[draw(TEXT.filter(lambda t: t not in KNOWN))] = draw(VALUE)
    elif way == "missing":
        del line[draw(st.sampled_from(sorted(line)))]
    elif way == "both":
        line["property"] = draw(TEXT)
    elif way == "options":
        wrong = draw(st.lists(VALUE.filter(lambda v: not isinstance(v, str)), max_size=3) | VALUE.filter(
            lambda v: not isinstance(v, list)
        ))
        line["options"] = wrong
    elif way == "number":
        return json.dumps({**line, "threshold": draw(st.sampled_from([float("nan"), float("inf"), 10**400]))}).encode()
    data = json.dumps(line).encode()
    if way == "bytes":
        at = draw(st.integers(0, len(data) - 2))
        return data[:at] + draw(st.binary(min_size=1, max_size=3).filter(lambda b: b"\n" not in b)) + data[at + 1 :]
    return data


@fuzzed
@given(wrong_items())
def test_items(tmp_path: Path, data: bytes) -> None:
    file, folder = tmp_path / "items.jsonl", tmp_path / "card"
    file.write_bytes(data)
    try:
        Items(str(file))
    except SelfscopeError:
        is_one_line(ran("card", "phantom", "--items", str(file), "-o", str(folder)))
    assert not folder.exists()


RECORDS: list[type[Any]] = [Trial, Observation, Truth, Row, Prompt]


@fuzzed
@given(st.sampled_from(RECORDS), JUNK)
def test_records(kind: type[Any], data: bytes) -> None:
    with contextlib.suppress(ValueError):
        from_json(kind, data)
    with contextlib.suppress(ValueError):
        strict_json(data)


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="-"), min_size=1, max_size=12)
SETTING = st.sampled_from(["seed", "kappa", "access", "layer", "rollouts", "test", "path", "x", ""])
NAMES = st.sampled_from(["confidence", "probe", "patchscope", "items", "phantom:", "nothing", "os:system", "a.b:C"])


@st.composite
def wrong_words(draw: st.DrawFn) -> list[str]:
    """A command line of which one word is wrong."""
    setting = f"{draw(SETTING)}={draw(WORDS)}"
    bracketed = f"{draw(NAMES)}[{setting}{draw(st.sampled_from(['', ']', ',', ']]']))}"
    options = ["--phenomena", "--readers", "--controls", "--profile", "--seed", "--jobs", "--other"]
    option = draw(st.sampled_from(options))
    value = draw(st.sampled_from([bracketed, f"?{draw(WORDS)}", f"phantom:{setting}?", "\udc80", "a\0b"]))
    return draw(st.sampled_from([
        ["card", "phantom", option, value],
        ["card", f"?{value}"],
        ["ask", "phantom", "tea?", "--options", "a,a"],
        ["ask", f"?{value}", "tea?", "--options", "a,b"],
        ["rows", f"none/{value}"],
        ["report", f"none/{value}"],
        ["rows", ".", "--to", f"?{value}"],
        [f"?{value}"],
        ["card", "phantom", f"--no{draw(WORDS)}"],
    ]))  # fmt: skip


@fuzzed
@given(wrong_words())
def test_command_lines(tmp_path: Path, words: list[str]) -> None:
    folder = tmp_path / "card"
    more = ["-o", str(folder), "--dry-run"] if words[0] == "card" else []
    code, _, error = result = ran(*words, *more)
    if code:
        is_one_line(result)
    assert "Traceback" not in error
    assert not folder.exists()


@st.composite
def damages(draw: st.DrawFn) -> tuple[str, str, int, bytes]:
    kinds = ["study.json", "findings.json", *(f"data/{kind}.jsonl" for kind in KINDS)]
    way = draw(st.sampled_from(["flip", "cut", "swap", "double", "junk", "framed"]))
    return draw(st.sampled_from(kinds)), way, draw(st.integers(0, 10**9)), draw(JUNK)


def damaged(data: bytes, way: str, at: int, junk: bytes) -> bytes:
    lines = data.split(b"\n")
    k = at % len(lines)
    if way == "flip":
        at %= max(1, len(data))
        return data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :]
    if way == "cut":
        return data[: at % max(1, len(data))]
    if way == "swap":
        lines[0], lines[k] = lines[k], lines[0]
    elif way == "double":
        lines.insert(k, lines[k])
    elif way == "junk":
        lines.insert(k, junk)
    else:
        lines.insert(k, frame(junk.decode("utf-8", "replace")).rstrip(b"\n"))
    return b"\n".join(lines)


@pytest.fixture(scope="module")
def folder(card: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(card, tmp_path_factory.mktemp("damaged") / "card"))


@fuzzed
@given(damages())
def test_stores(card: Path, folder: Path, damage: tuple[str, str, int, bytes]) -> None:
    """What cannot be read is named, what can be is kept, and nothing that was stored is touched."""
    name, way, at, junk = damage
    file = folder / name
    right = (card / name).read_bytes()
    file.write_bytes(damaged(right, way, at, junk))
    before = listing(folder)
    try:
        code, out, error = result = ran("rows", str(folder), "--to", "jsonl", "-o", "-")
        assert "Traceback" not in error
        if code:
            is_one_line(result)
        else:
            for line in out.split("\n")[:-1]:
                strict_json(line)
            read(folder)
        assert listing(folder) == before
    finally:
        file.write_bytes(right)


def choice(value: Any) -> bytes:
    return json.dumps({"choices": [{"message": {"content": value}, "finish_reason": value}], "usage": value}).encode()


@fuzzed
@given(JUNK | VALUE.map(choice), st.integers(100, 599))
def test_server_replies(data: bytes, status: int) -> None:
    told: Answer | RequestFailed
    try:
        told = completion(data, 0.1)
    except RequestFailed as failed:
        told = failed
    (told.text if isinstance(told, Answer) else told.what).encode()
    assert isinstance(told, Answer) or "\n" not in told.what
    assert "\n" not in refusal(status, data, {"retry-after": data[:20].decode("latin-1")}, True).what


CONFIGURATION = st.sampled_from(["schema", "settings", "parts", "environment", "date", "version"])


@fuzzed
@given(CONFIGURATION, VALUE, st.booleans())
def test_configurations(card: Path, folder: Path, key: str, value: Any, drop: bool) -> None:
    meta = json.loads((card / "study.json").read_text())
    meta.pop(key, None)
    if not drop:
        meta[key] = value
    (folder / "study.json").write_text(json.dumps(meta))
    before = listing(folder)
    try:
        code, _, error = result = ran("rows", str(folder), "--to", "csv", "-o", "-")
        assert "Traceback" not in error
        if code:
            is_one_line(result)
        assert listing(folder) == before
    finally:
        shutil.copy(card / "study.json", folder / "study.json")
