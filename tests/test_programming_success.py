"""Forecasts of programs: who knows is found to, what the box gets wrong is no fail, no question tells the truth."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import selfscope
from posed_trials import PROGRAMS
from selfscope.errors import BadInput, StoreError, Unsupported
from selfscope.parsing.programs import program_of
from selfscope.phenomena.program_runs import ONLY_TEST
from selfscope.phenomena.programming_success import ProgrammingSuccess
from selfscope.phenomena.stimuli.programs import tasks
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


def test_attempts_of_another_model_are_shown_and_its_pass_rate_is_a_rival_s() -> None:
    subject, other = Phantom(skill=1.0), Phantom("other", seed=4)
    asked = replace(PROGRAMS, other=other)
    trials = asked.pose(subject, 0)
    truths = {t.trial: t for t in asked.truth(trials, asked.observe(subject, trials))}
    assert len({t.id for t in trials}) == len(trials)
    by_task: dict[str, list[Trial]] = {}
    for trial in trials:
        by_task.setdefault(trial.cluster, []).append(trial)
    rates = set()
    for own in by_task.values():
        (rate,) = {t.coordinates["other_rate"] for t in own}
        rates.add(rate)
        shown = [t for t in own if "other" in t.coordinates["authors"]]
        assert [t.question.quantity for t in shown] == ["passes_shown"]
        if rate in (0.0, 1.0):  # its one program, or that and another with the same end
            assert truths[shown[0].id].mean[0] == rate
        assert sum("given" in t.coordinates["authors"] for t in own) == 1
        assert all(t.coordinates["authors"] == ["own"] for t in own if t.question.quantity == "passes_after")
    assert len(rates) > 2
    alone = {t.cluster: t for t in PROGRAMS.pose(subject, 0)}
    assert all("other_rate" not in t.coordinates for t in alone.values())
    assert alone.keys() == by_task.keys(), "the same tasks"
    assert asked.rivals[-1] == "covariates[of=(other_rate,)]"
    assert {asked.id, replace(asked, other=Phantom(seed=5)).id, PROGRAMS.id} != {asked.id, PROGRAMS.id}


def test_another_model_is_named_by_other_alone_and_its_cost_is_kept(tmp_path: Path) -> None:
    name = "programming_success[test=3,train=2,rollouts=2]"
    asked = {"phenomena": [name], "readers": ["ask[yesno_lp]"]}
    card = selfscope.card("phantom", tmp_path / "c", **asked, other="phantom:seed=4")
    parts = card.contents.parts
    assert next(iter(parts.phenomena.values())).config["other"]["subject"] == "phantom:seed=4"
    assert "covariates[of=(other_rate,)]" in parts.readers
    assert card.contents.costs["pose programming_success, another model"].calls == 5
    with pytest.raises(selfscope.SelfscopeError, match="other"):
        selfscope.card("phantom", tmp_path / "d", phenomena=["programming_success[other=phantom]"])
    with pytest.raises(StoreError, match="holds another study"):
        selfscope.card("phantom", card.folder, **asked, resume=True)


def test_tests_that_test_nothing_are_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    lazy = "def check(candidate):\n    assert callable(candidate)\n"
    rows = [
        {"task_id": f"T/{k}", "prompt": f"def f{k}(x):\n    \"\"\"Half.\"\"\"\n", "entry_point": f"f{k}",
         "canonical_solution": "    return x / 2\n",
         "test": lazy if k == 2 else "def check(candidate):\n    assert candidate(3) == 1.5\n"}
        for k in range(6)
    ]  # fmt: skip
    file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    with pytest.raises(BadInput, match="the tests of T/2 pass on a function that does nothing") as refused:
        ProgrammingSuccess(test=3, train=3, rollouts=2, source=str(file)).pose(Phantom(), 0)
    assert "\n" not in str(refused.value)
    rows[2]["test"] = rows[1]["test"]
    good = tmp_path / "good.jsonl"
    good.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    assert ProgrammingSuccess(test=3, train=3, rollouts=2, source=str(good)).pose(Phantom(), 0)


def test_a_wrong_program_is_as_long_as_a_right_one() -> None:
    """Else its length would tell, to anybody."""
    some = tasks(130, 0)
    lines = [len(t.wrong.splitlines()) - len(t.reference.splitlines()) for t in some]
    assert abs(np.mean(lines)) < 0.25
    assert 0.3 < np.mean([len(t.wrong) > len(t.reference) for t in some]) < 0.7
    assert all(t.wrong != t.reference for t in some)


def test_the_program_in_a_reply() -> None:
    assert program_of("Sure:\n```python\nx = 1\n```\nIt works.") == "x = 1"
    assert program_of("```\nx = 1\ny = 2") == "x = 1\ny = 2"
    assert program_of("x = 1\n```\nDone.") == "x = 1"
    assert program_of("def f(x):\n    return x") == "def f(x):\n    return x"
    assert program_of("```python\n```") == ""
