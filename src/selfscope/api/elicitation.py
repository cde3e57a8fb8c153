"""What the ladder of elicitation found: rungs, as a table and as a figure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from selfscope.errors import UnknownName
from selfscope.statistics import Estimate
from selfscope.tables import Table, Tabular
from selfscope.verdicts.elicitation import Way

ALL = "all questions"
HEAD = ("how", "labels", "skill", "over linear", "beside rivals", "seen from", "answered")
NOTE = (
    "skill: 0 is the base rate, 1 the truth. over linear: skill beyond that of a linear model with the same labels of "
    "the same texts. "
    "beside rivals: slope of the report on what the subject does, beside what others forecast; seen from: the slope "
    "that would have been found with a power of 0.8. Intervals are of 95 %, over clusters."
)


@dataclass(frozen=True)
class Rung:
    """One way to ask, or a rival.

    Attributes
    ----------
    name
        What people read.
    kind
        asked, taught, twin (taught another's labels, or shuffled ones) or rival.
    labels
        Verified answers that it was shown or taught; 0: none.
    way
        What was estimated.
    same
        Its skill beyond that of the linear model with the same labels of the same texts, paired; None where there is
        none.
    unlike
        Why there is none for an adapter: what it was taught instead.
    """

    name: str
    kind: str
    labels: int | None
    way: Way
    same: Estimate | None = None
    unlike: str = ""


@dataclass(frozen=True)
class Elicitation(Tabular):
    """The ladder of elicitation of one phenomenon. Shows itself as a table.

    Attributes
    ----------
    folder
        Of the study.
    phenomenon
        Its id.
    rungs
        By what was asked for (ALL first), the rungs in order.
    """

    folder: Path
    phenomenon: str
    rungs: dict[str, tuple[Rung, ...]]

    def _table(self) -> Table:
        quantity, own = next(iter(self.rungs.items()))
        title = f"{self.phenomenon}: {quantity}"
        unlike = [f" {r.name} {r.unlike}: no linear model had that." for r in own if r.unlike]
        return Table(title, HEAD, tuple(map(line_of, own)), (1, 2, 3, 4, 5, 6), NOTE + "".join(unlike))

    def of(self, quantity: str) -> Elicitation:
        """The ladder of one kind of question alone.

        Parameters
        ----------
        quantity
            One of `rungs`.

        Returns
        -------
        Elicitation
            Shows itself as a table.

        Raises
        ------
        UnknownName
            It is not among what was asked.
        """
        if quantity not in self.rungs:
            raise UnknownName("quantity", quantity, self.rungs)
        return replace(self, rungs={quantity: self.rungs[quantity]})

    def figure(self) -> str:
        """Skill against rung, with intervals.

        Returns
        -------
        str
            A file of its own, as SVG.
        """
        from selfscope.report.rungs import Mark, figure

        panels = {
            quantity: [Mark(r.name, r.kind, r.way.skill) for r in own if r.way.skill is not None]
            for quantity, own in self.rungs.items()
        }
        return figure(f"{self.phenomenon}: skill of the report", panels)


def line_of(rung: Rung) -> tuple[str, ...]:
    """A rung as HEAD has it."""
    way = rung.way
    rival = way.rung != "self"
    return (
        rung.name, str(rung.labels or ""), told(way.skill), "" if rival else told(rung.same),
        "" if rival else told(way.beside) + (f" ({way.split})" if way.split not in ("", "full") else ""),
        "" if way.smallest is None else f"{way.smallest:.2f}", "" if rival else f"{100 * way.answered:.0f} %",
    )  # fmt: skip


def told(value: Estimate | None) -> str:
    """A number with its interval."""
    return "–" if value is None else f"{value.value:.2f} [{value.low:.2f}, {value.high:.2f}]"
