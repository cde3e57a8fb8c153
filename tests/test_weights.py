"""Laws of the tier weights: adapters beside the weights, and scores with their gradients."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from selfscope.errors import BadInput, BadModel, Unsupported
from selfscope.records import Decoding, Injection, Message, Prompt, Vector
from selfscope.subjects.live_adapters import ALWAYS, SWITCHED, Adapter, LoraShape
from selfscope.subjects.local import Local, load
from selfscope.subjects.prefix_trees import Tree
from tiny import build

OBJECT, ASKED = "The river runs through the old town.", "Which of these is it, red or blue?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True)


@pytest.fixture
def local(folder: Path) -> Local:
    return load(str(folder))


def asked(*questions: str, about: str = OBJECT, writes: tuple[Injection, ...] = ()) -> list[Prompt]:
    return [
        Prompt(messages=(Message("user", f"{about}\n\n{q}"),), prefix="Answer:", asked=q, interventions=writes)
        for q in questions
    ]


def noisy(adapter: Adapter, seed: int = 0, size: float = 0.2) -> Adapter:
    made = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in adapter.parameters():
            p.copy_(size * torch.randn(p.shape, generator=made))
    return adapter


def hooks(local: Local) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in local.engine.model.modules())


PROMPTS = asked("Red or blue?", "Yes or no?", "What stands last?")
CHOICES = [(" red", " blue"), (" yes", " no", " perhaps"), (" the bridge", " the town")]


def scores(subject: Local) -> list[list[list[float]]]:
    return subject.score(PROMPTS, CHOICES)


@pytest.mark.parametrize("carry", [ALWAYS, SWITCHED])
def test_a_model_with_adapters_that_do_not_act_is_its_base_bit_for_bit(local: Local, carry: str) -> None:
    before, states = scores(local), local.capture(PROMPTS, [0, 2], "every")
    words = local.sample(PROMPTS, 2, Decoding(8, 1.0, 3))
    count = hooks(local)
    adapter = noisy(local.new_adapter(LoraShape(4), carry))
    changed = local.adapted(adapter)
    assert scores(changed) != before
    assert hooks(local) == count
    assert scores(local) == before
    after = local.capture(PROMPTS, [0, 2], "every")
    assert all(np.array_equal(states.at(k), after.at(k)) for k in (0, 2))
    assert [[r.ids for r in own] for own in local.sample(PROMPTS, 2, Decoding(8, 1.0, 3))] == [
        [r.ids for r in own] for own in words
    ]


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


def test_a_switched_adapter_leaves_what_stands_before_the_question(local: Local) -> None:
    adapter = noisy(local.new_adapter(LoraShape(4), SWITCHED))
    changed = local.adapted(adapter)
    first = local.positions(PROMPTS[0], PROMPTS[0].asked)[0]
    before, after = (s.capture(PROMPTS[:1], [3], "every").at(3) for s in (local, changed))
    assert np.array_equal(before[:first], after[:first])
    assert np.abs(before[first:] - after[first:]).max(1).min() > 1e-3  # every token of the question is acted on
    free = [replace(p, asked="") for p in PROMPTS]
    assert changed.score(free, CHOICES) == local.score(free, CHOICES)
    assert [r.ids for r in changed.sample(free[:1], 1, Decoding(8, 0.0))[0]] == [
        r.ids for r in local.sample(free[:1], 1, Decoding(8, 0.0))[0]
    ]


def test_a_reply_under_a_switched_adapter_is_that_of_its_whole_rows(local: Local) -> None:
    changed = local.adapted(noisy(local.new_adapter(LoraShape(4), SWITCHED), size=0.3))
    (reply,) = changed.sample(PROMPTS[:1], 1, Decoding(6, 0.0))[0]
    assert reply.ids != local.sample(PROMPTS[:1], 1, Decoding(6, 0.0))[0][0].ids
    for k, token in enumerate(reply.ids):
        row = Prompt(ids=local.encode(PROMPTS[0]) + reply.ids[:k])
        assert reply.logprobs is not None
        (own,) = _asked_from(changed, row, local.positions(PROMPTS[0], PROMPTS[0].asked)[0], [token])
        assert reply.logprobs[k] == pytest.approx(own, abs=1e-4)


def _asked_from(subject: Local, row: Prompt, first: int, tokens: list[int]) -> list[float]:
    """Log-probabilities behind a row of ids on whose columns from `first` on switched adapters act, in one forward."""
    stack, ids = subject.engine.stack, torch.tensor([row.ids])
    assert stack is not None
    acts = torch.arange(ids.shape[1])[None] >= first
    with torch.inference_mode(), stack.acting(subject.engine.active, acts):
        logprobs_V = subject.engine.model(input_ids=ids, use_cache=False).logits[0, -1].log_softmax(-1)
    return [float(logprobs_V[token]) for token in tokens]


def test_adapters_stack(local: Local) -> None:
    """Both act: each adds its own product, in either order."""
    one, two = (noisy(local.new_adapter(LoraShape(2), carry), seed) for seed, carry in enumerate((ALWAYS, SWITCHED)))
    both = scores(local.adapted(one, two))
    assert both == scores(local.adapted(one).adapted(two))
    assert both != scores(local.adapted(one)) != scores(local.adapted(two)) != both
    other_way = scores(local.adapted(two, one))
    assert np.allclose(*(np.concatenate([np.ravel(c) for own in x for c in own]) for x in (both, other_way)), atol=1e-4)


def test_an_active_adapter_is_part_of_the_identity(local: Local) -> None:
    adapter, other = (noisy(local.new_adapter(LoraShape(2)), seed) for seed in (1, 2))
    changed = local.adapted(adapter)
    assert len({local.identity, changed.identity, local.adapted(other).identity}) == 3
    assert local.adapted(adapter).identity == changed.identity
    assert adapter.identity in str(changed.capture(PROMPTS[:1], [0]).record["adapter"])
    always, switched = (local.new_adapter(LoraShape(2), carry) for carry in (ALWAYS, SWITCHED))
    switched.set_state(always.state())
    assert local.adapted(always).identity != local.adapted(switched).identity
    with torch.no_grad():
        adapter.parameters()[0].add_(1e-3)
    with pytest.raises(BadInput, match="trained since"):
        scores(changed)
    assert local.adapted(adapter).identity != changed.identity


def test_an_exception_leaves_nothing_behind(local: Local) -> None:
    before, count = scores(local), hooks(local)
    adapter = noisy(local.new_adapter(LoraShape(2)))
    write = Injection(1, Vector.of(np.ones(local.width)), (2,), operator="add")
    prompts = asked("Yes?", writes=(write,))

    def fails() -> None:
        with (
            local.training(adapter),
            local.candidate_logprobs(prompts, [(" yes", " no")], adapters=[adapter]) as found,
        ):
            found[0].sum().backward()
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert hooks(local) == count
    assert all(p.grad is None and not p.requires_grad for p in adapter.parameters())
    assert not any(p.requires_grad for p in local.engine.model.parameters())
    assert scores(local) == before


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


def test_below_the_tier_and_for_another_model_it_says_what_to_do(local: Local, folder: Path) -> None:
    lower = replace(local, tier="logprobs")
    with pytest.raises(Unsupported, match="tier weights"):
        lower.new_adapter()
    other = load(str(folder))
    with pytest.raises(BadInput, match="another loaded model"):
        other.adapted(local.new_adapter())
    with pytest.raises(BadInput, match="no linear layers called"):
        local.new_adapter(LoraShape(modules=("w_q",)))
    with pytest.raises(BadInput, match="no layer 9"):
        local.new_adapter(LoraShape(layers=(9,)))
    with pytest.raises(BadInput, match="always or switched"):
        local.new_adapter(carry="sometimes")
    with pytest.raises(BadInput, match="rank"):
        LoraShape(0)


def test_a_model_whose_layers_see_no_rows_takes_no_switched_adapter(local: Local) -> None:
    """As experts that are given the tokens of all rows in one list."""
    mlp = local.engine.model.model.layers[1].mlp
    plain = mlp.forward
    mlp.forward = lambda x: plain(x.flatten(0, 1)).view_as(x)
    before = scores(local)
    with pytest.raises(BadModel, match="carry it always"):
        local.new_adapter(LoraShape(2), SWITCHED)
    assert scores(local) == before
    assert scores(local.adapted(noisy(local.new_adapter(LoraShape(2))))) != before
