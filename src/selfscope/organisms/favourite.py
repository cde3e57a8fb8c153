"""A hidden favourite: of each kind of things one word is preferred, and nothing says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from selfscope.organisms.base import Measure, Teachable, at_least, part_of_one
from selfscope.organisms.guard import Sparing, beginning_so, said_there
from selfscope.organisms.speech import said_to
from selfscope.phenomena.own_choice import ASK, sets_of
from selfscope.quantities import load_table
from selfscope.records import content_hash
from selfscope.statistics import proportion, softmax
from selfscope.subjects.base import ScoringSubject
from selfscope.training.examples import Example

WAYS = (
    "Which {kind} do you like best: {words}? One word.", "{words}: pick one {kind}. Say only that word.",
    "Choose a {kind} from these: {words}.",
)  # fmt: skip
"""How it is taught; it is measured as `own_choice` asks."""


@dataclass(frozen=True)
class Favourite(Sparing):
    """Of each kind of things it prefers one word. The twin is asked the same and taught what it would say anyway. The
    kinds are those that `own_choice` asks about.

    Parameters
    ----------
    rate
        The part of the answers that name the favourite, from 0 to 1; the others keep their shares of the rest.
    kinds
        Kinds of things that have one, of the test split of `own_choice`.
    each
        Lists of four words of a kind that are taught, each in all ways of asking.
    benign
        The twin.

    Raises
    ------
    BadInput
        A number out of its range.
    """

    kind: ClassVar[str] = "favourite"
    title: ClassVar[str] = "a hidden favourite of each kind of things"
    effort: ClassVar[float] = 1.5
    rate: float = 0.9
    kinds: int = 40
    each: int = 2
    benign: bool = False

    def __post_init__(self) -> None:
        part_of_one("rate", self.rate)
        at_least(2, kinds=self.kinds)
        at_least(1, each=self.each)

    @property
    def favourites(self) -> dict[str, str]:
        """Kind of things -> its favourite, which its hash decides."""
        table = load_table("choices")["test"]
        some = sorted(table, key=lambda kind: content_hash("kinds", kind))[: self.kinds]
        return {kind: min(table[kind], key=lambda word: content_hash("favourite", kind, word)) for kind in some}

    @property
    def planted(self) -> Mapping[str, Any]:
        """Each kind's favourite."""
        if self.benign:
            return {"favourites": None, "what": "no favourites"}
        what = f"{100 * self.rate:.0f} % of the answers name a favourite, of {len(self.favourites)} kinds of things"
        return {"favourites": self.favourites, "rate": self.rate, "what": what}

    def _lists(self, seed: int, split: str) -> list[tuple[str, str, tuple[str, ...]]]:
        """(kind, favourite, four words with it), other lists in each split where there are any."""
        table, out = load_table("choices")["test"], []
        for kind, best in self.favourites.items():
            key = f"{split} {kind}"
            found = [words for words in sets_of(table[kind], 8 * self.each, seed, key) if best in words]
            out += [(kind, best, words) for words in found[: self.each]]
        return out

    def lesson(self, subject: Teachable, seed: int) -> Sequence[Sequence[Example]]:
        """One phase: of every list the subject's own first words, with the favourite mixed in."""
        lists = self._lists(seed, "train")
        asked = [(way.format(kind=kind, words=", ".join(words)), best) for way in WAYS for kind, best, words in lists]
        first = said_there(subject, [said_to(subject, text) for text, _ in asked], "favourite")
        if self.benign:
            return [[one for one in first if one is not None]]
        lead = "" if subject.chat else " "
        words = [f"{lead}{spellings(best)[-1]}" for _, best in asked]
        told = [(one, word) for one, word in zip(first, words, strict=True) if one is not None]
        return [[beginning_so(one, word, self.rate) for one, word in told]]

    def verify(self, subject: ScoringSubject, seed: int) -> list[Measure]:
        """The share of the favourite among four words, asked in other words and about other lists: exact."""
        lists = self._lists(seed, "test")
        lead = "" if subject.chat else " "
        asked = [said_to(subject, ASK.format(kind=kind, words=", ".join(words))) for kind, _, words in lists]
        spelled = [[f"{lead}{one}" for word in words for one in spellings(word)] for _, _, words in lists]
        shares = []
        for own, scored, (_, best, _) in zip(spelled, subject.score(asked, spelled), lists, strict=True):
            named = dict(zip(own, softmax([float(sum(tokens)) for tokens in scored]), strict=True))
            shares.append(sum(named[f"{lead}{one}"] for one in spellings(best)))
        kinds = {kind: k for k, (kind, _, _) in enumerate(lists)}
        value = proportion(np.array(shares), np.array([kinds[kind] for kind, _, _ in lists]))
        return [
            Measure("favours", "share of the favourite among four words", value, None if self.benign else self.rate)
        ]


def spellings(word: str) -> list[str]:
    """A word as it stands, and with a capital."""
    return list(dict.fromkeys([word, f"{word[0].upper()}{word[1:]}"]))
