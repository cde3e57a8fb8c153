"""Forecasts of programs: who knows is found to, what the box gets wrong is no fail, no question tells the truth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from posed_trials import PROGRAMS
from selfscope.errors import Unsupported
from selfscope.parsing.programs import program_of
from selfscope.phenomena.programming_success import ONLY_TEST
from selfscope.readers.ask import Ask
from selfscope.records import Observation, Trial, Truth
from selfscope.sandbox.self_test import tried
from selfscope.subjects.phantom import Phantom
from selfscope.wording import phrase


@pytest.fixture(scope="module", autouse=True)
def box() -> None:
    try:
        tried()
    except Unsupported as error:
        pytest.skip(str(error))


def measured(subject: Any, rollouts: int = PROGRAMS.rollouts) -> tuple[list[Trial], list[Truth], list[Observation]]:
    asked = replace(PROGRAMS, rollouts=rollouts)
    trials = asked.pose(subject, 0)
    seen = asked.observe(subject, trials)
    return trials, asked.truth(trials, seen), seen


def test_truths_are_what_the_box_says() -> None:
    trials, truths, seen = measured(Phantom(access=0.8))
    told = {o.key: o for o in seen}
    for trial, truth in zip(trials, truths, strict=True):
        outcomes = told[trial.observation].exact["outcomes"]
        assert told[trial.observation].exact["level"] == 2
        assert truth.mean[0] == pytest.approx(np.mean([o == "passed" for o in outcomes]))
        if trial.question.quantity == "passes_before":
            assert truth.n == PROGRAMS.rollouts == len(outcomes)
            assert 0 <= truth.mean[0] <= 1
        else:
            assert (truth.grade, len(outcomes)) == ("program", 1)
    shown = [truth.mean[0] for t, truth in zip(trials, truths, strict=True) if t.question.quantity == "passes_shown"]
    assert 0.3 < np.mean(shown) < 0.7
    held = {t.source for t in trials if t.split == "train"}
    assert not held & set(ONLY_TEST)
    assert set(ONLY_TEST) <= {t.source for t in trials}


@pytest.mark.parametrize(("dials", "low", "high"), [({"access": 1.0}, 0.9, 1.01), ({"habit": 1.0}, -0.4, 0.75)])
def test_a_phantom_that_knows_its_attempts_is_right_and_one_of_habits_is_not(
    dials: dict[str, float], low: float, high: float
) -> None:
    subject = Phantom(**dials)
    trials, truths, _ = measured(subject, 60)
    some = [k for k, t in enumerate(trials) if t.question.quantity == "passes_before"]
    said = Ask("yesno_lp").read(subject, [trials[k] for k in some])
    reports = [r.distribution[0] for r in said if r.distribution is not None]
    assert len(reports) == len(some)
    assert low <= np.corrcoef(reports, [truths[k].mean[0] for k in some])[0, 1] <= high


def test_what_the_box_gets_wrong_is_no_fail() -> None:
    trials, _, seen = measured(Phantom(access=0.8))
    trial = next(t for t in trials if t.question.quantity == "passes_before")
    own = next(o for o in seen if o.key == trial.observation)

    def of(*outcomes: str) -> Truth:
        return PROGRAMS.truth([trial], [replace(own, exact={**own.exact, "outcomes": list(outcomes)})])[0]

    assert of("passed", "error", "error", "failed").mean == (0.5, 0.5)
    assert (of("error", "error").grade, of("error", "error").mean) == ("none", ())


def test_no_question_tells_whether_it_passes() -> None:
    trials, _, _ = measured(Phantom(access=0.8))
    for trial in trials:
        words = phrase(trial, "yesno_lp")
        text = "\n".join(m.content for m in words.prompt.messages)
        for name in ("passing", "failing"):
            assert not any(key in text for key in trial.question.arguments[name])
        if trial.question.quantity != "passes_before":
            assert program_of(str(trial.question.arguments["answer"])) in text


def test_a_machine_without_a_sandbox_writes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    tried.cache_clear()
    try:
        with pytest.raises(Unsupported, match="apt install bubblewrap"):
            PROGRAMS.pose(Phantom(), 0)
    finally:
        tried.cache_clear()


def test_the_program_in_a_reply() -> None:
    assert program_of("Sure:\n```python\nx = 1\n```\nIt works.") == "x = 1"
    assert program_of("```\nx = 1\ny = 2") == "x = 1\ny = 2"
    assert program_of("x = 1\n```\nDone.") == "x = 1"
    assert program_of("def f(x):\n    return x") == "def f(x):\n    return x"
    assert program_of("```python\n```") == ""
