"""How a phantom says a distribution: option texts, numbers, counts, draws."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from selfscope.records import Decoding, Prompt, Question, content_hash, format_of


def shown_texts(question: Question) -> tuple[str, ...]:
    """Option texts in canonical order as a wording shows them: negated wording swaps yes and no."""
    texts = tuple(option.text for option in question.options)
    return texts[::-1] if question.binary and question.negated else texts


def first_option(question: Question, format: str) -> int:
    """The option that stands first, or that "yes" means."""
    if format_of(format).binary:
        return 1 if question.negated else 0
    return question.shown[0]


def around(p: float, candidates: Sequence[str]) -> list[float]:
    """Probabilities of number texts with mean exactly 100 p: the two whole numbers beside it."""
    low = min(99, math.floor(100 * p + 1e-9))
    part = min(1.0, max(0.0, 100 * p - low))
    wanted = {low: 1 - part, low + 1: part}
    found = [re.fullmatch(r"\s*(\d+)\s*%?\.?", candidate) for candidate in candidates]
    return [wanted.get(int(m.group(1)), 0.0) if m else 0.0 for m in found]


def ten(shares: Sequence[float]) -> list[int]:
    """Whole numbers that sum to ten, nearest to the shares."""
    counts = [math.floor(10 * p + 1e-9) for p in shares]
    order = sorted(range(len(shares)), key=lambda i: (counts[i] - 10 * shares[i], i))
    for i in order[: 10 - sum(counts)]:
        counts[i] += 1
    return counts


def draws(shares: Sequence[float], n: int, decoding: Decoding, prompt: Prompt) -> list[int]:
    """n indices: draw i depends on seed, prompt and i alone."""
    key = content_hash("draw", decoding.seed, prompt.messages, prompt.text, prompt.prefix)
    uniform = np.random.default_rng([*bytes.fromhex(key)]).random(n)
    edges = np.cumsum(np.asarray(shares) ** (1 / decoding.temperature))
    return [int(i) for i in np.minimum(np.searchsorted(edges / edges[-1], uniform), len(edges) - 1)]
