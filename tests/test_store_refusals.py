"""What a folder refuses, it refuses before anything is written: numbers that could not be read back, others' files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from selfscope.errors import BadInput, SelfscopeError, StoreError
from selfscope.records import Identified, id_of
from selfscope.records.json import strict_json
from selfscope.records.parts import config_of
from selfscope.store import Store, read

BEYOND = (2**63, -(2**63) - 1, 10**40, math.inf, -math.inf, math.nan)


@dataclass(frozen=True)
class Bounded(Identified):
    """A part with a bound."""

    limit: float = math.inf
    layers: tuple[float, ...] = ()


@pytest.mark.parametrize("seed", [0, 10**17, 10**18, 2**63 - 1, -(2**63), 1e300])
def test_what_is_written_is_read_back(tmp_path: Path, seed: float) -> None:
    with Store(tmp_path / "s", {"seed": seed}):
        pass
    assert read(tmp_path / "s").meta["settings"] == {"seed": seed}
    with Store(tmp_path / "s", {"seed": seed}, resume=True):
        pass


@pytest.mark.parametrize("number", BEYOND)
def test_what_could_not_be_read_back_is_refused_and_leaves_no_folder(tmp_path: Path, number: float) -> None:
    with pytest.raises(BadInput, match=r"study\.json could not be read back: it holds"):
        Store(tmp_path / "s", {"seed": number})
    assert not (tmp_path / "s").exists()
    with pytest.raises(BadInput, match="holds"), Store(tmp_path / "s", {"seed": 0}) as store:
        store.note(environment={"limit": number})
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("number", BEYOND)
def test_a_setting_that_could_not_be_kept_is_refused_where_a_part_describes_itself(number: float) -> None:
    for part in (Bounded(limit=number), Bounded(1.0, (number,))):
        for told in (config_of, id_of):
            with pytest.raises(SelfscopeError, match=r"Bounded\.(limit|layers) holds .* Use finite numbers") as error:
                told(part)
            assert "\n" not in str(error.value)
    assert id_of(Bounded(2.5)) == "bounded[limit=2.5]", "a default that cannot be kept harms nobody who sets another"


@pytest.mark.parametrize("text", [b"9223372036854775807", b"-9223372036854775808", b"1000000000000000000"])
def test_numbers_are_refused_by_their_value(text: bytes) -> None:
    assert strict_json(text) == int(text)
    with pytest.raises(ValueError, match="too large for 64 bits"):
        strict_json(b"-9223372036854775809" if text.startswith(b"-") else b"9223372036854775808")


def listing(folder: Path) -> dict[str, Any]:
    return {p.name: p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def test_a_folder_of_other_files_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    before = listing(tmp_path)
    for resume in (False, True):
        with pytest.raises(StoreError, match=r"holds other files \(notes.txt"):
            Store(tmp_path, {"seed": 0}, resume=resume)
        assert listing(tmp_path) == before


def test_a_file_that_cannot_be_written_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("selfscope.store.folder.os.replace", full)
    with pytest.raises(SelfscopeError, match="No space left"):
        Store(tmp_path / "s", {"seed": 0})
    assert not (tmp_path / "s").exists()
