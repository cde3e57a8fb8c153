"""Being stopped from outside, in a run that has to end with whole steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STOPS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ctrl-C, or a request to end, within this block is answered at its end: what belongs together is done as one."""
    if threading.current_thread() is not threading.main_thread():  # others are not interrupted
        yield
        return
    asked: list[int] = []
    before = {number: signal.getsignal(number) for number in STOPS}
    own = [number for number, handler in before.items() if handler is not None]  # None: it is not Python's
    for number in own:
        signal.signal(number, lambda number, frame: asked.append(number))
    try:
        yield
    finally:
        for number in own:
            signal.signal(number, before[number])
        if asked:
            signal.raise_signal(asked[0])
