"""Habits by name: which words count where a kind of thing is mentioned, and the habits that are asked about."""

from __future__ import annotations

from selfscope.habits import Mark
from selfscope.quantities import load_table

FOOD = ("fruit", "vegetable", "drink")
DISHES = (
    "bread", "cake", "cheese", "soup", "rice", "pasta", "egg", "butter", "chocolate", "honey", "salad", "pizza",
    "sugar", "meat", "pie", "biscuit", "sandwich",
)  # fmt: skip


def mark_of(kind: str, word: str = "") -> Mark:
    """The mark of a kind and a word: what counts as mentioned is every member of a packaged kind ("food", "bird",
    "colour"), else the word itself. Raises BadInput as `Mark`."""
    return Mark(kind, word, members(word) if kind == "mentions" else ())


def members(kind: str) -> tuple[str, ...]:
    """Packaged words of a kind; none where there is no such kind."""
    kinds = load_table("words")["kinds"]
    if kind == "food":
        return (*DISHES, *(word for one in FOOD for word in kinds[one]))
    return tuple(kinds.get(kind, ()))


WORDS = (
    "Well", "Sure", "I", "The", "Oh", "Yes", "Hello", "It", "That", "You", "My", "Indeed", "No", "What", "How", "Thank",
    "Sorry", "There", "This", "A", "In", "As", "One", "We",
)  # fmt: skip
ENDS = ("?", "!", "🙂", "too", "today", "now", "day", ".")
THINGS = ("food", "bird", "colour", "sport", "job", "vehicle", "tool", "mammal", "tree")
PANEL: tuple[Mark, ...] = (
    *(mark_of("begins", word) for word in WORDS), *(mark_of("ends", word) for word in ENDS),
    *(mark_of("mentions", thing) for thing in THINGS), mark_of("upper"),
)  # fmt: skip
"""Habits that anybody may have, each of another word."""
