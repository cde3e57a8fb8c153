"""What a run shows while it works: one bar with the time left, on the standard error, for people only."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from selfscope.terminal import one_line


class Bar:
    """A `study.Progress`. Silent when the standard error is no terminal, or when `quiet`."""

    def __init__(self, *, quiet: bool = False, first: str = "loading") -> None:
        self._bar: Any = None
        self._task: Any = None
        self._first = first
        self._shown = not quiet and sys.stderr.isatty()

    def plan(self, total: float) -> None:
        if self._bar is not None:
            done = self._bar.tasks[0].completed  # of studies before this one
            self._bar.update(self._task, total=done + max(total, 1e-9))

    def step(self, what: str, work: float) -> None:
        if self._bar is not None:
            self._bar.update(self._task, advance=work, description=one_line(what))
            if self._bar.tasks[0].finished and not work:  # something goes on behind all that was planned
                self._bar.tasks[0].total = None

    def __enter__(self) -> Bar:
        if self._shown:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TaskProgressColumn(),
                TimeRemainingColumn(elapsed_when_finished=True),
                console=Console(stderr=True),
                speed_estimate_period=120,
            )
            self._bar.start()
            self._task = self._bar.add_task(one_line(self._first), total=None)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()
