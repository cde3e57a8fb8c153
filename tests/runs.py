"""Runs of a study in processes of their own, ended in the middle, and what is left of them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from selfscope.records import Row, to_jsonable
from selfscope.store import read

RUN = """
import sys
from selfscope.api.cards import connection, planned
from selfscope.api.executing import execute
model, folder, sizes, jobs = sys.argv[1:]
options = {"phenomena": (f"self_prediction[{sizes}]",)}
study = planned(model, **options)
print("ready", flush=True)
execute(study, folder, resume=True, jobs=int(jobs), connect=connection(model, options))
"""
TIMINGS = ("seconds",)
MARK = "SELFSCOPE_TEST_RUN"
"""In the environment of a run and of every process that it starts."""
needs_proc = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="watches its children in /proc")


def start(model: str, folder: Path, sizes: str, jobs: int = 1) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "OMP_NUM_THREADS": "1"}
    environment[MARK] = str(folder)
    command = [sys.executable, "-c", RUN, model, str(folder), sizes, str(jobs)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()


def size(folder: Path) -> int:
    return sum(p.stat().st_size for p in (folder / "data").glob("*.jsonl")) if (folder / "data").exists() else 0


def kill(process: subprocess.Popen[bytes]) -> None:
    """Ends a run and nothing else: its pipes are not read to their end, which others may hold open."""
    process.send_signal(signal.SIGKILL)
    process.wait()
    for pipe in (process.stdout, process.stderr):
        assert pipe is not None
        pipe.close()


def processes_of(folder: Path) -> list[int]:
    """Those that carry the folder's mark; of a process that has ended nothing can be read."""
    mark, found = f"{MARK}={folder}\0".encode(), []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (place / "environ").read_bytes() + b"\0":
                found.append(int(place.name))
    return found


def gone(folder: Path, seconds: float = 10) -> bool:
    """Whether every process of a run ends in time."""
    end = time.monotonic() + seconds
    while processes_of(folder) and time.monotonic() < end:
        time.sleep(0.05)
    return not processes_of(folder)


def without_times(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = to_jsonable(row)
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
        assert_same(to_jsonable(truth), to_jsonable(second.truths[key]))
    did, again = ({k: o.replies for k, o in held.observations.items()} for held in (first, second))
    assert did == again
