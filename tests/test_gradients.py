"""Laws of scores with their gradients: those of a plain loop, with whatever is written, shared or computed anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from selfscope.records import Injection, Vector
from selfscope.subjects.live_adapters import ALWAYS, SWITCHED, Adapter, LoraShape
from selfscope.subjects.local import Local, load
from selfscope.subjects.prefix_trees import Tree
from tiny import build
from worn_adapters import CHOICES, PROMPTS, asked, noisy, scores


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True)


@pytest.fixture
def local(folder: Path) -> Local:
    return load(str(folder))


def plain_logprobs(model: Any, prompt: tuple[int, ...], tokens: tuple[int, ...]) -> torch.Tensor:
    """The plain loop: one row, all logits."""
    ids = torch.tensor([[*prompt, *tokens]])
    logprobs_TV = model(input_ids=ids, use_cache=False).logits[0].log_softmax(-1)
    return torch.stack([logprobs_TV[len(prompt) - 1 + k, token] for k, token in enumerate(tokens)]).sum()


def gradients(adapter: Adapter) -> list[torch.Tensor]:
    return [p.grad.clone() for p in adapter.parameters() if p.grad is not None]


@pytest.mark.parametrize("name", ["llama", "gemma3", "gpt2", "qwen3", "phi3", "falcon", "mistral-window"])
def test_gradients_are_those_of_a_plain_loop(name: str, tmp_path: Path) -> None:
    local = load(str(build(name, tmp_path, deep=True, roomy=True)))
    adapter = noisy(local.new_adapter(LoraShape(2)), size=0.05)
    stack = local.engine.stack
    assert stack is not None
    tokens = [[tuple(local.tokenizer(c, add_special_tokens=False).input_ids) for c in own] for own in CHOICES]
    with local.training(adapter):
        with local.candidate_logprobs(PROMPTS, CHOICES, adapters=[adapter]) as found:
            loss = sum((own.softmax(0)[0] for own in found), torch.zeros(()))
            loss.backward()
        fast, value = gradients(adapter), float(loss.detach())
        for p in adapter.parameters():
            p.grad = None
        with stack.acting([adapter], None):
            slow = torch.zeros(())
            for prompt, own in zip(PROMPTS, tokens, strict=True):
                rows = [plain_logprobs(local.engine.model, local.encode(prompt), c) for c in own]
                slow = slow + torch.stack(rows).softmax(0)[0]
            slow.backward()
        wanted = gradients(adapter)
    assert value == pytest.approx(float(slow.detach()), abs=1e-5)
    assert len(fast) == len(wanted) == len(adapter.parameters())
    largest = max(float(g.abs().max()) for g in wanted)
    assert largest > 0
    assert max(float((a - b).abs().max()) for a, b in zip(fast, wanted, strict=True)) <= 1e-5 * max(1.0, largest)


def test_gradients_are_what_a_small_step_changes(local: Local) -> None:
    """Of a switched adapter no plain loop is at hand: the slope along the gradient is its length."""
    adapter = noisy(local.new_adapter(LoraShape(2), SWITCHED), size=0.1)

    def value() -> float:
        with torch.no_grad(), local.candidate_logprobs(PROMPTS, CHOICES, adapters=[adapter]) as found:
            return float(sum(own[0].double() for own in found))

    with local.training(adapter), local.candidate_logprobs(PROMPTS, CHOICES, adapters=[adapter]) as found:
        sum((own[0] for own in found), torch.zeros(())).backward()
        step = gradients(adapter)
    length = float(sum((g**2).sum() for g in step)) ** 0.5
    ends = []
    for side in (1, -1):
        with torch.no_grad():
            for p, g in zip(adapter.parameters(), step, strict=True):
                p.add_(g, alpha=side * 1e-3 / length)
            ends.append(value())
            for p, g in zip(adapter.parameters(), step, strict=True):
                p.add_(g, alpha=-side * 1e-3 / length)
    assert (ends[0] - ends[1]) / 2e-3 == pytest.approx(length, rel=2e-2)


@pytest.mark.parametrize("carry", [ALWAYS, SWITCHED])
def test_scores_with_gradients_are_the_scores(local: Local, carry: str) -> None:
    adapter = noisy(local.new_adapter(LoraShape(4), carry))
    wanted = scores(local.adapted(adapter))
    with local.candidate_logprobs(PROMPTS, CHOICES, adapters=[adapter]) as found:
        for own, tokens in zip(found, wanted, strict=True):
            assert own.tolist() == pytest.approx([sum(t) for t in tokens], abs=1e-4)


@pytest.mark.parametrize("carry", [ALWAYS, SWITCHED])
def test_checkpointing_changes_no_gradient(local: Local, carry: str) -> None:
    adapter = noisy(local.new_adapter(LoraShape(2), carry), size=0.1)
    write = Injection(1, Vector.of(np.linspace(-1, 1, local.width)), (3, 4), operator="add")
    prompts = [replace(p, interventions=(write,)) for p in PROMPTS]

    def run() -> list[torch.Tensor]:
        for p in adapter.parameters():
            p.grad = None
        with local.training(adapter), local.candidate_logprobs(prompts, CHOICES, adapters=[adapter]) as found:
            sum((own[0] for own in found), torch.zeros(())).backward()
            return gradients(adapter)

    plain = run()
    model = local.engine.model
    model.train()
    model.activation_checkpointing_enable({"use_reentrant": False})
    try:
        again = run()
    finally:
        model.activation_checkpointing_disable()
        model.eval()
    largest = max(float(g.abs().max()) for g in plain)
    assert largest > 1e-4
    assert max(float((a - b).abs().max()) for a, b in zip(plain, again, strict=True)) <= 1e-5 * largest


def test_a_tensor_is_written_with_its_gradient(local: Local) -> None:
    placeholder = Vector.of(np.arange(local.width, dtype=np.float64))
    tensor = torch.linspace(-1, 1, local.width).requires_grad_()
    write = Injection(1, placeholder, (4,), operator="replace")
    prompts = asked("Red or blue?", writes=(write,))
    with local.candidate_logprobs(prompts, CHOICES[:1], tensors={placeholder: tensor}) as found:
        found[0][0].backward()
    real = replace(write, vector=Vector.of(tensor.detach().numpy()))
    wanted = [sum(c) for c in local.score(asked("Red or blue?", writes=(real,)), CHOICES[:1])[0]]
    assert found[0].tolist() == pytest.approx(wanted, abs=1e-4)
    assert tensor.grad is not None
    assert float(tensor.grad.abs().max()) > 1e-6


def test_questions_about_one_object_share_it(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    join = Tree.add

    def add(self: Tree, i: int, prompt: Any, candidates: Any) -> None:
        join(self, i, prompt, candidates)
        sizes.append(len(self.ids))

    monkeypatch.setattr(Tree, "add", add)
    with torch.no_grad(), local.candidate_logprobs(PROMPTS, CHOICES):
        pass
    rows = [len(local.encode(p)) for p in PROMPTS]
    assert max(sizes) < sum(rows) * 0.8
