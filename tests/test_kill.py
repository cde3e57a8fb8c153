"""A run that is killed (SIGKILL) at twenty random moments and resumed each time ends with the rows of one that was
left alone: none lost, none twice, log-probabilities within 1e-5."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from selfscope.records import Row, plain
from selfscope.store import read

RUN = """
import sys
from dataclasses import replace
from selfscope.face.cards import planned, run
study = planned(sys.argv[1], phenomena=("self_prediction",))
small = {k: int(v) for k, v in (p.split("=") for p in sys.argv[3].split(","))}
line = study.lines[0]
study = replace(study, lines=(replace(line, phenomenon=replace(line.phenomenon, **small)),))
print("ready", flush=True)
run(study, sys.argv[2], resume=True)
"""
TIMINGS = ("seconds",)


def start(model: str, folder: Path, sizes: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", RUN, model, str(folder), sizes]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()


def size(folder: Path) -> int:
    return sum(p.stat().st_size for p in (folder / "data").glob("*.jsonl")) if (folder / "data").exists() else 0


def kill_at(process: subprocess.Popen[bytes], folder: Path, target: int, delay: float) -> bool:
    """Kills the process once the folder holds `target` bytes and `delay` seconds went by; False if it ended first."""
    assert process.stdout is not None
    process.stdout.readline()
    while process.poll() is None and size(folder) < target:
        time.sleep(0.0005)
    time.sleep(delay)
    alive = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return alive


def killed_and_resumed(model: str, folder: Path, sizes: str, whole: int, times: int) -> int:
    """Kills a run `times` times, resuming it each time; returns how many kills met a run at work."""
    dice = random.Random(7)
    targets = sorted(dice.randrange(whole) for _ in range(times))
    met = 0
    for target in targets:
        met += kill_at(start(model, folder, sizes), folder, target, dice.choice([0.0, 0.002, 0.02]))
        if size(folder):
            read(folder)  # what a kill leaves can always be read
    finish(start(model, folder, sizes))
    return met


def without_times(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = plain(row)
    for name in TIMINGS:
        found["reading"]["cost"].pop(name)
    return found


def assert_same(left: Any, right: Any, where: str = "row") -> None:
    if isinstance(left, dict):
        assert left.keys() == right.keys(), where
        for key in left:
            assert_same(left[key], right[key], f"{where}.{key}")
    elif isinstance(left, list):
        assert len(left) == len(right), where
        for at, (a, b) in enumerate(zip(left, right, strict=True)):
            assert_same(a, b, f"{where}[{at}]")
    elif isinstance(left, float):
        assert left == pytest.approx(right, abs=1e-5), where
    else:
        assert left == right, where


def assert_equal_studies(one: Path, other: Path) -> None:
    first, second = read(one), read(other)
    assert first.warnings == second.warnings == ()
    keys = [(r.cell, r.trial) for r in second.rows]
    assert len(set(keys)) == len(keys), "a row is there twice"
    assert {(r.cell, r.trial) for r in first.rows} == set(keys)
    rows = {(r.cell, r.trial): without_times(r) for r in second.rows}
    for row in first.rows:
        assert_same(without_times(row), rows[row.cell, row.trial])
    assert first.trials == second.trials
    assert first.truths.keys() == second.truths.keys()
    for key, truth in first.truths.items():
        assert_same(plain(truth), plain(second.truths[key]))
    did, again = ({k: o.replies for k, o in held.observations.items()} for held in (first, second))
    assert did == again


def test_twenty_kills_of_a_phantom_study(tmp_path: Path) -> None:
    model, sizes = "phantom:access=0.4,habit=0.2", "test=30,train=20,dev=6"
    finish(start(model, tmp_path / "whole", sizes))
    met = killed_and_resumed(model, tmp_path / "killed", sizes, size(tmp_path / "whole"), 20)
    assert met >= 10, "most kills should meet a run that is at work"
    assert_equal_studies(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.slow
def test_kills_of_a_study_on_a_real_model(tmp_path: Path) -> None:
    model, sizes = "smollm2-135m", "test=6,train=4,dev=2,rollouts=4"
    finish(start(model, tmp_path / "whole", sizes))
    killed_and_resumed(model, tmp_path / "killed", sizes, size(tmp_path / "whole"), 4)
    assert_equal_studies(tmp_path / "whole", tmp_path / "killed")
