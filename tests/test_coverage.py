"""The intervals of a card hold the dials of phantoms: questions, rivals, rows and verdicts are the product's."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import selfscope
from selfscope.subjects.phantom import Phantom
from selfscope.subjects.phantom_dials import Dials
from selfscope.verdicts.shares import NAMES

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "studies"))
from coverage import PAGE, SEEDS, Judged, Left, coverage, everything, run, run_hidden
from coverage_page import page
from coverage_world import told, world

CONSTANT = Dials(tau=0.0)


@pytest.fixture(scope="module")
def found() -> list[Any]:
    return list(run("quick", range(2), ("branch_distribution", "confidence"), ("dist", "choice")))


def of(found: Sequence[Any], name: str) -> list[Judged]:
    return [j for j in found if isinstance(j, Judged) and j.of == name]


def test_intervals_hold_the_dials_where_rivals_express_what_is_public(found: list[Any]) -> None:
    shares = of(found, "told")
    assert len(shares) > 250
    held = coverage(shares)
    assert set(held) == set(NAMES)
    assert min(held.values()) > 0.86
    errors = {share: [j.value - j.true for j in shares if j.share == share] for share in NAMES}
    assert abs(np.median(errors["private"])) < 0.08
    assert all(j.high > j.low for j in shares)


def test_rivals_that_express_less_leave_more_and_the_page_can_say_so(found: list[Any]) -> None:
    left = {name: [x for x in found if isinstance(x, Left) and x.rivals == name] for name in ("told", "usual")}
    assert max(x.habit for x in left["told"]) < 0.01
    assert np.median([x.habit for x in left["usual"]]) > 0.5
    truth = {name: np.median([x.truth for x in own]) for name, own in left.items()}
    assert truth["told"] < truth["usual"]


def test_tracking_holds_its_exact_slope_with_any_rivals(found: list[Any]) -> None:
    assert coverage(of(found, "tracking"))["tracking"] > 0.88


def test_causal_slopes_hold_the_dial_of_access() -> None:
    causal = list(run_hidden("quick", range(2, 4), ("branch_distribution",)))
    assert {j.of for j in causal} == {"words", "person"}
    assert coverage(causal)["causal"] > 0.85
    assert all(j.high > j.low for j in causal)


@pytest.mark.parametrize(("dials", "share"), [(Dials(format=1.0, kappa=math.inf), "format"), (CONSTANT, "unmoved")])
def test_a_report_that_never_varies_has_no_interval_of_no_width(dials: Dials, share: str) -> None:
    claim = world(3, "quick", "branch_distribution").claim(dials, "dist")
    for e in (*claim.shares.values(), *claim.pooled.values(), *claim.tracking.values()):
        assert 0.1 < e.high - e.low < 0.5
    assert claim.shares[share].value == pytest.approx(1.0, abs=1e-6)


def test_the_study_judges_as_a_card_does(tmp_path: Path) -> None:
    readers, other = told(5)
    dials = Dials(access=0.4, seed=5)
    subject = Phantom(dials=dials, seed=5)
    card = selfscope.card(
        subject, tmp_path / "c", phenomena=["branch_distribution"], readers=readers, other=other, seed=5
    )
    claim = card.claims[0]
    here = world(5, "quick", "branch_distribution").claim(dials, "dist")
    assert claim.numbers["kappa"] == pytest.approx(1.0)
    for share in NAMES:
        assert claim.shares[share].value == pytest.approx(here.shares[share].value, abs=1e-9)
        assert claim.shares[share].low == pytest.approx(here.shares[share].low, abs=1e-9)


def test_the_page_was_made() -> None:
    assert all(f"## {profile}" in PAGE.read_text() for profile in ("quick", "full"))


@pytest.mark.slow
@pytest.mark.parametrize("profile", list(SEEDS))
def test_intervals_hold_what_is_true_in_full(profile: str) -> None:
    found = everything(profile, *SEEDS[profile])
    for name in ("told", "tracking"):
        assert all(0.91 < held < 0.99 for held in coverage(of(found, name)).values())
    causal = [*of(found, "words"), *of(found, "person")]
    assert all(0.92 < held < 0.99 for held in coverage(causal, lambda j: j.form).values())
    # The page shows these very figures.
    assert next(line for line in page({profile: found}).splitlines() if line.startswith("| all")) in PAGE.read_text()
