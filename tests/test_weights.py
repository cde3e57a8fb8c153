"""Laws of the tier weights: adapters beside the weights, and scores with their gradients."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from peft.tuners.tuners_utils import BaseTunerLayer

from selfscope.errors import BadInput, BadModel, Unsupported
from selfscope.records import Decoding, Injection, Prompt, Vector
from selfscope.subjects.live_adapters import ALWAYS, SWITCHED, LoraShape
from selfscope.subjects.local import Local, load
from tiny import build
from worn_adapters import CHOICES, PROMPTS, asked, noisy, scores


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True)


@pytest.fixture
def local(folder: Path) -> Local:
    return load(str(folder))


def hooks(local: Local) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in local.engine.model.modules())


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


def test_putting_on_and_off_touches_no_weight_and_restores_what_acted(
    local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that is sampled puts adapters on and off: that must not walk over weights, however many stand beside."""
    outer, inner = (noisy(local.new_adapter(LoraShape(2)), size=size) for size in (0.05, 0.02))
    stack, ids = local.engine.stack, torch.arange(4)[None]
    assert stack is not None

    def logits() -> torch.Tensor:
        with torch.inference_mode():
            return local.engine.model(input_ids=ids, use_cache=False).logits

    def never(*args: object, **more: object) -> None:
        raise AssertionError("all weights are walked over")

    base = logits()
    for name in ("set_adapter", "enable_adapters"):
        monkeypatch.setattr(BaseTunerLayer, name, never)
    with stack.acting([outer], None):
        alone = logits()
        with stack.acting([inner], None):
            assert not torch.equal(logits(), alone)
        assert torch.equal(logits(), alone)
    assert torch.equal(logits(), base)
    assert not torch.equal(alone, base)
    monkeypatch.undo()
    for adapter in (outer, inner):
        local.forget(adapter)
    assert torch.equal(logits(), base)
    assert not {outer.name, inner.name} & {a.name for a in local.made_adapters()}


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
