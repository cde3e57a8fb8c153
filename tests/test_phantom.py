"""The phantom: its reports follow what its dials say, in text and in log-probabilities, for every phenomenon."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from selfscope.controls.base import derived
from selfscope.controls.panel import YesBias
from selfscope.controls.states import Changed, Sham
from selfscope.errors import UnknownName
from selfscope.phenomena.branch_distribution import BranchDistribution
from selfscope.phenomena.confidence import Confidence
from selfscope.phenomena.self_prediction import SelfPrediction
from selfscope.phenomena.token_probability import TokenProbability
from selfscope.quantities import measure
from selfscope.readers.ask import Ask
from selfscope.records import Decoding, Message, Outcome, Prompt, Question, Trial, is_scored, to_jsonable
from selfscope.subjects.base import ScoringSubject
from selfscope.subjects.phantom import Phantom
from selfscope.subjects.phantom_options import published, pushed
from selfscope.wording import FORMATS, fits

MANY = 400
FOUR = [
    SelfPrediction(test=20, train=0, dev=0, rollouts=MANY),
    BranchDistribution(test=20, train=0, dev=0, rollouts=MANY),
    TokenProbability(test=20, train=0, dev=0),
    Confidence(test=20, train=0, dev=0, rollouts=MANY),
]
each = pytest.mark.parametrize("phenomenon", FOUR, ids=lambda p: p.kind)
BEHAVE = Prompt(
    messages=(Message("user", "Name a fruit."),), tag={"role": "behave", "replies": ["Fig", "A pear", "Plum"]}
)


def truths(phenomenon: Any, subject: Phantom, trials: list[Trial]) -> dict[str, tuple[float, ...]]:
    return {t.trial: t.mean for t in phenomenon.truth(trials, phenomenon.observe(subject, trials))}


def shares(subject: Phantom, trial: Trial) -> list[tuple[float, ...]]:
    """p, h, g of a trial by definition."""
    acts = subject._behaviour(trial.prompt)
    return pushed(trial.question, acts.replies, acts.p, published(trial.question, acts, subject.rho), acts.g)


def test_it_is_a_scoring_subject() -> None:
    assert isinstance(Phantom(), ScoringSubject)
    assert Phantom(access=0.5).identity != Phantom(access=0.4).identity != Phantom(access=0.4, seed=1).identity
    with pytest.raises(UnknownName, match=r"acces'.*Did you mean 'access'"):
        Phantom(acces=0.5)


@each
@pytest.mark.parametrize("format", FORMATS)
def test_full_access_says_the_truth_in_every_format(phenomenon: Any, format: str) -> None:
    subject = Phantom(access=1.0, kappa=math.inf)
    trials = [t for t in phenomenon.pose(subject, 0) if fits(t.question, format)]
    truth = truths(phenomenon, subject, trials)
    readings = Ask(format).read(subject, trials)
    for trial, reading in zip(trials, readings, strict=True):
        assert reading.outcome == Outcome.ANSWERED
        assert reading.distribution is not None
        said, true = np.array(reading.distribution), np.array(truth[trial.id])
        if format == "free":  # one greedy reply is the mode
            assert true[said.argmax()] >= true.max() - 0.2  # 400 rollouts: four standard errors of a difference
        else:
            # Rollouts are 400 draws; counts are whole tenths, percents whole hundredths.
            coarse = {"counts10": 0.06, "prob_text": 0.006}.get(format, 0.0)
            exact = phenomenon.kind == "token_probability"
            assert np.abs(said - true).max() <= coarse + (1e-6 if exact else 0.11)


@each
@pytest.mark.parametrize(("dials", "which"), [({"access": 1.0}, 0), ({"habit": 1.0}, 1), ({"input": 1.0}, 2)])
def test_a_full_dial_reports_its_own_source(phenomenon: Any, dials: dict[str, float], which: int) -> None:
    subject = Phantom(**dials, kappa=math.inf)
    trials = [t for t in phenomenon.pose(subject, 0) if not t.question.quantity.startswith("correct_")]
    for trial, reading in zip(trials, Ask("choice_lp").read(subject, trials), strict=True):
        assert reading.distribution == pytest.approx(shares(subject, trial)[which], abs=1e-9)


def test_the_format_dial_follows_the_first_option_and_yes() -> None:
    subject = Phantom(format=1.0, kappa=math.inf)
    trials = FOUR[3].pose(subject, 0)
    for format in ("choice_lp", "yesno_lp", "prob_ev"):
        for reading in Ask(format).read(subject, trials):
            assert reading.distribution is not None
            assert reading.distribution[reading.first or 0] == pytest.approx(1, abs=1e-6)


@each
def test_narrative_does_not_move_with_the_state(phenomenon: Any) -> None:
    trials = phenomenon.pose(Phantom(), 0)
    moved = Changed().apply(trials, 0)
    by_id = {t.id: t for t in trials}
    for dials, moves in (({}, False), ({"habit": 1.0}, False), ({"access": 1.0}, True)):
        subject = Phantom(**dials, kappa=math.inf)
        before = Ask("choice_lp").read(subject, [by_id[t.base] for t in moved])
        after = Ask("choice_lp").read(subject, moved)
        differ = [
            np.abs(np.array(a.distribution) - np.array(b.distribution)).max() > 1e-6
            for a, b in zip(before, after, strict=True)
        ]
        assert any(differ) == moves


def test_reports_follow_the_changed_behaviour_and_a_sham_changes_nothing() -> None:
    subject, phenomenon = Phantom(access=1.0, kappa=math.inf), FOUR[0]
    trials = phenomenon.pose(subject, 0)
    for control, same in ((Changed(), False), (Sham(), True)):
        moved = control.apply(trials, 0)
        after, before = truths(phenomenon, subject, moved), truths(phenomenon, subject, trials)
        gap = [np.abs(np.array(after[t.id]) - np.array(before[t.base])).max() for t in moved]
        assert (max(gap) < 0.12) if same else (np.mean(gap) > 0.15)
        for trial, reading in zip(moved, Ask("choice_lp").read(subject, moved), strict=True):
            assert reading.distribution == pytest.approx(after[trial.id], abs=0.11)


def test_somebody_else_is_told_by_the_habit() -> None:
    subject = Phantom(access=1.0, kappa=math.inf)
    trials = FOUR[0].pose(subject, 0)
    others = [derived(t, "third_person", question=replace(t.question, person="typical")) for t in trials]
    for trial, reading in zip(others, Ask("choice_lp").read(subject, others), strict=True):
        assert reading.distribution == pytest.approx(shares(subject, trial)[1], abs=1e-9)


def test_the_habit_is_the_mean_of_what_it_does() -> None:
    """p - h averages to nothing over states, whatever the text: the identification of access rests on it."""
    gaps = []
    for number in range(2500):
        prompt = Prompt(messages=(Message("system", str(number)), *BEHAVE.messages), tag=BEHAVE.tag)
        acts = Phantom()._behaviour(prompt)
        gaps.append(acts.p - acts.h)
    assert np.abs(np.mean(gaps, axis=0)).max() < 0.02
    assert np.abs(gaps).max() > 0.2


def test_the_habit_knows_that_listed_outcomes_are_those_that_came() -> None:
    """Which outcomes are listed tells of the state: without that, what it does would lie above its habit on them."""
    subject = Phantom()
    trials = BranchDistribution(test=150, train=0, dev=0).pose(subject, 0)
    gaps = [np.array(p) - np.array(h) for p, h, _ in (shares(subject, t) for t in trials)]
    assert abs(np.mean([gap[-1] for gap in gaps])) < 0.01
    before = [pushed(t.question, *(lambda b: (b.replies, b.p, b.h))(subject._behaviour(t.prompt))) for t in trials]
    assert np.mean([p[-1] - h[-1] for p, h in before]) < -0.1


def test_its_draws_have_its_frequencies_and_do_not_depend_on_the_batch() -> None:
    subject = Phantom()
    prompts = [BEHAVE, replace(BEHAVE, messages=(Message("user", "Name a tree."),))]
    both = subject.sample(prompts, 4000, Decoding(seed=5))
    alone = subject.sample(prompts[1:], 40, Decoding(seed=5))
    assert [r.text for r in both[1][:40]] == [r.text for r in alone[0]]
    acts = subject._behaviour(BEHAVE)
    said = [r.text for r in both[0]]
    assert [said.count(r) / 4000 for r in acts.replies] == pytest.approx(list(acts.p), abs=0.03)
    assert subject.sample([BEHAVE], 1, Decoding(temperature=0))[0][0].text == acts.replies[int(acts.p.argmax())]
    done: list[int] = []
    subject.sample(prompts, 1, Decoding(), lambda i, replies: done.append(i))
    assert done == [0, 1]


def test_exact_ids_lead_back_to_the_prompt() -> None:
    subject = Phantom()
    exact = Prompt(ids=subject.encode(BEHAVE), tag=BEHAVE.tag)
    assert subject.sample([exact], 9, Decoding()) == subject.sample([BEHAVE], 9, Decoding())
    assert subject.encode(exact) == subject.encode(BEHAVE)


def test_its_next_tokens_are_the_first_words_of_its_replies() -> None:
    subject = Phantom()
    (after,) = subject.next_token([BEHAVE], top=10)
    assert sum(math.exp(x) for x in after.logprobs) == pytest.approx(1)
    assert after.entropy == pytest.approx(-sum(math.exp(x) * x for x in after.logprobs))
    assert sorted(after.tokens) == [" A", " Fig", " Plum"]
    (again,) = subject.next_token([BEHAVE], ids=after.ids[::-1])
    assert again.logprobs == after.logprobs[::-1]
    ((pear, fig, none),) = subject.score([BEHAVE], [[" A pear", " Fig", " Nut"]])
    assert pear == pytest.approx([after.logprobs[after.tokens.index(" A")]])
    assert fig[0] == pytest.approx(after.logprobs[after.tokens.index(" Fig")])
    assert none[0] < -20


def test_it_has_the_skill_and_loses_it_with_the_dial() -> None:
    trials = [
        derived(t, "competence", question=replace(t.question, given_text="Banana, 12"))
        for t in FOUR[0].pose(Phantom(), 0)
        if t.question.quantity not in ("option",)
    ]
    for competence, low, high in ((1.0, 1.0, 1.0), (0.5, 0.3, 0.7)):
        readings = Ask("free").read(Phantom(access=0.3, competence=competence), trials)
        right = [
            r.distribution is not None and r.distribution[[o.key for o in t.question.options].index(_key(t))] == 1
            for t, r in zip(trials, readings, strict=True)
        ]
        assert low <= sum(right) / len(right) <= high


def _key(trial: Trial) -> str:
    return str(measure(trial.question, str(trial.question.given_text)))


def test_the_yes_bias_panel_is_right_unless_reports_follow_the_format() -> None:
    panel = YesBias().apply(FOUR[3].pose(Phantom(), 0)[:4], 0)
    for dials, low, high in (({"access": 0.5}, 1.0, 1.0), ({}, 1.0, 1.0), ({"format": 1.0}, 0.4, 0.6)):
        readings = Ask("yesno_lp").read(Phantom(**dials, kappa=math.inf), panel)
        right = [
            (r.distribution or (0,))[0 if t.question.arguments["answer"] == "yes" else 1] > 0.5
            for t, r in zip(panel, readings, strict=True)
        ]
        assert low <= sum(right) / len(right) <= high


@pytest.mark.parametrize("format", ["free", "prob_text", "counts10"])
def test_refusals_and_gibberish_come_as_often_as_dialled(format: str) -> None:
    trials = FOUR[3].pose(Phantom(), 0)
    for dial, outcome in (("refusal", Outcome.REFUSED), ("unreadable", Outcome.UNREADABLE)):
        readings = Ask(format).read(Phantom(access=0.5, **{dial: 0.4}), trials)
        got = [r.outcome for r in readings]
        assert 0.2 < got.count(outcome) / len(got) < 0.6
        assert got.count(outcome) + got.count(Outcome.ANSWERED) == len(got)


def test_silence_shows_as_low_mass_where_log_probabilities_are_read() -> None:
    trials = FOUR[3].pose(Phantom(), 0)
    for format in (name for name in FORMATS if is_scored(name)):
        loud = Ask(format).read(Phantom(access=1.0), trials)
        quiet = Ask(format).read(Phantom(access=1.0, refusal=1.0), trials)
        assert min(r.mass or 0 for r in loud) > 0.9 > 0.05 > max(r.mass or 0 for r in quiet)


def test_a_choice_is_drawn_from_the_report() -> None:
    trials = FOUR[0].pose(Phantom(), 0)
    for reading in Ask("choice_lp").read(Phantom(access=1.0, form="choice"), trials):
        assert max(reading.distribution or (0,)) == pytest.approx(1, abs=1e-6)


def test_a_prompt_without_a_repertoire_and_a_question_without_options_are_answered() -> None:
    subject = Phantom()
    bare = Prompt(text="Once upon a time there was a", tag={})
    question = Question("custom", (), arguments={"ask": "How are you?"})
    opened = Prompt(text="How are you?", tag={"role": "report", "format": "free", "question": to_jsonable(question)})
    for prompt in (bare, opened):
        assert all(reply.text for reply in subject.sample([prompt], 3, Decoding())[0])


def test_thousands_of_prompts_take_about_a_second() -> None:
    subject = Phantom(access=0.4, habit=0.2)
    trials = SelfPrediction().pose(subject, 0)
    start = time.process_time()
    Ask("choice_lp").read(subject, trials + trials)
    assert time.process_time() - start < 5  # about 1 s on a free core
