"""Ctrl-C ends a run at once, also where every thread waits for a silent server, and the run can go on."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from cyclopts import App

from misbehaving_server import good, serving
from selfscope.api import loading
from selfscope.cli import main
from selfscope.cli.app import app
from selfscope.records import Message, Prompt
from selfscope.store import read
from selfscope.subjects.chat_threads import Threads
from selfscope.subjects.live_adapters import LoraShape
from selfscope.subjects.local import Local, load
from selfscope.training import loop
from selfscope.training.dev import Dev
from selfscope.training.examples import Example
from selfscope.training.loop import train
from selfscope.training.schedule import Schedule
from selfscope.training.stops import undisturbed
from tiny import build


def test_jobs_end_with_who_waits_for_them() -> None:
    ended, begun = threading.Event(), []

    def job() -> int:
        begun.append(1)
        ended.wait(20)
        return 1

    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt), Threads([job] * 50, 2):
        raise KeyboardInterrupt
    assert time.perf_counter() - start < 2.0
    ended.set()
    assert len(begun) <= 2
    with Threads([lambda: 1, lambda: 1 // 0], 2) as threads, pytest.raises(ZeroDivisionError):
        list(threads)


SMALL = "confidence[test=8,train=8,dev=2,rollouts=3]"
RUN = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"  # a test in the background has none
    " from selfscope.cli import main; main(sys.argv[1:])"
)


@pytest.mark.parametrize(("falls_silent_after", "jobs"), [(0, 1), (60, 2)])
def test_ctrl_c_ends_a_run_within_two_seconds_and_it_can_go_on(
    falls_silent_after: int, jobs: int, tmp_path: Path
) -> None:
    counted: list[int] = []
    waiting = threading.Event()

    def reply(body: dict[str, Any], seen: int) -> Any:
        counted.append(1)
        if len(counted) > falls_silent_after and not waiting.is_set():
            reached.set()
            waiting.wait(60)
        return good("Paris. 70%")

    reached = threading.Event()
    environment = {k: v for k, v in os.environ.items() if not k.endswith("API_KEY")}
    environment["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    with serving(reply) as server:
        words = ["card", f"api:m@{server.url}", "--phenomena", SMALL, "-o", str(tmp_path / "card")]
        command = [sys.executable, "-c", RUN, *words, "--jobs", str(jobs)]
        with subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
        ) as process:
            try:
                assert reached.wait(60)
                time.sleep(0.3)
                start = time.perf_counter()
                os.killpg(process.pid, signal.SIGINT)
                _, errors = process.communicate(timeout=20)
                took = time.perf_counter() - start
            finally:
                process.kill()  # or leaving this block would wait for it
        waiting.set()
        assert process.returncode == 130, errors
        assert took < 2.0
        assert "Stopped; what was finished is kept." in errors
        assert "Traceback" not in errors
        assert errors.rstrip().endswith("--resume")
        before = read(tmp_path / "card").cells
        done = subprocess.run([*command, "--resume"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    held = read(tmp_path / "card")
    assert before.items() <= held.cells.items()
    assert held.meta["finished"]


def test_a_study_that_is_stopped_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "studies"))
    from stopped import ended

    def stopped() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["studies/x.py", "--dev", "a b"])
    assert ended(stopped) == 130
    assert "python studies/x.py --dev 'a b'" in capsys.readouterr().err
    assert ended(lambda: 3) == 3


STARTED = {
    ("card",): ["phantom"], ("study",): ["phantom"], ("elicit",): ["phantom"], ("fit",): ["states", "phantom"],
    ("steer",): ["topic=chess", "phantom", "--decoder", "reader"], ("organism", "make"): ["habit", "phantom"],
    ("organism", "bank"): ["phantom"],
}  # fmt: skip


def commands(of: App, names: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Callable[..., Any]]]:
    """All commands of the application with their names."""
    if of.default_command is not None:
        yield names, of.default_command
    for name in of:
        if not name.startswith("-"):
            yield from commands(of[name], (*names, name))


def test_every_command_that_goes_on_says_how(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loading, "_loader", stopped)
    monkeypatch.setattr("selfscope.readers.decoder_files.read_decoder", lambda folder: None)
    resumed = {names for names, command in commands(app) if "resume" in inspect.signature(command).parameters}
    assert resumed == STARTED.keys()
    for names, words in {**STARTED, ("ask",): ["phantom", "Who?"]}.items():
        with pytest.raises(SystemExit) as end:
            main([*names, *words])
        assert end.value.code == 130
        told = capsys.readouterr().err
        assert told.endswith(f"selfscope {' '.join([*names, *words])} --resume\n") == (names in resumed), told


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Local:
    return load(str(build("llama", tmp_path_factory.mktemp("llama"))))


def asked_to_end(number: int, done: list[int]) -> None:
    with undisturbed():
        signal.raise_signal(number)
        done.append(number)


def test_what_belongs_together_is_done_as_one() -> None:
    done: list[int] = []
    for number, error in ((signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)):
        before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            with pytest.raises(error):
                asked_to_end(number, done)
        finally:
            signal.signal(signal.SIGTERM, before)
    assert done == [signal.SIGINT, signal.SIGTERM]
    thread = threading.Thread(target=lambda: undisturbed().__enter__() or done.append(0))
    thread.start()
    thread.join()
    assert done[-1] == 0


@pytest.mark.parametrize(("where", "kept"), [("forward", 2), ("backward", 2), ("step", 3), ("dev", 2), ("told", 2)])
def test_training_that_is_stopped_anywhere_keeps_its_last_whole_step(
    where: str, kept: int, tiny: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And ends with the weights, the looks and the losses of a run that was not stopped, bit for bit."""
    words = (" red", " blue")
    some = [
        Example(Prompt(messages=(Message("user", f"Number {k}."),)), words, (0, 1), (0.2, 0.8), f"g{k}")
        for k in range(8)
    ]
    schedule = Schedule(groups=2, at_once=2, rate=1e-2, save_every=1e9)
    dev = Dev(some[:2], some[2:4], every=2, patience=3)
    whole, parts = tiny.new_adapter(LoraShape(2)), tiny.new_adapter(LoraShape(2))
    done = train(tiny, whole, some, schedule, dev=dev)

    def stopping(true: Callable[..., Any], at: int) -> Callable[..., Any]:
        calls: list[int] = []

        def called(*arguments: Any, **more: Any) -> Any:
            calls.append(1)
            if len(calls) == at:
                signal.raise_signal(signal.SIGINT)
            return true(*arguments, **more)

        return called

    def told(step: int, steps: int, loss: float) -> None: ...

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_backward", stopping(loop._backward, 3 if where == "forward" else 0))
        patch.setattr(torch.Tensor, "backward", stopping(torch.Tensor.backward, 3 if where == "backward" else 0))
        patch.setattr(torch.optim.AdamW, "step", stopping(torch.optim.AdamW.step, 3 if where == "step" else 0))
        patch.setattr(loop, "measured", stopping(loop.measured, 2 if where == "dev" else 0))
        on_step = stopping(told, 2 if where == "told" else 0)
        with pytest.raises(KeyboardInterrupt):
            train(tiny, parts, some, schedule, dev=dev, folder=tmp_path, on_step=on_step)
    assert f'"step": {kept}' in (tmp_path / "checkpoint" / "step.json").read_text()
    again = train(tiny, parts, some, replace(schedule, save_every=0.0), dev=dev, folder=tmp_path)
    assert (again.history, again.looks, again.steps) == (done.history, done.looks, done.steps)
    for a, b in zip(whole.state().values(), parts.state().values(), strict=True):
        assert torch.equal(a, b)
