"""Small programs whose answers are known: what is right passes, and who leaves a step out does not."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from selfscope.errors import BadInput, FileError, UnknownName, Unsupported
from selfscope.phenomena.programming_success import ProgrammingSuccess
from selfscope.phenomena.stimuli.human_eval import human_eval
from selfscope.phenomena.stimuli.program_steps import families
from selfscope.phenomena.stimuli.programs import CALLS, DIFFICULTIES, SHOWN, answers, program, tasks
from selfscope.sandbox.running import Beside, Job
from selfscope.sandbox.self_test import tried
from selfscope.subjects.phantom import Phantom

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
    with Beside(box) as beside:
        found = [one.result().outcome for one in [beside.begun(job) for job in jobs]]
    assert found == ["passed", "failed", "failed"] * len(some)


def row(name: str, **changed: str) -> dict[str, str]:
    """A task of the published layout."""
    before = "from typing import List\n\n\ndef half():\n    return 0.5\n\n\n"
    prompt = f'{before}def {name}(x: List[int]):\n    """Say it."""\n'
    tests = f"def check(candidate):\n    assert candidate([2, 3]) == 2.5\n    assert candidate([]) == 0\n# {name}\n"
    return {"task_id": f"T/{name}", "prompt": prompt, "entry_point": name, "test": tests,
            "canonical_solution": "    return sum(x) * half()\n", **changed}  # fmt: skip


def test_tasks_of_the_published_layout_are_read_and_run(tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl.gz"
    file.write_bytes(gzip.compress("\n".join(json.dumps(row(f"f{k}")) for k in range(9)).encode()))
    asked = ProgrammingSuccess(test=6, train=3, rollouts=4, source=str(file))
    try:
        tried()
    except Unsupported as error:
        pytest.skip(str(error))
    trials = asked.pose(Phantom(access=0.8), 0)
    truths = asked.truth(trials, asked.observe(Phantom(access=0.8), trials))
    assert {t.cluster for t in trials} == {f"T/f{k}" for k in range(9)}
    rates = {truth.mean[0] for trial, truth in zip(trials, truths, strict=True) if "before" in trial.question.quantity}
    assert len(rates) > 2  # right attempts pass and wrong ones fail
    empty = {"test": "def check(candidate):\n    pass\n"}
    for wrong, why in ((empty, "assert nothing"), ({"prompt": ""}, "is no task")):
        file.write_text(json.dumps(row("g", **wrong)))
        human_eval.cache_clear()
        with pytest.raises(BadInput, match=why):
            human_eval(str(file))
    file.write_text("{")
    human_eval.cache_clear()
    with pytest.raises(BadInput, match="no JSON"):
        human_eval(str(file))
    with pytest.raises(FileError, match="cannot read tasks"):
        human_eval(str(tmp_path / "absent"))


def test_what_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownName, match="family of programs"):
        tasks(3, 0, ("sonnets",))
    only = tasks(30, 0, ("grid",))
    assert {task.family for task in only} == {"grid"}
    monkeypatch.setattr("selfscope.phenomena.stimuli.programs.DIFFICULTIES", (1,))
    with pytest.raises(BadInput, match="ask for more families"):
        tasks(60, 0, ("running",))
