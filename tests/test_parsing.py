"""Accept and reject tables: one strict grammar a format."""

from __future__ import annotations

import pytest

from selfscope.parsing import is_refusal, parse_counts, parse_option, parse_percent
from selfscope.records import Outcome, Reply

A, R, U, T = Outcome.ANSWERED, Outcome.REFUSED, Outcome.UNREADABLE, Outcome.TRUNCATED
LETTERS = ("A", "B", "C")
CITIES = ("Paris", "Berlin", "New York")


@pytest.mark.parametrize(
    ("text", "texts", "index"),
    [
        ("B", LETTERS, 1),
        ("b", LETTERS, 1),
        (" B.", LETTERS, 1),
        ("**B**", LETTERS, 1),
        ('"B"', LETTERS, 1),
        ("Answer: B", LETTERS, 1),
        ("The answer is B.", LETTERS, 1),
        ("Let me think about it.\nB", LETTERS, 1),
        ("new york", CITIES, 2),
        ("I choose Berlin", CITIES, 1),
        ("Yes, it does.", ("yes", "no"), 0),
        ("No.", ("yes", "no"), 1),
        ("a", ("a", "A"), 0),
        (".", (".", ","), 0),
        ("A", ("a", "A"), 1),
        ("B\nbecause it is the best", LETTERS, 1),  # the reason may stand behind
        ("No, wait: yes.", ("yes", "no"), 0),  # corrected in so many words
    ],
)
def test_option_accepted(text: str, texts: tuple[str, ...], index: int) -> None:
    got = parse_option(Reply(text), texts)
    assert got.outcome == A
    assert got.value == tuple(float(i == index) for i in range(len(texts)))


@pytest.mark.parametrize(
    ("text", "texts", "outcome"),
    [
        ("Berlin", LETTERS, U),  # a word that begins with the right letter is not the letter
        ("A or B", LETTERS, U),
        ("A\nB", LETTERS, U),  # two admissible answers
        ("Paris, Berlin", CITIES, U),
        ("Yes, no, maybe", ("yes", "no"), U),
        ("Yesterday.", ("yes", "no"), U),
        ("", LETTERS, U),
        ("   \n", LETTERS, U),
        ("I'm sorry, but I cannot predict that.", LETTERS, R),
        ("As an AI language model I do not have preferences.", LETTERS, R),
    ],
)
def test_option_rejected(text: str, texts: tuple[str, ...], outcome: Outcome) -> None:
    got = parse_option(Reply(text), texts)
    assert (got.outcome, got.value) == (outcome, None)


def test_letters_are_read_only_where_they_are_options() -> None:
    assert parse_option(Reply("(B)"), CITIES).outcome == U
    assert parse_option(Reply("(B)"), LETTERS).value == (0.0, 1.0, 0.0)
    assert parse_option(Reply("Berlin is nice"), CITIES).outcome == U, "it does not say that it is the answer"


@pytest.mark.parametrize(
    ("text", "p"),
    [
        ("70", 0.7),
        ("70%", 0.7),
        (" 70 % ", 0.7),
        ("70 per cent.", 0.7),
        ("Answer: 70%", 0.7),
        ("1", 0.01),  # the scale is per cent: one per cent, not certainty
        ("1%", 0.01),
        ("0", 0.0),
        ("100", 1.0),
        ("0.7%", 0.007),
        ("12.5", 0.125),
        ("I would think so.\n85", 0.85),
        ("about 70", 0.7),  # a stated estimate
    ],
)
def test_percent_accepted(text: str, p: float) -> None:
    got = parse_percent(Reply(text))
    assert got.outcome == A
    assert got.value == pytest.approx((p,))


@pytest.mark.parametrize(
    "text",
    ["10/10", "50-60 %", "50–60 %", "0.7", "1.0", "101", "70 or 80", "70\n80", "seventy", "-5", "7 0"],
)
def test_percent_rejected(text: str) -> None:
    assert parse_percent(Reply(text)).outcome == U
    assert parse_percent(Reply(text)).value is None


def test_counts() -> None:
    texts = ("red", "blue", "other")
    assert parse_counts(Reply("red: 6\nblue: 3\nother: 1"), texts).value == (0.6, 0.3, 0.1)
    assert parse_counts(Reply('- "Red": 7 times\n- blue: 3'), texts).value == (0.7, 0.3, 0.0)
    off = parse_counts(Reply("red: 6\nblue: 3\nother: 3"), texts)
    assert (off.outcome, off.value) == (U, None)
    assert off.lenient == pytest.approx((0.5, 0.25, 0.25))
    assert parse_counts(Reply("red: 6\nred: 4"), texts).outcome == U
    assert parse_counts(Reply("red: 6\nblue"), texts).lenient is None
    assert parse_counts(Reply("nothing here"), texts).outcome == U
    assert parse_counts(Reply("red: 0\nblue: 0\nother: 0"), texts).outcome == U


def test_non_answers_say_which() -> None:
    assert parse_option(Reply("I would say that the", finish="length"), LETTERS).outcome == T
    assert parse_percent(Reply("I would say that the", finish="length")).outcome == T
    assert parse_percent(Reply("", finish="error")).outcome == Outcome.ERROR
    assert parse_option(Reply("", finish="refused"), LETTERS).outcome == R
    assert is_refusal("I can’t answer that.")
    assert not is_refusal("The can is on the table.")
