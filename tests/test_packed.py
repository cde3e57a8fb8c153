"""Packed linear layers: the same numbers, and torch's own way wherever a packed copy would be wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from selfscope.subjects.packed import PackedLinear, pack, unpack


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
