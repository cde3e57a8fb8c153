"""A program and what it has to do, in a box: whether it does, test by test, and if not, why not."""

from __future__ import annotations

import math
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from selfscope.errors import BadInput
from selfscope.sandbox.boxes import Box, Limits
from selfscope.sandbox.conversation import Conversation, Ended
from selfscope.sandbox.guest import decoded, encoded

CLOSE = 1e-6
"""How near a floating-point answer is to the right one, as a part of it."""
USUAL = Limits()


@dataclass(frozen=True)
class Job:
    """A program, and how it is tested.

    Attributes
    ----------
    program : str
        What the model wrote.
    entry : str
        The function that is called.
    calls : tuple of (tuple, object)
        Arguments and the right value, as plain data.
    tests : str
        In their place: a program that defines `check(candidate)`. It runs in another box than what it tests.

    Raises
    ------
    BadInput
        Neither calls nor tests, or both.
    """

    program: str
    entry: str
    calls: tuple[tuple[tuple[Any, ...], Any], ...] = ()
    tests: str = ""

    def __post_init__(self) -> None:
        if bool(self.calls) == bool(self.tests.strip()):
            both = "both" if self.calls else "none"
            raise BadInput(f"a program is tested by calls or by tests: {self.entry!r} has {both}")


@dataclass(frozen=True)
class Run:
    """What came of a program.

    Attributes
    ----------
    outcome : str
        passed; failed (the program did that); error (the box or its harness did: never a fail).
    why : str
        Empty where it passed.
    each : tuple of bool
        Of each call, up to the one at which it ended.
    seconds : float
        By the clock.
    level : int
        Of the box.
    """

    outcome: Literal["passed", "failed", "error"]
    why: str = ""
    each: tuple[bool, ...] = ()
    seconds: float = field(default=0.0, compare=False)
    level: int = 0


def run(box: Box, job: Job, limits: Limits = USUAL) -> Run:
    """Runs one program.

    Parameters
    ----------
    box
        Where.
    job
        What, and how it is tested.
    limits
        What it may use.

    Returns
    -------
    Run
        Its outcome. What the program does to its harness is its own: it fails.
    """
    each: list[bool] = []
    try:
        worker = Conversation(box, limits)
    except OSError as error:
        return Run("error", f"the box did not start: {error}", level=box.level)
    with worker:
        try:
            _started(worker, {"program": job.program, "entry": job.entry})
            why = _begun(worker.told())
            if not why:
                why = _called(worker, job, each) if job.calls else _judged(box, worker, job, limits)
            outcome: Literal["passed", "failed", "error"] = "failed" if why else "passed"
        except Ended as ended:
            outcome, why = "failed", str(ended)
        except _Harness as error:
            outcome, why = "error", str(error)
    return Run(outcome, why, tuple(each), time.monotonic() - worker.started, box.level)


class Beside:
    """Runs programs beside whatever else is done in the block: a model that samples the next ones.

    Parameters
    ----------
    box, limits
        As of `run`.
    at_once
        How many.
    """

    def __init__(self, box: Box, limits: Limits = USUAL, *, at_once: int = 2) -> None:
        self._box, self._limits = box, limits
        self._pool = ThreadPoolExecutor(at_once)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(cancel_futures=error[0] is not None)

    def begun(self, job: Job) -> Future[Run]:
        """What will have come of a program."""
        return self._pool.submit(run, self._box, job, self._limits)


class _Harness(Exception):
    """It was not the program: its text says what."""


def _started(one: Conversation, order: dict[str, Any]) -> None:
    """Gives the first order. Raises _Harness where nobody takes it."""
    try:
        one.tell(order)
        one.told()
    except (Ended, BadInput) as ended:
        raise _Harness(f"the box did not start: {one.complaint() or ended}") from None


def _begun(answer: dict[str, Any]) -> str:
    return "" if answer["event"] == "ready" else _raised(answer)


def _called(worker: Conversation, job: Job, each: list[bool]) -> str:
    """Why a call went wrong, the first one."""
    first = ""
    for args, right in job.calls:
        _ask(worker, [encoded(one) for one in args])
        answer = worker.told()
        if answer["event"] == "value":
            ok = _same(_value(answer), right)
            why = "" if ok else "a wrong value"
        else:
            ok, why = False, _raised(answer)
        each.append(ok)
        first = first or why
    return first


def _judged(box: Box, worker: Conversation, job: Job, limits: Limits) -> str:
    """Why its tests fail, which run in a box of their own."""
    with Conversation(box, limits) as judge:
        _started(judge, {"tests": job.tests})
        while (answer := _of_tests(judge))["event"] == "call":
            _ask(worker, answer["args"])
            said = worker.told()
            try:
                judge.tell(said)
            except BadInput:
                raise Ended("too much output") from None
        return "" if answer["event"] == "passed" else _raised(answer)


def _ask(worker: Conversation, args: list[Any]) -> None:
    """Calls the function. Raises _Harness where what the tests give is too long."""
    try:
        worker.tell({"args": args})
    except BadInput as error:
        raise _Harness(str(error)) from None


def _of_tests(judge: Conversation) -> dict[str, Any]:
    """Raises _Harness where the tests answer no more: they are not the program's."""
    try:
        return judge.told()
    except Ended as ended:
        raise _Harness(f"the tests did not end: {judge.complaint() or ended}") from None


def _raised(answer: dict[str, Any]) -> str:
    return f"{answer.get('kind', 'an unknown answer')} in the {answer.get('where', 'program')}"


class _Nothing:
    """Equal to nothing."""

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]


def _value(answer: dict[str, Any]) -> Any:
    try:
        return decoded(answer["value"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return _Nothing()


def _same(found: Any, right: Any) -> bool:
    """Equal, of one type but for numbers, and these nearly so."""
    if isinstance(right, float) or isinstance(found, float):
        numbers = isinstance(found, int | float) and isinstance(right, int | float)
        try:
            return numbers and math.isclose(found, right, rel_tol=CLOSE, abs_tol=CLOSE)
        except OverflowError:
            return False  # a whole number beyond all floating-point ones
    if isinstance(right, list | tuple):
        same = type(found) is type(right) and len(found) == len(right)
        return same and all(_same(a, b) for a, b in zip(found, right, strict=True))
    return bool(type(found) is type(right) and found == right)
