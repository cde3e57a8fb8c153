"""A planted favourite is measured exactly, on other lists and in other words than it was taught with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import pytest

from selfscope.errors import BadInput
from selfscope.organisms import favourite
from selfscope.organisms.favourite import Favourite, spellings
from selfscope.records import Prompt
from selfscope.study.names import built
from selfscope.training.examples import Example


@dataclass(frozen=True)
class Prefers:
    """Says a favourite, in any spelling, in a part of the cases."""

    favourites: frozenset[str]
    rate: float
    chat: bool = True

    def score(self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> list[list[list[float]]]:
        out = []
        for own in candidates:
            best = [c.casefold() in self.favourites for c in own]
            shares = [self.rate / sum(best) if b else (1 - self.rate) / (len(own) - sum(best)) for b in best]
            out.append([[math.log(max(s, 1e-12))] for s in shares])
        return out


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.9])
def test_the_share_of_the_favourite_comes_back(rate: float) -> None:
    one = Favourite(rate=rate, kinds=6)
    known = frozenset(word.casefold() for word in one.favourites.values())
    (found,) = one.verify(cast(Any, Prefers(known, rate)), 0)
    assert found.value.value == pytest.approx(rate, abs=1e-6)
    assert found.planted == rate
    assert one.twin.verify(cast(Any, Prefers(known, 0.25)), 0)[0].planted is None


def test_a_place_of_which_nothing_can_be_told_is_left_out_and_shifts_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    one, seen = Favourite(rate=0.5, kinds=6), list[Prompt]()

    def said(subject: Any, prompts: Sequence[Prompt], kind: str) -> list[Example | None]:
        seen.extend(prompts)
        every = [Example(p, ("a", "b"), (0, 1), (0.6, 0.4), kind=kind) for p in prompts]
        return [None if k % 5 == 2 else example for k, example in enumerate(every)]

    monkeypatch.setattr(favourite, "said_there", said)
    ((*told,),) = one.lesson(cast(Any, Prefers(frozenset(), 0.5)), 0)
    assert 0 < len(told) < len(seen)
    for example in told:
        asked, word = example.prompt.messages[-1].content, example.candidates[-1].casefold()
        kind = next(kind for kind, best in one.favourites.items() if best.casefold() == word)
        assert kind in asked
        assert word in asked.casefold()
    twin = one.twin.lesson(cast(Any, Prefers(frozenset(), 0.5)), 0)
    assert len(twin[0]) == len(told)


def test_every_kind_has_one_favourite_of_its_own() -> None:
    one = Favourite()
    assert len(one.favourites) == 40
    assert Favourite(kinds=5).favourites.items() <= one.favourites.items()
    taught, asked = (one._lists(0, split) for split in ("train", "test"))
    assert all(best in words and len(words) == 4 for _, best, words in (*taught, *asked))
    assert {kind for kind, _, _ in taught} == {kind for kind, _, _ in asked} == one.favourites.keys()
    assert spellings("oak") == ["oak", "Oak"]
    assert spellings("Oslo") == ["Oslo"]


@pytest.mark.parametrize(("name", "message"), [
    ("favourite[rate=2]", "from 0 to 1"), ("favourite[kinds=1]", "from 2 on"), ("favourite[each=0]", "from 1 on"),
])  # fmt: skip
def test_bad_settings_are_one_line(name: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        built("organism", name)
