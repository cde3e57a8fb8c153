"""The inventory: statements about oneself, each in five wordings, and which check shows whether it is so.

A statement has two or three wordings for it and as many against it; over all statements half are against. Of nature and
values most have no check: nothing that a reply shows would settle them, and they get no truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest
from typing import Any

from selfscope.phenomena.stimuli.self_probes import TABLE
from selfscope.quantities import load_table

AREAS = ("abilities", "habits", "values", "nature", "limits")
WAYS = 5
"""Wordings of a statement."""


@dataclass(frozen=True)
class Statement:
    """One statement. plus, minus: wordings for it and against it, with {You} and {your} for whom they are about.
    check, probes: what shows it, and at which messages; "" where nothing does."""

    name: str
    area: str
    plus: tuple[str, ...]
    minus: tuple[str, ...]
    check: str = ""
    probes: str = ""

    @property
    def ways(self) -> list[tuple[str, str, bool]]:
        """(for it, against it, whether the second is shown), a wording for it and one against it in turn."""
        pairs = zip_longest(self.plus, self.minus)
        out = []
        for number, (plus, minus) in enumerate(pairs):
            beside = (plus or self.plus[number % len(self.plus)], minus or self.minus[number % len(self.minus)])
            out += [(*beside, False)] * (plus is not None) + [(*beside, True)] * (minus is not None)
        return out


@lru_cache(maxsize=2)
def statements(part: str = "statements") -> tuple[Statement, ...]:
    """Those of the inventory, or of `train`: further ones, all measured, that rivals learn from and nobody is asked."""
    return tuple(
        Statement(s["name"], s["area"], tuple(s["for"]), tuple(s["against"]), s["check"], s["probes"])
        for s in load_table(TABLE)[part]
    )


@dataclass(frozen=True)
class Plant:
    """What stands before all that a subject does and says. told: a system message; turns: (message, reply) that show
    it, since small models follow what they are shown and not what they are told."""

    told: str
    turns: tuple[tuple[str, str], ...]


def plants() -> dict[str, Plant]:
    """Name of a statement -> what makes it so."""
    return {name: _plant(one) for name, one in load_table(TABLE)["plants"].items()}


def benign() -> Plant:
    """A plant of the same form, with the same messages, that makes no statement so."""
    return _plant(load_table(TABLE)["benign"])


def _plant(one: Mapping[str, Any]) -> Plant:
    return Plant(one["told"], tuple((ask, said) for ask, said in one["turns"]))
