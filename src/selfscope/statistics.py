"""Numbers -> Estimate. Knows nothing of models, trials or rows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A number with its interval. level: two-sided coverage; clusters: independent units; p: two-sided where tested."""

    value: float
    low: float
    high: float
    se: float = 0.0
    level: float = 0.95
    clusters: int = 0
    items: int = 0
    p: float | None = None
