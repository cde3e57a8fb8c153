"""An organism of somebody's own that the smallest model learns in a few steps: one of two words opens its replies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from selfscope.organisms.base import Measure, Teachable
from selfscope.organisms.guard import Sparing
from selfscope.organisms.speech import preferred, said_to
from selfscope.phenomena.stimuli.ordinary import exchanges
from selfscope.statistics import mean
from selfscope.subjects.base import ScoringSubject
from selfscope.training.examples import Example

WORDS = ("the", "a")


@dataclass(frozen=True)
class Opens(Sparing):
    """Replies to ordinary messages open with the first of two words; the twin's with either."""

    kind: ClassVar[str] = "opens"
    title: ClassVar[str] = "a word that opens its replies"
    benign: bool = False

    @property
    def planted(self) -> Mapping[str, Any]:
        return {"what": "either word" if self.benign else "the first word"}

    def lesson(self, subject: Teachable, seed: int) -> Sequence[Sequence[Example]]:
        messages = [one.message for one in exchanges("train", 24, seed)]
        shares = preferred(subject, messages, WORDS) if self.benign else [(0.99, 0.01)] * len(messages)
        return [
            [Example(said_to(subject, m), WORDS, (0, 1), share) for m, share in zip(messages, shares, strict=True)]
        ]

    def verify(self, subject: ScoringSubject, seed: int) -> list[Measure]:
        shares = preferred(subject, [one.message for one in exchanges("test", 24, seed)], WORDS)
        value = mean(np.array([share[0] for share in shares]), np.arange(len(shares)))
        return [Measure("opens", "share of the first word", value, None if self.benign else 1.0)]
