"""A grid over where and how a vector is read and written: trials with coordinates, read in batches like any others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

from selfscope.controls.base import derived
from selfscope.records import Identified, Trial


@dataclass(frozen=True)
class Sweep(Identified):
    """Every trial with evidence at every cell of a grid.

    An empty axis leaves what the reader has.

    Parameters
    ----------
    layers, target_layers
        Where a vector is read and where it is written; as in `Injection`.
    positions
        Indices into the positions of the evidence.
    strengths
        Of the write.
    """

    kind: ClassVar[str] = "sweep"
    role: ClassVar[str] = "sweep"
    title: ClassVar[str] = "a grid of layers and positions"
    layers: tuple[int, ...] = ()
    target_layers: tuple[int, ...] = ()
    positions: tuple[int, ...] = ()
    strengths: tuple[float, ...] = ()

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        """The cells of one trial stand together."""
        cells = self.cells()
        return [
            derived(trial, self.id, cell, coordinates=cell)
            for trial in trials
            if trial.evidence is not None
            for cell in cells
        ]

    def cells(self) -> list[dict[str, Any]]:
        """The grid.

        Returns
        -------
        list[dict[str, Any]]
            Coordinates of every cell, the last axis fastest.
        """
        axes: dict[str, tuple[Any, ...]] = {
            "layer": self.layers,
            "target_layer": self.target_layers,
            "position": self.positions,
            "strength": self.strengths,
        }
        values_of = {k: v for k, v in axes.items() if v}
        return [dict(zip(values_of, values, strict=True)) for values in product(*values_of.values())]
