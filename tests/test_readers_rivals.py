"""Rivals of asking, against a scripted subject: they learn what they should, and ask nobody."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from knower import brier, knower, make
from selfscope.readers.history_baseline import HistoryBaseline
from selfscope.readers.input_baseline import InputBaseline, read_history, write_history
from selfscope.readers.prior import Prior
from selfscope.records import (
    Outcome,
    Prompt,
)


def test_prior_is_the_base_rate_and_ignores_the_text() -> None:
    trials, truths = make(60, "train", habit=1)
    test, _ = make(20, "test", habit=1)
    reader = Prior().fit(knower(trials, truths), trials, truths)
    own = [np.array(t.mean) for trial, t in zip(trials, truths, strict=True) if trial.question.quantity == "option"]
    options = [t for t in test if t.question.quantity == "option"]
    got = [r.distribution for r in reader.read(knower(trials, truths), options)]
    assert len(set(got)) == 1
    assert got[0] == pytest.approx((np.sum(own, axis=0) + 0.25) / (len(own) + 1))
    assert Prior().read(knower(trials, truths), test[:1])[0].distribution == (0.5, 0.5)


def test_text_rival_finds_a_planted_text_habit_and_nothing_at_chance() -> None:
    for habit, low, high in ((1.0, 0.0, 0.45), (0.0, 0.9, 1.15)):
        trials, truths = make(80, "train", habit=habit)
        test, more = make(60, "test", seed=1, habit=habit)
        someone = knower(trials, truths)
        rival = brier(HistoryBaseline().fit(someone, trials, truths).read(someone, test), more)
        prior = brier(Prior().fit(someone, trials, truths).read(someone, test), more)
        assert low <= rival / prior <= high, (habit, rival, prior)
    assert not someone.calls, "a rival asks nobody"


def test_text_rival_carries_its_refits_and_never_sees_test() -> None:
    trials, truths = make(60, "train", habit=1)
    test, more = make(5, "test", seed=1, habit=1)
    someone = knower(trials, truths)
    reader = HistoryBaseline().fit(someone, trials, truths)
    assert (reader.id, reader.rung) == ("history_baseline", "history")
    readings = reader.read(someone, test)
    for trial, reading in zip(test, readings, strict=True):
        k = len(trial.question.options)
        refits = np.array(reading.extra["jackknife"])
        assert refits.shape == (10, k)
        assert np.array(reading.extra["halves"]).shape == (2, k)
        assert refits.sum(axis=1) == pytest.approx(1, abs=1e-5)
        assert refits.std(axis=0).max() > 1e-4
        assert np.abs(refits.mean(axis=0) - reading.distribution).max() < 0.1
    again = HistoryBaseline().fit(someone, (trials + test)[::-1], (truths + more)[::-1]).read(someone, test)
    for one, two in zip(readings, again, strict=True):
        assert one.distribution == pytest.approx(two.distribution, abs=2e-3)
    unknown = replace(test[0], question=replace(test[0].question, quantity="parity"))
    assert reader.read(someone, [unknown])[0].outcome == Outcome.UNSUPPORTED
    # Hidden state never reaches a rival: only `public` does.
    moved = replace(test[0], prompt=Prompt(text="other"), state="changed:1")
    assert reader.read(someone, [moved])[0].distribution == pytest.approx(readings[0].distribution)


def test_history_files_come_back_and_the_input_rival_learns_from_them_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from selfscope.readers import input_baseline

    trials, truths = make(60, "train", habit=1)
    data = write_history("other", "other-1", trials, truths)
    assert data == write_history("other", "other-1", trials, truths)
    history = read_history(data)
    assert [t.question.options for t in history.trials] == [t.question.options for t in trials]
    monkeypatch.setattr(input_baseline, "histories", lambda: (history,))
    input_baseline._learnt_from.cache_clear()
    test, more = make(40, "test", seed=1, habit=1)
    someone = knower(trials, truths)
    nonsense = [replace(t, mean=tuple(reversed(t.mean))) for t in truths]
    reader = InputBaseline().fit(someone, trials, nonsense)
    assert (reader.id, reader.rung) == ("input_baseline", "input")
    prior = brier(Prior().fit(someone, trials, truths).read(someone, test), more)
    assert brier(reader.read(someone, test), more) < 0.5 * prior
    itself = replace(someone, identity="other-1")
    assert {r.outcome for r in InputBaseline().fit(itself, trials, truths).read(itself, test)} == {Outcome.UNSUPPORTED}
    assert InputBaseline.planned(itself, (), {}) == []
    assert InputBaseline.planned(replace(itself, identity="another dtype", name="other"), (), {}) == []
    assert [r.id for r in InputBaseline.planned(someone, (), {})] == ["input_baseline"]
    input_baseline._learnt_from.cache_clear()
