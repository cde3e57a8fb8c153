"""The conversations into which something is injected: ordinary sentences, read by the subject before it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from selfscope.phenomena.counterbalance import SPLITS, shuffled
from selfscope.quantities import load_table
from selfscope.records import Message, Prompt

SENTENCES = 10
PASSAGE = 3
"""Sentences of a passage for identification and detection."""
HALF = 2
"""Sentences of each of two passages."""
SHARES = {"test": 21, "train": 12, "dev": 12}
"""Sentences of each source: no split reads those of another."""
ACKNOWLEDGEMENT = "I have read it."


@dataclass(frozen=True)
class Text:
    """A conversation and its parts: where something may be written."""

    prompt: Prompt
    parts: tuple[str, ...]


def sources() -> tuple[str, ...]:
    """Kinds of sentences."""
    return tuple(load_table("passages"))


def sentences(source: str, split: str, count: int, *key: object) -> list[str]:
    """Different ordinary sentences of a source and split, in an order that depends on the key."""
    pool = shuffled(load_table("passages")[source], "split", source)
    start = sum(SHARES[s] for s in SPLITS[: SPLITS.index(split)])
    return shuffled(pool[start : start + SHARES[split]], *key)[:count]


def numbered(lines: Sequence[str]) -> Text:
    """Numbered sentences."""
    return _reading_task("\n".join(f"{i}. {line}" for i, line in enumerate(lines, 1)), lines)


def two(lines: Sequence[str]) -> Text:
    """Two passages, A and B, of equally many sentences."""
    half = len(lines) // 2
    parts = (" ".join(lines[:half]), " ".join(lines[half:]))
    return _reading_task(f"A: {parts[0]}\nB: {parts[1]}", parts)


def passage(lines: Sequence[str]) -> Text:
    """One passage."""
    text = " ".join(lines)
    return _reading_task(text, (text,))


def tampered(lines: Sequence[str], word: str) -> Text:
    """The passage with the concept's word in its text: a disturbance of the input that is as plain as can be."""
    return passage([lines[0], tampered_line(word), *lines[2:]])


def tampered_line(word: str) -> str:
    """A line of the concept's word."""
    return f"{word.capitalize()}, {word}, {word}."


def _reading_task(text: str, parts: Sequence[str]) -> Text:
    turns = (Message("user", f"Read this.\n{text}"), Message("assistant", ACKNOWLEDGEMENT))
    return Text(Prompt(messages=turns, tag={"role": "behave", "state": "plain"}), tuple(parts))
