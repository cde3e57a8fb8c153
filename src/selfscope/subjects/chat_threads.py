"""Jobs in a few threads, which never keep a process or its user waiting.

The threads of an executor are waited for when a block or the process ends: one that waits for a silent server then
holds Ctrl-C back for as long as its deadline. These are daemons, and whoever leaves waits for them for a moment only.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")
GRACE = 1.0  # seconds that the threads have to end when nobody waits for results any more


class Threads(Generic[T]):
    """Runs jobs, `most` at a time. Iterate over (number of a job, its result) as they are done; use as a context
    manager: jobs that were not begun when it ends are not run. What a job raises is raised where it is waited for."""

    def __init__(self, jobs: Sequence[Callable[[], T]], most: int) -> None:
        self._count = len(jobs)
        self._waiting = deque(enumerate(jobs))
        self._done: queue.SimpleQueue[tuple[int, T | None, BaseException | None]] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(min(most, self._count))]

    def __enter__(self) -> Threads[T]:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._waiting.clear()
        end = time.monotonic() + GRACE
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def __iter__(self) -> Iterator[tuple[int, T]]:
        for _ in range(self._count):
            number, result, error = self._done.get()
            if error is not None:
                raise error
            yield number, result  # type: ignore[misc]

    def _work(self) -> None:
        while True:
            try:
                number, job = self._waiting.popleft()
            except IndexError:
                return
            try:
                self._done.put((number, job(), None))
            except BaseException as error:  # the caller's to see, as with a future
                self._done.put((number, None, error))
