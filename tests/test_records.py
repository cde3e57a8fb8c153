"""The nouns: their hashes never change, and the facts of a question are the same for whoever asks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from selfscope.errors import BadInput, UnknownName
from selfscope.records import (
    FORMATS,
    NOTHING,
    Cost,
    Decoding,
    Evidence,
    Injection,
    Message,
    Observation,
    Opaque,
    Option,
    Outcome,
    Prompt,
    Question,
    Reading,
    Reply,
    Row,
    Score,
    TokenDistribution,
    Trial,
    Truth,
    Vector,
    content_hash,
    from_json,
    is_scored,
    ten_counts,
    to_json,
)

YES_NO = (Option("yes", "yes"), Option("no", "no"))
MESSAGE = Message("user", "Name a fruit.", secret=True)
VECTOR = Vector.of([1.5, -2.0, 0.25])
PROMPT = Prompt(
    messages=(Message("system", "Be brief."), MESSAGE),
    prefix="A",
    context=1,
    interventions=(Injection(3, VECTOR, (1, -1), strength=2.0), Opaque(4)),
    tag={"role": "behave"},
)
QUESTION = Question(
    "ends_with_vowel",
    YES_NO,
    arguments={"word": "né"},
    order=(1, 0),
    template=2,
    negated=True,
    person="named",
    given_text="banana",
)
TRIAL = Trial(
    "i", "self_prediction", "s", "c", "k", "test", QUESTION, PROMPT, "Name a fruit.", "o",
    coordinates={"layer": np.int64(3)}, evidence=Evidence(PROMPT, (0, 2), "fruit", "full"),
)  # fmt: skip
READING = Reading(Outcome.ANSWERED, (0.25, 0.75), "class", "no", 1, 0.5, {"draws": 2})
PINNED = (
    (MESSAGE, "c3d4721c05533724"),
    (VECTOR, "a5ac56a1eafaed30"),
    (PROMPT, "6a744e7766536a7b"),
    (QUESTION, "2badb2a26ce34bae"),
    (
        Observation("k", ("Apple", "Pear"), "Apple", {"entropy": 0.5, "words": {"cat": -1.25}}, Cost(2, 7, 3, 0.5)),
        "76d442eede1b4c86",
    ),
    (TRIAL, "03e5e788068d56cf"),
    (READING, "21404c0bec5883ae"),
    (Truth("i", (0.5, 0.5), (1.0, 0.0), (0.0, 1.0), 2, "rollouts", 0), "ccf938bb1b781f68"),
    (Row("c", "s", "p", "i", "r", "self", "plain", 0, READING, Score(0.1, -0.2, 1.0)), "fe501af0f28ca9ac"),
    (Decoding(stop=("\n",)), "d10519f4ba51ac10"),
    (Reply("a"), "90d87719b502067c"),
    (TokenDistribution((1,), (-0.5,), 0.25, ("a",)), "ac348c0f97b0a5cd"),
)
each = pytest.mark.parametrize(("record", "digest"), PINNED, ids=[type(record).__name__ for record, _ in PINNED])


@each
def test_a_hash_is_what_it_always_was(record: Any, digest: str) -> None:
    """Ids are hashes, and seeds come from ids: another hash would draw other trials."""
    assert content_hash(record) == digest


def test_a_hash_of_many_parts_is_what_it_always_was() -> None:
    parts = ("draw", 3, QUESTION, (PROMPT, None), {"a": MESSAGE})
    assert content_hash(*parts, size=32) == "2bf91d457ab7f658865edfbdb5dc375b"


@each
def test_a_record_comes_back_from_json(record: Any, digest: str) -> None:
    kind = type(record)
    again = from_json(kind, to_json(record))
    assert type(again) is kind
    assert to_json(again) == to_json(record)
    assert content_hash(again) == digest


def test_a_field_that_came_later_enters_a_hash_only_where_it_says_something() -> None:
    """An unmasked prompt has the id that it had before there were masks, alone and inside of a trial."""
    plain = Prompt(messages=(MESSAGE, Message("user", "And a tree?")), context=1)
    assert content_hash(plain) == content_hash(replace(plain, masked="")) == "21370bdfd6aeec86"
    assert "masked" not in to_json(plain)
    hidden = [replace(plain, masked=text) for text in ("And a tree?", NOTHING)]
    assert len({content_hash(p) for p in (plain, *hidden)}) == 3
    for prompt in hidden:
        assert from_json(Prompt, to_json(prompt)) == prompt
        trial = replace(TRIAL, prompt=prompt)
        assert content_hash(from_json(Trial, to_json(trial))) == content_hash(trial) != content_hash(TRIAL)


def test_formats_are_data() -> None:
    assert list(FORMATS) == ["free", "choice_lp", "yesno_lp", "prob_text", "prob_ev", "counts10"]
    assert all(name == format.name and format.title for name, format in FORMATS.items())
    assert [name for name in FORMATS if is_scored(name)] == ["choice_lp", "yesno_lp", "prob_ev"]
    assert [name for name in FORMATS if FORMATS[name].binary] == ["yesno_lp", "prob_text", "prob_ev"]
    with pytest.raises(UnknownName, match="Did you mean 'choice_lp'"):
        is_scored("choise_lp")


def test_negated_yes_no_questions_swap_their_texts_and_what_yes_means() -> None:
    plain = replace(QUESTION, negated=False)
    assert plain.shown_texts == ("yes", "no")
    assert QUESTION.shown_texts == ("no", "yes")
    four = Question("option", tuple(Option(k, k.upper()) for k in "abcd"), order=(2, 0, 3, 1), negated=True)
    assert four.shown_texts == ("A", "B", "C", "D")  # only yes/no questions have a negation
    for format in FORMATS:
        binary = FORMATS[format].binary
        assert plain.first_option(format) == (0 if binary else 1)
        assert QUESTION.first_option(format) == 1
        assert binary or four.first_option(format) == 2


def test_an_open_question_has_no_first_option() -> None:
    question = Question("custom", (), {"ask": "How are you?"})
    assert question.open
    assert not QUESTION.open
    with pytest.raises(BadInput, match="open question"):
        question.first_option("free")


def largest_remainders(distribution: Sequence[float]) -> list[int]:
    """Without a margin for shares that lie a hair below a whole tenth."""
    counts = [math.floor(10 * p) for p in distribution]
    for k in sorted(range(len(counts)), key=lambda k: counts[k] - 10 * distribution[k])[: 10 - sum(counts)]:
        counts[k] += 1
    return counts


def test_ten_counts_are_the_nearest_that_sum_to_ten() -> None:
    assert ten_counts((0.9, 0.1)) == [9, 1]
    assert ten_counts((1 / 3, 1 / 3, 1 / 3)) == [4, 3, 3]
    assert ten_counts((0.25, 0.25, 0.5)) == [3, 2, 5]
    assert ten_counts((0.1 + 0.2, 0.7)) == ten_counts((0.7 - 0.4, 0.7)) == [3, 7]
    rng = np.random.default_rng(0)
    for _ in range(500):
        k = int(rng.integers(2, 9))
        tenths = rng.multinomial(10, np.full(k, 1 / k)) / 10
        for weights in (rng.dirichlet(np.ones(k)), tenths, rng.multinomial(20, np.full(k, 1 / k)) / 20):
            shares = [float(x) for x in weights / weights.sum()]
            counts = ten_counts(shares)
            assert sum(counts) == 10
            assert counts == largest_remainders(shares)
            assert all(abs(c - 10 * p) < 1 for c, p in zip(counts, shares))


TEXT, TURN = "Name a fruit", Message("user", "Name a fruit")


@pytest.mark.parametrize(
    ("make", "instead"),
    [
        (lambda: Prompt(TEXT), "write Prompt(text='Name a fruit') or Prompt(messages=(Message('user', 'Name a fruit')"),
        (lambda: Prompt(messages=TURN), "write Prompt(messages=(message,)), with the comma"),
        (lambda: Prompt(messages=(TEXT,)), "write Prompt(text='Name a fruit') or"),
        (lambda: Prompt(messages=[{"role": "user", "content": TEXT}]), "not dict: write Prompt(messages=(Message("),
        (lambda: Prompt(), "exactly one of them, got 0"),
        (lambda: Prompt((TURN,), TEXT), "exactly one of them, got 2"),
        (lambda: Question("custom", ("tea", "coffee")), "not str: write options=(Option('tea', 'tea'), ...)"),
        (lambda: Question("custom", "tea"), "not str: write options=(Option('tea', 'tea'), ...)"),
        (lambda: Question("custom", Option("a", "A")), "write options=(option,), with the comma"),
        (lambda: replace(TRIAL, prompt=TEXT), "the prompt of a trial is a Prompt, not str: write Prompt(text='Name a"),
        (lambda: replace(TRIAL, question="Tea?"), "write Question('custom', options, {'ask': ...})"),
        (lambda: Evidence(TEXT, (0,), "x"), "the prompt of an evidence is a Prompt, not str: write Prompt(text="),
    ],
)  # fmt: skip
def test_what_stands_in_the_wrong_place_is_one_line_that_says_what_to_write(make: Any, instead: str) -> None:
    with pytest.raises(BadInput) as error:
        make()
    assert instead in str(error.value)
    assert "\n" not in str(error.value)


def test_a_long_text_does_not_fill_the_message() -> None:
    with pytest.raises(BadInput, match=r"the text 'word word word word word word word wo\.\.\.'") as error:
        Prompt("word " * 200)
    assert len(str(error.value)) < 300


def test_lists_are_taken_where_tuples_are_meant() -> None:
    assert Prompt(messages=[TURN]).messages[0] is TURN
    assert Question("custom", list(YES_NO)).binary
