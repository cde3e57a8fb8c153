"""Readers that ask, against a scripted subject: what it knows comes back through words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from knower import knower, make
from selfscope.errors import UnknownName
from selfscope.readers.ask import Ask, elicit
from selfscope.readers.base import Reader
from selfscope.readers.few_shot import FewShot, balanced
from selfscope.readers.history_baseline import HistoryBaseline
from selfscope.readers.input_baseline import InputBaseline
from selfscope.readers.other_model import OtherModel
from selfscope.readers.prior import Prior
from selfscope.records import (
    Message,
    Outcome,
    is_scored,
    reader_part,
)
from selfscope.wording import FORMATS


@pytest.mark.parametrize("format", FORMATS)
def test_law_what_a_perfect_subject_knows_comes_back(format: str) -> None:
    trials, truths = make(12)
    subject = knower(trials, truths)
    readings = Ask(format).read(subject, trials)
    assert len(subject.calls) == 1, "all trials in one call"
    near = {"prob_text": 0.0051, "counts10": 0.051}.get(format, 1e-9)
    seen = 0
    for trial, truth, reading in zip(trials, truths, readings, strict=True):
        if FORMATS[format].binary and not trial.question.binary:
            assert reading.outcome == Outcome.UNSUPPORTED
            continue
        if reading.outcome != Outcome.ANSWERED:
            # Rounding each count may break the sum; the reply is then invalid, as it should be.
            assert format == "counts10"
            continue
        seen += 1
        assert sum(reading.distribution or ()) == pytest.approx(1)
        if format == "free":
            assert reading.kind == "class"
            assert (reading.distribution or ())[int(np.argmax(truth.mean))] == 1
        else:
            assert reading.distribution == pytest.approx(truth.mean, abs=near)
        if FORMATS[format].binary:
            assert reading.first == int(trial.question.negated)
        else:
            assert reading.first == trial.question.shown[0]
        if is_scored(format):
            assert reading.mass == pytest.approx(0.5)
    assert seen >= 12


def test_what_a_subject_cannot_be_asked_is_unsupported() -> None:
    trials, truths = make(3)
    hosted, base = knower(trials, truths, tier="text"), knower(trials, truths, chat=False)
    assert {r.outcome for r in Ask("choice_lp").read(hosted, trials)} == {Outcome.UNSUPPORTED}
    assert {r.outcome for r in Ask("free").read(base, trials)} == {Outcome.UNSUPPORTED}
    assert {r.outcome for r in Ask("choice_lp").read(base, trials)} == {Outcome.ANSWERED}
    assert base.calls[0][0].text is not None
    assert all(not p.prefix for p in hosted.calls[0]) if hosted.calls else True
    with pytest.raises(UnknownName, match="choice_lp"):
        Ask("choicelp")


def test_what_cannot_be_read_says_why() -> None:
    trials, truths = make(2)
    for said, outcome in (("I'm sorry, I cannot say", Outcome.REFUSED), ("blah", Outcome.UNREADABLE)):
        readings = Ask("free").read(knower(trials, truths, silent=said), trials)
        assert {(r.outcome, r.distribution, r.text) for r in readings} == {(outcome, None, said)}


def test_few_shot_uses_verified_examples_balanced_and_shared() -> None:
    trials, truths = make(20, "train")
    test, more = make(4, "test")
    subject = knower(trials + test, truths + more)
    # It is wrong about half of its train items: those must never be shown.
    wrong = {t.id: tuple(reversed(truth.mean)) for t, truth in zip(trials[::2], truths[::2], strict=True)}
    wrong = {k: v for k, v in wrong.items() if np.argmax(v) != np.argmax(v[::-1])}
    subject = replace(subject, known={**subject.known, **wrong}, calls=[])
    reader = FewShot(4, "choice_lp").fit(subject, trials + test, truths + more)
    assert len(reader.shots) == 4
    assert not {s.trial.id for s in reader.shots} & set(wrong)
    assert {s.trial.split for s in reader.shots} == {"train"}
    assert len({s.trial.cluster for s in reader.shots}) == 4
    assert len({s.trial.question.quantity for s in reader.shots}) == 3
    subject.calls.clear()
    got = reader.read(subject, test)
    heads = {tuple(m.content for m in p.messages[:8]) for p in subject.calls[0]}
    assert len(heads) == 1
    assert [r.extra["k"] for r in got] == [4] * len(test)
    assert FewShot(0, "choice_lp").fit(subject, trials, truths).read(subject, test)[0].distribution == pytest.approx(
        Ask("choice_lp").read(subject, test)[0].distribution
    )
    pairs = list(zip(trials, truths, strict=True))
    assert balanced(pairs, 6, 0) == balanced(pairs[::-1], 6, 0)


def test_other_model_is_asked_about_the_target_and_sees_no_state() -> None:
    trials, truths = make(20, "train")
    test, more = make(4, "test")
    secret = Message("system", "SECRET")
    hidden = [replace(t, prompt=replace(t.prompt, messages=(secret, *t.prompt.messages))) for t in test]
    target, observer = knower(trials + test, truths + more), knower(trials + test, truths + more, name="observer")
    plain = OtherModel(observer).fit(target, trials, truths)
    assert (reader_part(plain).observer, plain.rung) == ("observer", "input")
    plain.read(target, hidden)
    for prompt in observer.calls[0]:
        assert "SECRET" not in repr(prompt)
        assert prompt.tag["person"] == "target"
        assert "knower" in prompt.messages[0].content
    shown = OtherModel(observer, k=2, sets=3).fit(target, trials, truths)
    assert shown.rung == "history"
    assert OtherModel(observer, k=2, twin=True).rung == "twin"
    assert sorted(len(s) for s in shown.shots) == [2, 2, 2]
    assert len({s.trial.id for group in shown.shots for s in group}) == 6
    same = {s.trial.id for s in FewShot(6, "choice_lp").fit(target, trials, truths).shots}
    assert {s.trial.id for group in shown.shots for s in group} == same
    assert len(shown.read(target, test)[0].extra["sets"]) == 3


def test_every_reader_is_a_reader() -> None:
    someone = knower(*make(1))
    for reader in (Ask(), FewShot(), OtherModel(someone), Prior(), HistoryBaseline(), InputBaseline()):
        assert isinstance(reader, Reader)
    assert elicit(someone, [], "choice_lp") == []
