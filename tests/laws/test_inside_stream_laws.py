"""Laws of reading and writing the residual stream in one pass (whitebox B1, B3), over many architectures and real
models.
"""

from __future__ import annotations

import gc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import bare_model
from bare_model import NOT, REAL, acts_for, bare, by_hand, kind, patched, rows, some_rows, tensor, vector
from selfscope.errors import BadModel
from selfscope.records import Injection, Prompt, Vector
from selfscope.subjects.capture import capture
from selfscope.subjects.inject import apply_operator, injected
from selfscope.subjects.local import Local, load
from tested_device import CLOSE, DEVICE, HERE, ROUNDING, reading
from tiny import build

subject = bare_model.subject


def test_writing_a_state_back_changes_nothing(subject: Local) -> None:
    ids = rows(subject)[1]
    for layer in (-1, 0, len(subject.layers) // 2, len(subject.layers) - 1):
        states_ND = subject.capture([Prompt(ids=ids)], [layer], [[3]]).at(layer)
        act = Injection(layer, Vector.of(states_ND[0]), (3,))
        assert torch.equal(patched(subject, ids, act), bare(subject, ids))


def test_a_write_reaches_no_earlier_token(subject: Local) -> None:
    ids = rows(subject)[1]
    act = Injection(len(subject.layers) // 2, vector(subject), (6,), "add")
    got, clean = patched(subject, ids, act), bare(subject, ids)
    gap_T = (got - clean).abs().amax(-1)
    # Experts compute their tokens together: another choice of experts later moves the rounding of earlier tokens.
    assert float(gap_T[:6].max()) <= (1e-6 * float(clean.abs().max()) if "moe" in bare_model.kind(subject) else 0)
    assert float(gap_T[6]) > 0
    if subject.engine.company.equal_from is None:  # else attention selects, and later tokens need not see this one
        assert float(gap_T[7:].min()) > 0


def test_capture_is_what_enters_the_next_block(subject: Local) -> None:
    ids = rows(subject)[1]
    layers = [-1, *subject.layers]
    got = subject.capture([Prompt(ids=ids)], layers, "every")
    if subject.engine.steps == "recomputed":
        pytest.skip("what transformers calls hidden states is something else here; the self-test compares the blocks")
    with reading():
        wanted = subject.engine.model(input_ids=tensor(ids), output_hidden_states=True, use_cache=False).hidden_states
    for layer in layers[:-1]:
        np.testing.assert_array_equal(got.at(layer), wanted[layer + 1][0].float().cpu().numpy())
    last = got.at(layers[-1])
    states_ND = torch.from_numpy(last).to(DEVICE, subject.engine.model.dtype)
    normed = subject.engine.blocks.normed(states_ND).detach().cpu()  # type: ignore[union-attr]
    if wanted[-1].shape == normed[None].shape:
        own = wanted[-1][0].float().cpu()
        np.testing.assert_allclose(normed.float(), own, atol=CLOSE * float(own.abs().max()))


def test_the_lens_at_the_last_layer_gives_the_logits_and_twice_normed_does_not(subject: Local) -> None:
    ids = rows(subject)[1]
    last = len(subject.layers) - 1
    states_ND = subject.capture([Prompt(ids=ids)], [last], "every").at(last)
    wanted_TV = bare(subject, ids).log_softmax(-1)
    every = list(range(subject.engine.vocabulary))
    got = np.array([d.logprobs for d in subject.unembed(states_ND[-2:], ids=every)])
    np.testing.assert_allclose(got, wanted_TV[-2:], atol=CLOSE)
    some_ND = torch.from_numpy(states_ND[-2:]).to(DEVICE, subject.engine.model.dtype)
    again = subject.engine.blocks.normed(some_ND).detach().float().cpu()  # type: ignore[union-attr]
    twice = np.array([d.logprobs for d in subject.unembed(again.numpy(), ids=every)])
    assert np.abs(twice - wanted_TV[-2:].numpy()).max() > min(10 * CLOSE, 0.5), "a second norm must show"


def test_a_whole_row_of_states_carries_its_prompt(subject: Local) -> None:
    one, other = rows(subject)[1], tuple(reversed(rows(subject)[1]))
    layer = len(subject.layers) // 2
    states_ND = subject.capture([Prompt(ids=one)], [layer], "every").at(layer)
    acts = tuple(Injection(layer, Vector.of(v), (c,)) for c, v in enumerate(states_ND))
    got = subject.next_token([Prompt(ids=other, interventions=acts)], ids=range(50))[0]
    np.testing.assert_allclose(got.logprobs, bare(subject, one)[-1].log_softmax(-1)[:50], atol=CLOSE)


@pytest.mark.slow_on_real
@pytest.mark.parametrize("schedule", ["prefill", "span", "last", "every"])
def test_batched_writes_are_those_of_each_row_alone(subject: Local, schedule: str) -> None:
    """Ragged rows, shared beginnings, one-token prompts, position 0, two writes at one place, every operator."""
    if subject.name in REAL and schedule in ("span", "last"):
        pytest.skip("tiny models show it")
    some = some_rows(subject, 5)
    some = [*some, some[0], some[1], some[1]]
    acts = acts_for(subject, len(some), schedule)
    acts = [
        tuple(replace(a, positions=(0,)) if a.positions and len(r) == 1 else a for a in m) for m, r in zip(acts, some)
    ]
    prompts = [Prompt(ids=r, interventions=a) for r, a in zip(some, acts, strict=True)]
    prompts += [Prompt(ids=r) for r in some[:3]]
    got = subject.next_token(prompts, ids=range(40))
    for prompt, one in zip(prompts, got, strict=True):
        wanted = by_hand(subject, prompt.ids or (), [a for a in prompt.interventions if isinstance(a, Injection)])
        np.testing.assert_allclose(one.logprobs, wanted[:40], atol=CLOSE, rtol=1e-5)
    words = [["the river", " yes"]] * len(prompts)
    scored = subject.score(prompts, words)
    for prompt, many in zip(prompts, scored, strict=True):
        mine = [a for a in prompt.interventions if isinstance(a, Injection)]
        tokens = subject.tokenizer("the river", add_special_tokens=False)["input_ids"]
        ids = tuple(prompt.ids or ())
        for k, value in enumerate(many[0]):
            wanted = by_hand(subject, ids + tuple(tokens[:k]), mine, extra=k)
            assert abs(float(wanted[tokens[k]]) - value) < CLOSE + 1e-5 * abs(value)


def test_early_stop_and_a_full_forward_capture_the_same(subject: Local) -> None:
    some = rows(subject)
    middle = len(subject.layers) // 2
    positions = [list(range(len(r))) for r in some]
    stopped = subject.capture([Prompt(ids=r) for r in some], [middle], positions).at(middle)
    full = subject.capture([Prompt(ids=r) for r in some], [middle, len(subject.layers) - 1], positions).at(middle)
    np.testing.assert_array_equal(stopped, full)
    alone = np.concatenate(
        [subject.capture([Prompt(ids=r)], [middle], [c]).at(middle) for r, c in zip(some, positions, strict=True)]
    )
    scale = np.abs(alone).max()
    np.testing.assert_allclose(stopped, alone, atol=10 * ROUNDING * max(1.0, scale))


def test_nothing_is_left_behind_after_an_exception(subject: Local) -> None:
    ids = rows(subject)[0]
    blocks = subject.engine.blocks
    assert blocks is not None
    before = bare(subject, ids)
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in subject.engine.model.modules()]
    act = Injection(0, vector(subject), (1,))
    two = injected(subject.engine.model, blocks, [[act], [act]], lengths=[len(ids)] * 2, width=len(ids))
    with pytest.raises(ValueError, match="not a multiple"), reading(), two:
        subject.engine.model(input_ids=tensor(ids), use_cache=False)

    def fail(stream_BTD: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("here")

    with pytest.raises(RuntimeError, match="here"), reading(), blocks.hooked([(0, fail)]):
        subject.engine.model(input_ids=tensor(ids), use_cache=False)
    subject.capture([Prompt(ids=ids)], [0])
    assert hooks == [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in subject.engine.model.modules()]
    assert torch.equal(bare(subject, ids), before)


def test_an_intervened_subject_is_another_one(subject: Local) -> None:
    act = Injection(0, vector(subject), (0,), "add")
    other = subject.intervened([act])
    again = subject.intervened([act])
    assert other.identity == again.identity != subject.identity
    assert other.intervened([act]).identity != other.identity
    ids = rows(subject)[1]
    own = Injection(1, vector(subject, 4), (2,), "add")
    got = other.next_token([Prompt(ids=ids, interventions=(own,))], ids=range(40))[0]
    np.testing.assert_allclose(got.logprobs, by_hand(subject, ids, [act, own])[:40], atol=CLOSE)
    clean = subject.next_token([Prompt(ids=ids)], ids=range(40))[0]
    np.testing.assert_allclose(clean.logprobs, bare(subject, ids)[-1].log_softmax(-1)[:40], atol=CLOSE)


def test_capture_of_an_intervened_prompt_sees_what_was_written(subject: Local) -> None:
    ids = rows(subject)[1]
    layer = len(subject.layers) // 2
    v = vector(subject, 2)
    got = subject.capture([Prompt(ids=ids, interventions=(Injection(layer, v, (3,)),))], [layer, layer + 1], [[3, 4]])
    np.testing.assert_allclose(got.at(layer)[0], v.array, rtol=ROUNDING)
    clean = subject.capture([Prompt(ids=ids)], [layer, layer + 1], [[3, 4]])
    np.testing.assert_array_equal(got.at(layer)[1], clean.at(layer)[1])
    assert np.abs(got.at(layer + 1)[1] - clean.at(layer + 1)[1]).max() > 0


def test_no_ops_are_no_ops_and_a_zero_is_not() -> None:
    """Norm laws of the operators (B1.5, B1.6)."""
    h, v = torch.randn(6, 8), torch.randn(6, 8)
    one, none = torch.ones(6), torch.zeros(6)
    across = v - (v * h).sum(-1, keepdim=True) / (h * h).sum(-1, keepdim=True) * h
    for operator, vector_ND, strength in (
        ("add", v, none), ("mix", v, none), ("norm_add", v, none), ("project_out", across, one),
        ("norm_add", 0 * v, one), ("norm_replace", 0 * v, one), ("project_out", 0 * v, one),
    ):  # fmt: skip
        torch.testing.assert_close(apply_operator(operator, h, vector_ND, strength), h)
    assert not torch.equal(apply_operator("replace", h, 0 * v, one), h)
    torch.testing.assert_close(apply_operator("norm_replace", h, v, 2 * one).norm(dim=-1), 2 * h.norm(dim=-1))
    torch.testing.assert_close(apply_operator("norm_add", h, 5 * v, one), apply_operator("norm_add", h, v, one))
    twice = apply_operator("add", h, 2 * v, one) - h
    torch.testing.assert_close(twice, 2 * (apply_operator("add", h, v, one) - h))
    assert not torch.equal(apply_operator("norm_add", h, -v, one), apply_operator("norm_add", h, v, one))
    torch.testing.assert_close((apply_operator("project_out", h, v, one) * v).sum(-1), none, atol=1e-5, rtol=0)
    torch.testing.assert_close(apply_operator("mix", h, v, one), v)
    half = h.to(torch.bfloat16)
    assert apply_operator("norm_add", half, v, one).dtype == torch.bfloat16


def test_a_model_without_one_stream_is_refused_with_the_reason(tmp_path: Any) -> None:
    for name in NOT:
        refused = load(str(build(name, tmp_path / name)), **HERE)
        assert refused.tier == "logprobs"
        assert str(refused.environment["activations"]).startswith("refused: ")
        with pytest.raises(BadModel, match="cannot be read"):
            refused.capture([Prompt(ids=(7, 8))], [0])


def test_bad_injections_are_one_clear_line(subject: Local) -> None:
    ids = rows(subject)[0]
    good = Injection(0, vector(subject), (0,))
    cases = [
        (replace(good, layer=99), "there is no layer 99: this model has 0 to"),
        (replace(good, positions=(40,)), "there is no position 40"),
        (replace(good, vector=Vector.of([1.0, 2.0])), "comes from another model"),
    ]
    for act, line in cases:
        with pytest.raises(ValueError, match=line):
            subject.next_token([Prompt(ids=ids, interventions=(act,))])
    with pytest.raises(ValueError, match="there is no layer"):
        subject.capture([Prompt(ids=ids)], [-2])
    with pytest.raises(ValueError, match="there is no position"):
        subject.capture([Prompt(ids=ids)], [0], [[99]])


def test_memory_is_flat_and_no_graph_is_kept(subject: Local) -> None:
    if subject.name in REAL or kind(subject) not in ("llama", "mamba", "gemma2"):
        pytest.skip("three tiny models show it")
    engine = replace(subject.engine, marks=None)
    with reading():
        assert not capture(engine, [rows(subject)[0]], [[0, 1]], [0])[0].requires_grad
    subject.capture([Prompt(ids=rows(subject)[0])], [0])
    gc.collect()
    before = sum(type(o) is torch.Tensor for o in gc.get_objects())
    for _ in range(100):
        subject.capture([Prompt(ids=rows(subject)[0], interventions=acts_for(subject, 1)[0])], [0, 1])
    gc.collect()
    assert sum(type(o) is torch.Tensor for o in gc.get_objects()) <= before + 2
