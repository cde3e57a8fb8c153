"""What was trained is put on its base as that was loaded then, by whoever asks for it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from selfscope.api.artifacts import check
from selfscope.api.bases import base_of
from selfscope.cli import main
from selfscope.subjects.adapter_files import read_sidecar, save_adapter
from selfscope.subjects.live_adapters import LoraShape
from selfscope.subjects.local import Local, load
from tiny import build


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Local:
    return load(str(build("llama", tmp_path_factory.mktemp("llama"))), dtype="bfloat16")


def test_a_base_has_the_dtype_that_it_had(half: Local, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = {"environment": dict(half.environment)}
    side = save_adapter(tmp_path / "a", half, half.new_adapter(LoraShape(2)), "reporter", made)
    assert base_of(side).identity == half.identity
    assert base_of(side, side.base_name).identity == half.identity
    assert base_of(side, hardware={"dtype": "float32"}).identity != half.identity
    assert base_of(side, half) is half
    assert "whole" in check(tmp_path / "a")
    main(["artifacts", "check", str(tmp_path / "a")])
    assert "whole" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["artifacts", "check", str(tmp_path / "a"), "--dtype", "float32"])
    assert "dtype have to be the same" in capsys.readouterr().err
    assert read_sidecar(tmp_path / "a") == side


def test_a_subject_that_takes_no_dtype_is_asked_for_none() -> None:
    made = SimpleNamespace(base_name="phantom", made={"environment": {"dtype": "bfloat16", "revision": "x"}})
    assert base_of(cast(Any, made)).name == "phantom"
