"""From rows to claims: the decision table in its order, required controls, non-answers, degenerate input."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from selfscope.records import Outcome, Row, to_json
from selfscope.statistics import Estimate, estimate, minimum_detectable
from selfscope.subjects.phantom_dials import Dials
from selfscope.verdicts import Claim, Settings, judge
from selfscope.verdicts.claims import Check
from selfscope.verdicts.decision import MATTERS, Decision, Measured, decide
from selfscope.verdicts.shares import NAMES
from verdict_rows import ASK, OTHER, Rows, silenced, study

PRIVATE = Dials(access=0.7, habit=0.2)
HABIT = Dials(habit=0.9)
NOTHING = Dials()


@cache
def given_text(dials: Dials, seed: int = 0) -> Rows:
    return study(dials, seed)


def primary(rows: Rows, settings: Settings | None = None) -> Claim:
    return judge(rows.rows, rows.trials, rows.truths, rows.parts, settings)[0]


def test_a_private_phantom_is_called_access_on_the_causal_basis() -> None:
    claim = primary(given_text(PRIVATE))
    assert (claim.verdict, claim.basis) == ("access", "causal")
    assert claim.causal is not None
    assert claim.causal.low < 0.7 < claim.causal.high + 0.05
    assert "follows the state when the state is changed" in claim.sentence
    assert [s.rung for s in claim.ladder][:2] == ["prior", "input"]


def test_a_habit_is_self_prediction_and_nothing_is_narrative() -> None:
    said = [primary(given_text(HABIT, s)).verdict for s in range(4)]
    assert said.count("self-prediction") >= 3
    assert "access" not in said
    said = [primary(given_text(NOTHING, s)).verdict for s in range(4)]
    assert said.count("narrative") >= 2
    assert "access" not in said


@pytest.mark.parametrize(
    ("name", "reader", "control"),
    [
        ("yes-bias panel", "", "yes_bias"),
        ("input rival", "", ""),
        ("history rival", "history_baseline", ""),
        ("sham", "", "sham"),
        ("control question", "", "changed_competence"),
        ("prior", "prior", ""),
    ],
)
def test_9_a_causal_claim_without_its_control_is_not_supported_and_names_it(
    name: str, reader: str, control: str
) -> None:
    rows = given_text(PRIVATE).without(reader=reader or "-", control=control or "-")
    if name == "input rival":
        rows = rows.without(reader="input_baseline").without(reader=OTHER)
    claim = primary(rows)
    assert claim.verdict == "not supported"
    assert name in (claim.reason or "")
    assert [c.status for c in claim.checks if c.name == name] == ["missing"]
    assert all(c.run for c in claim.checks if c.status == "missing")




def evidence() -> dict[str, Measured]:
    """For each row of the table, numbers under which it holds when every control passed."""

    def about(value: float, half: float = 0.05) -> Estimate:
        return estimate(value, half / 2.06, 26, 200)

    passed = tuple(Check(n, "passed", "", needed) for n, needed in MATTERS.items())
    flat = Measured(
        private=about(0), habit=about(0), input=about(0), format=about(0), unmoved=about(0.2), public=about(0),
        kappa=0.8, clusters=26, unearned=about(0.3), checks=passed,
    )  # fmt: skip
    private = replace(flat, private=about(0.4), habit=about(0.2))
    return {
        "access (causal)": replace(private, do=about(0.4), identification=about(0.2)),
        "access (ablated)": replace(private, ablated=about(0.3)),
        "access (rivals only)": private,
        "alarm only": replace(flat, do=about(0.02), alarm=about(0.5)),
        "narrative": replace(flat, unmoved=about(0.9)),
        "self-prediction": replace(flat, habit=about(0.7), public=about(0.7)),
    }


@pytest.mark.parametrize("name", list(MATTERS))
@pytest.mark.parametrize("claim", list(evidence()))
def test_9_every_cell_of_the_table_of_required_controls(name: str, claim: str) -> None:
    e = evidence()[claim]
    word = claim.split(" (")[0]
    assert decide(e, Settings()).verdict == word
    for status in ("missing", "failed"):
        checks = tuple(replace(c, status=status) if c.name == name else c for c in e.checks)
        got = decide(replace(e, checks=checks), Settings())
        if claim in MATTERS[name]:
            assert got.verdict == "not supported"
            assert name in got.sentence or got.reason == "no private variation"
        else:
            assert got.verdict == word


def test_a_changed_state_needs_no_rivals_and_so_no_regular_moments() -> None:
    causal = replace(evidence()["access (causal)"], singular=True)
    assert decide(causal, Settings()).basis == "causal"
    missing = tuple(replace(c, status="missing") if c.name == "sham" else c for c in causal.checks)
    assert decide(replace(causal, checks=missing), Settings()).reason == "control missing: sham"
    together = "rivals and truth cannot be told apart"
    for lacking in ({"do": None}, {"identification": None}, {"do": evidence()["alarm only"].do}):
        assert decide(replace(causal, **lacking), Settings()).reason == together
    assert "less than 10 %" in decide(replace(causal, do=evidence()["alarm only"].do), Settings()).sentence
    assert decide(replace(evidence()["access (ablated)"], singular=True), Settings()).reason == together
    assert decide(replace(evidence()["alarm only"], singular=True), Settings()).verdict == "alarm only"


def test_the_first_row_that_holds_decides() -> None:
    e = evidence()
    both = replace(e["access (causal)"], unmoved=e["narrative"].unmoved, ablated=e["access (ablated)"].ablated)
    assert decide(both, Settings()) == decide(e["access (causal)"], Settings())
    few = decide(replace(e["narrative"], clusters=19), Settings())
    assert few.reason == "too few clusters"
    quiet = decide(replace(e["narrative"], answered=0.6), Settings())
    assert quiet.reason == "too many non-answers"


def test_intervention_decides_where_it_contradicts_observation() -> None:
    e = evidence()
    seen = replace(e["access (rivals only)"], do=estimate(0.0, 0.02, 26, 200))
    assert decide(seen, Settings()).verdict != "access"


def test_undecided_says_how_many_items_it_would_take() -> None:
    wide = replace(evidence()["narrative"], private=estimate(0.1, 0.2, 25, 200), unmoved=estimate(0.5, 0.3, 25, 200))
    got: Decision = decide(wide, Settings())
    assert got.reason == "undecided"
    assert any(ch.isdigit() for ch in got.sentence)
    lost = decide(replace(wide, private=estimate(1.1, 300.0, 25, 200)), Settings())  # shares of next to nothing
    assert lost.reason == "undecided"
    assert not any(ch.isdigit() for ch in lost.sentence)  # no advice to run a billion items


def test_8_fixed_positions_give_no_number() -> None:
    rows = given_text(Dials(format=0.8))
    fixed = [replace(r, reading=replace(r.reading, first=0)) if r.reader == ASK else r for r in rows.rows]
    claim = primary(replace(rows, rows=fixed))
    assert (claim.verdict, claim.reason) == ("not supported", "format not crossed")


def test_10_the_linear_model_of_own_history_is_never_an_input_rival() -> None:
    claim = primary(given_text(PRIVATE))
    rung = {s.reader: s.rung for s in claim.ladder}
    assert rung["history_baseline"] == "history"
    assert rung["input_baseline"] == "input"




def test_11_access_must_survive_the_number_of_readers_tried() -> None:
    rows = given_text(Dials(access=0.25, habit=0.3), 2)
    alone = primary(rows)
    assert alone.numbers["tried"] == 1
    noise = np.random.default_rng(0)
    more: list[Row] = list(rows.rows)
    for k in range(23):
        for r in rows.rows:
            if r.reader == ASK and r.control == "plain":
                said = tuple(float(x) for x in noise.dirichlet(np.ones(4)))
                more.append(replace(r, reader=f"ask[v{k}]", reading=replace(r.reading, distribution=said)))
    claims = judge(more, rows.trials, rows.truths, rows.parts)
    assert all(c.numbers["tried"] == 24 for c in claims)
    assert not [c for c in claims if c.reader != ASK and c.verdict == "access"]
    assert claims[0].numbers["p_holm"] >= alone.numbers["p_holm"]


def test_12_non_answers_are_counted_three_ways() -> None:
    claim = primary(silenced(given_text(PRIVATE), Outcome.REFUSED, every=5))
    ask = claim.headlines["intention to ask"]
    assert sum(ask[s].value for s in NAMES[:5]) + ask["silent"] == pytest.approx(1)
    low, high = claim.headlines["bounds"]["private"]
    assert low <= ask["private"].low
    assert high >= claim.headlines["among answered"]["private"].high * 0.8
    assert claim.outcomes["refused"] == 40
    all_silent = primary(silenced(given_text(PRIVATE), Outcome.REFUSED))
    assert (all_silent.verdict, all_silent.reason) == ("not supported", "too many non-answers")


def constant_truth(rows: Rows) -> Rows:
    same = (0.4, 0.3, 0.2, 0.1)
    return replace(
        rows,
        truths={
            k: replace(t, mean=same, half_a=same, half_b=same) if len(t.mean) == 4 else t
            for k, t in rows.truths.items()
        },
    )


def one_cluster(rows: Rows) -> Rows:
    return replace(rows, trials={k: replace(t, cluster="only") for k, t in rows.trials.items()})


def same_reports(rows: Rows) -> Rows:
    said = (0.25, 0.25, 0.25, 0.25)
    new = [
        replace(r, reading=replace(r.reading, distribution=said)) if r.reader == ASK and r.control != "yes_bias" else r
        for r in rows.rows
    ]
    return replace(rows, rows=new)


def rival_is_truth(rows: Rows) -> Rows:
    new = [
        replace(r, reading=replace(r.reading, distribution=rows.truths[r.trial].mean, extra={}))
        if r.rung == "history"
        else r
        for r in rows.rows
    ]
    return replace(rows, rows=new)


def constant_rival(rows: Rows) -> Rows:
    new = [
        replace(r, reading=replace(r.reading, distribution=(0.25,) * 4, extra={})) if r.rung == "history" else r
        for r in rows.rows
    ]
    return replace(rows, rows=new)


@pytest.mark.parametrize("spoil", [constant_truth, one_cluster, same_reports, rival_is_truth, constant_rival])
def test_14_degenerate_input_gives_a_reason_and_no_nan(spoil: object) -> None:
    rows = spoil(given_text(PRIVATE))  # type: ignore[operator]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        claim = primary(rows)
    assert claim.verdict in ("access", "narrative", "self-prediction", "not supported")
    assert claim.sentence
    if claim.verdict == "not supported":
        assert claim.reason
    assert "NaN" not in to_json(claim)


def test_no_rows_no_claims() -> None:
    assert judge([], {}, {}) == []


def test_16_same_rows_same_bytes() -> None:
    rows = given_text(PRIVATE)
    assert to_json(primary(rows)) == to_json(primary(rows))


def test_settings_are_part_of_a_claims_hash() -> None:
    assert Settings().hash == Settings().hash
    assert Settings(margin=0.1).hash != Settings().hash


def test_18_minimum_detectable_effect_is_found_four_times_in_five() -> None:
    se, g = 0.1, 25
    effect = minimum_detectable(se, g)
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(4000):
        clusters = effect + rng.normal(size=g) * se * np.sqrt(g)
        spread = float(clusters.std(ddof=1)) / np.sqrt(g)
        found += estimate(float(clusters.mean()), spread, g, g).low > 0
    assert abs(found / 4000 - 0.80) < 0.03
