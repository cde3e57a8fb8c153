"""Whoever waits sees what for: from the first moment, in every part, and behind all that was planned."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from selfscope.api import loading
from selfscope.api.fit import fit
from selfscope.api.organism_checks import check
from selfscope.api.organisms import make
from selfscope.api.telling import on_steps
from selfscope.cli import main
from selfscope.cli.progress import Bar
from selfscope.organisms.habit import Habit
from selfscope.phenomena.own_choice import OwnChoice
from selfscope.subjects.adapter_files import save_adapter
from selfscope.subjects.live_adapters import LoraShape
from selfscope.subjects.local import Local, load
from selfscope.training.schedule import Schedule
from selfscope.training.states import StateLesson
from tiny import build

QUICK = Schedule(groups=4, at_once=4, rate=1e-2)


class Told:
    """Keeps what it is told, and how full the bar stands then."""

    def __init__(self) -> None:
        self.total, self.done, self.said = 0.0, 0.0, list[tuple[str, float]]()

    def plan(self, total: float) -> None:
        self.total = total

    def step(self, what: str, work: float) -> None:
        self.done += work
        self.said.append((what, self.done / self.total if self.total else 0.0))

    def at(self, what: str) -> float:
        """How full it stands when something begins."""
        return next(full for said, full in self.said if what in said)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Local:
    return load(str(build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True)))


@pytest.mark.parametrize("words", [
    ["ask", "smollm2-135m", "Who?"], ["ask", "smollm2-135m", "Who?", "--about", "x", "--reader", "patchscope"],
    ["doctor", "smollm2-135m"], ["card", "smollm2-135m"], ["card", "smollm2-135m", "--dry-run"],
    ["study", "smollm2-135m"], ["elicit", "smollm2-135m"], ["fit", "states", "smollm2-135m"],
    ["fit", "decoder", "smollm2-135m"], ["steer", "topic=chess", "smollm2-135m", "--decoder", "x"],
    ["organism", "make", "habit", "smollm2-135m"], ["organism", "bank", "smollm2-135m"],
    ["artifacts", "check", "made"], ["audit", "made", "--phenomenon", "own_choice"],
])  # fmt: skip
def test_a_model_is_loaded_under_a_bar(
    words: list[str], tiny: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, loaded = [False], []

    class Loaded(Exception):
        pass

    def entered(bar: Bar) -> Bar:
        shown.append(True)
        return bar

    def loading_now(*_: object, **__: object) -> None:
        loaded.append(shown[-1])
        raise Loaded

    monkeypatch.chdir(tmp_path)
    save_adapter(tmp_path / "made", tiny, tiny.new_adapter(LoraShape(2)), "reporter", {})
    monkeypatch.setattr(Bar, "__enter__", entered)
    monkeypatch.setattr(Bar, "__exit__", lambda *_: shown.append(False))
    monkeypatch.setattr(loading, "_loader", loading_now)
    monkeypatch.setattr("selfscope.readers.decoder_files.read_decoder", lambda folder: None)
    with pytest.raises(Loaded):
        main(words)
    assert loaded == [True]


def test_a_bar_does_not_stand_still_behind_what_was_planned() -> None:
    bar = Bar()
    bar._bar = Progress(console=Console(file=io.StringIO()))
    bar._task = bar._bar.add_task("x", total=None)
    bar.plan(2.0)
    bar.step("half", 1.0)
    assert bar._bar.tasks[0].percentage == 50
    bar.step("all", 1.0)
    assert bar._bar.tasks[0].total == 2
    bar.step("judging", 0.0)
    assert bar._bar.tasks[0].total is None
    bar.plan(2.0)
    assert bar._bar.tasks[0].percentage == 50


def test_a_run_that_goes_on_stands_where_it_stood() -> None:
    told = Told()
    told.plan(2.0)
    on_step = on_steps(told.step, 1.0, "who: ", lambda: ", more")
    on_step(3, 4, 0.5)
    on_step(4, 4, 0.25)
    assert told.said == [("who: step 3 of 4, loss 0.50, more", 0.375), ("who: step 4 of 4, loss 0.25, more", 0.5)]


def test_there_is_room_for_what_comes_behind_the_last_step(tiny: Local, tmp_path: Path) -> None:
    told = Told()
    fit(tiny, tmp_path / "a", StateLesson(objects=4, persons=1), phenomenon=OwnChoice(test=4, train=4, dev=0),
        schedule=QUICK, progress=told)  # fmt: skip
    assert told.said[0][0] == "loading"
    assert told.at("measuring its damage") == pytest.approx(0.9)
    assert told.said[-1][1] == pytest.approx(1)
    told = Told()
    habit = Habit(word="the", rate=0.5, size=16, prompts=4, draws=1)
    make(habit, tiny, tmp_path / "b", schedule=replace(QUICK, objective="vocabulary"), twin=False, guard=4,
         progress=told)  # fmt: skip
    assert told.at("measuring its damage") == pytest.approx(0.9)
    assert told.said[-1][1] == pytest.approx(1)
    told = Told()
    check(tmp_path / "b", tiny, progress=told)
    assert [what for what, _ in told.said] == ["loading", "measuring"]
