"""Concepts and their directions: what a state is like when a prompt speaks of a word, minus what it is like anyway.

The vector of a word w at a layer is h(prompt about w, last token) minus its mean over ordinary words (Lindsey 2025).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from selfscope.phenomena.counterbalance import generator, shuffled
from selfscope.quantities import load_table
from selfscope.records import Message, Prompt, Vector
from selfscope.subjects.base import OpenSubject

ABOUT = "Tell me about {x}."


def concepts(seed: int) -> list[tuple[str, str]]:
    """(category, word) of every packaged concept: the categories take turns, each in seeded order."""
    table = load_table("concepts")["concepts"]
    turns = [shuffled([(kind, word) for word in table[kind]], "concepts", seed, kind) for kind in table]
    return [one for turn in zip(*turns, strict=True) for one in turn]


def baseline() -> list[str]:
    """Ordinary words that are nobody's concept."""
    return list(load_table("concepts")["baseline"])


def concept_vectors(subject: OpenSubject, words: Sequence[str], layer: int) -> dict[str, Vector]:
    """word -> (D,) vector at a layer. Two calls: the ordinary words, then the words themselves."""
    ordinary_ND = _states(subject, baseline(), layer)
    distinct = list(dict.fromkeys(words))
    states_ND = _states(subject, distinct, layer) - ordinary_ND.mean(axis=0)
    return {word: Vector.of(state_D) for word, state_D in zip(distinct, states_ND, strict=True)}


def random_vector(width: int, *key: Any) -> Vector:
    """(D,) a direction that depends on the key alone, evenly spread over all directions."""
    return Vector.of(generator("direction", *key).standard_normal(width))


def about(subject: OpenSubject, word: str) -> Prompt:
    """The prompt whose last token is read. A base model gets it as plain text, ending in the word."""
    text = ABOUT.format(x=word)
    return Prompt(messages=(Message("user", text),)) if subject.chat else Prompt(text=text.rstrip("."))


def _states(subject: OpenSubject, words: Sequence[str], layer: int) -> Any:
    states = subject.capture([about(subject, word) for word in words], [layer], "last")
    return np.asarray(states.at(layer), dtype=np.float64)
