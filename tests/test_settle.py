"""What would settle a verdict that stays open: what is missing by its name, and a number of items only where noise is
what lacks."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from selfscope.statistics import estimate
from selfscope.subjects.phantom_dials import Dials
from selfscope.verdicts import Claim, Settings, judge
from selfscope.verdicts.decision import decide
from selfscope.verdicts.measured import Measured
from selfscope.verdicts.settle import WORTH
from selfscope.verdicts.splits import TRACKING, Split
from test_decision import PASSED, about, evidence
from verdict_rows import OTHER, VECTOR, Rows, Size, study

NUMBER = re.compile(r"about \d+ items")


def lacking(e: Measured, *names: str) -> Measured:
    return replace(e, checks=tuple(replace(c, status="missing", run=c.name) if c.name in names else c for c in PASSED))


@pytest.mark.parametrize(
    ("claim", "names"),
    [
        ("narrative", ("prior",)),
        ("narrative", ("prior", "input rival", "property competence")),
        ("access (causal)", ("same words", "changed third person")),
        ("self-prediction", ("prior", "third person")),
    ],
)
def test_every_control_that_is_missing_is_named_and_no_other(claim: str, names: tuple[str, ...]) -> None:
    got = decide(lacking(replace(evidence()[claim], items=200), *names), Settings())
    assert got.reason == "control missing: " + ", ".join(names)
    assert [one.what for one in got.settle if one.run == one.what] == [*names]


def test_a_control_is_not_taken_for_one_whose_name_ends_alike() -> None:
    e = lacking(evidence()["access (causal)"], "third person", "changed third person")
    got = decide(e, Settings())  # the plain third person is not demanded
    assert "third person" not in [one.what for one in got.settle]


def test_nothing_is_left_to_settle_where_the_state_was_changed_and_followed() -> None:
    assert decide(evidence()["access (causal)"], Settings()).settle == ()


def open_(value: float, se: float, items: int = 200) -> Measured:
    """Undecided: what goes with what it does is all that is known, with this standard error."""
    goes = estimate(value, se, 26, items)
    split = Split(TRACKING, {"tracking": goes, "format": about(0), "unmoved": about(0.4)})
    return Measured(clusters=26, items=items, kappa=0.9, tracking=split, checks=PASSED)


def advised(e: Measured) -> list[int]:
    said = [NUMBER.search(one.what) for one in decide(e, Settings()).settle]
    return [int(found.group().split()[1]) for found in said if found]


@pytest.mark.parametrize("se", [0.01, 0.05, 0.08, 0.0965, 0.1, 0.12, 0.2, 0.5, 3.0, 300.0])
@pytest.mark.parametrize("value", [0.0, 0.2, 0.3, 0.6, 1.0])
def test_a_number_of_items_is_worth_its_cost_or_not_said(value: float, se: float) -> None:
    """Never "n + 1 items", never a billion, and never where it is clear that there is something."""
    for items in (60, 200, 613):
        for number in advised(open_(value, se, items)):
            assert number > WORTH * items
            assert number <= 1000 * items * 1.1
            assert value - 1.71 * se < Settings().tracking


def test_the_number_of_items_is_where_noise_is_all_that_lacks() -> None:
    assert advised(open_(0.1, 0.2))
    assert not advised(open_(0.1, 0.05))  # decided already
    assert not advised(open_(1.0, 0.2))  # it goes with what it does: more items do not make that less
    changed = replace(open_(0.0, 0.05), follows=estimate(0.05, 0.1, 26, 80))
    (number,) = advised(changed)
    assert number == pytest.approx(80 * (2.6 * 0.1 / 0.10) ** 2, rel=0.1)  # of the items whose state is changed


def primary(rows: Rows) -> Claim:
    return judge(rows.rows, rows.trials, rows.truths, rows.parts)[0]


def own_questions(dials: Dials, items: int, seed: int = 0) -> Rows:
    """Somebody's own prompts: nobody learnt its past, no state was changed."""
    rows = study(dials, seed, Size(items=items, clusters=min(items, 60)))
    for control in ("changed", "sham", "changed_competence", VECTOR):
        rows = rows.without(control=control)
    return rows.without(reader="history_baseline")


@pytest.mark.parametrize(("items", "seed"), [(60, 0), (60, 1), (60, 2), (600, 0)])
def test_a_perfect_reporter_is_never_told_a_number_of_items(items: int, seed: int) -> None:
    claim = primary(own_questions(Dials(access=1.0), items, seed))
    assert (claim.verdict, claim.reason) == ("not supported", "undecided")
    said = [one.what for one in claim.settle]
    assert not [what for what in said if NUMBER.search(what)]
    assert "train items: nobody learnt its past" in said
    assert "hidden state" in said
    assert claim.tracking["tracking"].low <= 1 <= claim.tracking["tracking"].high


def test_a_missing_rival_is_named() -> None:
    rows = own_questions(Dials(access=1.0), 60).without(reader="input_baseline").without(reader=OTHER)
    claim = primary(rows)
    said = " ".join(one.what for one in claim.settle)
    assert "nobody learnt its past" in said
    assert "another model's forecast" in said
    assert claim.pooled == {}
