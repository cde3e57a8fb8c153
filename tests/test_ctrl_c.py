"""Ctrl-C ends a run at once, also where every thread waits for a silent server, and the run can go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from misbehaving_server import good, serving
from selfscope.store import read
from selfscope.subjects.chat_threads import Threads


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
