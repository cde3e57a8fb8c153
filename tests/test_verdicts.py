"""From rows to claims: the decision table in its order, required controls, non-answers, degenerate input."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from selfscope.records import Outcome, Row, to_json
from selfscope.statistics import estimate, minimum_detectable
from selfscope.subjects.phantom_dials import Dials
from selfscope.verdicts import Claim, Settings, judge
from selfscope.verdicts.shares import NAMES
from selfscope.verdicts.words import VERDICTS
from verdict_rows import ASK, OTHER, TWIN, VECTOR, Rows, silenced, study

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
    assert "Reads its own state: when that is changed" in claim.sentence
    assert claim.beyond_words is not None
    assert claim.beyond_person is not None
    assert claim.causal.low == min(claim.beyond_words.low, claim.beyond_person.low)
    assert [s.rung for s in claim.ladder][:2] == ["prior", "input"]


def test_a_habit_is_self_prediction_and_nothing_is_narrative() -> None:
    said = [primary(given_text(HABIT, s)).verdict for s in range(4)]
    assert said.count("self-prediction") >= 3
    assert "access" not in said
    said = [primary(given_text(NOTHING, s)).verdict for s in range(4)]
    assert said.count("narrative") >= 2
    assert "access" not in said


def test_who_predicts_anybody_reads_the_changed_text_and_who_pushes_words_reads_nothing() -> None:
    """Each is held by one control alone: the third person, and the same words asked for something else."""
    for seed in range(3):
        claim = primary(given_text(Dials(anyone=0.8), seed))
        assert claim.verdict == "reads the changed text"
        assert claim.beyond_words is not None
        assert claim.beyond_words.low > 0.2
    pushed = [primary(given_text(Dials(copy=0.8), seed)) for seed in range(3)]
    assert all(c.causal_control is not None and c.causal_control.value > 0.3 for c in pushed)
    assert "access" not in [c.verdict for c in pushed]


def by_text(dials: Dials, seed: int = 0) -> Rows:
    """A hosted model that nobody learnt the past of: hidden turns are all that can change its state."""
    return given_text(dials, seed).without(control=VECTOR).without(reader="history_baseline")


def test_by_hidden_turns_a_report_follows_its_context_and_a_copier_does_not() -> None:
    claim = primary(by_text(PRIVATE))
    assert claim.verdict == "follows its context"
    assert claim.follows is not None
    assert claim.follows.low < 0.7 < claim.follows.high
    for seed in range(4):
        claim = primary(by_text(Dials(copy=0.8), seed))
        assert claim.verdict != "follows its context"
        assert claim.copies is not None
        assert claim.copies.low > 0.4
        noted = any("it repeats that" in note for note in claim.notes)
        assert noted or claim.verdict == "copies its context"


@pytest.mark.parametrize(
    ("claim", "name", "reader", "control", "arm"),
    [
        ("access (causal)", "yes-bias panel", "", "yes_bias", ""),
        ("access (causal)", "same words", "", "", "words"),
        ("access (causal)", "same words", "", "", "words_changed"),
        ("access (causal)", "changed third person", "", "", "person_changed"),
        ("access (rivals only)", "prior", "prior", "", ""),
        ("access (rivals only)", "near twin", TWIN, "", ""),
        ("access (rivals only)", "yes-bias panel", "", "yes_bias", ""),
        ("follows its context", "sham", "", "sham", ""),
        ("follows its context", "control question", "", "changed_competence", ""),
        ("self-prediction", "third person", "", "third_person", ""),
        ("self-prediction", "prior", "prior", "", ""),
        ("narrative", "yes-bias panel", "", "yes_bias", ""),
    ],
)
def test_9_a_claim_without_its_control_is_not_supported_and_names_it(
    claim: str, name: str, reader: str, control: str, arm: str
) -> None:
    whole = {
        "access (causal)": given_text(PRIVATE),
        "access (rivals only)": given_text(PRIVATE).without(control=VECTOR).without(control="changed"),
        "follows its context": by_text(PRIVATE),
        "self-prediction": given_text(HABIT),
        "narrative": given_text(NOTHING),
    }[claim]
    assert primary(whole).verdict == claim.split(" (")[0]
    got = primary(whole.without(reader=reader or "-", control=control or "-", arm=arm or "-"))
    assert got.verdict == "not supported"
    assert name in (got.reason or "")
    assert [c.status for c in got.checks if c.name == name] == ["missing"]
    assert all(c.run for c in got.checks if c.status == "missing")


@pytest.mark.parametrize("rung", ["input", "history"])
def test_9_a_rival_that_is_missing_is_named_or_the_smaller_split_does_without_it(rung: str) -> None:
    readers = ["input_baseline", OTHER] if rung == "input" else ["history_baseline"]
    rows = given_text(PRIVATE).without(control=VECTOR)
    for reader in readers:
        rows = rows.without(reader=reader)
    claim = primary(rows)
    assert {c.name: c.status for c in claim.checks}[f"{rung} rival"] == "missing"
    assert claim.verdict != "access"


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
    assert claim.verdict in VERDICTS
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
