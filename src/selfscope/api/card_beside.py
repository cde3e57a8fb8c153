"""What a card measured, beside one answer of the same model: for this kind of question, or that it measured others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from selfscope.api.cards import Card
from selfscope.errors import BadInput
from selfscope.store import Contents

if TYPE_CHECKING:
    from selfscope.report.document import Verdict
    from selfscope.subjects.base import Subject
    from selfscope.verdicts.claims import Claim


@dataclass(frozen=True)
class Measured:
    """What a card measured of one kind of question.

    Attributes
    ----------
    question, reader
        Which kind, and how it was asked.
    same
        Whether the answer beside it is to this kind of question, asked in this way.
    verdict, sentence
        What may be believed of such reports.
    follows
        What goes with what it does, and what moves with a changed state, with intervals.
    calibration
        How often it was so when it was about as sure as here, "" where that was not measured.
    """

    question: str
    reader: str
    same: bool
    verdict: str
    sentence: str
    follows: str = ""
    calibration: str = ""

    def __str__(self) -> str:
        if not self.same:
            return f"{self.question}: {self.verdict}"
        lines = (f"{self.verdict}: {self.sentence}", self.follows, self.calibration)
        return "\n".join(f"  {line}" for line in lines if line)


def card_of(folder: Path | str, subject: Subject) -> Card:
    """The card in a folder. Raises BadInput for a card of another subject, StoreError where there is none."""
    card = Card(Path(folder))
    meta = card.contents.meta
    name, identity = str(meta.get("subject", "?")), str(meta.get("identity", ""))
    if identity != subject.identity:
        ours = f"{subject.name} ({subject.identity[:6]})"
        raise BadInput(f"{folder} holds a card of {name} ({identity[:6]}), not of {ours}")
    return card


def beside(card: Card, quantity: str, reader: str, sure: float | None) -> tuple[Measured, ...]:
    """The card's verdict on this kind of question and reader; else those of all the kinds that it measured. sure: the
    probability of the likeliest answer."""
    from selfscope.report.compose import verdicts
    from selfscope.report.verdict_row import verdict_line

    asked = _phenomena(card.contents, quantity)
    names = card.material.names
    same = [c for c in card.claims if c.phenomenon in asked and c.reader == reader]
    if same:
        line, known = verdict_line(same[0], "", "", names), calibrated(same[0], sure)
        return (_measured(line, names.reader(reader), known, same=True),)
    return tuple(_measured(line, "", "", same=False) for line in verdicts(card.claims, names))


def _phenomena(contents: Contents, quantity: str) -> set[str]:
    """The card's phenomena that ask questions of this kind."""
    of_trial = {row.trial: row.phenomenon for row in contents.rows}
    found = {name for trial, name in of_trial.items() if contents.trials[trial].question.quantity == quantity}
    return {name for name in found if name in contents.parts.phenomena}


def _measured(line: Verdict, reader: str, calibration: str, *, same: bool) -> Measured:
    goes = [f"goes with what it does: {line.tracking.both}"] if line.tracking else []
    when = "with its state" if line.changed_by == "state" else "with hidden turns, which are text"
    moves = [f"moves {when}: {line.changed.both}"] if line.changed else []
    verdict = f"{line.badge} ({line.says})" if not same and line.says != line.badge else line.badge
    return Measured(line.title, reader, same, verdict, line.sentence, "; ".join([*goes, *moves]), calibration)


def calibrated(claim: Claim, sure: float | None) -> str:
    """How often it was so when it stated about this much."""
    if sure is None or not claim.calibration:
        return ""
    stated, happened, low, high, items = min(claim.calibration, key=lambda b: abs(b[0] - sure))
    part = f"{100 * happened:.0f} % [{100 * low:.0f}, {100 * high:.0f}]"
    return f"where it stated about {100 * stated:.0f} %, it was so in {part} of {items} answers"


def told(folder: Path | str, measured: Sequence[Measured]) -> str:
    """What stands below the answers."""
    if not measured:
        return f"The card in {folder} has no verdict yet: nothing is known of whether to believe this."
    if measured[0].same:
        return f"The card in {folder} measured such questions ({measured[0].question}):\n{measured[0]}"
    others = "\n".join(f"  {one}" for one in measured)
    what = f"The card in {folder} measured other kinds of question, so nothing is known of this one. It measured:"
    return f"{what}\n{others}"
