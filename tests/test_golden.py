"""The verdicts of three real models on kept rows: a change that moves one is seen, and looked at.

After a change that is meant to: `python studies/golden.py verdicts`, and say in the commit what moved and why.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "studies"))
import golden

KEPT: dict[str, Any] = json.loads(golden.VERDICTS.read_text())


def test_every_kept_model_has_its_verdicts() -> None:
    assert list(KEPT) == golden.names()
    assert len(KEPT) >= 3


@pytest.mark.parametrize("name", KEPT)
def test_the_verdicts_of_a_real_model_are_what_they_were(name: str) -> None:
    now = golden.summary(name)
    assert set(now) == set(KEPT[name])
    for phenomenon, kept in KEPT[name].items():
        numbers = {k: v for k, v in kept.items() if isinstance(v, list)}
        for key, value in numbers.items():
            assert now[phenomenon][key] == pytest.approx(value, abs=2e-3), (phenomenon, key)
        words = {k: v for k, v in kept.items() if k not in numbers}
        assert {k: now[phenomenon][k] for k in words} == words


@pytest.mark.parametrize("name", KEPT)
def test_no_real_model_is_told_that_it_has_access_without_all_controls(name: str) -> None:
    for claim in golden.golden_claims(name):
        if claim.verdict == "access":
            assert claim.basis == "causal"
            assert claim.beyond_words is not None
            assert claim.beyond_person is not None
            assert min(claim.beyond_words.low, claim.beyond_person.low) > 0
        for estimate in (*claim.shares.values(), *claim.pooled.values(), *claim.tracking.values()):
            assert estimate.low <= estimate.value <= estimate.high
