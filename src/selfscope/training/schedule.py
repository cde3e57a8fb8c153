"""How something is trained: all numbers of a run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from selfscope.errors import BadInput
from selfscope.records import check_seed
from selfscope.training.objectives import objective_of

PRECISIONS = ("fp32", "bf16")


@dataclass(frozen=True)
class Schedule:
    """How an adapter is trained.

    Attributes
    ----------
    epochs : float
        Times that every group is seen.
    groups : int
        Groups of examples a step.
    at_once : int
        Of them, in one forward: fewer need less memory, and change no number but by rounding.
    rate : float
        Of AdamW, at its highest: it grows over the first part `warmup` of the steps, and falls linearly to 0.
    warmup : float
        Part of the steps, from 0 to 1.
    clip : float
        Longest gradient; longer ones are shortened.
    decay : float
        Weight decay.
    precision : str
        fp32, or bf16: products in half precision, weights in full.
    objective : str
        A name of `objectives.OBJECTIVES`.
    seed : int
        Of the order of the groups.
    save_every : float
        Seconds between checkpoints.

    Raises
    ------
    BadInput
        A number out of its range.
    """

    epochs: float = 1.0
    groups: int = 8
    at_once: int = 8
    rate: float = 3e-4
    warmup: float = 0.05
    clip: float = 1.0
    decay: float = 0.0
    precision: str = "fp32"
    objective: str = "mostly_options"
    seed: int = 0
    save_every: float = 60.0

    def __post_init__(self) -> None:
        for name, low in (("epochs", 0.0), ("groups", 0), ("at_once", 0), ("rate", 0.0), ("clip", 0.0)):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > low):
                raise BadInput(f"{name} is a number above 0, not {value}")
        if not 0 <= self.warmup <= 1:
            raise BadInput(f"warmup is a part of the steps, from 0 to 1, not {self.warmup}")
        check_seed(self.seed)
        if self.precision not in PRECISIONS:
            raise BadInput(f"there is no precision {self.precision!r}; there are: {', '.join(PRECISIONS)}")
        objective_of(self.objective)

    @property
    def decides(self) -> dict[str, Any]:
        """All that decides what is learnt: not how much is computed at a time, and when it is saved."""
        return {name: value for name, value in vars(self).items() if name not in ("at_once", "save_every")}

    def rate_at(self, step: int, steps: int) -> float:
        """The rate of a step.

        Parameters
        ----------
        step
            From 0.
        steps
            All of them.

        Returns
        -------
        float
            Of AdamW.
        """
        rising = max(1.0, self.warmup * steps)
        return self.rate * min(1.0, (step + 1) / rising) * (1 - step / steps)
