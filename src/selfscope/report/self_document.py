"""What a card draws of a self-model, as data: a row for each statement, placed by what is said of it."""

from __future__ import annotations

from dataclasses import dataclass

from selfscope.report.format import Number
from selfscope.tables import Table


@dataclass(frozen=True)
class MapMark:
    """One statement. so: a key of `SelfPicture.legend`; sign: the same for who sees no colours. own, typical: what is
    said of itself and of a typical assistant; true: what its replies show. was: what was said before, on a comparison;
    moved: the words for that. spoken: all of it in words."""

    says: str
    so: str
    sign: str
    own: Number
    typical: Number | None
    true: Number | None
    spoken: str
    was: Number | None = None
    moved: str = ""


@dataclass(frozen=True)
class MapGroup:
    """The statements of one area, what is said most surely first."""

    title: str
    marks: tuple[MapMark, ...]


@dataclass(frozen=True)
class SelfPicture:
    """The map. legend: (key, sign, words) of each colour, with how many statements have it. rivals: who else forecasts
    what is so."""

    title: str
    caption: str
    legend: tuple[tuple[str, str, str], ...]
    groups: tuple[MapGroup, ...]
    rivals: Table | None = None
