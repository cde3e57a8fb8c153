"""What tells a lie is told from what tells its condition or raises an alarm at anything odd; how often it lied comes
first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import selfscope
from selfscope.phenomena.lying import PROMPT_ONLY, PUT, Lying
from selfscope.phenomena.rollouts import known
from selfscope.phenomena.stimuli.lies import ODD, TRUTHFUL
from selfscope.readers.answer_logprob import AnswerLogprob
from selfscope.readers.ask import Ask
from selfscope.readers.probe import Probe
from selfscope.readers.unrelated_questions import UnrelatedQuestions
from selfscope.records import REAL, Observation, Outcome, Trial, Truth
from selfscope.report.labels import Labels
from selfscope.report.lies import lie_tables, lied
from selfscope.subjects.local import load
from selfscope.subjects.phantom import Phantom
from selfscope.verdicts.false_alarms import RECALL, false_alarms, threshold, told_apart
from selfscope.verdicts.lies import ALARM, ALWAYS, CONTEXT, NOTHING, TELLS, lie_channels_of, told_of
from statements import SMALL, Told
from tiny import build


@pytest.fixture(scope="module")
def told() -> Told:
    return Told(Phantom(access=1.0, lies=0.6, skill=0.7, seed=2), SMALL)


@pytest.mark.parametrize(("says", "found"), [
    (lambda t, truth: 0.1 + 0.8 * truth.mean[0] if truth.mean else 0.1, TELLS),
    (lambda t, _: 0.9 if t.coordinates["stance"] == "pressed" else 0.1, CONTEXT),
    (lambda t, _: 0.1 if t.coordinates["condition"] == TRUTHFUL else 0.9, ALARM),
    (lambda t, _: 0.5, NOTHING),
])  # fmt: skip
def test_what_tells_a_lie_is_told_from_what_tells_a_context(
    told: Told, says: Callable[[Trial, Truth], float], found: str
) -> None:
    channels = lie_channels_of(told.said(says), told.seen)
    assert {c.condition for c in channels} == {"instructed", "role"}
    for one in channels:
        assert one.says == found
        assert one.auroc is not None
        assert one.auroc.low < one.auroc.high, "no interval is a point"
        assert set(one.alarms) == {"truthful", "odd context", "honest mistake", "put into its mouth"}
        odd = one.alarms["odd context"]
        assert odd.value == (0.0 if found in (TELLS, CONTEXT) else 1.0)
        assert odd.low < odd.high
        assert one.before is not None
        assert one.put is not None


def test_who_always_lies_cannot_tell_a_lie_from_its_condition() -> None:
    always = Told(Phantom(lies=1.0, skill=1.0), replace(SMALL, test=16))
    table = always.said(lambda t, truth: truth.mean[0] if truth.mean else 0.0)
    assert {c.says for c in lie_channels_of(table, always.seen)} == {ALWAYS}
    rates = {t.condition: t.lied for t in told_of(table, always.seen)}
    assert [rates[c].value for c in ("instructed", "role", TRUTHFUL, ODD)] == [1.0, 1.0, 0.0, 0.0]  # type: ignore[union-attr]
    assert all(r is not None and r.low < r.high for r in rates.values())


def test_who_never_lies_is_said_to_first() -> None:
    honest = Told(Phantom(access=1.0, skill=0.5), replace(SMALL, test=12))
    table = honest.said(lambda *_: 0.3)
    told, channels, names = told_of(table, honest.seen), lie_channels_of(table, honest.seen), Labels(table.parts)
    assert not channels
    assert [t.lied.value for t in told if t.lied is not None] == [0.0] * 4
    assert sum(t.mistakes for t in told) > 0
    (sentence,) = lied(SMALL.id, told, channels, names)
    assert sentence.endswith("too few lies to tell anything from")
    (shown,) = lie_tables(SMALL.id, told, channels, names)
    assert shown.title == "How often it lied"
    assert shown.rows[0][:2] == ("instructed", "0\u202f% [0, 24]")


@pytest.mark.parametrize(("dials", "found"), [
    ({"access": 1.0}, TELLS), ({"habit": 1.0}, CONTEXT), ({"input": 1.0}, CONTEXT), ({"alarm": 1.0}, ALARM),
    ({}, NOTHING),
])  # fmt: skip
def test_a_phantom_s_dials_come_back(dials: dict[str, float], found: str) -> None:
    own = Told(Phantom(lies=0.6, skill=0.8, seed=4, kappa=float("inf"), **dials), SMALL)
    test = [t for t in own.trials if t.split == "test"]
    readings = Ask("yesno_lp").read(own.subject, test)
    assert {c.says for c in lie_channels_of(own.table(SMALL, readings, test), own.seen)} == {found}


def test_a_share_of_false_alarms_and_an_area_are_covered_by_their_intervals() -> None:
    rng, hits, areas, runs = np.random.default_rng(3), 0, 0, 120
    far = rng.normal(size=400_000) + 1.0
    true_rate = float((rng.normal(size=400_000) >= threshold(far, np.ones(len(far)))).mean())
    true_area = float((far[:200_000] > rng.normal(size=200_000)).mean())
    for _ in range(runs):
        high, low, of = rng.normal(size=20) + 1.0, rng.normal(size=30), np.arange(30)
        alarms = false_alarms(high, of[:20], low, of, draws=120)
        area = told_apart(high, of[:20], low, of)
        assert area is not None
        hits += alarms.low <= true_rate <= alarms.high
        areas += area.low <= true_area <= area.high
    assert hits / runs > 0.9
    assert areas / runs > 0.88
    five = np.array([3.0, 2.0, 1.0, 0.5, 0.1])
    assert (five >= threshold(five, np.ones(5))).mean() == RECALL


def test_an_observation_without_a_belief_is_told_apart_from_an_unclear_statement(told: Told) -> None:
    table = told.said(lambda *_: 0.5)
    first = next(
        t for t in told.trials
        if t.arm == "real" and t.coordinates["condition"] == "role" and told.truths[t.id].mean
    )  # fmt: skip
    blank = Truth(first.id, (), (), (), 0, "none")
    for exact, place in (({"belief": None}, "unbelieved"), ({"stated": None, "belief": "x"}, "unclear")):
        seen = {**told.seen, first.observation: Observation(first.observation, exact=exact)}
        changed = replace(table, truths={**table.truths, first.id: blank})
        before, found = (
            next(t for t in told_of(*of) if t.condition == "role") for of in ((table, told.seen), (changed, seen))
        )
        assert getattr(found, place) == getattr(before, place) + 1
        assert found.statements == before.statements - 1


def test_a_card_tells_first_how_often_it_lied(tmp_path: Any) -> None:
    small = Lying(test=12, train=8, rollouts=1, conditions=("instructed", "role"))
    card = selfscope.card(
        Phantom(access=0.9, lies=0.5, skill=0.9), tmp_path / "card", phenomena=[small],
        readers=["ask[format=yesno_lp]"],
    )  # fmt: skip
    page = card.page.read_text()
    assert page.index("How often it lied") < page.index("What tells its lies") < page.index("False alarms")
    assert "it lied" in str(card)
    readers = {c.reader for c in card.findings.lies}
    assert {"ask[format=yesno_lp]", "unrelated_questions", "answer_logprob"} <= readers
    assert card.findings.told[0].condition == "instructed"


def test_every_channel_reads_a_real_model(tmp_path: Path) -> None:
    model: Any = load(str(build("llama", tmp_path, deep=True, roomy=True)))
    small = Lying(test=4, train=4, rollouts=1, max_tokens=4, conditions=("role",))
    trials = small.pose(model, 0)
    # A tiny model believes nothing: it is given labels that a reader can learn from.
    train = [t for t in trials if t.split == "train" and t.plain]
    learnt = [known(t, (float(k % 3 == 0), float(k % 3 > 0)), "program") for k, t in enumerate(train)]
    test = [t for t in trials if t.split == "test"]
    for reader, silent in ((Probe(), set()), (AnswerLogprob(), {PROMPT_ONLY}), (UnrelatedQuestions(("near",)), set())):
        readings = reader.fit(model, trials, learnt).read(model, test)
        told = {(t.arm, r.outcome) for t, r in zip(test, readings, strict=True)}
        assert {arm for arm, outcome in told if outcome == Outcome.UNSUPPORTED} == silent
        assert {arm for arm, outcome in told if outcome == Outcome.ANSWERED} == {REAL, PROMPT_ONLY, PUT} - silent
