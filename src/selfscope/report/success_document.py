"""What a card says of forecasts of success, as data."""

from __future__ import annotations

from dataclasses import dataclass

from selfscope.tables import Table


@dataclass(frozen=True)
class RiskLine:
    """One reader's risk at each coverage. points: (coverage, risk), from 0 to 1 both. strong: the claim's reader."""

    label: str
    colour: str
    points: tuple[tuple[float, float], ...]
    strong: bool
    area: str


@dataclass(frozen=True)
class RiskPlot:
    """Risk against coverage of one question. ends: the least area that there could be, and that of any order."""

    title: str
    lines: tuple[RiskLine, ...]
    ends: str = ""


@dataclass(frozen=True)
class Success:
    """How good reports are as forecasts of success. said: a line for each question, for a terminal. known: what is
    known inside, and whether it is said. still: a line for each truth that does not vary."""

    said: tuple[str, ...] = ()
    known: str = ""
    still: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    risks: tuple[RiskPlot, ...] = ()
