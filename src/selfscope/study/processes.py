"""Executes cells in processes of their own, each with its subject and its share of the threads.

Every process makes the study anew and is told of all trials, so that the seal is the same everywhere. A reader's cells
stay together, because it learns once; a process that has nothing left takes over cells of the longest queue. This
process alone writes to the store. Killed, it leaves none behind: each of the others ends when its parent is gone.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any

from selfscope.errors import SelfscopeError
from selfscope.records import Trial, Truth, content_hash
from selfscope.secrets import cleaned
from selfscope.study.base import Study
from selfscope.study.cells import Cell, Outcomes
from selfscope.study.execute import Workplace

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
WATCHED = 0.5  # seconds between two looks whether the parent is still there
Queue = list[Cell]


class Crew:
    """Processes that execute cells of one study. A context manager: they end with it.

    Raises SelfscopeError where the study cannot be sent to another process.
    """

    def __init__(
        self, study: Study, trials: Mapping[str, Sequence[Trial]], jobs: int, connect: Callable[[], Study] | None
    ) -> None:
        if jobs < 1:
            raise SelfscopeError(f"jobs is a number of processes from 1 on, not {jobs}")
        self._work = _sendable(study, trials, connect)
        self._settings = content_hash(study.settings())
        self._jobs = jobs
        self._processes: list[Any] = []
        self._lines: list[Connection] = []
        self._informed: set[int] = set()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for line in self._lines:
            line.close()
        for process in self._processes:
            process.join(timeout=0 if error is not None else 2)
            if process.is_alive():
                process.terminate()
                process.join()

    def execute(self, cells: Sequence[Cell], truths: Mapping[str, Truth]) -> Iterator[tuple[Cell, Outcomes]]:
        """Each cell with its outcomes, as they are done. Raises what a cell raised."""
        if not cells:
            return
        self._start(min(self._jobs, len(cells)))
        queues = _queues(cells)
        own: dict[int, Queue] = {}
        busy: dict[int, Cell] = {}
        for worker in range(len(self._lines)):
            self._next(worker, queues, own, busy, truths)
        while busy:
            ready = wait([self._lines[w] for w in busy])
            for worker in [w for w in busy if self._lines[w] in ready]:
                cell = busy.pop(worker)
                yield cell, self._received(worker)
                self._next(worker, queues, own, busy, truths)

    def _start(self, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        share = max(1, (os.cpu_count() or 1) // self._jobs)
        before = {name: os.environ.get(name) for name in THREADS}
        os.environ.update(dict.fromkeys(THREADS, str(share)))  # read when numpy and torch are loaded there
        try:
            while len(self._processes) < count:
                ours, theirs = context.Pipe()
                process = context.Process(target=_serve, args=(theirs, self._work, self._settings), daemon=True)
                process.start()
                theirs.close()
                self._processes.append(process)
                self._lines.append(ours)
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def _next(
        self, worker: int, queues: list[Queue], own: dict[int, Queue], busy: dict[int, Cell],
        truths: Mapping[str, Truth],
    ) -> None:  # fmt: skip
        """Gives a process its next cell: of its reader, else of a reader that nobody has, else of the longest queue."""
        if not own.get(worker):
            longest = max(own.values(), key=len, default=[])
            own[worker] = queues.pop(0) if queues else longest
        if not own[worker]:
            return
        cell = own[worker].pop(0)
        fresh: Mapping[str, Truth] = {}
        if truths and worker not in self._informed:  # all of them, once
            self._informed.add(worker)
            fresh = truths
        try:
            self._lines[worker].send((cell, fresh))
        except OSError:
            raise self._died(worker) from None
        busy[worker] = cell

    def _received(self, worker: int) -> Outcomes:
        try:
            outcomes, error, trace = self._lines[worker].recv()
        except (EOFError, OSError):
            raise self._died(worker) from None
        if error is not None:
            error.add_note(trace)
            raise error
        return outcomes

    def _died(self, worker: int) -> SelfscopeError:
        self._processes[worker].join(timeout=1)
        code = self._processes[worker].exitcode
        return SelfscopeError(
            f"a process that executes cells ended with code {code} (out of memory?): what was finished is kept, go on "
            "with --resume, perhaps with fewer --jobs"
        )


def _queues(cells: Sequence[Cell]) -> list[Queue]:
    """The cells of each reader and phenomenon in their order, the longest work first."""
    groups: dict[tuple[str, str], Queue] = {}
    for cell in cells:
        groups.setdefault((cell.phenomenon, cell.reader), []).append(cell)
    return sorted(groups.values(), key=lambda queue: -sum(cell.work for cell in queue))


def _sendable(study: Study, trials: Mapping[str, Sequence[Trial]], connect: Callable[[], Study] | None) -> bytes:
    try:
        return pickle.dumps((connect or study, dict(trials)))
    except Exception as error:
        why = " ".join(str(error).split())
        raise SelfscopeError(
            f"with several jobs the study is sent to other processes, and this one cannot be ({why}): give models by "
            "their names, or one job"
        ) from None


def _serve(line: Connection, work: bytes, settings: str) -> None:
    """What a process does: makes the study, then executes what it is sent until nobody sends any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()
    place: Workplace | None = None
    while True:
        try:
            cell, truths = line.recv()
        except (EOFError, OSError):
            return
        answer: tuple[Outcomes | None, BaseException | None, str]
        try:
            if place is None:
                study_source, trials = pickle.loads(work)
                study = study_source() if callable(study_source) else study_source
                if content_hash(study.settings()) != settings:
                    raise SelfscopeError("another process made another study of the same words: use one job")
                place = Workplace(study, trials)
            place.truths.update(truths)
            answer = place.execute(cell), None, ""
        except Exception as error:
            answer = None, _picklable(error), cleaned(traceback.format_exc())
        try:
            line.send(answer)
        except OSError:
            return


def _picklable(error: Exception) -> BaseException:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return SelfscopeError(f"{type(error).__name__}: {error}")
    return error


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCHED)
    os._exit(1)
