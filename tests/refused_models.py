"""A tiny model to be damaged, and the one line in which it is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from selfscope.errors import BadModel
from selfscope.subjects.local import load


@pytest.fixture
def place(folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny llama, to be damaged."""
    return Path(shutil.copytree(folder, tmp_path / "model"))


def refusal(place: Path, **options: Any) -> str:
    """The one line in which a model is refused."""
    with pytest.raises(BadModel) as refused:
        load(str(place), device="cpu", **options)
    line = str(refused.value)
    assert "\n" not in line
    assert len(line) < 600 + 3 * len(str(place))
    assert "/selfscope-" not in line, "a path that the user never saw"
    return line


def changed(file: Path, **values: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def sharded(place: Path, **names: str) -> Path:
    """The weights in two files with an index; names: what the index says in the place of a file's name."""
    held = load_file(place / "model.safetensors")
    (place / "model.safetensors").unlink()
    keys = sorted(held)
    parts = {"first.safetensors": keys[::2], "second.safetensors": keys[1::2]}
    for name, own in parts.items():
        save_file({k: held[k] for k in own}, place / name, {"format": "pt"})
    named = {k: names.get(name.partition(".")[0], name) for name, own in parts.items() for k in own}
    index = {"metadata": {"total_size": 1}, "weight_map": named}
    (place / "model.safetensors.index.json").write_text(json.dumps(index))
    return place
