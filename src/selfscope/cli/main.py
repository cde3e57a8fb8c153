"""Runs the commands. A command is declared once, in the file that does it."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence

from selfscope.cli import ask, listings, studies
from selfscope.cli.app import app
from selfscope.errors import SelfscopeError

COMMANDS = (ask, studies, listings)
"""Files whose commands the application has: they are declared when these are imported."""


def main(arguments: list[str] | None = None) -> None:
    """Runs a command. A user's mistake is one line on the standard error and exit code 2; Ctrl-C is 130."""
    from cyclopts import CycloptsError

    words = sys.argv[1:] if arguments is None else arguments
    # The rivals are fitted with many tiny matrix products: threads that wait for each other make that five times
    # slower on a busy machine. torch has its own threads.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        app(words, exit_on_error=False, print_error=False, result_action="return_value")
    except (SelfscopeError, CycloptsError) as error:
        print(f"selfscope: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        if words[:1] in (["card"], ["study"]):
            print(f"\nStopped; what was finished is kept. Go on with:\n  {resume_command(words)}", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


def resume_command(words: Sequence[str]) -> str:
    """The command that goes on with an interrupted one."""
    return shlex.join(["selfscope", *words, *([] if "--resume" in words else ["--resume"])])
