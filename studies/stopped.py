"""How a long study ends when it is stopped: in one line. All of them go on where they were."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Callable

STOPPED = 128 + signal.SIGINT


def ended(main: Callable[[], int]) -> int:
    """The exit code of a study; Ctrl-C is one line with the command that goes on."""
    try:
        return main()
    except KeyboardInterrupt:
        command = shlex.join(["python", *sys.argv])
        print(f"\nStopped; what was finished is kept. Go on with:\n  {command}", file=sys.stderr)
        return STOPPED
