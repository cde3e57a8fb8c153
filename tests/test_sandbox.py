"""Programs that a model wrote: what they do to their box fails them, what the box does is an error, nothing is left."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfscope.errors import BadInput, UnknownName, Unsupported
from selfscope.sandbox import boxes
from selfscope.sandbox.boxes import Box, Limits, box
from selfscope.sandbox.guest import decoded, encoded
from selfscope.sandbox.running import Beside, Job, run
from selfscope.sandbox.self_test import FAILS, RIGHT, SQUARES, STORM, held, tried

SHORT = Limits(seconds=1.0, mib=256)
HOLDS = "def check(candidate):\n    assert candidate(3) == 9\n    assert candidate([1, 2]) == (1, {2: 3.5})\n"
ANSWERS = "def f(x):\n    return (1, {2: 3.5}) if isinstance(x, list) else x * x\n"


@pytest.fixture(scope="module")
def own() -> Box:
    try:
        return tried("bubblewrap")
    except Unsupported as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_every_harm_fails_and_leaves_nothing(own: Box, port: int) -> None:
    first = next(boxes._users)
    found = held(own, SHORT, port=port)
    assert found.keys() == FAILS.keys()
    assert {name: r.outcome for name, r in found.items()} == dict.fromkeys(FAILS, "failed")
    assert found["network"].why == "ConnectionRefusedError in the call"  # though somebody listens there
    assert found["memory"].why == "MemoryError in the call"
    assert found["a patched comparison"].why == "a wrong value"
    assert {found[name].why for name in ("an endless loop", "sleep", "an endless loop before it is called")} == {"time"}
    assert found["output"].why == "too much output"
    assert not Path("/usr/selfscope-was-here").exists()
    assert not _left(first, next(boxes._users))


@pytest.mark.skipif(os.getuid() == 0 and not Path("/proc").exists(), reason="nothing limits processes here")
def test_a_storm_of_processes_is_held(own: Box) -> None:
    """In a child of its own, which ends whatever it started."""
    told = "from selfscope.sandbox.boxes import *; from selfscope.sandbox.boxes import _users; import sys; "
    told += "from selfscope.sandbox.running import *; print(next(_users)); "
    told += "print(run(box('bubblewrap'), Job(sys.argv[1], 'f', (((1,), 1),)), Limits(1.0, 256)).why, next(_users))"
    words = ["prlimit", "--cpu=20", sys.executable, "-c", told, STORM]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True)
    first, (why, last) = done.stdout.split("\n")[0], done.stdout.split("\n")[1].rsplit(" ", 1)
    assert why in ("time", "killed", "it ended before it answered")
    assert not _left(int(first), int(last))


def test_what_is_right_passes_test_by_test(own: Box) -> None:
    assert run(own, Job(SQUARES, "f", RIGHT), SHORT).each == (True, True)
    some = run(own, Job("def f(x):\n    return 4\n", "f", RIGHT), SHORT)
    assert (some.outcome, some.why, some.each, some.level) == ("failed", "a wrong value", (True, False), 2)
    for wrong, right in ((True, 1), ([1], (1,)), ("1", 1), ({1}, [1]), (1, 1.5), ([1, [2]], [1, [3]])):
        assert run(own, Job(f"def f():\n    return {wrong!r}\n", "f", (((), right),)), SHORT).outcome == "failed"
    for said, right in ((0.1 + 0.2, 0.3), (3, 3.0), ({"a": (1, None)}, {"a": (1, None)})):
        assert run(own, Job(f"def f():\n    return {said!r}\n", "f", (((), right),)), SHORT).outcome == "passed"


def test_tests_run_beside_the_program_and_not_with_it(own: Box) -> None:
    assert run(own, Job(ANSWERS, "f", tests=HOLDS), SHORT).outcome == "passed"
    wrong = run(own, Job(SQUARES, "f", tests=HOLDS), SHORT)
    assert (wrong.outcome, wrong.why) == ("failed", "TypeError in the tests")
    sly = "class Same:\n    def __eq__(self, other):\n        return True\ndef f(x):\n    return Same()\n"
    assert run(own, Job(sly, "f", tests=HOLDS), SHORT).why == "AssertionError in the tests"
    broken = run(own, Job(SQUARES, "f", tests="import os\ndef check(candidate):\n    os._exit(0)\n"), SHORT)
    assert broken.outcome == "error"
    raises = "def check(f):\n    try:\n        f('x')\n    except TypeError:\n        return\n    assert False\n"
    assert run(own, Job(SQUARES, "f", tests=raises), SHORT).outcome == "passed"


def test_programs_run_while_others_are_written(own: Box) -> None:
    written: list[int] = []

    def jobs() -> Iterator[Job]:
        for k in range(5):
            written.append(k)
            yield Job(SQUARES if k % 2 else "def f(x):\n    return x\n", "f", RIGHT)

    with Beside(own, SHORT) as beside:
        found = [one.result().outcome for one in [beside.begun(job) for job in jobs()]]
    assert found == ["failed", "passed", "failed", "passed", "failed"]
    assert written == [0, 1, 2, 3, 4]


def test_no_answer_of_a_program_ends_the_harness(own: Box) -> None:
    """Too long for the tests, nested beyond reading, a number beyond all floats, no value at all."""
    forged = "import os\ndef f(x):\n    for fd in range(3, 12):\n        try:\n            os.write(fd, {0})\n"
    forged += "        except OSError:\n            pass\n"
    long = run(own, Job("def f(x):\n    return 'x' * 100_000\n", "f", tests=HOLDS), SHORT)
    assert (long.outcome, long.why) == ("failed", "too much output")
    deep = '{"event": "value", "value": ' + '{"l": [' * 900 + "]}" * 900 + "}"
    for text in ("b'[' * 200_000 + b'\\n'", f"{deep.encode()!r} + b'\\n'", 'b\'{"event": "value"}\\n\''):
        assert run(own, Job(forged.format(text), "f", RIGHT), SHORT).outcome == "failed", text
    assert run(own, Job("def f(x):\n    return 10 ** 400\n", "f", (((1,), 1.5),)), SHORT).why == "a wrong value"
    assert run(own, Job(SQUARES, "f", ((("x" * 100_000,), 1),)), SHORT).outcome == "error"


def test_a_box_that_does_not_start_is_no_fail() -> None:
    absent = Box("none", 2, lambda limits: ["/nowhere/bwrap"])
    assert run(absent, Job(SQUARES, "f", RIGHT), SHORT).outcome == "error"
    mute = Box("mute", 2, lambda limits: ["sh", "-c", "echo cannot make a namespace >&2; exit 1"])
    found = run(mute, Job(SQUARES, "f", RIGHT), SHORT)
    assert (found.outcome, found.why) == ("error", "the box did not start: cannot make a namespace")
    assert run(mute, Job("#" * 100_000, "f", RIGHT), SHORT).outcome == "error"


def test_nothing_runs_without_a_box_unless_it_is_asked_for_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unsupported, match=r"apt install bubblewrap.*docker is not installed.*sandbox=subprocess"):
        box()
    with pytest.raises(UnknownName, match="sandbox"):
        box("chroot")
    plain = box("subprocess")
    assert str(plain) == "subprocess (level 1, no sandbox)"
    assert run(plain, Job(SQUARES, "f", RIGHT), SHORT).outcome == "passed"


def test_a_container_is_told_to_hold_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With a docker that runs its last words here: what is said to it, and that they speak with it."""
    fake = tmp_path / "docker"
    fake.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/said\nwhile [ "$1" != python3 ]; do shift; done\nexec "$@"\n')
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = box("docker")
    assert (found.level, run(found, Job(SQUARES, "f", RIGHT), SHORT).outcome) == (3, "passed")
    said = (tmp_path / "said").read_text()
    for word in ("--network=none", "--read-only", "--pids-limit", "--memory=256m", "--cap-drop=ALL", "--pull=never"):
        assert word in said


def test_data_keeps_its_types_on_the_way() -> None:
    for value in (None, True, 7, -(1 << 70), 0.1, float("inf"), "é\n", b"\x00", [1, (2, {3})], {"a": {1: []}}):
        back = decoded(encoded(value))
        assert back == value
        assert type(back) is type(value)
    for odd in (object(), {"a": object()}, 1j):
        with pytest.raises(ValueError, match="no value"):
            decoded(encoded(odd))
    deep: list[object] = []
    for _ in range(100):
        deep = [deep]
    with pytest.raises(ValueError, match="no value"):
        decoded(encoded(deep))


def test_a_job_without_a_test_is_refused() -> None:
    for given in ({}, {"tests": "  "}, {"calls": RIGHT, "tests": HOLDS}):
        with pytest.raises(BadInput, match="tested by calls or by tests"):
            Job(SQUARES, "f", **given)  # type: ignore[arg-type]


def _left(first: int, last: int) -> set[str]:
    """Living processes of the users that this test's boxes had: another process of tests makes boxes of its own."""
    own = {boxes.FIRST_USER + k % 100_000 for k in range(first, last + 1)}
    found = set()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            status = (place / "status").read_text()
        except OSError:
            continue
        if int(status.partition("Uid:")[2].split()[0]) in own and "State:\tZ" not in status:
            found.add(place.name)
    return found
