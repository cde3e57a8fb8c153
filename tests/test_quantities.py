"""Quantities: accept tables, one line a case."""

from __future__ import annotations

import pytest

from selfscope.quantities import (
    PROPERTIES,
    USER,
    answers,
    distribution,
    entropy_key,
    first_content_word,
    graded,
    load_table,
    measurable,
    measure,
    numbers,
    program_key,
)
from selfscope.records import Option, Question

TEA = (Option("tea", "tea"), Option("green tea", "green tea"), Option("else", "neither or both"))
ENDS = (Option("7", "7"), Option("red", "red"), Option("else", "something else"))


def about(quantity: str, **arguments: object) -> Question:
    own = {"option": TEA, "branch": ENDS, "likelier": ENDS[:2], "choice": ENDS[:2], "liked": ENDS[:2],
           "disliked": ENDS[:2], "wanted": ENDS[:2], "unwanted": ENDS[:2]}  # fmt: skip
    own |= {f"user_{name}": (ENDS[1], Option("blue", "blue")) for name in (*USER, "other")}
    options = own.get(quantity, PROPERTIES[quantity].options)
    return Question(quantity, options, arguments=arguments)


CASES = [
    ("lied", {"answer": "Rome."}, "Rome.", None),
    ("statement", {"check": "greets"}, "Hello!", "yes"), ("statement", {"check": "greets"}, "It is.", "no"),
    ("statement", {"check": "answers", "given": ["Oslo"]}, "It is Oslo.", "yes"),
    ("statement", {"check": ""}, "x", None),
    ("liked", {}, "red", "red"), ("liked", {}, "blue", None), ("disliked", {}, "red", "7"),
    ("wanted", {}, "red", "red"), ("wanted", {}, "blue", None), ("unwanted", {}, "red", "7"),
    ("first_char", {}, "  Fig", "a-f"), ("first_char", {}, "great", "g-m"), ("first_char", {}, "Émile", "a-f"),
    ("first_char", {}, "Noon", "n-s"), ("first_char", {}, "tea", "t-z"), ("first_char", {}, "7 cats", "none"),
    ("first_char", {}, "", "none"), ("first_char", {}, '"A"', "none"), ("first_char", {}, "ß", "n-s"),
    ("second_char", {}, "I am", "none"), ("second_char", {}, "at", "t-z"), ("second_char", {}, "x", "none"),
    ("first_word", {}, "I'm here", "i"), ("first_word", {}, "An owl", "article"),
    ("first_word", {}, "That's it", "pronoun"),
    ("first_word", {}, "Iron", "else"), ("first_word", {}, "", "else"), ("first_word", {}, "**The** end", "article"),
    ("ends_with_vowel", {}, "Banana.", "yes"), ("ends_with_vowel", {}, "cat!", "no"),
    ("ends_with_vowel", {}, "café", "yes"),
    ("ends_with_vowel", {}, "day", "no"), ("ends_with_vowel", {}, "e 7", "no"), ("ends_with_vowel", {}, "", "no"),
    ("parity", {}, "It is 14.", "even"), ("parity", {}, "-3", "odd"), ("parity", {}, "seven", "none"),
    ("parity", {}, "2.5", "none"), ("parity", {}, "1,001 nights", "odd"), ("parity", {}, "7 or 8", "odd"),
    ("above_threshold", {"threshold": 50}, "50", "no"), ("above_threshold", {"threshold": 50}, "51!", "yes"),
    ("above_threshold", {"threshold": 50}, "many", "none"), ("above_threshold", {"threshold": -1}, "0", "yes"),
    ("word_count", {}, "", "1"), ("word_count", {}, "one", "1"), ("word_count", {}, "a b", "2-3"),
    ("word_count", {}, "a b c d", "4-7"), ("word_count", {}, "a b c d e f g h", "8"),
    ("starts_same", {"other": "Apple"}, "ant", "yes"), ("starts_same", {"other": "Apple"}, "bee", "no"),
    ("starts_same", {"other": "Apple"}, "", "no"), ("starts_same", {"other": "echo"}, "École", "yes"),
    ("option", {}, "Tea.", "tea"), ("option", {}, "I like green tea", "green tea"), ("option", {}, "Steak", "else"),
    ("option", {}, "", "else"), ("option", {}, "TEA, of course", "tea"),
    ("branch", {}, " a red one, as", "red"), ("branch", {}, "7.", "7"), ("branch", {}, "17", "else"),
    ("branch", {}, "the", "else"), ("branch", {}, " the 7 things", "7"), ("branch", {}, "reddish", "else"),
    ("correct_before", {"item": "arithmetic|17 + 25"}, "42", "yes"),
    ("correct_before", {"item": "arithmetic|17 + 25"}, "17 + 25 = 42", "yes"),
    ("correct_before", {"item": "arithmetic|17 + 25"}, "420", "no"),
    ("correct_before", {"item": "arithmetic|17 + 25"}, "42 or 43", "no"),
    ("correct_before", {"item": "arithmetic|40 * 30"}, "1,200.", "yes"),
    ("correct_before", {"item": "arithmetic|3 - 8"}, "-5", "yes"),
    ("correct_before", {"item": "capitals|Iceland"}, "Reykjavík", "yes"),
    ("correct_before", {"item": "capitals|India"}, "It is Delhi!", "yes"),
    ("correct_before", {"item": "capitals|Italy"}, "Romeo", "no"),
    ("correct_before", {"item": "young|chicken"}, "a chicken", "no"),
    ("correct_before", {"item": "true_false|trout|fish"}, "True.", "yes"),
    ("correct_before", {"item": "true_false|trout|fish"}, "True or false", "no"),
    ("correct_before", {"item": "true_false|trout|bird"}, "This is false", "yes"),
    ("knows", {"item": "capitals|Italy"}, "Rome", "yes"), ("knows", {"item": "invented|Velmora"}, "Ruvdar", "no"),
    ("says_unknown", {}, "I don't know.", "yes"), ("says_unknown", {}, "Rome.", "no"),
    ("abstains", {"threshold": 0.5}, "Pass.", "yes"), ("abstains", {"threshold": 0.5}, "Passau.", "no"),
    ("abstains", {"threshold": 0.5}, "I do not know", "yes"),
    ("passes_before", {"passing": (program_key("a = 1"),), "failing": ()}, "```python\na = 1\n```", "yes"),
    ("passes_before", {"passing": (), "failing": (program_key("a = 2"),)}, "a = 2\n```\nIt works.", "no"),
    ("passes_before", {"passing": (program_key("a = 1"),), "failing": ()}, "a = 3", None),
    ("next_word", {"word": "sunny"}, " sunny today", "yes"), ("next_word", {"word": "sun"}, "sunny", "no"),
    ("next_word", {"word": "New York"}, "New York City", "yes"), ("next_word", {"word": "x"}, "", "no"),
    ("likelier", {}, "red wine", "red"), ("likelier", {}, "blue", None), ("entropy_bin", {}, "anything", None),
    ("choice", {}, "red wine", "red"), ("choice", {}, "blue", None), ("entropy_bin", {}, "anything", None),
    ("habit", {"mark": "begins", "word": "Well"}, "Well, no.", "yes"), ("habit", {"mark": "upper"}, "No", "no"),
    ("habit", {"mark": "mentions", "word": "pets", "members": ["cat", "dog"]}, "Two cats.", "yes"),
    *((f"user_{name}", {"signs": [["rap"], ["opera", "jazz"]]}, "Jazz.", "blue") for name in (*USER, "other")),
    ("user_age", {"signs": [["rap"], ["opera"]]}, "polka", None),
]  # fmt: skip


@pytest.mark.parametrize(("quantity", "arguments", "text", "key"), CASES)
def test_measure(quantity: str, arguments: dict[str, object], text: str, key: str | None) -> None:
    assert measure(about(quantity, **arguments), text) == key


def test_every_quantity_has_a_case_and_every_key_is_an_option() -> None:
    assert {case[0] for case in CASES} >= {name for name, known in PROPERTIES.items() if not known.given}
    for quantity, arguments, _, key in CASES:
        assert key is None or key in [o.key for o in about(quantity, **arguments).options]


def test_distribution_drops_nothing_that_an_option_covers() -> None:
    assert distribution(about("option"), ["tea", "Tea!", "soup", "green tea"]) == (0.5, 0.25, 0.25)
    assert distribution(about("likelier"), ["red", "blue", "7", "red"]) == (1 / 3, 2 / 3)
    assert distribution(about("likelier"), ["blue"]) is None
    assert distribution(about("entropy_bin"), ["blue"]) is None


def test_an_unknown_quantity_or_item_is_named() -> None:
    with pytest.raises(ValueError, match="unknown quantity 'colour'"):
        measure(Question("colour", ENDS), "x")
    with pytest.raises(ValueError, match="Atlantis"):
        answers("capitals|Atlantis")
    with pytest.raises(ValueError, match="2 / 3"):
        graded("arithmetic|2 / 3", "1")


def test_entropy_bins_meet_at_their_edges() -> None:
    assert [entropy_key(x) for x in (0.0, 0.99, 1.0, 3.0, 4.99, 5.0, 9.0)] == [
        "decided", "decided", "leaning", "torn", "torn", "open", "open",
    ]  # fmt: skip
    assert not measurable("entropy_bin")
    assert measurable("parity")


def test_numbers_and_outcomes() -> None:
    assert numbers("17 + 25 = 42, 1,234; -5 and 3-4, 2.5") == [17, 25, 42, 1234, -5, 3, 4, 2.5]
    assert numbers("no number") == []
    assert [first_content_word(t) for t in ("\n a ripe banana", "It is Blue!", "the, a", "", "42 cats", "l'eau")] == [
        "ripe", "blue", "", "", "42", "leau",
    ]  # fmt: skip


def test_what_is_denied_is_not_said() -> None:
    """A reply that denies an answer does not give it; of true and false the one is the denial of the other."""
    kind, members = next(iter(load_table("words")["kinds"].items()))
    truth = f"true_false|{members[0]}|{kind}"
    falsehood = f"true_false|zzz|{kind}"
    assert graded(truth, "It is true.")
    assert not graded(truth, "It is not true.")
    assert not graded(truth, "not true")
    assert graded(falsehood, "That isn't true.")
    assert not graded(falsehood, "It is not false.")
    assert graded("capitals|France", "It is Paris.")
    assert not graded("capitals|France", "It is not Paris.")


def test_an_option_is_named_as_it_is_written() -> None:
    """Names that hold each other, and names that are no words; what is denied is something else."""
    options = tuple(Option(t, t) for t in ("C", "C++", "-5", "🙂", "<b>", "a,b", "dark red", "red", "something else"))
    question = Question("option", options, shared=False)
    for text, key in {
        "I write C++.": "C++", "C": "C", "It is -5 degrees": "-5", "I feel 🙂": "🙂", "Use <b> here.": "<b>",
        "a,b": "a,b",
        "A dark red one": "dark red", "red": "red", "Not red.": "something else", "red or C++": "something else",
        "5 apples": "something else", "dark red, not red": "dark red",
    }.items():  # fmt: skip
        assert measure(question, text) == key, text
