"""Packed linear layers: the same numbers, and torch's own way wherever a packed copy would be wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from selfscope.subjects import onednn_linear
from selfscope.subjects.allocator import evict_pages, memory_bytes
from selfscope.subjects.onednn_linear import PackedLinear, pack, unpack


@pytest.fixture
def model() -> Iterator[torch.nn.Module]:
    torch.manual_seed(3)
    made = torch.nn.Sequential(torch.nn.Linear(48, 96), torch.nn.GELU(), torch.nn.Linear(96, 20, bias=False))
    if not pack(made, least=1):
        pytest.skip("no oneDNN on an x86 CPU here")
    yield made
    unpack(made)


@pytest.mark.parametrize("shape", [(48,), (1, 48), (7, 48), (2, 5, 48), (3, 1, 2, 48), (0, 48)])
def test_the_same_numbers_in_every_shape(model: torch.nn.Module, shape: tuple[int, ...]) -> None:
    rows = torch.randn(*shape)
    wanted = model(rows)  # with gradients: torch's own way
    with torch.inference_mode():
        assert type(model[0]) is PackedLinear  # type: ignore[index]
        got = model(rows)
    assert got.shape == wanted.shape
    assert torch.allclose(got, wanted, atol=1e-5)
    with torch.inference_mode():
        assert torch.allclose(model(rows.double().float()), got, atol=0), "the same again"


def test_a_changed_or_replaced_weight_is_seen(model: torch.nn.Module) -> None:
    layer = model[2]  # type: ignore[index]
    rows = torch.randn(4, 96)
    with torch.no_grad():
        before = layer(rows)
        layer.weight.mul_(2)
        assert torch.allclose(layer(rows), 2 * before, atol=1e-5)
        layer.weight = torch.nn.Parameter(layer.weight / 4)
        assert torch.allclose(layer(rows), before / 2, atol=1e-5)


def test_gradients_flow(model: torch.nn.Module) -> None:
    model(torch.randn(3, 48)).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_nothing_of_the_model_changes(model: torch.nn.Module) -> None:
    assert set(model.state_dict()) == {"0.weight", "0.bias", "2.weight"}
    assert isinstance(model[0], torch.nn.Linear)  # type: ignore[index]
    unpack(model)
    assert type(model[0]) is torch.nn.Linear  # type: ignore[index]
    assert pack(model.to(torch.bfloat16), least=1) == 0


def test_weights_of_which_there_is_a_packed_copy_do_not_stay_in_memory(tmp_path: Path) -> None:
    """They are mapped from their file: set aside after packing, read again by whoever looks, never lost."""
    if not sys.platform.startswith("linux"):
        pytest.skip("the kernel's ways with mapped files are Linux's")
    torch.manual_seed(5)
    layer = torch.nn.Linear(2048, 2048, bias=False)
    save_file({"weight": layer.weight.detach()}, str(tmp_path / "w.safetensors"))
    wanted = layer.weight.detach().clone()
    layer.weight = torch.nn.Parameter(load_file(str(tmp_path / "w.safetensors"))["weight"])
    held = layer.weight.sum()  # paged in
    before = resident("RssFile")
    if not pack(torch.nn.Sequential(layer)):
        pytest.skip("no oneDNN on an x86 CPU here")
    assert before - resident("RssFile") > 12, "MiB of 16"
    assert torch.equal(layer.weight, wanted)
    assert layer.weight.sum() == held
    unpack(torch.nn.Sequential(layer))


def test_a_changed_weight_is_not_set_aside(tmp_path: Path) -> None:
    save_file({"weight": torch.ones(1024, 1024)}, str(tmp_path / "w.safetensors"))
    mapped = load_file(str(tmp_path / "w.safetensors"))["weight"]
    mapped.mul_(3)
    evict_pages(mapped)
    assert bool((mapped == 3).all())


def test_copies_take_a_quarter_of_the_memory_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(48, 96, bias=False))
    size = 4 * 48 * 96
    monkeypatch.setattr(onednn_linear, "memory_bytes", lambda: 4 * size - 1)
    assert pack(model, least=1) == 0
    monkeypatch.setattr(onednn_linear, "memory_bytes", lambda: 4 * size)
    packed = pack(model, least=1)
    unpack(model)
    assert packed in (0, 1)
    assert packed or not torch.backends.mkldnn.is_available()


def test_memory_is_what_the_machine_or_its_group_has() -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("told by Linux")
    lines = Path("/proc/meminfo").read_text().splitlines()
    total = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemTotal"))
    assert 0 < memory_bytes() <= total


def resident(kind: str) -> float:
    """MiB of this process by a line of its status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(kind))
