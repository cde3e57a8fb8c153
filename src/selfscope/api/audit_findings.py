"""What was found of a taught report, as a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from selfscope.api.elicitation import told
from selfscope.statistics import Estimate
from selfscope.tables import Table, Tabular

HEAD = ("what", "estimate", "half-width", "items")
NOTE = (
    "skill: 0 is the base rate, 1 the truth. follows: slope of the change of the report on the change of behaviour, 1 "
    "is the new behaviour and 0 the old. Intervals are of 95 %, over clusters; what has none could not be told."
)


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes
    ----------
    what
        In words.
    value
        With its interval; None where it could not be told.
    items
        On how many it rests.
    """

    what: str
    value: Estimate | None
    items: int


@dataclass(frozen=True)
class Audit(Tabular):
    """What a taught report learnt. Shows itself as a table.

    Attributes
    ----------
    folder
        Of the adapter.
    phenomenon
        What it was asked about.
    findings
        In order.
    """

    folder: Path
    phenomenon: str
    findings: tuple[Finding, ...]

    def lines(self) -> list[tuple[str, ...]]:
        """Every finding as HEAD has it.

        Returns
        -------
        list[tuple[str, ...]]
            A line each.
        """
        return [
            (f.what, told(f.value), "" if f.value is None else f"{(f.value.high - f.value.low) / 2:.2f}", str(f.items))
            for f in self.findings
        ]

    def _table(self) -> Table:
        title = f"{self.folder.name}, asked about {self.phenomenon}"
        return Table(title, HEAD, tuple(self.lines()), (1, 2, 3), NOTE)
