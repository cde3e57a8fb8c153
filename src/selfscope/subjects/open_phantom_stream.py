"""The residual stream of an open phantom: a few blocks with known directions, in numpy.

What a position holds is the sum of its own word's direction (up to block SPEAKS: then it is about what comes next), of
what is known about the word (from block KNOWS on), of what was written there, and of what it hears: the words before
it, each with 1 / (distance + 1), and a system message as a whole. Axes: T tokens, A positions that are computed, D
width, N rows of states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from selfscope.subjects.open_phantom_words import END, SYSTEM, Array, directions

LAYERS = 6
KNOWS, SPEAKS = 2, 3
"""Blocks: from which on what is known about a word is added, and its own direction is not there any more."""


@dataclass(frozen=True)
class Write:
    """One injection, as a row takes it. strength: in raw units. positions: tokens of the row."""

    layer: int
    operator: str
    vector_D: Array
    strength: float
    positions: tuple[int, ...]


@dataclass(frozen=True)
class Deviation:
    """What a write changed: the state after it minus the state before it, (D,)."""

    layer: int
    position: int
    change_D: Array


@dataclass(frozen=True)
class Stream:
    """carries: part of a system message that the later turns hear. reads: part of what was written that counts from the
    next block on, at its own place and for those who hear it."""

    seed: int
    carries: float
    reads: float

    def run(
        self, ids: Sequence[int], positions: Sequence[int], writes: Sequence[Write] = ()
    ) -> tuple[dict[int, Array], list[Deviation]]:
        """layer -> states (A, D) at these positions, layer -1 included; and what the writes changed."""
        words = directions(self.seed)
        x_TD, facts_TD = words.tokens_VD[list(ids)], words.facts_VD[list(ids)]
        touched = sorted({p for write in writes for p in write.positions})
        at = sorted({*positions, *touched})
        row_of = {p: k for k, p in enumerate(at)}
        hears_AT = self._hears(ids, at)
        heard_AD, heard_facts_AD = hears_AT @ x_TD, hears_AT @ facts_TD
        dev_PD, fresh_PD = np.zeros((len(touched), x_TD.shape[1])), np.zeros((len(touched), x_TD.shape[1]))
        states: dict[int, Array] = {}
        changes: list[Deviation] = []
        for layer in range(-1, LAYERS):
            h_AD = np.zeros((len(at), x_TD.shape[1]))
            if layer >= 0:
                dev_PD, fresh_PD = dev_PD + self.reads * fresh_PD, np.zeros_like(fresh_PD)
                h_AD += heard_AD + hears_AT[:, touched] @ dev_PD + (heard_facts_AD if layer > KNOWS else 0.0)
            if layer == KNOWS and touched:
                dev_PD = dev_PD + words.known(x_TD[touched] + dev_PD) - facts_TD[touched]
            h_AD += (x_TD[at] if layer < SPEAKS else 0.0) + (facts_TD[at] if layer >= KNOWS else 0.0)
            h_AD[[row_of[p] for p in touched]] += dev_PD
            for write in (w for w in writes if w.layer == layer):
                for p in write.positions:
                    new_D = written(write.operator, h_AD[row_of[p]], write.vector_D, write.strength)
                    changes.append(Deviation(layer, p, new_D - h_AD[row_of[p]]))
                    fresh_PD[touched.index(p)] += changes[-1].change_D
                    h_AD[row_of[p]] = new_D
            states[layer] = h_AD[[row_of[p] for p in positions]]
        return states, changes

    def _hears(self, ids: Sequence[int], at: Sequence[int]) -> Array:
        """(A, T) how much each position hears of the others."""
        column_T, row_A1 = np.arange(len(ids)), np.array(at, dtype=np.int64)[:, None]
        distance_AT = row_A1 - column_T
        near_AT = np.where(distance_AT > 0, 1 / np.maximum(distance_AT + 1, 1), 0.0)
        system_T = in_system(ids)
        if not system_T.any():
            return near_AT
        total_T = system_T * (self.carries / np.sqrt(system_T.sum()))
        outside_A1 = ~system_T[list(at)][:, None]
        return np.where(outside_A1 & system_T, total_T * (distance_AT > 0), near_AT)


def in_system(ids: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(T,) which tokens are part of a system message, its marks included."""
    out, inside = [], False
    for token in ids:
        inside = inside or token == SYSTEM
        out.append(inside)
        inside = inside and token != END
    return np.array(out, dtype=bool)


def written(operator: str, state_D: Array, vector_D: Array, strength: float) -> Array:
    """The state after one write: `inject.apply_operator` in numpy."""
    if operator == "replace":
        return vector_D.copy()
    if operator == "add":
        return state_D + strength * vector_D
    if operator == "mix":
        return (1 - strength) * state_D + strength * vector_D
    norm = float(np.linalg.norm(vector_D))
    if norm == 0:
        return state_D.copy()
    unit_D = vector_D / norm
    if operator == "norm_add":
        return state_D + strength * np.linalg.norm(state_D) * unit_D
    if operator == "norm_replace":
        return np.asarray(strength * np.linalg.norm(state_D) * unit_D)
    return state_D - strength * (state_D @ unit_D) * unit_D
