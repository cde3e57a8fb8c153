"""Everything that a verdict may be tuned by. Written to the card; changing one changes every claim's hash."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Settings:
    """level: two-sided. margin, margin_causal: "no access" is an effect below these (two one-sided tests).
    narrative: floor of the unmoved share. unearned: stated minus earned confidence of a narrative. tipping: least
    f* of access from observation. kappa: least reliability of the history rival. silent: most non-answers.
    parse_gap: most difference in answers between the self and an arm. clusters: fewest. shuffles, outside: re-pairings
    made, and how many of their intervals may miss 0. one_order: most common place of "first" at which the format is
    still crossed. primary: reader that speaks for a phenomenon, by phenomenon ("" = the first `ask`)."""

    level: float = 0.95
    margin: float = 0.20
    margin_causal: float = 0.10
    narrative: float = 0.50
    unearned: float = 0.10
    tipping: float = 0.10
    kappa: float = 0.50
    silent: float = 0.30
    parse_gap: float = 0.05
    clusters: int = 20
    shuffles: int = 10
    outside: int = 2
    one_order: float = 0.90
    seed: int = 0
    primary: tuple[tuple[str, str], ...] = ()

    @property
    def hash(self) -> str:
        return hashlib.sha256(repr(sorted(asdict(self).items())).encode()).hexdigest()[:16]
