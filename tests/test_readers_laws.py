"""The law of the house: for every phenomenon, format and control, wording -> a perfect phantom's answer -> parsing
gives back the truth; and the ceiling reads what the subject does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from selfscope import quantities
from selfscope.controls.base import Control
from selfscope.controls.competence import Competence
from selfscope.controls.panel import YesBias
from selfscope.controls.states import Changed, ChangedCompetence, Sham
from selfscope.controls.words import Framing, OptionOrder, Paraphrase, ScaleFlip, ThirdPerson
from selfscope.phenomena.branch_distribution import BranchDistribution
from selfscope.phenomena.confidence import Confidence
from selfscope.phenomena.self_prediction import SelfPrediction
from selfscope.phenomena.token_probability import TokenProbability
from selfscope.readers.ask import Ask
from selfscope.readers.behaviour_ceiling import BehaviourCeiling
from selfscope.readers.few_shot import FewShot
from selfscope.records import Outcome, Reading, Trial, Truth
from selfscope.subjects.phantom import Phantom
from selfscope.subjects.sealed import Log, SealBroken, SealedSubject, SealRegistry
from selfscope.wording import FORMATS, fits, phrase

PHENOMENA = (SelfPrediction(10, 5, 5), BranchDistribution(10, 5, 5), TokenProbability(10, 5, 5), Confidence(10, 5, 5))
MOVED: tuple[Control, ...] = (Framing(), Paraphrase(), OptionOrder(), ScaleFlip(), Changed(0), Sham())
GIVEN: tuple[Control, ...] = (Competence(), ChangedCompetence(), YesBias())
PERFECT = Phantom(access=1.0)


@lru_cache(maxsize=8)
def posed(phenomenon: Any) -> list[Trial]:
    return [t for t in phenomenon.pose(PERFECT, 0) if t.split == "test"]


def told(trial: Trial, format: str) -> tuple[float, ...]:
    """What a perfect subject means to say: its report, before any wording."""
    return tuple(PERFECT.report(phrase(trial, format).prompt.tag).distribution)


def answered(readings: Sequence[Reading], trials: Sequence[Trial], format: str) -> Iterator[tuple[Trial, Reading]]:
    for trial, reading in zip(trials, readings, strict=True):
        if not fits(trial.question, format):
            assert reading.outcome == Outcome.UNSUPPORTED
            continue
        assert reading.outcome == Outcome.ANSWERED, (format, reading.text)
        yield trial, reading


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("phenomenon", PHENOMENA, ids=lambda p: p.kind)
def test_words_carry_what_a_perfect_subject_means(phenomenon: Any, format: str) -> None:
    plain = posed(phenomenon)
    near = {"prob_text": 0.0051, "counts10": 0.101}.get(format, 1e-9)
    for trials in (plain, *(control.apply(plain, 0) for control in MOVED)):
        for trial, reading in answered(Ask(format).read(PERFECT, trials), trials, format):
            meant = told(trial, format)
            if format == "free":
                meant = tuple(float(i == int(np.argmax(meant))) for i in range(len(meant)))
            assert reading.distribution == pytest.approx(meant, abs=near), (trial.control, reading.text)


@pytest.mark.parametrize("phenomenon", PHENOMENA, ids=lambda p: p.kind)
def test_what_it_means_is_the_truth(phenomenon: Any) -> None:
    """The phantom's report follows its behaviour in the plain state, in the changed one and under the sham."""
    plain = posed(phenomenon)
    for trials in (plain, Changed(0).apply(plain, 0), Sham().apply(plain, 0)):
        truths: Sequence[Truth] = phenomenon.truth(trials, phenomenon.observe(PERFECT, trials))
        readings = Ask("choice_lp").read(PERFECT, trials)
        gaps = [
            float(np.abs(np.subtract(reading.distribution, truth.mean)).mean())
            for reading, truth in zip(readings, truths, strict=True)
            if reading.distribution is not None
        ]
        assert len(gaps) == len(trials)
        assert np.mean(gaps) < 0.09  # twenty rollouts


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("phenomenon", PHENOMENA, ids=lambda p: p.kind)
def test_given_answers_come_back(phenomenon: Any, format: str) -> None:
    for control in GIVEN:
        trials = control.apply(posed(phenomenon), 0)
        for trial, reading in answered(Ask(format).read(PERFECT, trials), trials, format):
            keys = [o.key for o in trial.question.options]
            right = tuple(float(key == trial.coordinates["answer"]) for key in keys)
            assert reading.distribution == pytest.approx(right, abs=1e-6), (control, trial.question)


def test_third_person_is_no_self_report() -> None:
    plain = posed(SelfPrediction(10, 5, 5))
    own = Ask("choice_lp").read(PERFECT, plain)
    other = Ask("choice_lp").read(PERFECT, ThirdPerson().apply(plain, 0))
    gaps = [np.abs(np.subtract(a.distribution, b.distribution)).max() for a, b in zip(own, other, strict=True)]
    assert np.mean(gaps) > 0.1


@pytest.mark.parametrize("phenomenon", PHENOMENA, ids=lambda p: p.kind)
def test_the_ceiling_reads_what_the_subject_does(phenomenon: Any) -> None:
    plain = posed(phenomenon)
    truths = phenomenon.truth(plain, phenomenon.observe(PERFECT, plain))
    readings = BehaviourCeiling().read(PERFECT, plain)
    gaps = []
    for trial, truth, reading in zip(plain, truths, readings, strict=True):
        assert reading.outcome == Outcome.ANSWERED
        gap = np.abs(np.subtract(reading.distribution, truth.mean)).mean()
        gaps.append(gap)
        if truth.n == 0:
            assert gap < 1e-9, trial.question
    assert np.mean(gaps) < 0.12
    assert (
        BehaviourCeiling()
        .read(PERFECT, [replace(plain[0], question=replace(plain[0].question, quantity="custom"))])[0]
        .outcome
        == Outcome.UNSUPPORTED
    )


def test_the_ceiling_draws_its_own_rollouts() -> None:
    phenomenon = SelfPrediction(10, 5, 5)
    plain = posed(phenomenon)
    keys = {o.key: o.replies for o in phenomenon.observe(PERFECT, plain)}
    readings = BehaviourCeiling().read(PERFECT, plain)
    same = [r.text == "\n---\n".join(keys[t.observation]) for r, t in zip(readings, plain, strict=True)]
    assert np.mean(same) < 0.3
    assert quantities.measurable("option")


def test_only_the_ceiling_may_let_the_subject_act() -> None:
    phenomenon = SelfPrediction(10, 10, 5)
    trials = phenomenon.pose(PERFECT, 0)
    truths = phenomenon.truth(trials, phenomenon.observe(PERFECT, trials))
    registry = SealRegistry()
    registry.hide(trials)
    test = [t for t in trials if t.split == "test"]
    for reader in (Ask("choice_lp"), Ask("free"), FewShot(4, "choice_lp"), BehaviourCeiling()):
        sealed = SealedSubject(PERFECT, reader.id, registry, Log(), rung=reader.rung)
        assert len(reader.fit(sealed, trials, truths).read(sealed, test)) == len(test)
    with pytest.raises(SealBroken):
        BehaviourCeiling().read(SealedSubject(PERFECT, "ask[free]", registry, Log()), test)
