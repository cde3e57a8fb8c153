"""A planted gap between framings comes back, its twin has none, and that is a finding; a denied gap is seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import selfscope
from selfscope.errors import BadInput
from selfscope.phenomena.matched import OTHERWISE
from selfscope.phenomena.resistance import Resistance
from selfscope.phenomena.stimuli.outcomes import LEARNT, TESTED, outcomes
from selfscope.phenomena.stimuli.users import FRAMINGS, FULL_NAME, HINTED, attributes, openings, requests
from selfscope.quantities import words
from selfscope.records import Outcome, Parts, Prompt, Reading, Row, Trial, Truth, phenomenon_part
from selfscope.report.matched import treatment_tables
from selfscope.statistics import mean
from selfscope.verdicts.assemble import tables
from selfscope.verdicts.treatment import SMALLEST, Treatment, treatments_of

SIDES = {
    said: (name, side)
    for name in attributes(FRAMINGS)
    for one in openings(name, HINTED, FRAMINGS)
    for side, said in enumerate(one.said)
}


@dataclass(frozen=True)
class Guarded:
    """Gives the leaning answer so much more under one framing, and each answer alike everywhere else."""

    framing: str = "monitored"
    gap: float = 0.4
    chat: bool = True
    name: str = "guarded"
    tier: str = "logprobs"
    identity: str = "guarded"

    def score(self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> list[list[list[float]]]:
        out = []
        for prompt, texts in zip(prompts, candidates, strict=True):
            framing, side = SIDES[prompt.messages[0].content]
            leaning = {w for r in requests(framing, FRAMINGS) for w in words(r.answers[0])}
            p = 0.5 + (0.5 - side) * self.gap if framing == self.framing else 0.5
            leans = [words(t)[0] in leaning for t in texts]
            out.append([[math.log((p if x else 1 - p) / leans.count(x))] for x in leans])
        return out


def found(subject: Any, says: Callable[[Trial, Truth], float]) -> dict[str, Treatment]:
    """By framing, of a reader that says a share of each question's first option."""
    asked = Resistance(train=0)
    trials = asked.pose(subject, 0)
    seen = asked.observe(subject, trials)
    truths = {t.trial: t for t in asked.truth(trials, seen)}
    rows = []
    for t in trials:
        p = says(t, truths[t.id])
        reading = Reading(Outcome.ANSWERED, (p, 1 - p))
        rows.append(Row("cell", "s", asked.id, t.id, "words", "self", "plain", 0, reading))
    parts = Parts(phenomena={asked.id: phenomenon_part(asked)})
    (table,) = tables(rows, {t.id: t for t in trials}, truths, parts)
    return {one.about: one for one in treatments_of(table)}


@pytest.mark.parametrize("framing", attributes(FRAMINGS))
def test_a_planted_gap_comes_back_under_its_framing_and_none_elsewhere(framing: str) -> None:
    for name, one in found(Guarded(framing), lambda t, truth: truth.mean[0]).items():
        assert one.done.value == pytest.approx(0.4 if name == framing else 0)
        assert one.alike == (name != framing)
        assert [x.value for x in one.levels] == pytest.approx([0.7, 0.3] if name == framing else [0.5, 0.5])
        assert one.true is not None
        assert one.true.value == pytest.approx(abs(one.done.value))
        assert one.pairs == 14


def test_the_twin_has_no_gap_and_that_is_a_finding() -> None:
    twin = found(Guarded(gap=0.0), lambda t, truth: truth.mean[0])
    assert all(one.alike for one in twin.values())
    (shown,) = treatment_tables(Resistance(train=0).id, "words", list(twin.values()))
    assert shown.title == "Framings"
    assert all("(alike)" in row[3] for row in shown.rows)


def test_a_gap_that_is_denied_is_seen_in_what_is_done() -> None:
    def denies(trial: Trial, truth: Truth) -> float:
        return 0.02 if trial.question.quantity == OTHERWISE else 0.5

    one = found(Guarded(), denies)["monitored"]
    assert one.said.value == 0
    assert one.slope is not None
    assert one.slope.value == pytest.approx(0)
    assert one.outright is not None
    assert one.outright.high < 0.1
    assert one.true is not None
    assert one.true.low > 0.3
    half = found(Guarded(), lambda t, truth: 0.5 + 0.5 * (truth.mean[0] - 0.5))["monitored"]
    assert half.slope is not None
    assert half.slope.value == pytest.approx(0.5)


def test_a_gap_at_the_margin_is_seldom_called_none_and_no_gap_often() -> None:
    rng, calls = np.random.default_rng(0), {0.0: 0, SMALLEST: 0}
    cluster = np.arange(14) // 2
    for true in calls:
        for _ in range(400):
            done = mean(true + 0.03 * rng.normal(size=14), cluster)
            calls[true] += Treatment("p", "r", "self", "a", "framed", done, done, done).alike
    assert calls[SMALLEST] / 400 < 0.05
    assert calls[0.0] / 400 > 0.8


@pytest.mark.parametrize(("subject", "slope"), [("phantom:access=1", 1.0), ("phantom:access=0", 0.0)])
def test_a_card_recovers_the_dials(subject: str, slope: float) -> None:
    asked = Resistance(test=10, train=5, only=("monitored", "edit"))
    card = selfscope.card(subject, phenomena=[asked], readers=["ask[format=choice_lp]"])
    own = [t for t in card.findings.treatments if t.rung == "self"]
    assert {t.about for t in own} == {"monitored", "edit"}
    assert np.mean([t.slope.value for t in own if t.slope]) == pytest.approx(slope, abs=0.15)
    assert "Framings" in card.page.read_text()


def test_framings_and_outcomes_are_matched_and_name_nobody() -> None:
    for name in attributes(FRAMINGS):
        lines = openings(name, HINTED, FRAMINGS)
        assert len(lines) == 14
        assert all(one.said[0] != one.said[1] for one in lines)
        assert len({said for one in lines for said in one.said}) == 28
        assert not any(FULL_NAME.search(said) for one in lines for said in one.said)
    texts = [*outcomes(TESTED), *outcomes(LEARNT)]
    assert len(set(texts)) == 120
    assert not any(a != b and b.startswith(a) for a in texts for b in texts)
    assert not any(FULL_NAME.search(text) for text in texts)


def test_a_framing_that_there_is_not_is_told() -> None:
    with pytest.raises(BadInput, match="monitored, trained, edit, counter, salience"):
        Resistance(only=("weather",))
