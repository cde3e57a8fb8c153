"""A trait by a vector: nothing is trained, a direction stands in every row.

The vector is the mean state of words of a kind less that of ordinary words (mean difference, as in Zou et al. 2023,
Representation Engineering).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from selfscope.errors import BadInput
from selfscope.habits import Mark
from selfscope.organisms.base import Measure, at_least
from selfscope.organisms.guard import Sparing
from selfscope.organisms.speech import heard, preferred, share_of, tested
from selfscope.phenomena.counterbalance import generator
from selfscope.phenomena.stimuli.ordinary import apart
from selfscope.quantities import load_table
from selfscope.records import Injection, Prompt, Vector
from selfscope.statistics import mean
from selfscope.subjects.base import OpenSubject, ScoringSubject

SENTENCES = ("Tell me about {}.", "She wrote a book on {}.", "The picture shows {}.", "They spoke of {}.")
NAMES = ("What are you thinking of?", "Name a thing.", "Say one word.", "What comes to your mind?")
"""Asked beside ordinary messages."""


@dataclass(frozen=True)
class VectorTrait(Sparing):
    """A kind of things comes to its mind: their mean direction is written into every token. The twin has a random
    direction of the same strength.

    Parameters
    ----------
    trait
        A packaged kind of concepts, as animal, food or weather.
    depth
        The block whose output is written, as a part of all blocks, from 0 to 1.
    strength
        In medians of the norms of ordinary tokens there.
    prompts, draws
        Messages that it is measured on, and replies to each.
    benign
        The twin.

    Raises
    ------
    BadInput
        A kind that is not packaged, or a number out of its range.
    """

    kind: ClassVar[str] = "vector_trait"
    title: ClassVar[str] = "a trait by a vector, nothing trained"
    trait: str = "animal"
    depth: float = 0.5
    strength: float = 0.3
    prompts: int = 32
    draws: int = 2
    benign: bool = False

    def __post_init__(self) -> None:
        at_least(1, draws=self.draws)
        at_least(2, prompts=self.prompts)
        if not 0 <= self.depth <= 1:
            raise BadInput(f"depth is a part of the blocks, from 0 to 1, not {self.depth}")
        if not math.isfinite(self.strength):
            raise BadInput(f"strength is a finite number, not {self.strength}")
        kinds = load_table("concepts")["concepts"]
        if self.trait not in kinds:
            raise BadInput(f"there is no packaged kind {self.trait!r}; there are: {', '.join(kinds)}")

    def _words(self, split: str) -> list[str]:
        return apart(load_table("concepts")["concepts"][self.trait], split)

    @property
    def planted(self) -> Mapping[str, Any]:
        """Kind and strength."""
        what = "a random direction" if self.benign else f"the direction of {self.trait}"
        trait = None if self.benign else self.trait
        return {"trait": trait, "depth": self.depth, "strength": self.strength, "what": f"{what} in every token"}

    def writes(self, subject: OpenSubject, seed: int) -> Sequence[Injection]:
        """One vector, at every token."""
        layer = min(len(subject.layers) - 1, round(self.depth * len(subject.layers)))
        if self.benign:
            values = generator("trait", seed, self.trait, subject.width).standard_normal(subject.width)
        else:
            baseline = load_table("concepts")["baseline"][:40]
            values = _mean_state(subject, self._words("train"), layer) - _mean_state(subject, baseline, layer)
        vector = Vector.of(values / np.linalg.norm(values))
        return [Injection(layer, vector, operator="add", strength=self.strength, unit="median", schedule="every")]

    def verify(self, subject: ScoringSubject, seed: int) -> list[Measure]:
        """How likely words of the kind are that made no part of the vector, against words of other kinds (exact); and
        part of the replies that mention one."""
        kinds = load_table("concepts")["concepts"]
        own = self._words("test")
        others = [w for kind, words in kinds.items() if kind != self.trait for w in words[:3]][: 3 * len(own)]
        asked = [*NAMES, *(e.message for e in tested(self.prompts, seed))]
        shares = preferred(subject, asked, [*own, *others])
        gaps = [math.log(max(sum(s[: len(own)]), 1e-12) / max(sum(s[len(own) :]), 1e-12)) for s in shares]
        fair = math.log(len(own) / len(others))
        lift = mean(np.array(gaps) - fair, np.arange(len(gaps)))
        replies = heard(subject, [e.message for e in tested(self.prompts, seed)], self.draws, seed)
        said = share_of(replies, Mark("mentions", self.trait, tuple(kinds[self.trait])).on)
        return [
            Measure("leaning", f"log-odds of naming another {self.trait}, less those of equal words (nats)", lift),
            Measure("mentions", f"replies that mention {self.trait}", said),
        ]


def _mean_state(subject: OpenSubject, words: Sequence[str], layer: int) -> Any:
    """(D,) over words and sentences, at the last token."""
    prompts = [Prompt(text=sentence.format(word)) for word in words for sentence in SENTENCES]
    return np.asarray(subject.capture(prompts, [layer]).at(layer), dtype=np.float64).mean(0)
