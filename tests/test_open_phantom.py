"""The open phantom: laws of its stream. What its dials imply stands in `test_open_phantom_verdicts`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfscope import catalogue
from selfscope.errors import BadInput, PromptTooLong
from selfscope.records import Decoding, Injection, Message, Prompt, Vector
from selfscope.records.injections import OPERATORS, SCHEDULES
from selfscope.subjects.activations import Activations
from selfscope.subjects.base import OpenSubject, reaches
from selfscope.subjects.open_phantom import OpenPhantom
from selfscope.subjects.open_phantom_words import text_of

PHANTOM = OpenPhantom()
TALK = Prompt(messages=(Message("system", "Keep to cooking."), Message("user", "The river runs.")), prefix="Answer:")
TEXT = Prompt(text="They spoke for an hour about Albert Einstein")
IDS = Prompt(ids=PHANTOM.encode(Prompt(text="The train was late.")))
PROMPTS = [TALK, TEXT, IDS]


def vector(seed: int = 0, size: float = 2.0) -> Any:
    noise = np.random.default_rng(seed).normal(size=PHANTOM.width)
    return (size * noise / np.linalg.norm(noise)).astype(np.float32)


def written(prompt: Prompt, layer: int, array: Any, **how: Any) -> Prompt:
    where = {} if how.get("schedule") in ("last", "every") else {"positions": (2,)}
    return replace(prompt, interventions=(Injection(layer, Vector.of(array), **{**where, **how}),))


def test_it_is_an_open_subject() -> None:
    assert isinstance(PHANTOM, OpenSubject)
    assert reaches(PHANTOM, "activations")
    assert not reaches(PHANTOM, "weights")
    assert isinstance(catalogue.resolve("subject", "open-phantom")(), OpenSubject)


@pytest.mark.parametrize("text", ["The river, it runs.", "hello -> hello\n?", " x x x", "ü 漢 “so” 1135%", "a_b\t c"])
def test_tokens_are_the_text(text: str) -> None:
    prompt = Prompt(text=text)
    texts = PHANTOM.token_texts(prompt)
    assert PHANTOM.token_texts(Prompt(ids=PHANTOM.encode(prompt))) == texts
    assert text_of(PHANTOM.encode(prompt)) == text
    rare = {c for c in text if not c.isascii() and c not in "“”"}
    assert ("".join(texts) == text) == (not rare), "a rare character is shown by its bytes"
    for word in text.split():
        assert text_of([PHANTOM.encode(prompt)[c] for c in PHANTOM.positions(prompt, word)]).strip() == word


def test_a_conversation_stands_between_marks() -> None:
    texts = PHANTOM.token_texts(TALK)
    whole = "<|system|>Keep to cooking.<|end|><|user|>The river runs.<|end|><|assistant|>Answer:"
    assert "".join(texts) == whole
    assert [texts[c] for c in PHANTOM.positions(TALK, "cooking")] == [" cooking"]
    assert PHANTOM.positions(TEXT, "Einstein") == (7,)
    with pytest.raises(BadInput, match="occurs 0 times"):
        PHANTOM.positions(TEXT, "Newton")


def test_size_and_order_of_a_batch_change_nothing() -> None:
    prompts = [*PROMPTS, written(TEXT, 1, vector()), written(TALK, 3, vector(1), operator="add", schedule="every")]
    options = [[" city", " a river"], [" a", " physicist"], [" late"], [" city"], [" city", " x"]]
    decoding = Decoding(2, 1.0, seed=3, and_greedy=True)
    calls: list[Callable[[list[int]], list[Any]]] = [
        lambda rows: PHANTOM.score([prompts[i] for i in rows], [options[i] for i in rows]),
        lambda rows: PHANTOM.next_token([prompts[i] for i in rows], top=5, ids=[7, 300]),
        lambda rows: [[r.text for r in many] for many in PHANTOM.sample([prompts[i] for i in rows], 2, decoding)],
        lambda rows: _rows(PHANTOM.capture([prompts[i] for i in rows], [2], "every"), len(rows)),
    ]
    for call in calls:
        together = call([0, 1, 2, 3, 4])
        assert call([4, 3, 2, 1, 0])[::-1] == together
        assert [call([i])[0] for i in range(5)] == together


def _rows(states: Activations, prompts: int) -> list[Any]:
    return [states.of(k, 2).tolist() for k in range(prompts)]


@pytest.mark.parametrize("layer", [-1, 0, 2, 5])
@pytest.mark.parametrize("prompt", PROMPTS, ids=["messages", "text", "ids"])
def test_a_state_that_is_written_back_changes_nothing(prompt: Prompt, layer: int) -> None:
    state = PHANTOM.capture([prompt], [layer], [[2]]).at(layer)[0]
    back = written(prompt, layer, state)
    for k in (-1, 0, 3, 5):
        clean, again = (PHANTOM.capture([p], [k], "every").at(k) for p in (prompt, back))
        np.testing.assert_allclose(again, clean, atol=1e-6)
    plain, patched = PHANTOM.next_token([prompt, back], top=5)
    assert plain.ids == patched.ids
    np.testing.assert_allclose(patched.logprobs, plain.logprobs, atol=1e-5)


@pytest.mark.parametrize("operator", OPERATORS)
def test_an_operator_does_what_it_says_where_it_is_captured(operator: str) -> None:
    v, s = vector(), 0.5
    h = PHANTOM.capture([TALK], [3], [[-2]]).at(3)[0]
    act = Injection(3, Vector.of(v), (-2,), operator, s)
    after = PHANTOM.capture([replace(TALK, interventions=(act,))], [3], [[-2]]).at(3)[0]
    unit, size = v / np.linalg.norm(v), np.linalg.norm(h)
    wanted = {
        "replace": v, "add": h + s * v, "mix": (1 - s) * h + s * v, "norm_add": h + s * size * unit,
        "norm_replace": s * size * unit, "project_out": h - s * (h @ unit) * unit,
    }[operator]  # fmt: skip
    np.testing.assert_allclose(after, wanted, atol=1e-5)


def test_projecting_out_takes_the_component_away() -> None:
    way = PHANTOM.capture([Prompt(text="Einstein")], [-1]).at(-1)[0]
    act = Injection(0, Vector.of(way), (7,), "project_out")
    both = (TEXT, replace(TEXT, interventions=(act,)))
    before, after = (PHANTOM.capture([p], [0], [[7]]).at(0)[0] @ way for p in both)
    assert before > 0.8
    assert abs(after) < 1e-5


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_what_goes_on_is_written_into_generated_tokens_too(schedule: str) -> None:
    """A scored text stands where the same text in a prompt would, if a schedule goes on."""
    ids = PHANTOM.encode(TEXT)
    row = (*ids, *PHANTOM.encode(Prompt(text=" city")))
    on = {"prefill": range(2, 3), "span": range(2, 9), "last": range(7, 9), "every": range(9)}[schedule]
    act = Injection(1, Vector.of(vector()), (2,) if schedule in ("prefill", "span") else (), "add", 1.0, schedule)
    by_hand = Injection(1, Vector.of(vector()), tuple(on), "add")
    scored = PHANTOM.score([Prompt(ids=ids, interventions=(act,))], [[" city river"]])[0][0][1]
    river = PHANTOM.encode(Prompt(text=" river"))[0]
    whole = PHANTOM.next_token([Prompt(ids=row, interventions=(by_hand,))], ids=[river])[0]
    assert scored == pytest.approx(whole.logprobs[0], abs=1e-8)


def test_a_strength_in_medians_and_a_text_as_place() -> None:
    act = Injection(2, Vector.of(vector()), operator="add", strength=4.0, unit="median", span_text="river")
    where = PHANTOM.positions(TALK, "river")
    clean, after = (
        PHANTOM.capture([p], [2], [list(where)]).at(2)[0] for p in (TALK, replace(TALK, interventions=(act,)))
    )
    assert np.linalg.norm(after - clean) == pytest.approx(4 * PHANTOM.median_norm(2), rel=1e-4)


def test_the_last_states_lens_is_the_next_token() -> None:
    for prompt in [*PROMPTS, written(TEXT, 5, vector()), written(TEXT, 2, vector())]:
        state = PHANTOM.capture([prompt], [5]).at(5)
        lens, own = PHANTOM.unembed(state, top=20)[0], PHANTOM.next_token([prompt], top=20)[0]
        assert lens.ids == own.ids
        np.testing.assert_allclose(lens.logprobs, own.logprobs, atol=1e-4)
        every = PHANTOM.next_token([prompt], top=10_000)[0]
        assert np.exp(every.logprobs).sum() == pytest.approx(1)
        k = next(k for k, token in enumerate(own.tokens) if not token.startswith("<"))  # a mark is no text
        assert PHANTOM.score([prompt], [[own.tokens[k]]])[0][0][0] == pytest.approx(own.logprobs[k], abs=1e-8)


def test_identity_depends_on_every_dial_and_on_what_is_written() -> None:
    others = [OpenPhantom(**{dial: 0.5}) for dial in PHANTOM.dials] + [OpenPhantom(seed=1)]
    act = Injection(0, Vector.of(vector()), schedule="every")
    changed = PHANTOM.intervened([act])
    many = [PHANTOM, *others, changed, changed.intervened([act])]
    assert len({s.identity for s in many}) == len(many)
    assert OpenPhantom(carries=1).identity == PHANTOM.identity
    one, other = changed.next_token([TEXT])[0], PHANTOM.next_token([replace(TEXT, interventions=(act,))])[0]
    assert one == other != PHANTOM.next_token([TEXT])[0]


def test_stored_states_know_their_owner(tmp_path: Path) -> None:
    states = PHANTOM.capture(PROMPTS, [-1, 3], "all")
    assert len(states.places) == sum(len(PHANTOM.encode(p)) - 1 for p in PROMPTS)
    again = Activations.load(states.save(tmp_path), subject=PHANTOM)
    assert again.tokens == states.tokens
    with pytest.raises(Exception, match="holds activations of the subject"):
        Activations.load(tmp_path, subject=OpenPhantom(seed=1))


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "layer to read": (lambda: PHANTOM.capture([TEXT], [6]), "no layer 6: this model has 0 to 5"),
    "layer to write": (lambda: PHANTOM.next_token([written(TEXT, 6, vector())]), "no layer 6"),
    "position to read": (lambda: PHANTOM.capture([TEXT], [0], [[8]]), "no position 8 in a prompt of 8 tokens"),
    "position to write": (lambda: PHANTOM.next_token([written(TEXT, 0, vector(), positions=(-9,))]), "no position -9"),
    "positions": (lambda: PHANTOM.capture([TEXT], [0], "first"), "last, all, every"),
    "width": (lambda: PHANTOM.next_token([written(TEXT, 0, [1.0, 2.0])]), "comes from another model"),
    "states": (lambda: PHANTOM.unembed(np.ones((2, 5))), r"states are \(N, 256\)"),
    "no numbers": (lambda: PHANTOM.unembed(np.full((1, 256), np.nan)), "not finite"),
    "no token": (lambda: PHANTOM.encode(Prompt(text="")), "has no token"),
    "id": (lambda: PHANTOM.encode(Prompt(ids=(10**6,))), "not in the vocabulary"),
    "dial": (lambda: OpenPhantom(reads=1.5), "the dial reads is from 0 to 1"),
    "candidate": (lambda: PHANTOM.score([TEXT], [[""]]), "has no token"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_line(name: str) -> None:
    call, says = BAD[name]
    with pytest.raises(ValueError, match=says) as error:
        call()
    assert "\n" not in str(error.value)


def test_a_prompt_that_is_too_long_is_refused() -> None:
    with pytest.raises(PromptTooLong, match="4096 tokens"):
        PHANTOM.next_token([Prompt(text="river " * 4100)])
