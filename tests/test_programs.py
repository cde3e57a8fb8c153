"""Small programs whose answers are known: what is right passes, and who leaves a step out does not."""

from __future__ import annotations

from collections import Counter

import pytest

from selfscope.errors import BadInput, UnknownName, Unsupported
from selfscope.phenomena.stimuli.program_steps import families
from selfscope.phenomena.stimuli.programs import CALLS, DIFFICULTIES, SHOWN, answers, program, tasks
from selfscope.sandbox.running import Job, run_all
from selfscope.sandbox.self_test import tried

ALL = tasks(260, 0)


def test_families_and_difficulties_are_met_equally_often_and_no_task_twice() -> None:
    assert len(families()) >= 12
    assert len({task.id for task in ALL}) == len({task.statement for task in ALL}) == 260
    met = Counter((task.family, task.difficulty) for task in ALL)
    assert len(met) == len(families()) * len(DIFFICULTIES)
    assert max(met.values()) - min(met.values()) <= 1
    assert tasks(40, 0) == ALL[:40]
    assert {task.id for task in tasks(40, 1)} - {task.id for task in ALL[:40]}


def test_a_task_says_what_is_wanted_and_keeps_its_test_calls() -> None:
    for task in ALL:
        space: dict[str, object] = {}
        exec(task.reference, space)
        shown = [line for line in task.statement.splitlines() if line.startswith(f"{task.entry}(")]
        assert len(shown) == SHOWN
        assert all(eval(line, {"transform": space["transform"]}) for line in shown)
        assert len(task.calls) == CALLS
        assert not any(f"{task.entry}({args[0]!r}) ==" in task.statement for args, _ in task.calls)
        assert "{k}" not in task.statement + task.reference


def test_every_step_shows() -> None:
    """A program that leaves one out, or does nothing, gives a wrong answer on a call of the test."""
    for task in ALL:
        inputs, right = [args[0] for args, _ in task.calls], [value for _, value in task.calls]
        assert answers(task.reference, inputs) == right
        own = families()[task.family]
        bare = answers(program(own, []), inputs)
        assert bare != right
        lines = task.reference.splitlines()[1:-1]
        assert len(lines) >= task.difficulty


def test_references_pass_in_the_box_and_an_empty_program_does_not() -> None:
    try:
        box = tried()
    except Unsupported as error:
        pytest.skip(str(error))
    some = ALL[:65:3]
    texts = ("", "def transform(x): ...")
    jobs = [Job(text, task.entry, task.calls) for task in some for text in (task.reference, *texts)]
    found = [one.outcome for one in run_all(box, jobs)]
    assert found == ["passed", "failed", "failed"] * len(some)


def test_what_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownName, match="family of programs"):
        tasks(3, 0, ("sonnets",))
    only = tasks(30, 0, ("grid",))
    assert {task.family for task in only} == {"grid"}
    monkeypatch.setattr("selfscope.phenomena.stimuli.programs.DIFFICULTIES", (1,))
    with pytest.raises(BadInput, match="ask for more families"):
        tasks(60, 0, ("running",))
