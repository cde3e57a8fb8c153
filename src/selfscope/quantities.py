"""Quantities: what a text has, as one of the options of a question. Pure functions.

`measure` maps a text to the key of an option, `distribution` many texts to frequencies (K,). Open questions end with
an option for everything else ("not a letter", "something else"), so that no reply is dropped.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from selfscope.parsing import affirmed, denied
from selfscope.records import Option, Question

VOWELS = "aeiou"
YES_NO = (Option("yes", "yes"), Option("no", "no"))
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
ELSE = "something else"
NEITHER = "neither or both"

_PRONOUNS = ("it", "its", "that", "thats", "this", "these", "those", "you", "youre", "your")
_EMPTY = """a an the my your our his her its this that to of in on at for with by from as is are was be it i you we they
he she and or but so very really quite probably definitely certainly simply just always usually called named one some
would will can could should am s m ll re ve d well sure"""
_JOINTS = re.compile(r"(?<=\w)[-–](?=\w)|[_+#@&]")
_EMPTY_WORDS = frozenset(_EMPTY.split())


@dataclass(frozen=True)
class Property:
    """A quantity of one text. options: shared ones, empty where each question brings its own. needs: arguments. said:
    whether the text itself says it (that it is right, it does not)."""

    name: str
    options: tuple[Option, ...]
    key: Callable[[Question, str], str | None]
    needs: tuple[str, ...] = ()
    said: bool = True


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
        key = measure(question, reply_text) if PROPERTIES[question.quantity].said else None
        keys = [option.key for option in question.options]
        return keys.index(key) if key in keys else None
    said = plain_text(reply_text)
    return next((i for i, o in enumerate(question.options) if plain_text(o.text) == said), None)


def measurable(quantity: str) -> bool:
    """Whether a single text can say it (an entropy bin needs the whole distribution)."""
    return quantity in PROPERTIES and quantity != "entropy_bin"


def entropy_key(nats: float) -> str | None:
    """The bin of an entropy (nats); None where it is no number."""
    if not math.isfinite(nats):
        return None
    return ENTROPY_BINS[sum(nats >= edge for edge in ENTROPY_EDGES)].key


@lru_cache(maxsize=65536)
def plain_text(text: str) -> str:
    """Case-folded, without accents, with single spaces."""
    folded = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    return " ".join("".join(c for c in folded if not unicodedata.combining(c)).split())


def words(text: str) -> list[str]:
    """Words and whole numbers of a text, case-folded; apostrophes join ("don't" is "dont")."""
    return re.findall(r"[^\W_]+", plain_text(text).replace("'", ""))


def numbers(text: str) -> list[float]:
    """Numbers written in digits: thousands commas removed, a minus sign only where no digit or word precedes it."""
    joined = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    return [float(n) for n in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?|(?<=[^\W\d_])\d+", joined)]


def first_content_word(text: str) -> str:
    """How a continuation ends, as one word: the first that carries content ("a ripe banana, as..." is "ripe").

    Empty where nothing is said.
    """
    line = next((line for line in text.splitlines() if line.strip()), "")
    return next((word for word in words(line) if word not in _EMPTY_WORDS), "")


def graded(item: str, text: str) -> bool:
    """Whether a text answers a packaged item rightly. item: "source|what", as in "capitals|France".

    Numbers: the one after the last "=", else the last in the first line, must equal the answer. True or false: just
    one of the two words, or the outright denial of the other ("not true"). Names: one of the accepted answers, as whole
    words, is affirmed.
    Raises ValueError for an unknown item.
    """
    accepted = answers(item)
    source = item.partition("|")[0]
    if source == "arithmetic":
        line = next((line for line in text.splitlines() if line.strip()), "")
        values = numbers(line.rpartition("=")[2]) or numbers(line)
        return bool(values) and values[-1] == float(accepted[0])
    if source == "true_false":
        pair = ("true", "false")  # what is not the one is the other
        said = affirmed(text, pair) or [1 - k for k in denied(text, pair)]
        return [pair[k] for k in said] == list(accepted)
    return any(_gives(text, answer) for answer in accepted)


def answers(item: str) -> tuple[str, ...]:
    """The accepted answers of a packaged item, the usual one first. Raises ValueError for an unknown item."""
    source, _, what = item.partition("|")
    if source == "arithmetic":
        match = re.fullmatch(r"(\d+) ([-+*]) (\d+)", what)
        if match:
            a, b = int(match.group(1)), int(match.group(3))
            return (str({"+": a + b, "-": a - b, "*": a * b}[match.group(2)]),)
    elif source == "true_false":
        member, _, kind = what.partition("|")
        kinds = load_table("words")["kinds"]
        if kind in kinds:
            return ("true" if member in kinds[kind] else "false",)
    else:
        accepted = load_table("facts").get(source, {}).get("answers", {}).get(what)
        if accepted:
            return tuple(accepted)
    raise ValueError(f"no packaged item {item!r}")


@lru_cache(maxsize=8)
def load_table(name: str) -> Mapping[str, Any]:
    """A packaged table: words, facts or contexts."""
    return json.loads((resources.files("selfscope") / "data" / f"{name}.json").read_text(encoding="utf-8"))


def _gives(text: str, answer: str) -> bool:
    """Whether a text affirms an answer, as whole words, however they are joined ("Addis-Ababa", "_Paris_")."""
    return bool(affirmed(text if re.search(r"\d", answer) else _JOINTS.sub(" ", text), [answer]))


def _letters(index: int) -> Callable[[Question, str], str]:
    def key(question: Question, text: str) -> str:
        plain = plain_text(text)
        letter = plain[index : index + 1]
        if not ("a" <= letter <= "z"):
            return "none"
        return LETTERS[sum(letter > last for last in "fms")].key

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


def _next_word(question: Question, text: str) -> str:
    return "yes" if _goes_on_with(text, str(question.arguments["word"])) else "no"


def _likelier(question: Question, text: str) -> str | None:
    return next((option.key for option in question.options if _goes_on_with(text, option.text)), None)


def _goes_on_with(text: str, word: str) -> bool:
    spoken, wanted = words(text), words(word)
    return bool(wanted) and spoken[: len(wanted)] == wanted


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
        Property("correct_shown", YES_NO, _correct, ("item", "answer"), said=False),
        Property("correct_after", YES_NO, _correct, ("item", "answer"), said=False),
        Property("next_word", YES_NO, _next_word, ("word",)),
        Property("likelier", (), _likelier),
        Property("entropy_bin", ENTROPY_BINS, _none),
    )
}
"""Every quantity that a phenomenon of this package asks about, by name."""

__all__ = [
    "ENTROPY_BINS", "ENTROPY_EDGES", "PROPERTIES", "Property", "answers", "distribution", "entropy_key",
    "first_content_word", "graded", "load_table", "measurable", "measure", "numbers", "option_of", "plain_text",
    "words",
]  # fmt: skip
