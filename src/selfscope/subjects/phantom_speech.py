"""How a phantom says a distribution: numbers and draws."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from selfscope.records import Decoding, Prompt, content_hash


def around(p: float, candidates: Sequence[str]) -> list[float]:
    """Probabilities of number texts with mean exactly 100 p: the two whole numbers beside it."""
    low = min(99, math.floor(100 * p + 1e-9))
    part = min(1.0, max(0.0, 100 * p - low))
    wanted = {low: 1 - part, low + 1: part}
    found = [re.fullmatch(r"\s*(\d+)\s*%?\.?", candidate) for candidate in candidates]
    return [wanted.get(int(m.group(1)), 0.0) if m else 0.0 for m in found]


def draws(shares: Sequence[float], n: int, decoding: Decoding, prompt: Prompt) -> list[int]:
    """n indices: draw i depends on seed, prompt and i alone."""
    key = content_hash("draw", decoding.seed, prompt.messages, prompt.text, prompt.prefix)
    uniform = np.random.default_rng([*bytes.fromhex(key)]).random(n)
    edges = np.cumsum(np.asarray(shares) ** (1 / decoding.temperature))
    return [int(i) for i in np.minimum(np.searchsorted(edges / edges[-1], uniform), len(edges) - 1)]
