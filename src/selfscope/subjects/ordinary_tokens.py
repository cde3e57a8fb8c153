"""Ordinary tokens and attention sinks: which norms count when a state's size is spoken of.

Axes: N tokens, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

SINK = 10.0
"""A token whose norm is this many medians of its row is an attention sink."""
NEUTRAL = (
    "The museum opens at ten in the morning and closes at six, except on the first Monday of each month.",
    "After the rain had stopped, they walked along the river and talked about the journey of the next day.",
    "Copper conducts electricity well, which is why most of the wires in a house are made of it.",
    "She bought three apples, a loaf of bread and some cheese, and put them in a paper bag.",
    "The committee will meet again in spring to decide how the money should be spent.",
    "Most birds of this kind build their nests in low bushes near the water.",
    "He could not remember where he had left the keys, so he looked in every room twice.",
    "The train to the coast leaves from the second platform and takes a little under two hours.",
)
"""Ordinary sentences on which the norms of ordinary tokens are measured."""


def without_sinks(norms: Mapping[int, Any]) -> list[int]:
    """Indices of a row's tokens that are ordinary: not the first, and at no layer above SINK medians of the row's
    norms. norms: layer -> one norm a token."""
    keep = None
    for values in norms.values():
        ordinary = np.asarray(values) <= SINK * np.median(np.asarray(values))
        keep = ordinary if keep is None else keep & ordinary
    return [] if keep is None else [i for i in np.flatnonzero(keep).tolist() if i > 0]


def ordinary(states: Mapping[int, Any], lengths: Sequence[int]) -> list[int]:
    """Indices of the ordinary tokens among rows that stand one behind the other. states: layer -> (N, D); lengths: of
    the rows, N in all."""
    keep: list[int] = []
    start = 0
    for length in lengths:
        norms = {k: np.linalg.norm(v[start : start + length], axis=1) for k, v in states.items()}
        keep += [start + i for i in without_sinks(norms)]
        start += length
    return keep


def median_norms(norms: Mapping[int, Any], lengths: Sequence[int]) -> dict[int, float]:
    """layer -> median norm of the ordinary tokens. norms: layer -> (N,); lengths: of the rows, N in all."""
    out: dict[int, list[float]] = {layer: [] for layer in norms}
    start = 0
    for length in lengths:
        for layer, all_N in norms.items():  # a sink of one layer is an ordinary token of another
            own = all_N[start : start + length]
            out[layer] += [float(own[i]) for i in without_sinks({layer: own.tolist()})]
        start += length
    return {layer: float(np.median(values)) for layer, values in out.items()}
