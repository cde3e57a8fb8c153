"""A run that is killed (SIGKILL) at random moments and resumed each time ends with the rows of one that was left alone:
none lost, none twice, log-probabilities within 1e-5. Six kills by default, a hundred in `make fuzz`.

Three subjects: a phantom in processes of its own; a tiny torch model and (make slow) SmolLM2, whose runs are children
of one process that has loaded the libraries, so that a start takes a moment and not seconds. A run whose work is shared
by several processes leaves none of them behind.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runs import RUN, assert_equal_studies, finish, gone, kill, needs_proc, processes_of, size, start
from selfscope.store import read

KILLS = int(os.environ.get("SELFSCOPE_KILLS", "4"))


def kill_at(process: subprocess.Popen[bytes], folder: Path, target: int, delay: float) -> bool:
    """Kills the process once the folder holds `target` bytes and `delay` seconds went by; False if it ended first."""
    assert process.stdout is not None
    process.stdout.readline()
    while process.poll() is None and size(folder) < target:
        time.sleep(0.0005)
    time.sleep(delay)
    alive = process.poll() is None
    kill(process)
    return alive


def killed_and_resumed(model: str, folder: Path, sizes: str, whole: int, times: int, jobs: int = 1) -> int:
    """Kills a run `times` times, resuming it each time; returns how many kills met a run at work."""
    dice = random.Random(7)
    targets = sorted(dice.randrange(whole) for _ in range(times))
    met = 0
    for target in targets:
        met += kill_at(start(model, folder, sizes, jobs), folder, target, dice.choice([0.0, 0.002, 0.02]))
        if size(folder):
            read(folder)  # what a kill leaves can always be read
        assert gone(folder), "a process outlived the run that started it"
    finish(start(model, folder, sizes, jobs))
    assert gone(folder)
    return met


def test_kills_of_a_phantom_study(tmp_path: Path) -> None:
    model, sizes = "phantom:access=0.4,habit=0.2", "test=30,train=20,dev=6"
    finish(start(model, tmp_path / "whole", sizes))
    met = killed_and_resumed(model, tmp_path / "killed", sizes, size(tmp_path / "whole"), KILLS)
    assert met >= KILLS // 2, "most kills should meet a run that is at work"
    assert_equal_studies(tmp_path / "whole", tmp_path / "killed")


@needs_proc
def test_kills_of_a_study_whose_work_several_processes_share(tmp_path: Path) -> None:
    model, sizes = "phantom:access=0.4,habit=0.2", "test=30,train=20,dev=6"
    finish(start(model, tmp_path / "whole", sizes))
    shared = start(model, tmp_path / "shared", sizes, jobs=2)
    end = time.monotonic() + 60
    while len(processes_of(tmp_path / "shared")) < 3 and time.monotonic() < end:
        time.sleep(0.01)
    assert len(processes_of(tmp_path / "shared")) >= 3, "the run and the two that share its work"
    finish(shared)
    assert_equal_studies(tmp_path / "whole", tmp_path / "shared")
    met = killed_and_resumed(model, tmp_path / "killed", sizes, size(tmp_path / "whole"), 4, jobs=2)
    assert met >= 2, "most kills should meet a run that is at work"
    assert_equal_studies(tmp_path / "whole", tmp_path / "killed")


SLEEPY = """
import multiprocessing, pathlib, time
from selfscope.subjects.phantom import Phantom

class Sleepy(Phantom):
    def sample(self, *given):
        if multiprocessing.parent_process() is not None:
            pathlib.Path("asleep").touch()
            time.sleep(60)
        return super().sample(*given)
"""


@needs_proc
def test_a_process_in_the_middle_of_a_long_call_ends_with_the_run_that_started_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sleepy.py").write_text(SLEEPY)
    monkeypatch.chdir(tmp_path)
    run = start("sleepy:Sleepy", tmp_path / "s", "test=8,train=8", jobs=2)
    end = time.monotonic() + 60
    while not (tmp_path / "asleep").exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert (tmp_path / "asleep").exists()
    kill(run)
    assert gone(tmp_path / "s"), "it would go on for a minute"


NURSERY = """
import os, sys
import torch, transformers, selfscope.subjects.local, selfscope.study
torch.set_num_threads(1)
source = sys.stdin.readline()
model = sys.stdin.readline().strip()
for line in sys.stdin:
    folder, sizes = line.split()
    child = os.fork()
    if child == 0:
        sys.argv = ["run", model, folder, sizes, "1"]
        exec(eval(source))
        os._exit(0)
    print(child, flush=True)
    status = os.waitpid(child, 0)[1]
    print("ended", status, flush=True)
"""


class Nursery:
    """A process that has the libraries loaded and runs each study in a child of its own."""

    def __init__(self, model: str) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", NURSERY], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._write(repr(RUN))
        self._write(model)

    def _write(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def _read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def run(self, folder: Path, sizes: str, target: int | None = None, delay: float = 0.0) -> bool:
        """A whole run; or one that is killed once the folder holds `target` bytes and `delay` seconds went by. Returns
        whether it ended by itself, and raises where that was not well."""
        self._write(f"{folder} {sizes}")
        child = int(self._read())
        if target is not None:
            assert self._read() == "ready"
            while size(folder) < target and os.path.exists(f"/proc/{child}/stat") and not _zombie(child):
                time.sleep(0.0005)
            time.sleep(delay)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        said = self._read()
        while not said.startswith("ended"):
            said = self._read()
        status = int(said.split()[1])
        assert status in (0, signal.SIGKILL), f"the run ended with {status}"
        return status == 0

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


def _zombie(child: int) -> bool:
    try:
        return Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def kills_of(model: str, folder: Path, sizes: str, times: int) -> int:
    """Compares a whole run with one that was killed `times` times; returns how many kills met a run at work."""
    nursery = Nursery(model)
    try:
        assert nursery.run(folder / "whole", sizes)
        whole = size(folder / "whole")
        dice = random.Random(11)
        met = 0
        for target in sorted(dice.randrange(whole) for _ in range(times)):
            met += not nursery.run(folder / "killed", sizes, target, dice.choice([0.0, 0.002, 0.02]))
            if size(folder / "killed"):
                read(folder / "killed")
        assert nursery.run(folder / "killed", sizes)
    finally:
        nursery.close()
    assert_equal_studies(folder / "whole", folder / "killed")
    return met


@needs_proc
def test_kills_of_a_study_on_a_tiny_model(tmp_path: Path) -> None:
    from tiny import build

    model = str(build("llama", tmp_path / "tiny", roomy=True))
    assert kills_of(model, tmp_path, "test=6,train=4,dev=2,rollouts=3", KILLS) >= KILLS // 2


@needs_proc
@pytest.mark.slow
def test_kills_of_a_study_on_a_real_model(tmp_path: Path) -> None:
    assert kills_of("smollm2-135m", tmp_path, "test=6,train=4,dev=2,rollouts=4", 20) >= 10
