"""Identity: all that can change a number is in it, and nothing else is."""

from __future__ import annotations

import ast
import importlib.util
import json
import shutil
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import refused_models
import tiny_llama
from refused_models import changed, sharded
from selfscope.records import Message, Prompt
from selfscope.subjects import model_files
from selfscope.subjects.activations import Activations, BadActivations
from selfscope.subjects.cache import file_hash
from selfscope.subjects.local import Local, load
from tiny_adapter import adapter_of

folder = tiny_llama.folder
place = refused_models.place
subject = tiny_llama.subject


def identity(place: Path, **options: Any) -> str:
    return load(str(place), device="cpu", **options).identity


def weights(place: Path) -> None:
    held = load_file(place / "model.safetensors")
    held["model.norm.weight"][0] += 1e-3
    save_file(held, place / "model.safetensors", {"format": "pt"})


def words(place: Path) -> None:
    held = json.loads((place / "tokenizer.json").read_text())
    held["pre_tokenizer"]["add_prefix_space"] = True
    (place / "tokenizer.json").write_text(json.dumps(held))


def more_templates(place: Path) -> None:
    (place / "additional_chat_templates").mkdir()
    (place / "additional_chat_templates" / "tool_use.jinja").write_text("{{ messages }}")


FILES: dict[str, Callable[[Path], Any]] = {
    "model.safetensors": weights,
    "config.json": lambda p: changed(p / "config.json", rms_norm_eps=1e-5),
    "generation_config.json": lambda p: changed(p / "generation_config.json", eos_token_id=[1, 2]),
    "tokenizer.json": words,
    "tokenizer_config.json": lambda p: changed(p / "tokenizer_config.json", clean_up_tokenization_spaces=True),
    "special_tokens_map.json": lambda p: (p / "special_tokens_map.json").write_text('{"pad_token": "<s>"}'),
    "added_tokens.json": lambda p: (p / "added_tokens.json").write_text('{"<new>": 319}'),
    "chat_template.jinja": lambda p: (p / "chat_template.jinja").write_text("{{ messages[0].content }} "),
    "additional_chat_templates": more_templates,
    "chat_template.json": lambda p: (p / "chat_template.json").write_text("{}"),
    "vocab.json": lambda p: (p / "vocab.json").write_text("{}"),
    "merges.txt": lambda p: (p / "merges.txt").write_text("#version: 0.2\n"),
    "tokenizer.model": lambda p: (p / "tokenizer.model").write_text("x"),
    "tokenizer.4.0.0.json": lambda p: shutil.copy(p / "tokenizer.json", p / "tokenizer.4.0.0.json"),
}


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_can_change_a_number_is_in_it(place: Path, subject: Local, file: str) -> None:
    FILES[file](place)
    assert identity(place) != subject.identity


def test_what_cannot_is_not(place: Path, subject: Local) -> None:
    for name in ("README.md", "LICENSE", "LICENSE.txt", "trainer_state.json", "pytorch_model.bin", ".gitattributes",
                 "model.fp16.safetensors", "own.py", "consolidated.safetensors", "events.out.tfevents"):  # fmt: skip
        (place / name).write_bytes(b"anything")
    for name in (".git", "onnx", "original", "checkpoint-10", "runs"):
        (place / name).mkdir()
        (place / name / "config.json").write_text("[]")
    assert identity(place) == subject.identity


def test_one_content_is_one_subject_wherever_it_lies(place: Path, subject: Local, tmp_path: Path) -> None:
    assert identity(place) == subject.identity
    linked = tmp_path / "links"
    linked.mkdir()
    for file in place.iterdir():
        (linked / file.name).symlink_to(file)
    assert identity(linked) == subject.identity


def test_shards_are_in_it_wherever_the_index_says(place: Path) -> None:
    sharded(place)
    first = identity(place)
    (place / "deeper").mkdir()
    (place / "second.safetensors").rename(place / "deeper" / "part")
    (place / "deeper" / "part").rename(place / "deeper" / "second.safetensors")
    index = place / "model.safetensors.index.json"
    index.write_text(index.read_text().replace("second.safetensors", "deeper/second.safetensors"))
    moved = identity(place)
    assert moved != first
    held = load_file(place / "deeper" / "second.safetensors")
    save_file({k: v + 1e-3 for k, v in held.items()}, place / "deeper" / "second.safetensors", {"format": "pt"})
    assert identity(place) not in (first, moved)


def test_an_adapter_is_in_it_by_its_content(folder: Path, subject: Local, tmp_path: Path) -> None:
    one = adapter_of(folder, tmp_path / "one")
    same = Path(shutil.copytree(one, tmp_path / "same"))
    scaled = Path(shutil.copytree(one, tmp_path / "scaled"))
    changed(scaled / "adapter_config.json", lora_alpha=3)
    other = Path(shutil.copytree(one, tmp_path / "other"))
    held = load_file(other / "adapter_model.safetensors")
    save_file({k: v + 1e-3 for k, v in held.items()}, other / "adapter_model.safetensors", {"format": "pt"})
    ids = [identity(folder, adapter=str(adapter)) for adapter in (one, same, scaled, other)]
    assert ids[0] == ids[1]
    assert len({subject.identity, *ids}) == 4
    (same / "README.md").write_text("words")
    assert identity(folder, adapter=str(same)) == ids[0]


def test_the_type_of_its_numbers_is_in_it(folder: Path, subject: Local) -> None:
    assert identity(folder, dtype="bfloat16") != subject.identity


def test_what_is_not_in_it_is_not_seen_by_the_loaders(place: Path) -> None:
    """The law behind the list: a loader gets a folder that holds the files on it, and no other."""
    (place / "unknown.json").write_text("{}")
    files = model_files.of_folder("x", place)
    with files.view() as view:
        seen = sorted(p.relative_to(view).as_posix() for p in Path(view).rglob("*") if p.is_file())
    assert tuple(seen) == files.names
    assert [name for name, _ in files.fingerprint()] == list(files.names)
    assert "unknown.json" not in seen


def test_every_vocabulary_that_a_tokenizer_reads_is_on_the_list() -> None:
    """Read from the source of the installed transformers: a new kind of tokenizer breaks this."""
    spec = importlib.util.find_spec("transformers")
    assert spec is not None
    assert spec.origin is not None
    named: set[str] = set()
    for path in Path(spec.origin).parent.glob("**/tokenization_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            targets = getattr(node, "targets", [])
            names = [getattr(t, "id", "") for t in targets]
            if any(n.lower() == "vocab_files_names" for n in names) and isinstance(node.value, ast.Dict):  # type: ignore[attr-defined]
                named |= {v.value for v in node.value.values if isinstance(v, ast.Constant)}  # type: ignore[attr-defined]
    assert len(named) > 15
    unknown = {n for n in named if not any(fnmatchcase(n, p) for p in model_files.TOKENIZER)}
    assert unknown == set()


def test_a_file_that_was_changed_in_place_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("SELFSCOPE_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "large"
    file.write_bytes(bytes(2 << 20))
    times = file.stat()
    first = file_hash(file)
    assert file_hash(file) == first
    file.write_bytes(bytes(1 << 20) + b"\1" * (1 << 20))
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))  # as a copy that keeps its times does
    assert file_hash(file) != first
    for damage in ("[]", "7", "{", "[" * 10_000, '{"a": 7}'):
        (tmp_path / "cache" / "hashes.json").write_text(damage)
        assert file_hash(file) != first


class Hub:
    """A hub of folders: name and revision -> files. `fetched` lists what was asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.fetched: list[tuple[str, str | None, list[str]]] = []

    def snapshot_download(self, name: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        self.fetched.append((name, revision, allow_patterns))
        held = self.root / name.replace("/", "--") / (revision or "main")
        held = held.resolve()
        there = self.root / "snapshots" / held.name
        for file in held.rglob("*"):
            short = file.relative_to(held).as_posix()
            if file.is_file() and any(fnmatchcase(short, p) for p in allow_patterns):
                (there / short).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, there / short)
        return str(there)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    import huggingface_hub

    made = Hub(tmp_path / "hub")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", made.snapshot_download)
    return made


def test_a_hub_model_is_told_apart_by_its_commit(place: Path, hub: Hub) -> None:
    home = hub.root / "owner--model"
    for commit in ("a1a1", "b2b2"):
        shutil.copytree(place, home / commit)
        (home / commit / "pytorch_model.bin").write_bytes(b"never fetched")
        (home / commit / "own.py").write_text("never fetched")
    (home / "main").symlink_to(home / "a1a1")
    first, same, other = (load("owner/model", device="cpu", revision=r) for r in (None, "a1a1", "b2b2"))
    assert first.identity == same.identity != other.identity
    assert (first.environment["revision"], other.environment["revision"]) == ("a1a1", "b2b2")
    assert not [p for p in (hub.root / "snapshots").rglob("*") if p.suffix in (".bin", ".py")]


def test_a_hub_model_whose_index_names_pickles(place: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("a pickle was opened")

    sharded(place, second="second.bin")
    torch.save({}, place / "second.bin")
    monkeypatch.setattr(torch, "load", never)
    shutil.copytree(place, hub.root / "owner--model" / "main")
    with pytest.raises(model_files.BadModel, match=r"owner/model: .*second\.bin"):
        load("owner/model", device="cpu")
    assert not any("second.bin" in p for _, _, patterns in hub.fetched for p in patterns)


def test_a_hub_adapter_is_told_apart_by_its_content(folder: Path, hub: Hub, tmp_path: Path) -> None:
    adapter = adapter_of(folder, tmp_path / "adapter")
    shutil.copytree(adapter, hub.root / "owner--adapter" / "main")
    assert identity(folder, adapter="owner/adapter") == identity(folder, adapter=str(adapter))


def test_stored_activations_know_their_subject(place: Path, subject: Local, tmp_path: Path) -> None:
    prompt = Prompt(messages=(Message("user", "Name a colour."),))
    stored = subject.capture([prompt], [0]).save(tmp_path / "stored")
    Activations.load(stored, subject=load(str(place), device="cpu"))
    changed(place / "generation_config.json", eos_token_id=[1, 2])
    with pytest.raises(BadActivations, match="not of"):
        Activations.load(stored, subject=load(str(place), device="cpu"))
    assert json.loads((stored / "index.json").read_text())["record"]["subject"] == subject.identity
