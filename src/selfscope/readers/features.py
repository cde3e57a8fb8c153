"""What anybody can see in a trial, as numbers: the inputs of the linear rivals. No truth and no hidden state."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from selfscope.readers.prior import label
from selfscope.records import Trial

Array = npt.NDArray[np.float64]
BUCKETS = 2048
OPTION_BUCKETS = 32
SURFACE = 8
UNSAID = ("passing", "failing")
"""Arguments that no wording says: what a question knows programs by."""


def text_of(trial: Trial) -> str:
    """The public text and the question's own arguments (a threshold, a shown answer, a word)."""
    # A panel's statement carries its own key in the arguments, for scoring.
    arguments = {} if trial.question.quantity == "fact" else trial.question.arguments
    extra = " ".join(f"{key}={arguments[key]}" for key in sorted(arguments) if key not in UNSAID)
    return f"{trial.public}\n{extra}"


def counts_of(trials: Sequence[Trial]) -> Array:
    """(n, BUCKETS) hashed counts of words and word pairs, damped by a square root."""
    out = np.zeros((len(trials), BUCKETS))
    for row, trial in enumerate(trials):
        words = re.findall(r"[a-z]+|\d+|[^\sa-z\d]", text_of(trial).casefold())
        tokens = words + [f"{a} {b}" for a, b in pairwise(words)]
        tokens.append(f"source={trial.source}")
        for token in tokens:
            out[row, zlib.crc32(token.encode()) % BUCKETS] += 1
    return np.sqrt(out)


def surface_of(trials: Sequence[Trial]) -> Array:
    """(n, SURFACE) plain measures of the text: lengths, digits, question marks, sizes of numbers."""
    out = np.zeros((len(trials), SURFACE))
    for row, trial in enumerate(trials):
        text = trial.public
        arguments = " ".join(str(v) for k, v in trial.question.arguments.items() if k not in UNSAID)
        numbers = [min(float(x), 1e9) for x in re.findall(r"\d+(?:\.\d+)?", text)]
        argument_numbers = [min(float(x), 1e9) for x in re.findall(r"\d+(?:\.\d+)?", arguments)]
        out[row] = (
            np.log1p(len(text)),
            np.log1p(len(text.split())),
            np.log1p(sum(c.isdigit() for c in text)),
            float("?" in text),
            np.log1p(max(numbers, default=0.0)),
            np.log1p(sum(numbers)),
            np.log1p(max(argument_numbers, default=0.0)),
            np.log1p(len(arguments)),
        )
    return out


def option_features(trial: Trial) -> Array:
    """(K, OPTION_BUCKETS + 6) what can be said of each option of one trial: where it stands, whether the prompt says
    it, its length, its words and first letter hashed. These carry over to lists that no other item has."""
    options = trial.question.options
    k = len(options)
    text = text_of(trial).casefold()
    words = re.findall(r"[a-z]+|\d+", text)
    out = np.zeros((k, OPTION_BUCKETS + 6))
    shown = {index: place for place, index in enumerate(trial.question.shown)}
    for i, option in enumerate(options):
        wording = option.text.strip().casefold()
        own = re.findall(r"[a-z]+|\d+", wording)
        out[i, :6] = (
            i / max(1, k - 1),
            float(i == 0),
            shown.get(i, i) / max(1, k - 1),
            float(bool(wording) and wording in text),
            min(3.0, 10 * sum(words.count(w) for w in own) / (len(words) + 1)),
            min(len(wording), 20) / 20,
        )
        for token in [*own, f"^{wording[:1]}", label(trial.question, i)]:
            out[i, 6 + zlib.crc32(token.encode()) % OPTION_BUCKETS] += 0.5
    return out


class Projection:
    """Train texts -> a few dimensions that any text can be put into: tf-idf, then the leading directions."""

    def __init__(self, trials: Sequence[Trial], rank: int) -> None:
        counts = counts_of(trials)
        surface = surface_of(trials)
        self.idf = np.log((1 + len(trials)) / (1 + (counts > 0).sum(axis=0))) + 1
        self.center = surface.mean(axis=0)
        self.scale = surface.std(axis=0) + 1e-9
        # A column that never varies in train must not blow up where it does vary later.
        self.scale[surface.std(axis=0) < 1e-6] = np.inf
        rows = self._tfidf(counts)
        self.mean = rows.mean(axis=0)
        _, size, directions = np.linalg.svd(rows - self.mean, full_matrices=False)
        keep = int(min(rank, (size > 1e-6).sum()))
        self.basis = directions[:keep].T
        # The spread of text within one quantity is small beside its mean: unit average norm keeps one ridge scale.
        self.norm = float(np.sqrt(((rows - self.mean) @ self.basis).var(axis=0).sum())) or 1.0

    def __call__(self, trials: Sequence[Trial]) -> Array:
        """(n, rank + SURFACE)"""
        text = ((self._tfidf(counts_of(trials)) - self.mean) @ self.basis) / self.norm
        surface = np.clip((surface_of(trials) - self.center) / self.scale, -3, 3) / np.sqrt(SURFACE)
        return np.concatenate([text, surface], axis=1)

    def _tfidf(self, counts: Array) -> Array:
        rows = counts * self.idf
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.where(length > 0, length, 1.0))
