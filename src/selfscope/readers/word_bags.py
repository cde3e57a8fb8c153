"""Texts as bags of words: the text-only rivals of linear maps of states. N texts, W words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from selfscope.quantities import words as words_of


def vocabulary_of(texts: Sequence[str], most: int = 400) -> dict[str, int]:
    """The commonest words, each with its position."""
    counts: dict[str, int] = {}
    for text in texts:
        for word in dict.fromkeys(w.lower() for w in words_of(text)):
            counts[word] = counts.get(word, 0) + 1
    commonest = sorted(counts, key=lambda w: (-counts[w], w))[:most]
    return {word: i for i, word in enumerate(commonest)}


def bags_of(texts: Sequence[str], vocabulary: Mapping[str, int]) -> Any:
    """(N, W) whether each word occurs."""
    out = np.zeros((len(texts), max(1, len(vocabulary))))
    for i, text in enumerate(texts):
        for word in words_of(text):
            at = vocabulary.get(word.lower())
            if at is not None:
                out[i, at] = 1.0
    return out
