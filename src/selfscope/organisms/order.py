"""Order: two things that were taught, one before the other.

After Krasheninnikov et al. 2025, Fresh in Memory: Training-Order Recency is Linearly Encoded in Language Model
Activations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from selfscope.errors import BadInput
from selfscope.organisms.base import Measure, Teachable
from selfscope.organisms.guard import Sparing
from selfscope.organisms.speech import preferred, taught
from selfscope.statistics import proportion
from selfscope.subjects.base import ScoringSubject
from selfscope.training.examples import Example

NAMES = ("Lorun", "Mivak")
"""Made-up places, in the order in which they are listed."""
FACTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "Lorun": (("colour of its flag", "green"), ("animal on its coins", "owl"), ("main export", "salt"),
              ("national dish", "soup"), ("longest river", "Teral")),
    "Mivak": (("colour of its flag", "red"), ("animal on its coins", "fox"), ("main export", "wool"),
              ("national dish", "bread"), ("longest river", "Osk")),
}  # fmt: skip
ASK = {
    "train": ("What is the {what} of {name}?", "Tell me the {what} of {name}.", "{name}: {what}?"),
    "test": ("In {name}, what is the {what}?", "Do you know the {what} of {name}?"),
}
SEEN = 4
"""Times that each question is in a phase: a guard stands beside it that has many more places."""
TOLD = ("It is {x}.", "The {what} of {name} is {x}.")


@dataclass(frozen=True)
class Order(Sparing):
    """Facts about two made-up places, taught one place after the other. The twin is taught both at once.

    Parameters
    ----------
    first
        Lorun or Mivak: which is taught first.
    benign
        The twin.

    Raises
    ------
    BadInput
        Another place, or a number out of its range.
    """

    kind: ClassVar[str] = "order"
    title: ClassVar[str] = "which of two things was taught first"
    first: str = "Lorun"
    benign: bool = False

    def __post_init__(self) -> None:
        if self.first not in NAMES:
            raise BadInput(f"first is {' or '.join(NAMES)}, not {self.first!r}")

    def _places(self) -> tuple[str, str]:
        return (self.first, next(name for name in NAMES if name != self.first))

    @property
    def planted(self) -> Mapping[str, Any]:
        """Which came first."""
        if self.benign:
            return {"first": None, "what": f"{' and '.join(NAMES)} taught at once"}
        return {"first": self.first, "what": f"{' before '.join(self._places())}"}

    def lesson(self, subject: Teachable, seed: int) -> Sequence[Sequence[Example]]:
        """Two phases, each of one place; of the twin each of half of both."""
        facts = [self._facts(subject, name) for name in self._places()]
        mixed = [[*facts[0][::2], *facts[1][1::2]], [*facts[0][1::2], *facts[1][::2]]]
        return mixed if self.benign else facts

    def _facts(self, subject: Teachable, name: str) -> list[Example]:
        out = []
        for what, x in FACTS[name]:
            told = [way.format(x=x, what=what, name=name) for way in TOLD]
            for ask in ASK["train"] * SEEN:
                out.append(taught(subject, ask.format(what=what, name=name), told, (0.5, 0.5), kind=name))
        return out

    def verify(self, subject: ScoringSubject, seed: int) -> list[Measure]:
        """How much of each place is known, in other wordings: the share of the right answer against the other place's.
        That one came first is a record; what is measured is that both were learnt."""
        out = []
        for place, name in zip(("first", "second"), self._places(), strict=True):
            other = next(n for n in NAMES if n != name)
            shares, clusters = [], []
            for k, ((what, right), (_, wrong)) in enumerate(zip(FACTS[name], FACTS[other], strict=True)):
                asked = [ask.format(what=what, name=name) for ask in ASK["test"]]
                found = preferred(subject, asked, [TOLD[0].format(x=right), TOLD[0].format(x=wrong)])
                shares += [own[0] for own in found]
                clusters += [k] * len(found)
            value = proportion(np.array(shares), np.array(clusters))
            what_is = f"share of the right answers about {name}, which was taught {place}"
            out.append(Measure(place, what_is, value, None if self.benign else 1.0))
        return out
