"""GGUF files: converted once and kept by what they hold, and refused in one line where they are damaged."""

from __future__ import annotations

import random
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refused_models import refusal
from selfscope.errors import BadModel
from selfscope.records import Prompt
from selfscope.subjects import gguf_files
from selfscope.subjects.local import load
from tiny import build
from tiny_gguf import gguf_of

PROMPT = Prompt(ids=(9, 30, 12, 40))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("qwen2", tmp_path_factory.mktemp("qwen2"))


@pytest.fixture(scope="module")
def original(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gguf_of(folder, tmp_path_factory.mktemp("gguf") / "model.gguf")


@pytest.fixture
def file(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SELFSCOPE_CACHE", str(tmp_path / "cache"))
    return Path(shutil.copy(original, tmp_path / "model.gguf"))


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are converted."""
    made: list[Path] = []
    convert = gguf_files.convert

    def counted(file: Path, *rest: Any) -> None:
        made.append(file)
        convert(file, *rest)

    monkeypatch.setattr(gguf_files, "convert", counted)
    return made


def test_it_is_the_model_that_it_was_made_of(folder: Path, file: Path) -> None:
    wanted, got = (load(str(p), device="cpu") for p in (folder, file))
    assert got.chat
    assert got.next_token([PROMPT], ids=range(300))[0].logprobs == pytest.approx(
        wanted.next_token([PROMPT], ids=range(300))[0].logprobs, abs=1e-5
    )


def test_converted_once_by_content_and_with_progress(
    file: Path, tmp_path: Path, conversions: list[Path], capfd: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    first = load(str(file), device="cpu", say=said.append)
    assert any("converted to safetensors once" in line for line in said)
    assert any(" of 27 tensors" in line for line in said), said
    assert capfd.readouterr().err == ""
    (tmp_path / "elsewhere").mkdir()
    other = Path(shutil.copy(file, tmp_path / "elsewhere" / "another name.gguf"))
    said.clear()
    again = load(str(other), device="cpu", say=said.append)
    assert said == []
    assert again.identity == first.identity
    assert conversions == [file]


def test_other_content_is_another_subject(folder: Path, file: Path, conversions: list[Path]) -> None:
    first = load(str(file), device="cpu").identity
    gguf_of(folder, file, context=128)
    assert load(str(file), device="cpu").identity != first
    assert len(conversions) == 2


def test_another_version_of_the_libraries_converts_anew(
    file: Path, conversions: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(str(file), device="cpu")
    monkeypatch.setattr(gguf_files, "version", lambda name: "99.1")
    assert load(str(file), device="cpu").identity == first.identity
    assert len(conversions) == 2


def test_what_lies_beside_it_changes_nothing(folder: Path, file: Path) -> None:
    first = load(str(file), device="cpu")
    for path in folder.iterdir():
        shutil.copy(path, file.parent / path.name)
    for name in ("tokenizer_config.json", "config.json", "chat_template.jinja", "generation_config.json"):
        (file.parent / name).write_text("[]")
    shutil.rmtree(file.parent / "cache")
    assert load(str(file), device="cpu").identity == first.identity


def test_a_conversion_that_breaks_leaves_nothing_and_is_tried_again(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(source: Path, target: Path, say: Any) -> None:
        (target / "model.safetensors").write_text("half")
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(gguf_files, "convert", breaks)
        with pytest.raises(KeyboardInterrupt):
            load(str(file), device="cpu")
    assert [p.suffix for p in (tmp_path / "cache" / "gguf").iterdir()] == [".lock"]
    load(str(file), device="cpu")


def test_a_kept_copy_that_was_damaged_is_refused(file: Path, tmp_path: Path) -> None:
    load(str(file), device="cpu")
    kept = next((tmp_path / "cache" / "gguf").glob("*/model.safetensors"))
    kept.write_bytes(kept.read_bytes()[:-9])
    refusal(file)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda b: b"",
    "one byte": lambda b: b[:1],
    "cut in its mark": lambda b: b[:3],
    "cut in its counts": lambda b: b[:20],
    "cut in its header": lambda b: b[:200],
    "cut in its words": lambda b: b[:3000],
    "cut in the middle": lambda b: b[: len(b) // 2],
    "cut at the end": lambda b: b[:-100],
    "another mark": lambda b: b"GGML" + b[4:],
    "a version of the future": lambda b: b[:4] + struct.pack("<I", 77) + b[8:],
    "tensors without end": lambda b: b[:8] + struct.pack("<Q", 1 << 62) + b[16:],
    "keys without end": lambda b: b[:16] + struct.pack("<Q", 1 << 62) + b[24:],
    "a name without end": lambda b: b[:24] + struct.pack("<Q", 1 << 60) + b[32:],
    "a list without end": lambda b: _list_without_end(b),
    "another kind of number": lambda b: b.replace(b"general.architecture" + struct.pack("<I", 8),
                                                  b"general.architecture" + struct.pack("<I", 99)),
    "no architecture": lambda b: b.replace(b"general.architecture", b"general.architectura"),
    "words": lambda b: b"what is this? " * 1000,
    "zeros": lambda b: bytes(len(b)),
    "a mark and zeros": lambda b: b[:8] + bytes(len(b)),
}  # fmt: skip


def _list_without_end(b: bytes) -> bytes:
    start = b.index(b"tokenizer.ggml.tokens") + len(b"tokenizer.ggml.tokens") + 8
    return b[:start] + struct.pack("<Q", 1 << 50) + b[start + 8 :]


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_file(file: Path, kind: str) -> None:
    damaged = DAMAGES[kind](file.read_bytes())
    assert damaged != file.read_bytes()
    file.write_bytes(damaged)
    assert "GGUF file" in refusal(file)


def test_a_file_cut_anywhere(file: Path) -> None:
    whole = file.read_bytes()
    draw = random.Random(11)
    for _ in range(12):
        file.write_bytes(whole[: draw.randrange(len(whole))])
        refusal(file)


def test_numbers_that_do_not_fit(folder: Path, file: Path) -> None:
    for values in ({"layers": 10**9}, {"layers": 0}, {"layers": 1}, {"layers": 3}, {"width": 10**9}, {"width": 40}):
        gguf_of(folder, file, **values)
        refusal(file)


def test_an_architecture_that_nobody_reads(folder: Path, file: Path) -> None:
    gguf_of(folder, file, architecture="nothing-that-exists")
    assert "nothing-that-exists is not supported" in refusal(file)


def test_random_damage_ends_in_one_line(file: Path) -> None:
    whole = file.read_bytes()
    draw = random.Random(12)
    refused = 0
    for k in range(30):
        data = bytearray(whole)
        for _ in range(draw.choice([1, 4, 20])):
            data[draw.randrange(len(data) if k % 3 == 0 else 900)] = draw.randrange(256)
        file.write_bytes(data)
        try:
            load(str(file), device="cpu")
        except BadModel as error:
            refused += 1
            assert "\n" not in str(error), k  # noqa: PT017
    assert refused > 10
