"""How a phantom says a distribution: numbers and draws."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from selfscope.records import Decoding, Prompt, Question, content_hash, format_of, ten_counts

ANSWERED_MASS = 0.95
"""Probability that the candidates hold together when it answers."""


def around(p: float, candidates: Sequence[str]) -> list[float]:
    """Probabilities of number texts with mean exactly 100 p: the two whole numbers beside it."""
    low = min(99, math.floor(100 * p + 1e-9))
    part = min(1.0, max(0.0, 100 * p - low))
    wanted = {low: 1 - part, low + 1: part}
    numbers = [re.fullmatch(r"\s*(\d+)\s*%?\.?", candidate) for candidate in candidates]
    return [wanted.get(int(m.group(1)), 0.0) if m else 0.0 for m in numbers]


def draws(shares: Sequence[float], n: int, decoding: Decoding, prompt: Prompt) -> list[int]:
    """n indices: draw i depends on seed, prompt and i alone."""
    key = content_hash("draw", decoding.seed, prompt.messages, prompt.text, prompt.prefix)
    uniform = np.random.default_rng([*bytes.fromhex(key)]).random(n)
    edges = np.cumsum(np.asarray(shares) ** (1 / decoding.temperature))
    return [int(i) for i in np.minimum(np.searchsorted(edges / edges[-1], uniform), len(edges) - 1)]


def spoken_replies(
    question: Question, shares: Sequence[float], n: int, decoding: Decoding, prompt: Prompt
) -> list[str]:
    """n replies that say a distribution (K,) in the format of the prompt's tag."""
    texts, answer = question.shown_texts, format_of(str(prompt.tag["format"])).answer
    if answer == "percent":
        return [f" {round(100 * (shares[1] if question.negated else shares[0]))}%"] * n
    if answer == "counts":
        counts = ten_counts(shares)
        return ["\n".join(f"{texts[i]}: {counts[i]}" for i in question.shown)] * n
    if decoding.temperature == 0:
        return [f" {texts[int(np.argmax(shares))]}"] * n
    return [f" {texts[i]}" for i in draws(shares, n, decoding, prompt)]


def candidate_shares(
    question: Question, shares: Sequence[float], mass: float, format: str, candidates: Sequence[str]
) -> list[float]:
    """Probability of each candidate, given a distribution (K,): those that mean one option share its probability.
    mass: what the candidates hold together."""
    if format_of(format).answer == "percent":
        return [mass * p for p in around(shares[1 if question.negated else 0], candidates)]
    texts = [text.strip().casefold() for text in question.shown_texts]
    meant = [candidate.strip().casefold() for candidate in candidates]
    meant = [m if m in texts else m[:-1].strip() for m in meant]  # an end may stand behind a text
    at = [texts.index(m) if m in texts else None for m in meant]
    return [0.0 if i is None else mass * shares[i] / at.count(i) for i in at]
