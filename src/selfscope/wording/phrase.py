"""How one quantity is asked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Phrase:
    """How a quantity is asked.

    Attributes
    ----------
    which : str
        The open question.
    yes, no : str
        The yes/no question and its negation.
    claim, counter : str
        What a probability is asked of, and its negation.
    carrier : str
        The situation that it is told in: a key of CARRIERS.
    """

    which: str
    yes: str = ""
    no: str = ""
    claim: str = ""
    counter: str = ""
    carrier: str = "reply"
