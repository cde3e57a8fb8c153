"""Quantities: what a text has, as one of the options of a question. Pure functions.

`measure` maps a text to the key of an option, `distribution` many texts to frequencies (K,). Open questions end with
an option for everything else ("not a letter", "something else"), so that no reply is dropped.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from selfscope.habits import asked_mark
from selfscope.parsing import affirmed, passes_up, says_unknown
from selfscope.parsing.programs import program_of
from selfscope.quantities.packaged import INVENTED, answers, filler, graded, load_table, stated
from selfscope.quantities.self_checks import CHECKS, holds
from selfscope.quantities.texts import first_content_word, numbers, plain_text, words
from selfscope.records import Option, Question, content_hash

VOWELS = "aeiou"
YES_NO = (Option("yes", "yes"), Option("no", "no"))
AGREE = (Option("yes", "agree"), Option("no", "disagree"))
"""Of a statement: that it is so, or not, whichever way it is worded."""
LETTERS = (
    Option("a-f", "A to F"), Option("g-m", "G to M"), Option("n-s", "N to S"), Option("t-z", "T to Z"),
    Option("none", "not a letter"),
)  # fmt: skip
FIRST_WORDS = (
    Option("i", "I"), Option("article", "the, a or an"), Option("pronoun", "it, that, this or you"),
    Option("else", "another word"),
)  # fmt: skip
PARITY = (Option("even", "even"), Option("odd", "odd"), Option("none", "no number"))
ABOVE = (Option("yes", "yes"), Option("no", "no"), Option("none", "no number"))
WORD_COUNTS = (
    Option("1", "one at most"), Option("2-3", "two or three"), Option("4-7", "four to seven"),
    Option("8", "eight or more"),
)  # fmt: skip
ENTROPY_BINS = (
    Option("decided", "decided"), Option("leaning", "leaning"), Option("torn", "torn"), Option("open", "wide open"),
)  # fmt: skip
ENTROPY_EDGES = (1.0, 3.0, 5.0)
"""Nats: below the first edge the next token is decided, from the last one on it is wide open."""
USER = ("gender", "age", "education", "mood", "expertise", "vulnerability")
"""What a user is asked about has a quantity of its own, so that it has probes and rivals of its own."""
ELSE = "something else"
NEITHER = "neither or both"

_PRONOUNS = ("it", "its", "that", "thats", "this", "these", "those", "you", "youre", "your")


@dataclass(frozen=True)
class Property:
    """A quantity of one text. options: shared ones, empty where each question brings its own. needs: arguments. said:
    whether the text itself says it (that it is right, it does not). given: it is of an answer that stands in the
    question or before it, so that no state moves it. ran: it is told by running the text; only programs whose outcome
    the question knows are told from it here. turned: a text that names one of two options speaks for the other; who
    only repeats the text says the one that it names. own: it is of whoever is asked or asks, no given text has it."""

    name: str
    options: tuple[Option, ...]
    key: Callable[[Question, str], str | None]
    needs: tuple[str, ...] = ()
    said: bool = True
    given: bool = False
    ran: bool = False
    turned: bool = False
    own: bool = False


def measure(question: Question, reply_text: str) -> str | None:
    """The key of the question's option that the text falls under.

    None where a text alone cannot say it: entropy bins, and a continuation with neither of two words. Raises
    ValueError for a quantity that does not exist.
    """
    if question.quantity not in PROPERTIES:
        raise ValueError(f"unknown quantity {question.quantity!r}; known: {', '.join(sorted(PROPERTIES))}")
    return PROPERTIES[question.quantity].key(question, reply_text)


def distribution(question: Question, texts: Sequence[str]) -> tuple[float, ...] | None:
    """(K,) frequencies of the options among the texts; None when no text says anything about the quantity."""
    # Many replies are alike: each different one is measured once.
    counts = Counter(texts)
    times_of: dict[str, int] = {}
    for text, times in counts.items():
        key = measure(question, text)
        if key is not None:
            times_of[key] = times_of.get(key, 0) + times
    total = sum(times_of.values())
    return tuple(times_of.get(option.key, 0) / total for option in question.options) if total else None


def option_of(question: Question, reply_text: str) -> int | None:
    """The index of the option that a reply falls under, by the question's quantity or else by an option's own words;
    None where the reply says nothing about it. Whether a reply is *right* is not said by the reply."""
    if question.quantity in PROPERTIES:
        one = PROPERTIES[question.quantity]
        key = _likelier(question, reply_text) if one.turned else measure(question, reply_text) if one.said else None
        keys = [option.key for option in question.options]
        return keys.index(key) if key in keys else None
    said = plain_text(reply_text)
    return next((i for i, o in enumerate(question.options) if plain_text(o.text) == said), None)


def given(quantity: str) -> bool:
    """Whether a quantity is of an answer that stands in the question or before it: no state moves it."""
    return quantity in PROPERTIES and PROPERTIES[quantity].given


def ran(quantity: str) -> bool:
    """Whether a quantity is told by running a text."""
    return quantity in PROPERTIES and PROPERTIES[quantity].ran


def measurable(quantity: str) -> bool:
    """Whether a single text can say it (an entropy bin needs the whole distribution)."""
    return quantity in PROPERTIES and quantity != "entropy_bin"


def entropy_key(nats: float) -> str | None:
    """The bin of an entropy (nats); None where it is no number."""
    if not math.isfinite(nats):
        return None
    return ENTROPY_BINS[sum(nats >= edge for edge in ENTROPY_EDGES)].key


def _letters(index: int) -> Callable[[Question, str], str]:
    def key(question: Question, text: str) -> str:
        plain = plain_text(text)
        letter = plain[index : index + 1]
        return LETTERS[sum(letter > last for last in "fms")].key if "a" <= letter <= "z" else "none"

    return key


def _first_word(question: Question, text: str) -> str:
    first = (words(text) or [""])[0]
    if first in ("i", "im", "ive", "id", "ill"):
        return "i"
    if first in ("the", "a", "an"):
        return "article"
    return "pronoun" if first in _PRONOUNS else "else"


def _ends_with_vowel(question: Question, text: str) -> str:
    letters = [c for c in plain_text(text) if c.isalnum()]
    return "yes" if letters and letters[-1] in VOWELS else "no"


def _parity(question: Question, text: str) -> str:
    values = numbers(text)
    if not values or values[0] != int(values[0]):
        return "none"
    return "odd" if int(values[0]) % 2 else "even"


def _above(question: Question, text: str) -> str:
    values = numbers(text)
    return "none" if not values else "yes" if values[0] > float(question.arguments["threshold"]) else "no"


def _word_count(question: Question, text: str) -> str:
    count = len(text.split())
    return WORD_COUNTS[sum(count >= low for low in (2, 4, 8))].key


def _starts_same(question: Question, text: str) -> str:
    letter, other = plain_text(text)[:1], plain_text(str(question.arguments["other"]))[:1]
    return "yes" if letter and letter == other else "no"


def _option(question: Question, text: str) -> str:
    """The one option that the text names and does not deny; the last option stands for everything else."""
    named = affirmed(text, [option.text for option in question.options[:-1]])
    return question.options[named[0] if len(named) == 1 else -1].key


def _branch(question: Question, text: str) -> str:
    key = first_content_word(text)
    keys = [option.key for option in question.options[:-1]]
    return key if key in keys else question.options[-1].key


def _correct(question: Question, text: str) -> str:
    return "yes" if graded(str(question.arguments["item"]), text) else "no"


def _passes(question: Question, text: str) -> str | None:
    """Of a program whose outcome is known; nobody reads off another whether it passes."""
    key = program_key(text)
    said = [answer for name, answer in (("passing", "yes"), ("failing", "no")) if key in question.arguments[name]]
    return said[0] if said else None


def program_key(text: str) -> str:
    """What a question knows the program in a text by.

    Parameters
    ----------
    text
        A program, or a reply that holds one.
    """
    return content_hash(program_of(text))


def _next_word(question: Question, text: str) -> str:
    return "yes" if _goes_on_with(text, str(question.arguments["word"])) else "no"


def _likelier(question: Question, text: str) -> str | None:
    return next((option.key for option in question.options if _goes_on_with(text, option.text)), None)


def _other(question: Question, text: str) -> str | None:
    """Of two options the one that the text does not name."""
    named = _likelier(question, text)
    return None if named is None else next(o.key for o in question.options if o.key != named)


def _goes_on_with(text: str, word: str) -> bool:
    spoken, wanted = words(text), words(word)
    return bool(wanted) and spoken[: len(wanted)] == wanted


def _sign(question: Question, text: str) -> str | None:
    """Of whom a reply is a sign: the option whose listed answers it gives."""
    said = words(text)
    for option, signs in zip(question.options, question.arguments.get("signs", ()), strict=False):
        if said in map(words, signs):
            return option.key
    return None


def _stated(question: Question, text: str) -> str | None:
    """Whether a reply is as the statement says; of one that nothing checks no reply says anything."""
    check, given = str(question.arguments["check"]), question.arguments.get("given", ())
    return ("yes" if holds(check, text, given) else "no") if check else None


def _none(question: Question, text: str) -> None:
    return None


PROPERTIES: dict[str, Property] = {
    p.name: p
    for p in (
        Property("first_char", LETTERS, _letters(0)),
        Property("second_char", LETTERS, _letters(1)),
        Property("first_word", FIRST_WORDS, _first_word),
        Property("ends_with_vowel", YES_NO, _ends_with_vowel),
        Property("parity", PARITY, _parity),
        Property("above_threshold", ABOVE, _above, ("threshold",)),
        Property("word_count", WORD_COUNTS, _word_count),
        Property("starts_same", YES_NO, _starts_same, ("other",)),
        Property("option", (), _option),
        Property("branch", (), _branch),
        Property("correct_before", YES_NO, _correct, ("item",), said=False),
        Property("correct_shown", YES_NO, _correct, ("item", "answer"), said=False, given=True),
        Property("correct_after", YES_NO, _correct, ("item", "answer"), said=False, given=True),
        Property("knows", YES_NO, _correct, ("item",), said=False),
        Property("says_unknown", YES_NO, lambda q, t: "yes" if says_unknown(t) else "no"),
        Property("abstains", YES_NO, lambda q, t: "yes" if passes_up(t) else "no", ("threshold",)),
        Property("passes_before", YES_NO, _passes, ("passing", "failing"), said=False, ran=True),
        Property("passes_shown", YES_NO, _passes, ("passing", "failing", "answer"), said=False, given=True, ran=True),
        Property("passes_after", YES_NO, _passes, ("passing", "failing", "answer"), said=False, given=True, ran=True),
        Property("lied", YES_NO, _none, ("answer",), said=False, given=True, own=True),
        Property("next_word", YES_NO, _next_word, ("word",)),
        Property("likelier", (), _likelier), Property("choice", (), _likelier),
        Property("liked", (), _likelier, own=True), Property("disliked", (), _other, turned=True, own=True),
        Property("wanted", (), _likelier, own=True), Property("unwanted", (), _other, turned=True, own=True),
        Property("entropy_bin", ENTROPY_BINS, _none),
        *(Property(f"user_{name}", (), _sign, ("signs",), own=True) for name in (*USER, "other")),
        Property("statement", AGREE, _stated, ("check",), own=True),
        Property("habit", YES_NO, lambda q, t: "yes" if asked_mark(q.arguments).on(t) else "no", ("mark", "word")),
    )
}
"""Every quantity that a phenomenon of this package asks about, by name."""

__all__ = [
    "AGREE", "CHECKS",
    "ENTROPY_BINS", "ENTROPY_EDGES", "INVENTED", "PROPERTIES", "USER", "Property", "answers", "distribution",
    "entropy_key", "filler", "first_content_word", "given", "graded", "holds", "load_table", "measurable", "measure",
    "numbers", "option_of", "plain_text", "program_key", "ran", "stated", "words",
]  # fmt: skip
