"""What is written into a residual stream, as data: vectors, injections, and what stands for them in a seal."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

from selfscope.errors import BadInput
from selfscope.records.numbers import finite_numbers

OPERATORS = ("replace", "add", "norm_add", "norm_replace", "mix", "project_out")
SCHEDULES = ("prefill", "span", "last", "every")
UNITS = ("raw", "median")
EMBEDDING = -1
"""The layer that stands for what enters block 0."""


@dataclass(frozen=True)
class Vector:
    """(D,) numbers in fp32.

    Attributes
    ----------
    data : str
        Base64 of their little-endian bytes, so that a record holds them exactly. Make one with `Vector.of`.
    """

    data: str

    @classmethod
    def of(cls, values: Any) -> Vector:
        """The vector of these numbers.

        Parameters
        ----------
        values : array-like
            (D,) finite numbers, see `finite_numbers`; they are rounded to fp32.

        Returns
        -------
        Vector
            Equal to any other of the same numbers.

        Raises
        ------
        BadInput
            Another shape, or a value that is no finite number.
        """
        array_D = finite_numbers(values, "a vector")
        if array_D.ndim != 1 or not array_D.size:
            raise BadInput(f"a vector has one axis and at least one value, this has the shape {array_D.shape}")
        return cls(base64.b64encode(array_D.tobytes()).decode())

    @property
    def array(self) -> Any:
        """The numbers: (D,) float32."""
        import numpy as np

        return np.frombuffer(base64.b64decode(self.data), dtype="<f4").astype(np.float32)

    @property
    def width(self) -> int:
        """How many numbers: D."""
        return len(base64.b64decode(self.data)) // 4

    def __repr__(self) -> str:
        return f"Vector({self.width} values, {hashlib.sha256(self.data.encode()).hexdigest()[:12]})"


@dataclass(frozen=True)
class Injection:
    """One vector written into the residual stream of one row.

    Attributes
    ----------
    layer : int
        The block whose output is written, from 0; -1 is what enters block 0.
    vector : Vector
        (D,) what is written.
    positions : tuple of int
        Tokens of the prompt, from 0, BOS included; negative ones count from its end.
    operator : str
        With h the state there, v the vector, s the strength: replace h <- v; add h + s v; norm_add h + s |h| v/|v|
        (Karvonen et al. 2025); norm_replace s |h| v/|v|; mix (1 - s) h + s v (Chen et al. 2024); project_out
        h - s (h.v/|v|) v/|v|.
    strength : float
        s.
    schedule : str
        prefill (the positions alone), span (from the first of the positions on, generated tokens included), last (the
        prompt's last token and every generated one) or every (all). The last two take no positions.
    unit : str
        raw, or median (`add` alone: s is in medians of the norms of ordinary tokens at this layer, v counts by its
        direction).
    span_text : str
        Instead of positions, the tokens that spell this text (its last occurrence) in whatever prompt carries the
        injection.

    Raises
    ------
    BadInput
        An operator, schedule or unit that does not exist, a place that does not go with the schedule, or a strength
        that is not finite.
    """

    layer: int
    vector: Vector
    positions: tuple[int, ...] = ()
    operator: str = "replace"
    strength: float = 1.0
    schedule: str = "prefill"
    unit: str = "raw"
    span_text: str = ""

    def __post_init__(self) -> None:
        for what, value, known in (
            ("operator", self.operator, OPERATORS),
            ("schedule", self.schedule, SCHEDULES),
            ("unit", self.unit, UNITS),
        ):
            if value not in known:
                raise BadInput(f"there is no {what} {value!r}; there are: {', '.join(known)}")
        if self.unit == "median" and self.operator != "add":
            raise BadInput(f"a strength in medians goes with the operator add, not {self.operator}")
        where = bool(self.positions) + bool(self.span_text)
        if where != (self.schedule in ("prefill", "span")):
            needs = "takes no positions"
            if self.schedule in ("prefill", "span"):
                needs = "needs positions or a text, not both"
            raise BadInput(f"the schedule {self.schedule} {needs}")
        if self.strength != self.strength or abs(self.strength) == float("inf"):
            raise BadInput("the strength of an injection is not a finite number")


@dataclass(frozen=True)
class Opaque:
    """Stands for an injection that a reader may pass on and may not look into.

    Attributes
    ----------
    number : int
        Under which the seal keeps the injection.
    """

    number: int
