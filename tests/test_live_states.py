"""Laws of states with their gradients: values of `capture`, gradients of a plain loop, nothing left behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from selfscope.errors import BadInput, Unsupported
from selfscope.records import Injection, Message, Prompt, Vector
from selfscope.subjects.blocks import decoder_of
from selfscope.subjects.live_adapters import ALWAYS, SWITCHED, Adapter, LoraShape
from selfscope.subjects.local import Local, load
from tiny import build
from worn_adapters import OBJECT, PROMPTS, asked, noisy, scores

LAYERS = [0, 2]
TEXTS = [Prompt(text=OBJECT), Prompt(text="Name a colour."), *PROMPTS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True)


@pytest.fixture
def local(folder: Path) -> Local:
    return load(str(folder))


def some_loss(states: Sequence[torch.Tensor]) -> torch.Tensor:
    """A function of every number of the states (n, D), in which no two count alike."""
    weights = (torch.linspace(1, 2, own.numel()).view_as(own) for own in states)
    return torch.stack([(w * (own / 4).tanh()).sum() for w, own in zip(weights, states, strict=True)]).sum()


def hooks(local: Local) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in local.engine.model.modules())


def gradients(adapter: Adapter) -> list[torch.Tensor]:
    """Of weights below the deepest layer that is read: the others have none."""
    return [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in adapter.parameters()]


def plain_states(model: Any, ids: tuple[int, ...], layer: int, add: torch.Tensor | None) -> torch.Tensor:
    """(T, D) by a hook of torch on a module of transformers, one row; add: to every token, behind block 1."""
    kept: list[torch.Tensor] = []
    owner = decoder_of(model)
    blocks = next(m for m in owner.modules() if isinstance(m, torch.nn.ModuleList) and len(m) == 4)

    def keep(module: Any, inputs: Any, output: Any) -> None:
        kept.append(output[0] if isinstance(output, tuple) else output)

    def shift(module: Any, inputs: Any, output: Any) -> Any:
        if isinstance(output, tuple):
            return (output[0] + add, *output[1:])
        return output + add

    handles = [blocks[1].register_forward_hook(shift)] if add is not None else []
    handles.append(blocks[layer].register_forward_hook(keep))
    try:
        model(input_ids=torch.tensor([ids]), use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    return kept[0][0]


@pytest.mark.parametrize(
    "name",
    ["llama", "gemma3", "gpt2", "mistral-window",
     *(pytest.param(name, marks=pytest.mark.slow) for name in ("qwen3", "phi3", "falcon"))],
)  # fmt: skip
def test_gradients_are_those_of_a_plain_loop(name: str, tmp_path: Path) -> None:
    """Of an adapter that acts and of a vector that is written, at two layers, at every position and at some."""
    local = load(str(build(name, tmp_path, deep=True, roomy=True)))
    adapter = noisy(local.new_adapter(LoraShape(2)), size=0.05)
    stack, mark = local.engine.stack, Vector.of(np.ones(local.width))
    assert stack is not None
    vector_D = torch.linspace(-1, 1, local.width).requires_grad_()
    write = Injection(1, mark, operator="add", schedule="every")
    prompts = [replace(p, interventions=(write,)) for p in TEXTS]
    places = [[-1], [0, 2], *[[3, -2]] * len(PROMPTS)]
    with local.training(adapter):
        with local.capture_tensors(
            prompts, LAYERS, places, adapters=[adapter], tensors={mark: vector_D}
        ) as found:
            loss = some_loss([found[k] for k in LAYERS])
            loss.backward()
        fast, fast_D, value = gradients(adapter), vector_D.grad, float(loss.detach())
        for p in adapter.parameters():
            p.grad = None
        vector_D.grad = None
        with stack.acting([adapter], None):
            slow = some_loss([
                torch.cat([
                    plain_states(local.engine.model, local.encode(p), layer, vector_D)[own]
                    for p, own in zip(TEXTS, places, strict=True)
                ])
                for layer in LAYERS
            ])  # fmt: skip
            slow.backward()
        wanted = gradients(adapter)
    assert value == pytest.approx(float(slow.detach()), abs=1e-4)
    assert fast_D is not None
    assert vector_D.grad is not None
    for ours, theirs in ((fast, wanted), ([fast_D], [vector_D.grad])):
        largest = max(float(g.abs().max()) for g in theirs)
        assert largest > 1e-3
        assert max(float((a - b).abs().max()) for a, b in zip(ours, theirs, strict=True)) <= 1e-5 * max(1, largest)


@pytest.mark.parametrize("carry", [ALWAYS, SWITCHED])
@pytest.mark.parametrize("positions", ["every", "last"])
def test_values_are_those_of_capture_bit_for_bit(local: Local, carry: str, positions: str) -> None:
    adapter = noisy(local.new_adapter(LoraShape(2), carry))
    write = Injection(1, Vector.of(np.linspace(-1, 1, local.width)), (2,), operator="add")
    prompts = [*TEXTS, *TEXTS[:1], *asked("Yes?", writes=(write,))]
    wanted = local.adapted(adapter).capture(prompts, [-1, 0, 3], positions)
    with torch.no_grad(), local.capture_tensors(prompts, [-1, 0, 3], positions, adapters=[adapter]) as still:
        assert all(np.array_equal(still[k].numpy(), wanted.at(k)) for k in (-1, 0, 3))
    with local.capture_tensors(prompts, [-1, 0, 3], positions, adapters=[adapter]) as live:
        assert all(np.array_equal(live[k].detach().numpy(), wanted.at(k)) for k in (-1, 0, 3))
    assert not any(own.requires_grad for own in still.values())


def test_nothing_above_the_deepest_layer_is_computed(local: Local) -> None:
    calls: list[int] = []
    handle = local.engine.model.model.layers[3].register_forward_hook(lambda *_: calls.append(1))
    with local.capture_tensors(TEXTS, [2]) as found:
        assert found[2].shape == (len(TEXTS), local.width)
    handle.remove()
    assert not calls


def test_an_exception_leaves_nothing_behind(local: Local) -> None:
    before, count = scores(local), hooks(local)
    adapter = noisy(local.new_adapter(LoraShape(2)))

    def fails() -> None:
        with local.training(adapter), local.capture_tensors(TEXTS, [2], adapters=[adapter]) as found:
            found[2].sum().backward()
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    with pytest.raises(BadInput, match="no layer 9"), local.capture_tensors(TEXTS, [9]):
        pass
    assert hooks(local) == count
    assert all(p.grad is None and not p.requires_grad for p in adapter.parameters())
    assert not any(p.requires_grad for p in local.engine.model.parameters())
    assert scores(local) == before


@pytest.mark.parametrize(("carry", "reentrant"), [(ALWAYS, False), (SWITCHED, False), (ALWAYS, True)])
def test_checkpointing_changes_no_gradient(local: Local, carry: str, reentrant: bool) -> None:
    """What is written and what acts is there again when a part is computed anew."""
    adapter = noisy(local.new_adapter(LoraShape(2), carry), size=0.1)
    mark = Vector.of(np.ones(local.width))
    vector_D = torch.linspace(-1, 1, local.width).requires_grad_()
    write = Injection(1, mark, (3, 4), operator="add")
    prompts = [replace(p, interventions=(write,)) for p in PROMPTS]

    def run() -> list[torch.Tensor]:
        for p in (*adapter.parameters(), vector_D):
            p.grad = None
        with local.training(adapter), local.capture_tensors(
            prompts, LAYERS, "every", adapters=[adapter], tensors={mark: vector_D}
        ) as found:  # fmt: skip
            some_loss([found[k] for k in LAYERS]).backward()
            assert vector_D.grad is not None
            return [*gradients(adapter), vector_D.grad.clone()]

    plain, model = run(), local.engine.model
    model.train()
    model.activation_checkpointing_enable({"use_reentrant": reentrant})
    count = hooks(local)  # one is transformers' own, and stays
    try:
        again = run()
    finally:
        model.activation_checkpointing_disable()
        model.eval()
    largest = max(float(g.abs().max()) for g in plain)
    assert largest > 1e-3
    assert max(float((a - b).abs().max()) for a, b in zip(plain, again, strict=True)) <= 1e-5 * largest
    assert hooks(local) == count


def test_what_cannot_be_read_says_what_to_do(local: Local) -> None:
    with pytest.raises(Unsupported, match="tier weights"), replace(local, tier="logprobs").capture_tensors(TEXTS, [1]):
        pass
    with pytest.raises(BadInput, match="every"), local.capture_tensors(TEXTS, [1], "all"):
        pass
    secret = Message("user", "Blue.", secret=True), Message("assistant", "Yes.", secret=True)
    secret_turn = Prompt(messages=(*secret, Message("user", "Which?")), masked="Which?")
    with pytest.raises(Unsupported, match="masked"), local.capture_tensors([secret_turn], [1]):
        pass
    with local.capture_tensors([], [1]) as none:
        assert none[1].shape == (0, local.width)
