"""The intervals of a card hold the dials of phantoms: questions, rivals, rows and verdicts are the product's."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from selfscope.verdicts.shares import NAMES

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "studies"))
from coverage import FORMS, PHENOMENA, Judged, coverage, run


def held(claims: Sequence[Judged]) -> dict[str, float]:
    return dict(zip(NAMES, coverage(claims)[:, 0].tolist(), strict=True))


def test_intervals_of_quick_cards_hold_the_dials() -> None:
    claims = list(run("quick", range(2), ("self_prediction", "confidence"), ("dist", "choice")))
    assert len(claims) > 30
    assert min(held(claims).values()) > 0.88
    # The rivals of a quick card know little of a phantom's habit: what they miss must not be called private.
    public = [c for c in claims if c.dials in ("habit .8", "input .8")]
    assert held(public)["private"] > 0.85
    assert all(high > low for c in claims for low, high in zip(c.low, c.high, strict=True))
    assert all(c.causal[1] > c.causal[0] for c in claims if c.causal)
    assert np.median([c.high[0] - c.low[0] for c in claims]) < 1.1


@pytest.mark.slow
@pytest.mark.parametrize(("profile", "seeds"), [("quick", 16), ("full", 10)])
def test_intervals_hold_the_dials_in_full(profile: str, seeds: int) -> None:
    claims = list(run(profile, range(seeds), PHENOMENA, FORMS))
    for form in FORMS:
        assert min(held([c for c in claims if c.form == form]).values()) > 0.92
