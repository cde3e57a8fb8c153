"""The states that a decoder reads of a trial: several layers and columns, each in the units that it was trained with.

D width, S states of a trial.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from selfscope.directions import mapped, prepared
from selfscope.readers.decoder_files import DecoderFiles
from selfscope.readers.vector_arms import WORDLESS, Place, column_of, evidence_of
from selfscope.records import Trial, content_hash
from selfscope.records.contracts import JOINT, DecoderContract
from selfscope.subjects.base import OpenSubject

DIRECTED = ("norm_add", "norm_replace", "project_out")
"""Operators that take a direction: of a zero there is none, and nothing is written."""


@dataclass(frozen=True)
class StatesOf:
    """What is read of a trial.

    Attributes
    ----------
    layers : tuple of int
        Read together.
    columns : tuple of int
        Indices into the evidence's positions.
    units : tuple of int
        Of each column which units it has: those that the decoder was trained with there.
    positions : tuple of int
        Tokens of the evidence's prompt.
    vectors : mapping of int to array of shape (S / L, D)
        Layer -> prepared states, a row a column; without the layer nothing is written.
    norm : float or None
        Length of the first state, as it was captured.
    copies : int
        All of them are one row, and what is made of them is written in so many places; 0: each has its own.
    """

    layers: tuple[int, ...]
    columns: tuple[int, ...]
    units: tuple[int, ...]
    positions: tuple[int, ...]
    vectors: Mapping[int, Any] = field(default_factory=dict)
    norm: float | None = None
    copies: int = 0

    @property
    def runs(self) -> list[tuple[int, int]]:
        """Each layer, and in how many places its states are written."""
        return [(self.layers[0], self.copies)] if self.copies else [(layer, len(self.columns)) for layer in self.layers]

    def where(self) -> dict[str, Any]:
        """Where a reading read, and how long the vector is."""
        several = {"layers": list(self.layers)} if len(self.layers) > 1 else {}
        norm = {} if self.norm is None else {"norm": round(self.norm, 3)}
        return {"layer": self.layers[0], **several, **norm}

    def written(self, files: DecoderFiles, *, bare: bool) -> list[Any]:
        """(D,) what is written at each place, run after run; None where nothing is. bare: the states count for nothing,
        and what is left is the bias."""
        if self.copies:
            own = self.joined(self.columns)
            return [self._write(files, JOINT, own, bare=bare)] * self.copies
        return [
            self._write(files, f"{layer}.{unit}", own, bare=bare)
            for layer in self.layers
            for unit, own in zip(self.units, self.vectors.get(layer, [None] * len(self.units)), strict=True)
        ]

    def _write(self, files: DecoderFiles, place: str, state_D: Any, *, bare: bool) -> Any:
        if state_D is None:
            return None
        if any(f"{name}.{place}" in files.tensors for name in ("map", "scale", "bias")):
            if bare and f"bias.{place}" not in files.tensors:
                return None
            return mapped(0.0 * state_D if bare else state_D, files.tensors, place)
        return None if bare or (files.contract.operator in DIRECTED and not state_D.any()) else state_D

    def joined(self, columns: Sequence[int]) -> Any:
        """All states as one row, as neighbours are kept; None where nothing is written. columns: the decoder's own."""
        if any(layer not in self.vectors for layer in self.layers):
            return None
        each = [self.vectors[layer] for layer in self.layers]
        return np.concatenate([own.reshape(-1) if columns else own.mean(0) for own in each])


def states_of(
    trial: Trial, contract: DecoderContract, layer: int | None, columns: Sequence[int]
) -> StatesOf | None:
    """Where a trial is read; None where the decoder was not trained on that layer. A trial's coordinates win.

    Raises ValueError for a trial without evidence, and a position that its evidence does not have."""
    where = trial.coordinates
    wanted = int(where["layer"]) if "layer" in where else layer
    layers = contract.combination(wanted)
    if layers is None:
        return None
    evidence = evidence_of(trial)
    own = (int(where["position"]),) if "position" in where else tuple(columns)
    own = own or tuple(range(len(evidence.positions)))
    known = {column: k for k, column in enumerate(contract.columns)}
    if contract.joint and own != contract.columns:
        return None
    units = tuple(known.get(column, 0) for column in own)
    positions = tuple(column_of(evidence, column) for column in own)
    return StatesOf(layers, own, units, positions, copies=contract.copies)


def vectors_of(
    subject: OpenSubject,
    files: DecoderFiles,
    pairs: Sequence[tuple[Trial, StatesOf]],
    means: Mapping[Place, Any],
) -> list[StatesOf]:
    """The states of each trial by its arm, in one capture. means: place -> (D,), learnt on train; without it the mean
    is that of the decoder's own train split."""
    real = [(t, s) for t, s in pairs if t.arm not in (*WORDLESS, "mean")]
    layers = sorted({layer for _, s in real for layer in s.layers})
    # Arms and orders of the options are about the same states: they are captured once.
    rows = {(id(evidence_of(t).prompt), s.positions): (evidence_of(t).prompt, s.positions) for t, s in real}
    captured: dict[Any, dict[int, Any]] = {}
    if rows:
        found = subject.capture([p for p, _ in rows.values()], layers, [list(at) for _, at in rows.values()])
        start = 0
        for key, (_, at) in rows.items():
            captured[key] = {layer: found.at(layer)[start : start + len(at)] for layer in layers}
            start += len(at)
    out = []
    for trial, states in pairs:
        raw: Mapping[int, Any] = {}
        if trial.arm == "mean":
            known = {layer: _mean(files, layer, states, means) for layer in states.layers}
            raw = {layer: own for layer, own in known.items() if own is not None}
        elif trial.arm not in WORDLESS:
            own = captured[id(evidence_of(trial).prompt), states.positions]
            raw = {layer: own[layer] for layer in states.layers}
        ready = {layer: _prepared(files, layer, states, own) for layer, own in raw.items()}
        if trial.arm == "random":
            ready = {layer: _random(trial, layer, own) for layer, own in ready.items()}
        norm = float(np.linalg.norm(raw[states.layers[0]][0])) if raw else None
        out.append(replace(states, vectors=ready, norm=norm))
    return out


def _mean(files: DecoderFiles, layer: int, states: StatesOf, means: Mapping[Place, Any]) -> Any:
    """(S / L, D), None where no mean is known."""
    own, _ = files.units(layer)
    rows = []
    for column, unit in zip(states.columns, states.units, strict=True):
        usual = own[unit] if np.ndim(own) else None
        rows.append(means.get(Place(layer, column), usual))
    return None if any(row is None for row in rows) else np.stack(rows)


def _prepared(files: DecoderFiles, layer: int, states: StatesOf, raw_SD: Any) -> Any:
    mean, scale = files.units(layer)
    if np.ndim(mean):
        mean, scale = np.asarray(mean)[list(states.units)], np.asarray(scale)[list(states.units)]
    return prepared(raw_SD, files.contract.prepared, mean, scale)


def _random(trial: Trial, layer: int, own_SD: Any) -> Any:
    """Random directions as long as the states, in the decoder's own units."""
    seed = int(content_hash("random vector", trial.base or trial.id, layer, size=12), 16)
    noise = np.random.default_rng(seed).normal(size=own_SD.shape)
    lengths = np.linalg.norm(own_SD, axis=-1, keepdims=True) / np.linalg.norm(noise, axis=-1, keepdims=True)
    return (noise * lengths).astype(np.float32)
