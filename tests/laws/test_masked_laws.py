"""Laws of masked turns: what follows the secret turns does not see them, but for the tokens of one text.

The yardstick is one plain forward of the bare model under a mask that `masked_prompts` makes token by token.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tiny
from masked_prompts import OBJECT, SYSTEM, by_mask, masked, secret_turns
from selfscope.errors import Unsupported
from selfscope.records import NOTHING, Decoding, Injection, Message, Prompt, Vector
from selfscope.subjects import bundled_models, masked_rows, rollout
from selfscope.subjects.local import Local, load
from tested_device import CLOSE, HERE, reading, real

FAMILIES = ("llama", "qwen3", "gemma2", "gemma3", "gpt2", "gpt-neox", "opt")
WORDS = (["red", "red, later"], ["blue", "yes, perhaps later", "no"], ["no"])


@pytest.fixture(scope="module", params=[*FAMILIES, "smollm2-135m"])
def subject(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    if request.param in bundled_models.PACKAGES:
        yield real(request.param)
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load(str(tiny.build(request.param, tmp_path_factory.mktemp(request.param), deep=True)), **HERE)
    torch.set_num_threads(threads)


def made(sizes: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Local:
    """A tiny llama of other sizes."""
    monkeypatch.setitem(tiny.ARCHITECTURES, "other", ("llama", {**tiny.GQA, **sizes}))
    return load(str(tiny.build("other", folder)), **HERE)


def prompts(subject: Local) -> list[Prompt]:
    """Ragged ones: the object sees the turns, or nothing does; a prefix, a turn before the secret ones, one after them;
    two are equal. Fewer for a real model."""
    shown = (Message("user", "A river?"), Message("assistant", "The stone bridge."))
    said = (Message("user", OBJECT), Message("assistant", "Blue"), Message("user", "And a larger one?"))
    few = [masked("the old town", prefix="It is"), masked(masked=NOTHING), masked()]
    if subject.name in bundled_models.PACKAGES:
        return few
    return [
        *few,
        Prompt(messages=(*shown, *secret_turns("no", 1), Message("user", OBJECT)), context=4, masked=OBJECT),
        Prompt(messages=(SYSTEM, *secret_turns("seven", 3), *said), masked=OBJECT),
        masked(),
    ]


def plain(many: Sequence[Prompt]) -> list[Prompt]:
    return [replace(p, masked="") for p in many]


def same_length(subject: Local) -> tuple[str, str]:
    """Two replies of as many tokens, none of them in common."""
    words = ["red", "blue", "der", "wor", "yes", "no", "old", "xyz"]
    ids = {w: subject.tokenizer(w, add_special_tokens=False)["input_ids"] for w in words}
    return next((a, b) for a in words for b in words if len(ids[a]) == len(ids[b]) and not set(ids[a]) & set(ids[b]))


def logprobs(subject: Local, prompt: Prompt) -> list[float]:
    return list(subject.next_token([prompt], ids=range(60))[0].logprobs)


def step(subject: Local, prompt: Prompt, more: Sequence[int]) -> torch.Tensor:
    """Log-probabilities (V,) of the next token after a masked prompt and more tokens."""
    engine, (row,) = subject._marked([prompt], [len(more) + 1])
    with reading():
        return masked_rows.next_logprobs(engine, [(*row, *more)], lambda i, logprobs_V: logprobs_V.clone())[0]


def everything(subject: Local, many: Sequence[Prompt]) -> list[dict[str, Any]]:
    """All that a subject says of each prompt."""
    words = [WORDS[len(p.messages[-1].content + p.prefix) % 3] for p in many]
    decoding = Decoding(4, temperature=1.0, seed=2, and_greedy=True)
    last = len(subject.layers) - 1
    states = subject.capture(many, [last], [[0, -1]] * len(many)).at(last).reshape(len(many), 2, -1)
    columns = zip(
        subject.score(many, words), subject.next_token(many, ids=range(60)), subject.sample(many, 2, decoding),
        states, strict=True,
    )  # fmt: skip
    return [
        {"score": [x for own in scored for x in own], "next": after.logprobs, "ids": [r.ids for r in replies],
         "logprobs": [x for r in replies for x in r.logprobs or ()], "states": state.ravel()}
        for scored, after, replies, state in columns
    ]  # fmt: skip


def assert_close(one: dict[str, Any], other: dict[str, Any], atol: float) -> None:
    assert one["ids"] == other["ids"]
    for key in ("next", "logprobs", "states"):
        scale = max(1.0, float(np.abs(other[key]).max(initial=0.0)))
        np.testing.assert_allclose(one[key], other[key], atol=atol * scale, rtol=0)
    for a, b in zip(one["score"], other["score"], strict=True):
        np.testing.assert_allclose(a, b, atol=atol, rtol=0)


def test_what_nothing_may_see_changes_nothing(subject: Local) -> None:
    a, b = same_length(subject)
    hidden = [masked(reply, NOTHING) for reply in (a, b)]
    assert len(subject.encode(hidden[0])) == len(subject.encode(hidden[1]))
    assert logprobs(subject, hidden[0]) == logprobs(subject, hidden[1])
    decoding, words = Decoding(4, temperature=0.0), [["red", "yes, later"]]
    assert subject.score([hidden[0]], words) == subject.score([hidden[1]], words)
    greedy = [subject.sample([p], 1, decoding)[0][0] for p in hidden]
    assert (greedy[0].ids, greedy[0].logprobs) == (greedy[1].ids, greedy[1].logprobs)
    layers = [-1, *subject.layers]
    last = [subject.capture([p], layers) for p in hidden]
    assert all(np.array_equal(last[0].at(k), last[1].at(k)) for k in layers)
    seen = [logprobs(subject, p) for p in plain(hidden)]
    assert np.abs(np.subtract(*seen)).max() > 100 * CLOSE, "in view they change much"


def test_every_number_is_that_of_one_forward_under_the_mask(subject: Local) -> None:
    many = prompts(subject)
    afters = subject.next_token(many, ids=range(60))
    words = [["red, later", "no"]] * len(many)
    scored = subject.score(many, words)
    drawn = subject.sample(many, 2, Decoding(3, temperature=1.0, seed=5, and_greedy=True))
    for prompt, after, scores, replies in zip(many, afters, scored, drawn, strict=True):
        size = len(subject.encode(prompt))
        np.testing.assert_allclose(after.logprobs, by_mask(subject, prompt)[-1][:60], atol=CLOSE)
        tails = [subject.tokenizer(w, add_special_tokens=False)["input_ids"] for w in words[0]]
        tails += [list(reply.ids or ()) for reply in replies]
        found = [*scores, *(reply.logprobs or () for reply in replies)]
        for tail, got in zip(tails, found, strict=True):
            wanted_TV = by_mask(subject, prompt, tail)[size - 1 : -1]
            np.testing.assert_allclose(got, [float(x[t]) for x, t in zip(wanted_TV, tail)], atol=CLOSE)


@pytest.mark.slow_on_real
def test_injections_are_written_under_the_mask(subject: Local) -> None:
    """At the object, at the secret turns, and on into what is generated."""
    prompt, middle = masked(), len(subject.layers) // 2
    at = subject.positions(prompt, OBJECT)
    noise = np.random.default_rng(3).normal(size=subject.width)
    v = Vector.of(subject.median_norm(middle) * noise / np.linalg.norm(noise))
    free = replace(subject, engine=replace(subject.engine, stop_ids=()))
    for act in (
        Injection(middle, v, span_text=OBJECT, operator="add"), Injection(0, v, (at[0] - 4,)),
        Injection(middle, v, operator="add", schedule="last"),
    ):  # fmt: skip
        written = replace(prompt, interventions=(act,))
        reply = free.sample([written], 1, Decoding(2, temperature=0.0))[0][0]
        size, ids = len(subject.encode(prompt)), list(reply.ids or ())
        columns = list(at) if act.span_text else list(act.positions) or [size - 1, size]

        def hook(stream_BTD: torch.Tensor, act: Injection = act, columns: Sequence[int] = columns) -> torch.Tensor:
            new, v_D = stream_BTD.clone(), torch.from_numpy(act.vector.array)
            new[0, columns] = new[0, columns] + v_D if act.operator == "add" else v_D
            return new

        assert subject.engine.blocks is not None
        with subject.engine.blocks.hooked([(act.layer, hook)]):
            wanted_TV = by_mask(subject, prompt, ids[:1])
        got = [float(wanted_TV[size - 1 + k, t]) for k, t in enumerate(ids)]
        np.testing.assert_allclose(reply.logprobs, got, atol=CLOSE)
        assert np.abs(np.subtract(logprobs(subject, written), logprobs(subject, prompt))).max() > CLOSE


@pytest.mark.slow_on_real
def test_a_score_is_the_sum_of_its_steps_and_greedy_is_the_chain_of_the_likeliest(subject: Local) -> None:
    for prompt in prompts(subject)[:4]:
        tokens = subject.tokenizer("yes, perhaps later", add_special_tokens=False)["input_ids"]
        steps = [float(step(subject, prompt, tokens[:k])[t]) for k, t in enumerate(tokens)]
        np.testing.assert_allclose(subject.score([prompt], [["yes, perhaps later"]])[0][0], steps, atol=CLOSE)
        after = subject.next_token([prompt], ids=[tokens[0]])[0]
        assert abs(after.logprobs[0] - steps[0]) < CLOSE
        reply = subject.sample([prompt], 1, Decoding(4, temperature=0.0))[0][0]
        for k, token in enumerate(reply.ids or ()):
            best = step(subject, prompt, (reply.ids or ())[:k]).topk(2)
            assert token == int(best.indices[0]) or float(best.values[0] - best.values[1]) < CLOSE


@pytest.mark.slow_on_real
def test_company_order_and_the_size_of_a_batch_change_nothing(subject: Local) -> None:
    many = prompts(subject)
    alone = [everything(subject, [p])[0] for p in many]
    small = replace(subject, engine=replace(subject.engine, tokens=80, rows=2))
    for together in (everything(subject, many), everything(small, many[::-1])[::-1]):
        for one, other in zip(together, alone, strict=True):
            assert_close(one, other, CLOSE)


@pytest.mark.slow_on_real
def test_an_unmasked_prompt_beside_a_masked_one_keeps_its_numbers(subject: Local) -> None:
    open_, hidden = plain(prompts(subject)), prompts(subject)
    mixed = [p for pair in zip(hidden, open_) for p in pair]
    together, alone = everything(subject, mixed)[1::2], everything(subject, open_)
    for one, other in zip(together, alone, strict=True):
        assert_close(one, other, 0.0)


def test_turns_reach_what_follows_through_the_object_alone(subject: Local) -> None:
    a, b = (masked(reply) for reply in same_length(subject))
    at, layers = subject.positions(a, OBJECT), [-1, *subject.layers]
    states = [subject.capture([p], layers, [list(at)]) for p in (a, b)]
    gaps = [np.abs(states[0].at(k) - states[1].at(k)).max(axis=1) for k in layers]
    assert gaps[0].max() == 0
    assert all(gap.min() > 0 for gap in gaps[1:]), "the object was computed with the turns in view"
    behind = [subject.capture([p], layers) for p in (a, b)]
    assert np.array_equal(behind[0].at(0), behind[1].at(0)), "after one block nothing has come through the object"
    assert np.abs(np.subtract(logprobs(subject, a), logprobs(subject, b))).max() > 0
    blind = [subject.capture([replace(p, masked=NOTHING)], layers, [list(at)]) for p in (a, b)]
    assert all(np.array_equal(blind[0].at(k), blind[1].at(k)) for k in layers)


def test_in_one_layer_nothing_comes_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Later tokens read keys and values, which in the only layer depend on the object's own words alone."""
    for layers in (1, 2):
        one = made({"num_hidden_layers": layers}, tmp_path / str(layers), monkeypatch)
        a, b = (masked(reply) for reply in same_length(one))
        assert (logprobs(one, a) == logprobs(one, b)) == (layers == 1)
        assert logprobs(one, replace(a, masked="")) != logprobs(one, replace(b, masked=""))


def test_the_noise_of_a_masked_row_is_that_of_the_row(monkeypatch: pytest.MonkeyPatch, subject: Local) -> None:
    seen: list[bytes] = []
    own = rollout.digest

    def noted(ids: tuple[int, ...]) -> bytes:
        seen.append(own(ids))
        return seen[-1]

    monkeypatch.setattr(rollout, "digest", noted)
    for prompt in (masked(), masked(masked=""), masked(masked=NOTHING)):
        subject.sample([prompt], 1, Decoding(1, temperature=1.0, seed=4))
    assert seen == [own(subject.encode(masked()))] * 3


def test_a_base_model_hides_the_turns_of_its_transcript(tmp_path: Path) -> None:
    base = load(str(tiny.build("llama", tmp_path, chat=False)), **HERE)
    for prompt in (masked(), masked(masked=NOTHING, prefix="Answer:")):
        np.testing.assert_allclose(logprobs(base, prompt), by_mask(base, prompt)[-1][:60], atol=CLOSE)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("mamba", "does not take a mask that says which token sees which"),
        ("bloom", "does not take a mask that says which token sees which"),
        ("llama4", "offers the tier logprobs; this needs the tier activations"),
        ("gemma3-window", "do not fit into the attention window of"),
        ("mistral-window", "do not fit into the attention window of"),
    ],
)
def test_a_model_in_which_a_mask_has_no_meaning_says_so(name: str, line: str, tmp_path: Path) -> None:
    other = load(str(tiny.build(name, tmp_path)), **HERE)
    for ask in (
        lambda: other.next_token([masked()]), lambda: other.score([masked()], [["a"]]),
        lambda: other.sample([masked()], 1, Decoding(1)),
    ):  # fmt: skip
        with pytest.raises(Unsupported, match=line):
            ask()
    other.next_token([masked(masked="")])


def test_within_its_window_a_model_with_windows_takes_the_mask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tiny.ARCHITECTURES, "wide", ("mistral", {**tiny.HEADS, "sliding_window": 60}))
    wide = load(str(tiny.build("wide", tmp_path)), **HERE)
    assert wide.engine.window == 60
    slow = replace(wide, engine=replace(wide.engine, steps="cached"))  # as where a window is shorter than the probe
    for model in (wide, slow):
        np.testing.assert_allclose(logprobs(model, masked()), by_mask(model, masked())[-1][:60], atol=CLOSE)
        reply = model.sample([masked()], 1, Decoding(3, temperature=0.0))[0][0]
        wanted_TV = by_mask(model, masked(), reply.ids or ())[len(model.encode(masked())) - 1 :]
        got = [float(x[t]) for x, t in zip(wanted_TV, reply.ids or ())]
        np.testing.assert_allclose(reply.logprobs, got, atol=CLOSE)
