"""Folders of stored activations: what the system says of a place is one line, and the cause stands behind it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from selfscope.errors import FileError
from selfscope.subjects.activations import Activations, BadActivations


def test_what_the_system_says_of_a_place_is_one_line(tmp_path: Path) -> None:
    small = Activations(((0, 0),), {0: np.zeros((1, 4), dtype=np.float32)})
    (tmp_path / "file").write_text("x")
    name = small.save(tmp_path / "one")
    shard = next(name.glob("*.safetensors"))
    (tmp_path / "taken" / f"{shard.name}.part").mkdir(parents=True)  # what safetensors tells as its own error
    (tmp_path / "index" / "index.json.part").mkdir(parents=True)
    for place in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / "taken", tmp_path / "index", "a\0b"):
        with pytest.raises(FileError) as error:
            small.save(place)
        assert "\n" not in str(error.value)
        assert error.value.__cause__ is not None
    shard.unlink()
    shard.mkdir()
    for place in (tmp_path / "file", name, "a\0b"):
        with pytest.raises(FileError) as error:
            Activations.load(place)
        assert "\n" not in str(error.value)
    with pytest.raises(BadActivations, match="no readable activations"):
        Activations.load(tmp_path / "nowhere")
