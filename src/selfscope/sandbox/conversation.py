"""One process in a box, and the lines that are exchanged with it: nothing of it is waited for longer than allowed."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable
from functools import cache
from importlib import resources
from types import TracebackType
from typing import Any, Self

from selfscope.errors import BadInput
from selfscope.sandbox.boxes import Box, Limits

MOST = 60_000
"""Bytes of an order: what a pipe holds, so that to write it never waits."""

AT_ONCE = 0.05
"""Seconds in which a harness that is told no more ends by itself."""
KILLED = {int(signal.SIGXCPU): "time", int(signal.SIGKILL): "killed", int(signal.SIGSEGV): "a crash"}


class Ended(Exception):
    """It answers no more. Its text says why."""


class Conversation:
    """A process of a box. Leave the block, and it and all that it started are gone."""

    def __init__(self, box: Box, limits: Limits) -> None:
        self.limits = limits
        self.started = time.monotonic()
        self._left, self._held = limits.output, b""
        self._process = subprocess.Popen(
            [*box.command(limits), _guest()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True, env={"PATH": os.environ.get("PATH", "/usr/bin:/bin")}, cwd="/",
        )  # fmt: skip
        self._wait = selectors.DefaultSelector()
        assert self._process.stdout is not None
        self._wait.register(self._process.stdout, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()

    def tell(self, order: dict[str, Any]) -> None:
        """One order. Raises BadInput for one that is too long, and Ended where nobody reads it."""
        text = (json.dumps(order) + "\n").encode()
        if len(text) > MOST:
            raise BadInput(f"a program and what it is asked have {MOST} bytes at most, not {len(text)}")
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(text)
            self._process.stdin.flush()
        except OSError:
            raise Ended(self._why()) from None

    def told(self) -> dict[str, Any]:
        """The next answer. Raises Ended."""
        assert self._process.stdout is not None
        while b"\n" not in self._held:
            left = self.started + self.limits.seconds - time.monotonic()
            if left <= 0 or not self._wait.select(left):
                raise Ended("time")
            piece = os.read(self._process.stdout.fileno(), 1 << 16)
            if not piece:
                raise Ended(self._why())
            self._held += piece
            self._left -= len(piece)
            if self._left < 0:
                raise Ended("too much output")
        line, _, self._held = self._held.partition(b"\n")
        try:
            answer = json.loads(line)
            if isinstance(answer, dict) and isinstance(answer.get("event"), str):
                return answer
        except (ValueError, RecursionError):
            pass
        raise Ended("an answer that is none")

    def end(self) -> None:
        """Stops it and all that it started."""
        if self._process.returncode is not None:
            return
        self._wait.close()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError, AttributeError):
                pipe.close()  # type: ignore[union-attr]
        if not self._gone(AT_ONCE):
            # What a box started is killed before the box, which then ends by itself and leaves no dead behind.
            for child in _children(self._process.pid):
                _kill(os.kill, child)
            if not self._gone(1.0):
                _kill(os.killpg, self._process.pid)
                self._process.wait()
        with contextlib.suppress(OSError, AttributeError):
            self._process.stderr.close()  # type: ignore[union-attr]

    def _gone(self, seconds: float) -> bool:
        """Whether it ends within so long."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _why(self) -> str:
        """How it ended, once its pipe is closed."""
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            found = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is not None:
                break
            time.sleep(0.002)
        else:
            return "it closed its answers"
        code = found.si_status
        number = code - 128 if found.si_code == os.CLD_EXITED and code > 128 else code
        if found.si_code != os.CLD_EXITED or code > 128:
            return KILLED.get(number, f"signal {number}")
        return "it ended before it answered"

    def complaint(self) -> str:
        """What the box itself wrote of why it did not start."""
        assert self._process.stderr is not None
        os.set_blocking(self._process.stderr.fileno(), False)
        try:
            return (self._process.stderr.read(2000) or b"").decode(errors="replace").strip()
        except OSError:
            return ""


def _children(parent: int) -> list[int]:
    try:
        with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as file:
            return [int(number) for number in file.read().split()]
    except OSError:
        return []  # it has ended, or this is no Linux


def _kill(how: Callable[[int, int], None], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        how(number, signal.SIGKILL)


@cache
def _guest() -> str:
    return (resources.files("selfscope") / "sandbox" / "guest.py").read_text(encoding="utf-8")
