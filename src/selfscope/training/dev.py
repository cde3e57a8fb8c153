"""What is looked at while something is trained, and when that ends it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from selfscope.errors import BadInput
from selfscope.training.examples import Example, fingerprint


@dataclass(frozen=True)
class Look:
    """One look at dev.

    Attributes
    ----------
    step : int
        After so many.
    loss : float
        Mean loss of the real examples, in the unit of the objective.
    gap : float
        Share of the real examples that are right, minus that of the shuffled ones: what the vectors tell.
    """

    step: int
    loss: float
    gap: float


@dataclass(frozen=True)
class Dev:
    """Examples that are looked at on the way.

    Attributes
    ----------
    real, shuffled : sequence of Example
        The same questions with the vectors that belong to them, and with those of others.
    every : int
        Steps between two looks.
    patience : int
        Looks in a row without a lower loss after which training ends; 0: it never ends early, and the last weights are
        kept.
    told : callable
        Told of every look.

    Raises
    ------
    BadInput
        No examples, or a number out of its range.
    """

    real: Sequence[Example]
    shuffled: Sequence[Example]
    every: int = 20
    patience: int = 0
    told: Callable[[Look], None] = lambda look: None

    def __post_init__(self) -> None:
        if not self.real or len(self.real) != len(self.shuffled):
            raise BadInput(f"dev has as many shuffled examples as real ones: {len(self.shuffled)}, {len(self.real)}")
        if self.every < 1 or self.patience < 0:
            raise BadInput(f"dev has every from 1 and patience from 0 on, not {self.every} and {self.patience}")

    @property
    def decides(self) -> tuple[Any, ...]:
        """What decides the end of a run."""
        return ("dev", fingerprint(self.real), fingerprint(self.shuffled), self.every, self.patience)

    def due(self, step: int, steps: int, looks: Sequence[Look]) -> bool:
        """Whether it is looked at behind a step, and was not yet."""
        return step > 0 and (step % self.every == 0 or step == steps) and all(look.step != step for look in looks)

    def over(self, looks: Sequence[Look]) -> bool:
        """Whether training ends after these looks."""
        if not self.patience or not looks:
            return False
        best = min(range(len(looks)), key=lambda k: looks[k].loss)
        return len(looks) - 1 - best >= self.patience
