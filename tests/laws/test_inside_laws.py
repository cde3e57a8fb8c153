"""Laws of reading and writing the residual stream (whitebox B1, B2.1-2, B3), over many architectures and real models.

The yardstick is the bare model: its own hooks, one row at a time, nothing cached.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from selfscope.errors import BadModel
from selfscope.records import Decoding, Injection, Prompt, Vector
from selfscope.subjects import bundled_models
from selfscope.subjects.capture import capture
from selfscope.subjects.inject import apply_operator, injected
from selfscope.subjects.local import Local, load
from tiny import ARCHITECTURES, build

NOT = ("llama4",)
"""Its logits are not its head on its last states: its stream is not offered."""
FAMILIES = [name for name in ARCHITECTURES if name not in NOT]
REAL = ["smollm2-135m", "gemma3-270m"]
CLOSE = 1e-4
OPERATORS = ["replace", "add", "norm_add", "norm_replace", "mix", "project_out"]


@pytest.fixture(scope="module", params=[*FAMILIES, *REAL])
def subject(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    threads = torch.get_num_threads()
    if request.param in bundled_models.PACKAGES:
        yield load(request.param)
        gc.collect()
        return
    torch.set_num_threads(1)
    yield load(str(build(request.param, tmp_path_factory.mktemp(request.param), deep=True)), device="cpu")
    torch.set_num_threads(threads)


def rows(subject: Local) -> list[tuple[int, ...]]:
    """Ragged rows, some with a long common beginning, one of one token."""
    noise = np.random.default_rng(5)
    top = min(300, subject.engine.vocabulary)
    shared = noise.integers(6, top, 11).tolist()
    own = [noise.integers(6, top, k).tolist() for k in (1, 2, 4, 7)]
    return [tuple(shared + own[1]), tuple(shared + own[3]), tuple(own[0]), tuple(own[2]), tuple(shared[:9] + own[2])]


def vector(subject: Local, seed: int = 1, scale: float = 1.0) -> Vector:
    layer = len(subject.layers) // 2
    noise = np.random.default_rng(seed).normal(size=subject.width)
    return Vector.of(scale * subject.median_norm(layer) * noise / np.linalg.norm(noise))


def tensor(ids: Sequence[int]) -> torch.Tensor:
    return torch.tensor([list(ids)])


def bare(subject: Local, ids: Sequence[int]) -> torch.Tensor:
    """Logits (T, V) of the bare model."""
    with torch.inference_mode():
        return subject.engine.model(input_ids=tensor(ids), use_cache=False).logits[0].float()


def patched(subject: Local, ids: Sequence[int], act: Injection) -> torch.Tensor:
    """Logits (T, V) of the model under `injected`."""
    blocks = subject.engine.blocks
    assert blocks is not None
    with torch.inference_mode(), injected(subject.engine.model, blocks, [[act]], lengths=[len(ids)], width=len(ids)):
        return subject.engine.model(input_ids=tensor(ids), use_cache=False).logits[0].float()


def by_hand(subject: Local, ids: Sequence[int], acts: Sequence[Injection], extra: int = 0) -> torch.Tensor:
    """Log-probabilities (V,) after the row, with a hook of one line an injection; `extra` tokens at its end were
    generated."""
    blocks = subject.engine.blocks
    assert blocks is not None
    length = len(ids) - extra

    def hook_of(act: Injection) -> Any:
        def hook(stream_BTD: torch.Tensor) -> torch.Tensor:
            new = stream_BTD.clone()
            v_D = torch.from_numpy(act.vector.array)
            for t in range(len(ids)):
                first = min((c % length for c in act.positions), default=0)
                hit = {
                    "prefill": t < length and t in [c % length for c in act.positions],
                    "span": t >= first, "last": t >= length - 1, "every": True,
                }[act.schedule]  # fmt: skip
                if hit:
                    h_D, s = stream_BTD[0, t].float(), act.strength
                    unit_D = v_D / v_D.norm()
                    new[0, t] = {
                        "replace": v_D, "add": h_D + s * v_D, "norm_add": h_D + s * h_D.norm() * unit_D,
                        "norm_replace": s * h_D.norm() * unit_D, "mix": (1 - s) * h_D + s * v_D,
                        "project_out": h_D - s * (h_D @ unit_D) * unit_D,
                    }[act.operator]  # fmt: skip
            return new

        return hook

    with torch.inference_mode(), blocks.hooked([(a.layer, hook_of(a)) for a in acts]):
        logits_TV = subject.engine.model(input_ids=tensor(ids), use_cache=False).logits[0]
    return logits_TV[-1].float().log_softmax(-1)


def acts_for(subject: Local, n: int, schedule: str = "prefill") -> list[tuple[Injection, ...]]:
    """Another operator, layer, position and vector for each of n rows; the second row has two at one place."""
    last = len(subject.layers) - 1
    layers = [last // 2, -1, 0, last, last // 3]
    out = []
    for i in range(n):
        positions = () if schedule in ("last", "every") else ((0,) if i % 5 == 2 else (-1, 0) if i % 5 == 3 else (1,))
        act = Injection(
            layers[i % 5], vector(subject, i), positions, OPERATORS[i % 6], (1.0, 0.5, 0.7)[i % 3], schedule
        )  # fmt: skip
        second = replace(act, operator="add", vector=vector(subject, 50 + i), strength=0.3)
        out.append((act, second) if i % 5 == 1 else (act,))
    return out


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
    assert torch.equal(got[:6], clean[:6])
    assert float((got[6:] - clean[6:]).abs().amax(-1).min()) > 0


def test_capture_is_what_enters_the_next_block(subject: Local) -> None:
    ids = rows(subject)[1]
    layers = [-1, *subject.layers]
    got = subject.capture([Prompt(ids=ids)], layers, "every")
    if subject.engine.steps == "recomputed":
        pytest.skip("what transformers calls hidden states is something else here; the self-test compares the blocks")
    with torch.inference_mode():
        wanted = subject.engine.model(input_ids=tensor(ids), output_hidden_states=True, use_cache=False).hidden_states
    for layer in layers[:-1]:
        np.testing.assert_array_equal(got.at(layer), wanted[layer + 1][0].float().numpy())
    last = got.at(layers[-1])
    normed = subject.engine.blocks.normed(torch.from_numpy(last)).detach()  # type: ignore[union-attr]
    if wanted[-1].shape == normed[None].shape:
        np.testing.assert_allclose(normed, wanted[-1][0], atol=1e-4 * float(wanted[-1].abs().max()))


def test_the_lens_at_the_last_layer_gives_the_logits_and_twice_normed_does_not(subject: Local) -> None:
    ids = rows(subject)[1]
    last = len(subject.layers) - 1
    states_ND = subject.capture([Prompt(ids=ids)], [last], "every").at(last)
    wanted_TV = bare(subject, ids).log_softmax(-1)
    every = list(range(subject.engine.vocabulary))
    got = np.array([d.logprobs for d in subject.unembed(states_ND[-2:], ids=every)])
    np.testing.assert_allclose(got, wanted_TV[-2:], atol=CLOSE)
    again = subject.engine.blocks.normed(torch.from_numpy(states_ND[-2:])).detach()  # type: ignore[union-attr]
    twice = np.array([d.logprobs for d in subject.unembed(again.numpy(), ids=every)])
    assert np.abs(twice - wanted_TV[-2:].numpy()).max() > 10 * CLOSE, "a second norm must show"


def test_a_whole_row_of_states_carries_its_prompt(subject: Local) -> None:
    one, other = rows(subject)[1], tuple(reversed(rows(subject)[1]))
    layer = len(subject.layers) // 2
    states_ND = subject.capture([Prompt(ids=one)], [layer], "every").at(layer)
    acts = tuple(Injection(layer, Vector.of(v), (c,)) for c, v in enumerate(states_ND))
    got = subject.next_token([Prompt(ids=other, interventions=acts)], ids=range(50))[0]
    np.testing.assert_allclose(got.logprobs, bare(subject, one)[-1].log_softmax(-1)[:50], atol=CLOSE)


@pytest.mark.parametrize("schedule", ["prefill", "span", "last", "every"])
def test_batched_writes_are_those_of_each_row_alone(subject: Local, schedule: str) -> None:
    """Ragged rows, shared beginnings, one-token prompts, position 0, two writes at one place, every operator."""
    some = rows(subject)
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


@pytest.mark.parametrize("schedule", ["prefill", "span", "last", "every"])
def test_generation_is_that_of_whole_rows_written_anew_each_step(subject: Local, schedule: str) -> None:
    """With a cache, several draws a prompt, ragged rows: greedy and sampled tokens have the log-probabilities that the
    uncached rows give them."""
    some = rows(subject)[:4]
    acts = acts_for(subject, len(some), schedule)
    acts = [
        tuple(replace(a, positions=(0,)) if a.positions and len(r) == 1 else a for a in m) for m, r in zip(acts, some)
    ]
    prompts = [Prompt(ids=r, interventions=a) for r, a in zip(some, acts, strict=True)]
    free = replace(subject, engine=replace(subject.engine, stop_ids=()))
    got = free.sample(prompts, 2, Decoding(3, temperature=1.0, seed=3, and_greedy=True))
    for prompt, replies in zip(prompts, got, strict=True):
        mine = [a for a in prompt.interventions if isinstance(a, Injection)]
        for reply in replies:
            ids = tuple(prompt.ids or ())
            for k, token in enumerate(reply.ids or ()):
                wanted = by_hand(subject, ids + (reply.ids or ())[:k], mine, extra=k)
                assert float(wanted[token]) == pytest.approx((reply.logprobs or ())[k], abs=CLOSE, rel=1e-5)
        greedy = replies[-1]
        top = by_hand(subject, prompt.ids or (), mine).topk(2)
        if float(top.values[0] - top.values[1]) > CLOSE:
            assert (greedy.ids or ())[0] == int(top.indices[0])


def test_a_patch_of_the_prompt_stays_in_the_cache_and_one_of_the_first_step_does_not(subject: Local) -> None:
    """Cached generation equals rows written anew at each step, and differs from rows written only once."""
    ids = rows(subject)[1]
    layer = len(subject.layers) // 2 - 1
    act = Injection(layer, vector(subject, 3, 3.0), (4,))
    free = replace(subject, engine=replace(subject.engine, stop_ids=()))
    reply = free.sample([Prompt(ids=ids, interventions=(act,))], 1, Decoding(2, temperature=0.0))[0][0]
    first, second = reply.ids or (0, 0)
    again = by_hand(subject, (*ids, first), [act], extra=1)
    once = bare(subject, (*ids, first))[-1].log_softmax(-1)
    assert abs(float(again[second]) - (reply.logprobs or ())[1]) < CLOSE
    assert float((again - once).abs().max()) > 10 * CLOSE


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
    np.testing.assert_allclose(stopped, alone, atol=1e-5 * max(1.0, scale))


def test_nothing_is_left_behind_after_an_exception(subject: Local) -> None:
    ids = rows(subject)[0]
    blocks = subject.engine.blocks
    assert blocks is not None
    before = bare(subject, ids)
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in subject.engine.model.modules()]
    act = Injection(0, vector(subject), (1,))
    two = injected(subject.engine.model, blocks, [[act], [act]], lengths=[len(ids)] * 2, width=len(ids))
    with pytest.raises(ValueError, match="not a multiple"), torch.inference_mode(), two:
        subject.engine.model(input_ids=tensor(ids), use_cache=False)

    def fail(stream_BTD: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("here")

    with pytest.raises(RuntimeError, match="here"), torch.inference_mode(), blocks.hooked([(0, fail)]):
        subject.engine.model(input_ids=tensor(ids), use_cache=False)
    subject.capture([Prompt(ids=ids)], [0])
    assert hooks == [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in subject.engine.model.modules()]
    assert torch.equal(bare(subject, ids), before)


def left_padded(some: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(map(len, some))
    ids_BT = torch.tensor([[0] * (width - len(r)) + list(r) for r in some])
    mask_BT = torch.tensor([[0] * (width - len(r)) + [1] * len(r) for r in some])
    return ids_BT, mask_BT


@pytest.mark.parametrize("way", ["dynamic", "static", "chunk1", "chunk3", "beams", "returned"])
def test_generate_under_left_padding_caches_chunks_and_beams(subject: Local, way: str) -> None:
    """`injected` around transformers' own generate gives each row what it gets alone, whole and uncached."""
    if subject.engine.steps == "recomputed":
        pytest.skip("no cache")
    some = [rows(subject)[1], rows(subject)[3], rows(subject)[0]]
    acts = acts_for(subject, 3, "span")
    model, blocks = subject.engine.model, subject.engine.blocks
    assert blocks is not None
    ids_BT, mask_BT = left_padded(some)
    lengths = [len(r) for r in some]
    more: dict[str, Any] = {
        "dynamic": {}, "static": {"cache_implementation": "static"}, "chunk1": {"prefill_chunk_size": 1},
        "chunk3": {"prefill_chunk_size": 3}, "beams": {"num_beams": 2, "num_return_sequences": 2},
        "returned": {"do_sample": True, "num_return_sequences": 3, "top_k": 1},
    }[way]  # fmt: skip
    settings: dict[str, Any] = {
        "max_new_tokens": 3, "min_new_tokens": 3, "pad_token_id": 0, "eos_token_id": None, "do_sample": False,
        "output_scores": True, "return_dict_in_generate": True, **more,
    }  # fmt: skip
    try:
        with torch.inference_mode():
            model.generate(ids_BT, attention_mask=mask_BT, **settings)
    except Exception as error:
        pytest.skip(f"transformers itself cannot: {str(error)[:80]}")
    with torch.inference_mode(), injected(model, blocks, acts, lengths=lengths, width=ids_BT.shape[1]):
        got = model.generate(ids_BT, attention_mask=mask_BT, **settings)
    copies = len(got.sequences) // len(some)
    for b, row in enumerate(some):
        own = {**settings, "prefill_chunk_size": None} if "prefill_chunk_size" in settings else settings
        own = {k: v for k, v in own.items() if k not in ("prefill_chunk_size", "cache_implementation")}
        with torch.inference_mode(), injected(model, blocks, [acts[b]], lengths=[len(row)], width=len(row)):
            alone = model.generate(tensor(row), attention_mask=torch.ones(1, len(row), dtype=torch.long), **own)
        mine = got.sequences[b * copies : (b + 1) * copies, ids_BT.shape[1] :]
        assert torch.equal(mine, alone.sequences[:, len(row) :]), way
    first = by_hand(subject, some[0], acts[0])
    if way in ("dynamic", "static", "chunk1", "chunk3"):
        np.testing.assert_allclose(got.scores[0][0].float().log_softmax(-1)[:40], first[:40], atol=CLOSE)


def test_dropping_the_mask_or_counting_columns_in_the_chunk_shows(subject: Local) -> None:
    """Negative controls: what these laws are to find is large enough to be found."""
    some = [rows(subject)[1], rows(subject)[3]]
    ids_BT, mask_BT = left_padded(some)
    positions_BT = (mask_BT.cumsum(1) - 1).clamp(min=0)
    with torch.inference_mode():
        right = subject.engine.model(input_ids=ids_BT, attention_mask=mask_BT, position_ids=positions_BT).logits
        wrong = subject.engine.model(input_ids=ids_BT).logits
    np.testing.assert_allclose(right[1, -1], bare(subject, some[1])[-1], atol=1e-3)
    assert float((right[1, -1] - wrong[1, -1]).abs().max()) > 0.01
    act = Injection(0, vector(subject, 3, 3.0), (5,))
    whole = by_hand(subject, some[0], [act])
    shifted = by_hand(subject, some[0], [replace(act, positions=(2,))])  # position 5 of chunks of three
    assert float((whole - shifted).abs().max()) > 0.001


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
    np.testing.assert_allclose(got.at(layer)[0], v.array, rtol=1e-6)
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
        refused = load(str(build(name, tmp_path / name)), device="cpu")
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
    if subject.name in REAL:
        pytest.skip("a tiny model shows it")
    engine = replace(subject.engine, marks=None)
    with torch.inference_mode():
        assert not capture(engine, [rows(subject)[0]], [[0, 1]], [0])[0].requires_grad
    subject.capture([Prompt(ids=rows(subject)[0])], [0])
    gc.collect()
    before = sum(type(o) is torch.Tensor for o in gc.get_objects())
    for _ in range(100):
        subject.capture([Prompt(ids=rows(subject)[0], interventions=acts_for(subject, 1)[0])], [0, 1])
    gc.collect()
    assert sum(type(o) is torch.Tensor for o in gc.get_objects()) <= before + 2
