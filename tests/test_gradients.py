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


@pytest.mark.parametrize("operator", ["add", "replace", "norm_add"])
def test_gradients_of_what_is_written_are_those_of_a_plain_loop(local: Local, operator: str) -> None:
    """Each row has its own vector, place and strength; one is read by two rows that branch off one prefix."""
    marks = [Vector.of(np.arange(local.width) + k) for k in range(2)]
    tensors = [torch.linspace(-1 - k, 1, local.width).requires_grad_() for k in range(2)]
    which, columns, strengths = (0, 1, 0), (4, 6, 4), (1.0, 0.5, 1.0)
    prompts = [
        replace(p, interventions=(Injection(1, marks[k], (c,), operator=operator, strength=s),))
        for p, k, c, s in zip(PROMPTS, which, columns, strengths, strict=True)
    ]
    with local.candidate_logprobs(prompts, CHOICES, tensors=dict(zip(marks, tensors, strict=True))) as found:
        torch.stack([own[0] for own in found]).sum().backward()
    fast = [t.grad.clone() for t in tensors if t.grad is not None]
    for t in tensors:
        t.grad = None
    block, slow = local.engine.model.model.layers[1], []
    for prompt, (first, *_), k, c, s in zip(PROMPTS, CHOICES, which, columns, strengths, strict=True):

        def write(module: Any, inputs: Any, out: torch.Tensor, k: int = k, c: int = c, s: float = s) -> torch.Tensor:
            h_D, v_D = out[0, c], tensors[k]
            if operator == "norm_add":
                new_D = h_D + s * h_D.norm() * v_D / v_D.norm()
            else:
                new_D = v_D if operator == "replace" else h_D + s * v_D
            return torch.cat([out[:, :c], new_D[None, None], out[:, c + 1 :]], dim=1)

        handle = block.register_forward_hook(write)
        tokens = tuple(local.tokenizer(first, add_special_tokens=False).input_ids)
        slow.append(plain_logprobs(local.engine.model, local.encode(prompt), tokens))
        handle.remove()
    torch.stack(slow).sum().backward()
    wanted = [t.grad for t in tensors if t.grad is not None]
    largest = max(float(g.abs().max()) for g in wanted)
    assert len(fast) == len(wanted) == 2
    assert largest > 1e-2
    assert max(float((a - b).abs().max()) for a, b in zip(fast, wanted, strict=True)) <= 1e-5 * max(1.0, largest)


@pytest.mark.parametrize("carry", [ALWAYS, SWITCHED])
def test_of_two_adapters_that_act_only_the_trained_one_learns(local: Local, carry: str) -> None:
    """Beside one that the subject wears already, whose weights are as they were; the gradient is of both acting."""
    worn, adapter = noisy(local.new_adapter(LoraShape(2), carry), 1), noisy(local.new_adapter(LoraShape(2)), 2, 0.05)
    subject, kept = local.adapted(worn), worn.state()

    def run(where: Local) -> tuple[float, list[torch.Tensor]]:
        with where.training(adapter), where.candidate_logprobs(PROMPTS, CHOICES, adapters=[adapter]) as found:
            loss = torch.stack([own.softmax(0)[0] for own in found]).sum()
            loss.backward()
            return float(loss.detach()), gradients(adapter)

    value, both = run(subject)
    assert all(p.grad is None and not p.requires_grad for p in worn.parameters())
    assert all(torch.equal(a, b) for a, b in zip(kept.values(), worn.state().values(), strict=True))
    wanted = [sum(c) for own in local.adapted(worn, adapter).score(PROMPTS, CHOICES) for c in own]
    with torch.no_grad(), subject.candidate_logprobs(PROMPTS, CHOICES, adapters=[adapter]) as found:
        assert torch.cat(found).tolist() == pytest.approx(wanted, abs=1e-4)
    alone, own = run(local)
    assert abs(value - alone) > 1e-4
    assert max(float((a - b).abs().max()) for a, b in zip(both, own, strict=True)) > 1e-4
    if carry == ALWAYS:  # of a switched one no plain loop is at hand
        stack = local.engine.stack
        assert stack is not None
        with local.training(adapter), stack.acting([worn, adapter], None):
            losses = []
            for prompt, texts in zip(PROMPTS, CHOICES, strict=True):
                tokens = [tuple(local.tokenizer(c, add_special_tokens=False).input_ids) for c in texts]
                rows = [plain_logprobs(local.engine.model, local.encode(prompt), each) for each in tokens]
                losses.append(torch.stack(rows).softmax(0)[0])
            torch.stack(losses).sum().backward()
            slow = gradients(adapter)
        largest = max(1.0, *(float(g.abs().max()) for g in slow))
        assert max(float((a - b).abs().max()) for a, b in zip(both, slow, strict=True)) <= 1e-5 * largest


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
