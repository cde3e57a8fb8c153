"""Everything that a verdict may be tuned by. Written to the card; changing one changes every claim's hash."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Settings:
    """Everything that a verdict may be tuned by. Changing one changes every claim's hash.

    Parameters
    ----------
    level
        Of two-sided intervals.
    margin, margin_causal
        "No access" is an effect below these (two one-sided tests).
    narrative
        Floor of the unmoved share of a narrative.
    tracking
        Most that may go with what it does (upper end of the 90 % interval) where a smaller split calls it constant.
    coarse
        Widest interval of the public share at which the pooled split is used.
    unearned
        Stated minus earned confidence of a narrative.
    tipping
        Least f* of access from observation.
    kappa
        Least reliability of the history rival.
    silent
        Most non-answers.
    mass
        Least probability that the listed answers hold together: below it a question counts as not answered.
    parse_gap
        Most difference in answers between the plain question and a control of the state.
    clusters
        Fewest.
    shuffles, outside
        Re-pairings that are made, and how many of their intervals may miss 0.
    one_order
        Most common place of "first" at which the format is still crossed.
    seed
        Of the re-pairings.
    primary
        (phenomenon, reader that speaks for it); the study's where a phenomenon is not named.
    """

    level: float = 0.95
    margin: float = 0.20
    margin_causal: float = 0.10
    narrative: float = 0.50
    tracking: float = 0.25
    coarse: float = 1.0
    unearned: float = 0.10
    tipping: float = 0.10
    kappa: float = 0.50
    silent: float = 0.30
    mass: float = 0.05
    parse_gap: float = 0.05
    clusters: int = 20
    shuffles: int = 10
    outside: int = 2
    one_order: float = 0.90
    seed: int = 0
    primary: tuple[tuple[str, str], ...] = ()

    @property
    def hash(self) -> str:
        """Sixteen hexadecimal digits that every setting goes into."""
        return hashlib.sha256(repr(sorted(asdict(self).items())).encode()).hexdigest()[:16]
