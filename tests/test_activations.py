"""Stored activations: what is written is what is read, and what is not is refused; bad input in one clear line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import selfscope
from selfscope.errors import BadInput, BadModel, SelfscopeError, Unsupported
from selfscope.records import Decoding, Injection, Message, Prompt, Vector
from selfscope.subjects import activations
from selfscope.subjects.activations import Activations, BadActivations
from selfscope.subjects.blocks import find
from selfscope.subjects.local import Local, load
from tiny import build

TEXTS = [Prompt(text="The river runs through the old town."), Prompt(text="Name a colour.")]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Any:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Local:
    return load(str(build("llama", tmp_path_factory.mktemp("llama"), deep=True)), device="cpu")


@pytest.fixture
def held(subject: Local) -> Activations:
    return subject.capture(TEXTS, [-1, 1, 3], "every")


def same(one: Activations, other: Activations) -> None:
    assert one.places == other.places
    assert one.tokens == other.tokens
    assert one.layers == other.layers
    assert dict(one.record) == dict(other.record)
    for layer in one.layers:
        np.testing.assert_array_equal(one.at(layer), other.at(layer))


def test_a_round_trip_is_bit_equal(
    subject: Local, held: Activations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    same(Activations.load(held.save(tmp_path / "one")), held)
    monkeypatch.setattr(activations, "SHARD_FLOATS", 5 * subject.width)  # shards of five rows
    same(Activations.load(held.save(tmp_path / "many"), subject=subject), held)
    assert len(list((tmp_path / "many").glob("*.safetensors"))) == 3 * -(-len(held.places) // 5)
    odd = {2: np.array([[np.float32(1e-42), -0.0, 3.4e38]], dtype=np.float32)}
    got = Activations.load(Activations(((0, 0),), odd, ("x",)).save(tmp_path / "odd")).at(2)
    assert got.tobytes() == odd[2].tobytes()
    nothing = Activations((), {0: np.zeros((0, 4), dtype=np.float32)})
    assert Activations.load(nothing.save(tmp_path / "none")).at(0).shape == (0, 4)


def test_the_record_says_whose_states_these_are(subject: Local, held: Activations, tmp_path: Path) -> None:
    record = held.record
    assert record["subject"] == subject.identity
    assert record["tokenizer"] == subject.vocabulary_hash
    assert (record["dtype"], record["kernel"], record["standing"]) == ("float32", "sdpa", 0)
    assert {"model", "revision", "adapter", "device", "torch", "transformers", "convention"} <= record.keys()
    assert len(set(record["prompts"])) == len(TEXTS)
    again = subject.capture(TEXTS[1:], [0]).record["prompts"]
    assert again == record["prompts"][1:], "a prompt has its own hash, whatever stands beside it"
    index = json.loads((held.save(tmp_path) / "index.json").read_text())
    for layer in held.layers:
        np.testing.assert_allclose(index["norms"][str(layer)], np.linalg.norm(held.at(layer), axis=1), atol=1e-4)
    assert held.tokens == tuple(t for p in TEXTS for t in subject.token_texts(p))
    act = Injection(0, Vector.of(np.ones(subject.width)), (0,))
    assert subject.intervened([act]).capture(TEXTS, [0]).record["subject"] != record["subject"]


def test_keys_that_nobody_knows_are_kept(held: Activations, tmp_path: Path) -> None:
    more = replace(held, record={**held.record, "of a later version": {"a": [1, 2]}})
    got = Activations.load(more.save(tmp_path / "a"))
    assert got.record["of a later version"] == {"a": [1, 2]}
    same(Activations.load(got.save(tmp_path / "b")), more)


def flip(folder: Path) -> None:
    shard = sorted(folder.glob("*.safetensors"))[1]
    content = bytearray(shard.read_bytes())
    content[-3] ^= 1
    shard.write_bytes(bytes(content))


def edited(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        index = json.loads((folder / "index.json").read_text())
        (folder / "index.json").write_text(json.dumps({**index, **changes}))

    return change


def without_last(folder: Path) -> None:
    index = json.loads((folder / "index.json").read_text())
    edited(shards=index["shards"][:-1])(folder)


def swapped(folder: Path) -> None:
    one, other = sorted(folder.glob("*.safetensors"))[:2]
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (flip, "does not hold what its index says"),
        (swapped, "does not hold what its index says"),
        (lambda f: sorted(f.glob("*.safetensors"))[0].unlink(), "no readable activations"),
        (lambda f: sorted(f.glob("*.safetensors"))[0].write_bytes(b"short"), "no readable activations"),
        (without_last, "lacks a part"),
        (edited(places=[[0, 0]]), "lacks a part"),
        (edited(convention="hidden_states[k]"), "counts layers otherwise"),
        (lambda f: (f / "index.json").write_text("{"), "no readable activations"),
        (lambda f: (f / "index.json").unlink(), "no readable activations"),
    ],
)
def test_what_is_damaged_is_refused_in_one_line(
    break_it: Callable[[Path], Any], says: str, held: Activations, tmp_path: Path
) -> None:  # fmt: skip
    break_it(held.save(tmp_path))
    with pytest.raises(BadActivations, match=says) as error:
        Activations.load(tmp_path)
    assert "\n" not in str(error.value)


def test_states_of_another_subject_are_refused(subject: Local, held: Activations, tmp_path: Path) -> None:
    held.save(tmp_path)
    same(Activations.load(tmp_path, subject=subject), held)
    same(Activations.load(tmp_path, subject=subject.identity), held)
    act = Injection(0, Vector.of(np.ones(subject.width)), (0,))
    for other in ("another", subject.intervened([act]), selfscope.load("phantom")):
        with pytest.raises(BadActivations, match="holds activations of the subject"):
            Activations.load(tmp_path, subject=other)  # type: ignore[arg-type]
    edited(record={**held.record, "tokenizer": "another"})(tmp_path)
    with pytest.raises(BadActivations, match="another vocabulary"):
        Activations.load(tmp_path, subject=subject)
    edited(record={**held.record, "kernel": "eager"})(tmp_path)
    with pytest.warns(UserWarning, match="attention kernel eager"):
        Activations.load(tmp_path, subject=subject)


def test_a_save_that_was_cut_off_leaves_what_there_was(
    subject: Local, held: Activations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    held.save(tmp_path)
    newer = subject.capture([Prompt(text="Another text.")], [1, 3], "every")

    def fail(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(json, "dumps", fail)
        with pytest.raises(KeyboardInterrupt):
            newer.save(tmp_path)
    same(Activations.load(tmp_path), held)
    same(Activations.load(newer.save(tmp_path)), newer)
    assert len(list(tmp_path.iterdir())) == 3, "an index and two shards: nothing of before is left"


def test_a_layer_that_was_not_captured_is_named(held: Activations) -> None:
    with pytest.raises(BadInput, match="layer 2 was not captured; captured were: -1, 1, 3"):
        held.at(2)


def bad_inputs(subject: Local) -> dict[str, tuple[Callable[[], Any], str]]:
    ids, wide = Prompt(ids=(7, 8, 9)), Vector.of(np.ones(subject.width))
    put = lambda act: subject.next_token([Prompt(ids=(7, 8, 9), interventions=(act,))])  # noqa: E731
    return {
        "layer to read": (lambda: subject.capture([ids], [4]), "no layer 4: this model has 0 to 3"),
        "layer to write": (lambda: put(Injection(4, wide, (0,))), "no layer 4: this model has 0 to 3"),
        "position to read": (lambda: subject.capture([ids], [0], [[3]]), "no position 3 in a prompt of 3 tokens"),
        "position to write": (lambda: put(Injection(0, wide, (-4,))), "no position -4 in a prompt of 3 tokens"),
        "positions": (lambda: subject.capture([ids], [0], "first"), "last, all, every"),
        "lists": (lambda: subject.capture([ids], [0], [[0], [1]]), "2 lists of positions for 1 prompts"),
        "text": (lambda: put(Injection(0, wide, span_text="nowhere")), "occurs 0 times"),
        "width": (lambda: put(Injection(0, Vector.of([1.0, 2.0]), (0,))), "comes from another model"),
        "not a number": (lambda: Vector.of([1.0, float("nan")]), "not finite numbers"),
        "infinite": (lambda: Vector.of([float("inf")]), "not finite numbers"),
        "axes": (lambda: Vector.of(np.ones((2, 3))), "has one axis"),
        "empty": (lambda: Vector.of([]), "at least one value"),
        "operator": (lambda: Injection(0, wide, (0,), "multiply"), "there are: replace, add"),
        "schedule": (lambda: Injection(0, wide, (0,), schedule="once"), "there are: prefill, span"),
        "nowhere": (lambda: Injection(0, wide), "needs positions or a text"),
        "strength": (lambda: Injection(0, wide, (0,), strength=float("nan")), "not a finite number"),
        "states": (lambda: subject.unembed(np.ones((2, 5))), r"states are \(N, 32\)"),
        "states that are none": (lambda: subject.unembed(np.full((1, 32), np.nan)), "not finite numbers"),
        "no token": (lambda: subject.capture([Prompt(ids=())], [0]), "has no token"),
    }


def test_bad_input_is_one_clear_line(subject: Local) -> None:
    for name, (call, says) in bad_inputs(subject).items():
        with pytest.raises(BadInput, match=says) as error:
            call()
        assert "\n" not in str(error.value), name
        assert isinstance(error.value, SelfscopeError), "the command line prints it"
        assert isinstance(error.value, ValueError)


def test_a_vector_made_by_hand_is_checked_when_it_is_written(subject: Local) -> None:
    import base64

    broken = Vector(base64.b64encode(np.full(32, np.nan, dtype="<f4").tobytes()).decode())
    with pytest.raises(BadInput, match="not finite numbers"):
        subject.next_token([Prompt(ids=(7, 8), interventions=(Injection(0, broken, (0,)),))])


@pytest.mark.parametrize("operator", ["norm_add", "norm_replace", "project_out", "add"])
def test_the_direction_of_a_zero_vector_does_nothing_and_is_counted(subject: Local, operator: str) -> None:
    fresh, none = replace(subject, idle=0), Vector.of(np.zeros(subject.width))
    unit = "median" if operator == "add" else "raw"
    act = Injection(1, none, (1,), operator, 2.0, unit=unit)
    clean = fresh.next_token([Prompt(ids=(7, 8, 9))])[0]
    with pytest.warns(UserWarning, match="1 injections take the direction of a zero vector: they do nothing"):
        got = fresh.next_token([Prompt(ids=(7, 8, 9), interventions=(act,))])[0]
    assert fresh.idle == 1
    np.testing.assert_allclose(got.logprobs, clean.logprobs, atol=1e-5)


def test_a_zero_that_replaces_is_no_mistake(subject: Local) -> None:
    fresh = replace(subject, idle=0)
    act = Injection(1, Vector.of(np.zeros(subject.width)), (1,), "replace")
    clean = fresh.next_token([Prompt(ids=(7, 8, 9))])[0]
    got = fresh.next_token([Prompt(ids=(7, 8, 9), interventions=(act,))])[0]
    assert fresh.idle == 0
    assert got.logprobs != clean.logprobs


def test_a_model_without_blocks_or_compiled_is_refused(subject: Local) -> None:
    model = subject.engine.model
    config = model.config
    bare = torch.nn.Module()
    bare.config = SimpleNamespace(
        get_text_config=lambda: SimpleNamespace(num_hidden_layers=3, hidden_size=32)
    )  # type: ignore[assignment]
    with pytest.raises(BadModel, match="no list of 3 decoder blocks"):
        find(bare)
    wrapped = torch.nn.Module()
    wrapped.config, wrapped._orig_mod = config, model  # type: ignore[assignment]
    with pytest.raises(BadModel, match="is compiled"):
        find(wrapped)
    block = find(model).blocks[1]
    block._compiled_call_impl = lambda *given, **named: None
    try:
        with pytest.raises(BadModel, match="is compiled"):
            find(model)
    finally:
        block._compiled_call_impl = None


def test_injecting_into_what_has_no_activations_names_the_tier() -> None:
    act = Injection(0, Vector.of([1.0]), (0,))
    prompt = Prompt(messages=(Message("user", "Name a fruit."),), interventions=(act,))
    phantom: Any = selfscope.load("phantom")
    for call in (
        lambda: phantom.sample([prompt], 1, Decoding(4)),
        lambda: phantom.score([prompt], [["a"]]),
        lambda: phantom.next_token([prompt]),
    ):
        with pytest.raises(Unsupported, match="phantom offers the tier logprobs; this needs the tier activations"):
            call()


def test_the_face_captures_and_injects(tmp_path: Path) -> None:
    """What a newcomer types."""
    subject: Any = selfscope.load(str(build("qwen3", tmp_path / "model")), device="cpu")
    prompt = selfscope.Prompt(text="The river runs")
    states = subject.capture([prompt], [0, 1], "last")
    assert isinstance(states, selfscope.Activations)
    act = selfscope.Injection(0, selfscope.Vector.of(states.at(0)[0]), (-1,))
    plain, patched = subject.next_token([prompt, selfscope.Prompt(text="The river runs", interventions=(act,))])
    np.testing.assert_allclose(plain.logprobs, patched.logprobs, atol=1e-5)
