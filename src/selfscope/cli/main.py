"""Runs the commands. A command is declared once, in the file that does it."""

from __future__ import annotations

import inspect
import os
import shlex
import sys
import traceback
import warnings
from collections.abc import Sequence
from types import TracebackType
from typing import TextIO

from selfscope.cli import ask, elicitation, listings, organisms, steering, studies, training
from selfscope.cli.app import app
from selfscope.errors import SelfscopeError, file_error
from selfscope.terminal import message as said
from selfscope.terminal import one_line, say

COMMANDS = (ask, studies, training, elicitation, steering, organisms, listings)
"""Files whose commands the application has: they are declared when these are imported."""


def main(arguments: list[str] | None = None) -> None:
    """Runs a command. A user's mistake is one line on the standard error and exit code 2; Ctrl-C is 130."""
    from cyclopts import CycloptsError

    words = sys.argv[1:] if arguments is None else arguments
    # The rivals are fitted with many tiny matrix products: threads that wait for each other make that five times
    # slower on a busy machine. torch has its own threads.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if arguments is None:  # this process is the command
        sys.excepthook, warnings.showwarning = _tell_error, _tell_warning
    try:
        _require_text(words)
        app(words, exit_on_error=False, print_error=False, result_action="return_value")
    except (SelfscopeError, CycloptsError) as error:
        say(f"selfscope: {one_line(said(str(error)))}", error=True)
        sys.exit(2)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:  # the one place where the system's own errors end; in Python most are a FileError by now
        say(f"selfscope: {one_line(said(str(file_error(error))))}", error=True)
        sys.exit(2)
    except KeyboardInterrupt:
        if _goes_on(words):
            say(f"\nStopped; what was finished is kept. Go on with:\n  {resume_command(words)}", error=True)
        sys.exit(130)


def _require_text(words: Sequence[str]) -> None:
    """Bytes that are no text reach Python as halves of characters: nothing could be kept or shown of them."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise SelfscopeError(f"{word[:40]!a} is not UTF-8 text: write it in UTF-8") from None


def _tell_error(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
    """A mistake of ours, or of a part of a user's own: its message may quote a model."""
    say("".join(traceback.format_exception(kind, error, at)).rstrip(), error=True)


def _tell_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None,
    line: str | None = None,
) -> None:  # fmt: skip
    say(warnings.formatwarning(message, category, filename, lineno, line).rstrip(), error=True)


def _goes_on(words: Sequence[str]) -> bool:
    """Whether a command has the option --resume."""
    command = app.parse_commands(list(words))[1][-1].default_command
    return command is not None and "resume" in inspect.signature(command).parameters


def resume_command(words: Sequence[str]) -> str:
    """The command that goes on with an interrupted one."""
    return shlex.join(["selfscope", *words, *([] if "--resume" in words else ["--resume"])])
