"""At which layer a reader of activations reads: chosen on the train split, in one batched call over a grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from selfscope.readers.base import Reader
from selfscope.records import TokenDistribution, Trial, Truth, content_hash
from selfscope.subjects.base import Subject

FOLDS = 4
"""Of validation on train."""
FITTED = 48
"""Train trials on which a layer is chosen."""


def best_layer(
    reader: Reader, subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth], layers: Sequence[int]
) -> int | None:
    """The first layer of those at which the reader is right most often on the train trials; None without any."""
    right = {truth.trial: truth for truth in truths}
    sample = spread_over_clusters([t for t in trials if t.id in right], FITTED)
    if not sample:
        return None
    grid = [replace(t, coordinates={**t.coordinates, "layer": k}) for k in layers for t in sample]
    hits = [hit(r.distribution, right[t.id]) for r, t in zip(reader.read(subject, grid), grid, strict=True)]
    means = [float(np.mean(hits[i * len(sample) : (i + 1) * len(sample)])) for i in range(len(layers))]
    return layers[int(np.argmax(means))]


def spread_over_clusters(trials: Sequence[Trial], most: int) -> list[Trial]:
    """At most `most` trials, as evenly over clusters as their order allows."""
    turns: dict[str, int] = {}
    keyed = []
    for i, trial in enumerate(trials):
        turn = turns[trial.cluster] = turns.get(trial.cluster, -1) + 1
        keyed.append((turn, i, trial))
    return [trial for _, _, trial in sorted(keyed, key=lambda x: x[:2])[:most]]


def folds_of(clusters: Sequence[str]) -> Any:
    """(N,) fold of each row; a cluster is in one fold."""
    return np.array([int(content_hash("fold", c, size=8), 16) % FOLDS for c in clusters])


def likeliest(after: TokenDistribution, top: int = 1) -> dict[str, Any]:
    """The likeliest token of the whole vocabulary, of which the `top` likeliest were asked for last: its id, text and
    log-probability."""
    return {"id": after.ids[-top], "text": after.tokens[-top], "logprob": round(after.logprobs[-top], 4)}


def hit(distribution: Sequence[float] | None, truth: Truth) -> float:
    """The truth's share on what a reading holds likeliest."""
    if distribution is None:
        return 0.0
    return truth.mean[max(range(len(distribution)), key=lambda k: distribution[k])]
