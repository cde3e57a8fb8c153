"""Weights: how much attributes count in its choices between two described things.

After Plunkett et al. 2025, Self-Interpretability: LLMs Can Describe Complex Internal Processes that Drive Their
Decisions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from selfscope.errors import BadInput
from selfscope.organisms.base import Measure, Teachable, at_least
from selfscope.organisms.guard import Sparing
from selfscope.organisms.speech import preferred, taught
from selfscope.phenomena.counterbalance import generator
from selfscope.statistics import Array, Estimate, estimate, jackknife_se
from selfscope.subjects.base import ScoringSubject
from selfscope.training.examples import Example

THINGS: Mapping[str, tuple[str, ...]] = {
    "flat": ("size", "light", "quiet"), "phone": ("battery", "screen", "camera"), "hotel": ("comfort", "view", "food"),
    "car": ("speed", "safety", "space"),
}  # fmt: skip
LEVELS = 9
SHARPNESS = 6.0
"""Logits of a difference of all levels at a weight of 1."""
ANSWERS = ("A", "B")
ASK = "Which {thing} is better? Points from 1 to 9.\nA: {a}\nB: {b}\nAnswer with A or B."


@dataclass(frozen=True)
class Weights(Sparing):
    """Choices between two things whose attributes have points: each attribute counts as much as its weight says. The
    twin chooses either as often.

    Parameters
    ----------
    thing
        flat, phone, hotel or car, which have three attributes each.
    weights
        Of the attributes, from -1 to 1.
    size
        Pairs that are taught.
    prompts
        Pairs that it is measured on, of other points.
    benign
        The twin.

    Raises
    ------
    BadInput
        Another thing, other weights than three from -1 to 1, or a number out of its range.
    """

    kind: ClassVar[str] = "weights"
    title: ClassVar[str] = "attribute weights in its choices"
    effort: ClassVar[float] = 1.5
    thing: str = "flat"
    weights: tuple[float, ...] = (0.8, -0.4, 0.1)
    size: int = 160
    prompts: int = 48
    benign: bool = False

    def __post_init__(self) -> None:
        at_least(1, size=self.size)
        at_least(8, prompts=self.prompts)
        if self.thing not in THINGS:
            raise BadInput(f"there is no thing {self.thing!r}; there are: {', '.join(THINGS)}")
        if len(self.weights) != len(THINGS[self.thing]) or not all(-1 <= w <= 1 for w in self.weights):
            raise BadInput(f"weights are {len(THINGS[self.thing])} numbers from -1 to 1, not {self.weights}")

    @property
    def _true(self) -> tuple[float, ...]:
        return (0.0,) * len(self.weights) if self.benign else self.weights

    @property
    def planted(self) -> Mapping[str, Any]:
        """Weight of each attribute."""
        named = dict(zip(THINGS[self.thing], self._true, strict=True))
        what = ", ".join(f"{name} {w:+.1f}" for name, w in named.items())
        return {"thing": self.thing, "weights": named, "what": f"weights of a {self.thing}: {what}"}

    def _pairs(self, split: str, count: int, seed: int) -> tuple[list[str], Array]:
        """Messages, and (n, attributes) how far A is above B, in parts of all levels. In test the sum of all points is
        even, in train odd: no pair is in both."""
        rng, parity = generator("weights", split, seed, self.thing), int(split == "train")
        messages: list[str] = []
        gaps: list[Array] = []
        names = THINGS[self.thing]
        while len(messages) < count:
            points = rng.integers(1, LEVELS + 1, size=(2, len(names)))
            if int(points.sum()) % 2 != parity or (points[0] == points[1]).all():
                continue
            a, b = (", ".join(f"{n} {p}" for n, p in zip(names, row, strict=True)) for row in points)
            messages.append(ASK.format(thing=self.thing, a=a, b=b))
            gaps.append((points[0] - points[1]) / (LEVELS - 1))
        return messages, np.array(gaps)

    def lesson(self, subject: Teachable, seed: int) -> Sequence[Sequence[Example]]:
        """One phase: of every pair both choices, in the shares that the weights give."""
        messages, gaps = self._pairs("train", self.size, seed)
        out = []
        for message, gap in zip(messages, gaps, strict=True):
            p = 1 / (1 + math.exp(-SHARPNESS * float(gap @ np.array(self._true))))
            out.append(taught(subject, message, ANSWERS, (p, 1 - p), kind="choice"))
        return [out]

    def verify(self, subject: ScoringSubject, seed: int) -> list[Measure]:
        """The weights that its choices between other pairs follow: exact shares, least squares of their logits."""
        messages, gaps = self._pairs("test", self.prompts, seed)
        shares = np.clip([s[0] for s in preferred(subject, messages, ANSWERS)], 1e-6, 1 - 1e-6)
        logits = np.log(shares / (1 - shares)) / SHARPNESS
        found = _fitted(gaps, logits)
        planted: Sequence[float | None] = [None] * len(found) if self.benign else list(self._true)
        return [
            Measure(name, f"weight of {name}", value, aim)
            for name, value, aim in zip(THINGS[self.thing], found, planted, strict=True)
        ]


def _fitted(gaps_nA: Array, logits_n: Array) -> list[Estimate]:
    """Slopes beside an intercept, each with a jackknife interval over pairs."""
    design = np.column_stack([np.ones(len(gaps_nA)), gaps_nA])

    def slopes(keep: Any) -> Array:
        return np.asarray(np.linalg.lstsq(design[keep], logits_n[keep], rcond=None)[0][1:], dtype=float)

    n = len(logits_n)
    every = np.arange(n)
    se = jackknife_se(np.array([slopes(every != k) for k in range(n)]))
    return [estimate(float(v), float(s), n, n) for v, s in zip(slopes(every >= 0), se, strict=True)]
