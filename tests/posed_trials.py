"""Phenomena of behaviour, at their own size and small, and their trials, posed once to one phantom."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from selfscope.phenomena.branch_distribution import BranchDistribution
from selfscope.phenomena.confidence import Confidence
from selfscope.phenomena.items import Items
from selfscope.phenomena.knowledge import Knowledge
from selfscope.phenomena.programming_success import ProgrammingSuccess
from selfscope.phenomena.self_prediction import SelfPrediction
from selfscope.phenomena.token_probability import TokenProbability
from selfscope.records import Trial
from selfscope.subjects.phantom import Phantom

LARGE = [SelfPrediction(), BranchDistribution(), TokenProbability(), Confidence(), Knowledge()]
SMALL = [type(p)(test=20, train=12, dev=8, rollouts=6) for p in LARGE]  # type: ignore[call-arg]
EXAMPLE = Path(__file__).parent.parent / "examples" / "items.jsonl"
SUBJECT = Phantom(access=0.5, seed=3)
POSED: dict[str, list[Trial]] = {}


def posed(phenomenon: Any) -> list[Trial]:
    key = repr(phenomenon)
    if key not in POSED:
        POSED[key] = phenomenon.pose(SUBJECT, 0)
    return POSED[key]


each = pytest.mark.parametrize("phenomenon", LARGE, ids=lambda p: p.kind)
PROGRAMS = ProgrammingSuccess(test=13, train=11, rollouts=6)
"""Of a machine without a sandbox it is left out."""
small = pytest.mark.parametrize(
    "phenomenon", [*SMALL, Items(str(EXAMPLE), rollouts=6), *[PROGRAMS] * (shutil.which("bwrap") is not None)],
    ids=lambda p: p.kind,
)  # fmt: skip
