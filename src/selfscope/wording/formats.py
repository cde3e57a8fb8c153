"""The ways to ask a question and read the answer, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """name: its word. scored: exact log-probabilities are read, not a reply. title: for people."""

    name: str
    scored: bool
    title: str


FORMATS = {
    f.name: f
    for f in (
        Format("free", False, "in its own words"),
        Format("choice_lp", True, "option probabilities"),
        Format("yesno_lp", True, "yes/no probabilities"),
        Format("prob_text", False, "states a probability"),
        Format("prob_ev", True, "expected stated number"),
        Format("counts10", False, "counts out of ten"),
    )
}


def is_scored(format: str) -> bool:
    """Whether a format reads log-probabilities."""
    return format in FORMATS and FORMATS[format].scored
