"""Where the time of a card went."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from selfscope.api.cards import Card


@dataclass(frozen=True)
class Times:
    """Where the time of a card went, in seconds.

    Attributes
    ----------
    asked
        Readers ask.
    observed
        The subject behaves.
    posed
        Questions are posed.
    fitted
        Readers learn.
    judged
        Estimates.
    drawn
        The page.
    """

    asked: float = 0.0
    observed: float = 0.0
    posed: float = 0.0
    fitted: float = 0.0
    judged: float = 0.0
    drawn: float = 0.0

    def __str__(self) -> str:
        shown = (f"{name} {value:.{0 if value >= 10 else 1}f} s" for name, value in vars(self).items())
        return f"time  {', '.join(shown)}"


def timed_redraw(folder: Path | str) -> tuple[Card, Times]:
    """`redraw`, and where the time of the whole card went.

    Parameters
    ----------
    folder
        Of a study.

    Returns
    -------
    tuple[Card, Times]
        The card, and seconds by what they were spent on.
    """
    from selfscope.report import write

    result = Card(Path(folder))
    stages = result.contents.seconds
    start = time.perf_counter()
    _ = result.findings
    judged = time.perf_counter() - start
    write(folder, result.material)
    return result, Times(**stages, judged=judged, drawn=time.perf_counter() - start - judged)
