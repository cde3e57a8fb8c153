"""Errors that a user can cause, as a tree. Each message names what was wrong, what was expected and what to do.

SelfscopeError
├── UnknownName       a model, phenomenon, reader, control or format that does not exist (lists what exists)
├── BadModel          a model folder that cannot be used: no tokenizer, no chat template, unsafe weights
├── BadInput          a layer, position, vector, text or record that cannot be taken (also a ValueError)
├── PromptTooLong     a prompt longer than the subject's context
├── Unsupported       the subject's access tier does not allow this
├── ServerError       a hosted model that is down, slow or answers garbage
├── FileError         a file or folder that the system does not let be read or written (also an OSError)
└── StoreError        a folder that is locked, or whose rows cannot be read
"""

from __future__ import annotations

import difflib
import errno
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from selfscope.terminal import message


class SelfscopeError(Exception):
    """Any mistake that one clear line explains; the command line prints it and exits with 2.

    It quotes names, files and servers: what it says is shown harmless and without secrets, wherever it is printed.

    Parameters
    ----------
    *parts
        The message.
    """

    def __init__(self, *parts: object) -> None:
        super().__init__(*(message(part) if isinstance(part, str) else part for part in parts))


class UnknownName(SelfscopeError):
    """A name that nothing has. The message lists what exists and the nearest one.

    Parameters
    ----------
    what
        Of which kind it would be: "reader", "row format".
    name
        What was asked for.
    known
        What exists.
    hint
        A sentence that is put behind.
    """

    def __init__(self, what: str, name: str, known: Iterable[str], hint: str = "") -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        guess = f" Did you mean {near[0]!r}?" if near else ""
        super().__init__(f"unknown {what} {name!r}.{guess} Known: {', '.join(names)}.{' ' + hint if hint else ''}")


class BadModel(SelfscopeError):
    """A model that cannot be loaded safely or at all."""


class BadInput(SelfscopeError, ValueError):
    """A layer, position, vector, text or record that does not exist or cannot be taken. The message says what does."""


def refuse_unused(names: Iterable[str], why: str) -> None:
    """Nothing that was asked for is passed over in silence.

    Parameters
    ----------
    names
        What was given though nothing takes it: options, or arguments.
    why
        What would take them, or what to do instead.

    Raises
    ------
    BadInput
        Where there is a name.
    """
    given = " and ".join(names)
    if given:
        raise BadInput(f"{given} would do nothing: {why}")


class PromptTooLong(SelfscopeError):
    """A prompt that does not fit into the subject's context."""


class Unsupported(SelfscopeError):
    """The subject does not offer the access that this needs."""


class ServerError(SelfscopeError):
    """A hosted model could not be reached or did not answer as agreed."""


class FileError(SelfscopeError, OSError):
    """A file or folder that the system does not let be read or written: no room, no right, no such place."""


ADVICE = {
    errno.ENOSPC: "free some space; what was finished is kept, and --resume goes on with it",
    errno.EDQUOT: "free some space; what was finished is kept, and --resume goes on with it",
    errno.EACCES: "give another place, or the right to use this one",
    errno.EPERM: "give another place, or the right to use this one",
    errno.EROFS: "give a place that can be written to",
    errno.ENAMETOOLONG: "give a shorter path",
    errno.ELOOP: "a link on the way leads to itself: give another place",
    errno.ENOTDIR: "a file stands where a folder should be: give another place",
    errno.EISDIR: "a folder stands where a file should be: give another place",
    errno.ENOENT: "give a place that exists",
}
LONGEST_PATH = 80
TRIED = ".selfscope-"
"""How the names of folders begin that are made and removed at once, to see whether that can be done."""


def file_error(error: OSError | ValueError, place: Path | str | None = None) -> FileError:
    """What the system said of a place, in one line.

    Parameters
    ----------
    error
        What was raised; a ValueError is a path that no system takes (with a NUL in it).
    place
        Which file or folder, where the error does not say.

    Returns
    -------
    FileError
        To be raised from the error.
    """
    named = getattr(error, "filename2", None) or getattr(error, "filename", None) or place  # the second: where it goes
    where = "" if named is None or isinstance(named, int) else str(named)
    if len(where) > LONGEST_PATH:
        half = LONGEST_PATH // 2
        where = f"{where[:half]}...{where[-half:]} ({len(where)} characters)"
    reason = (getattr(error, "strerror", None) or str(error) or type(error).__name__).strip()
    advice = ADVICE.get(getattr(error, "errno", None) or 0, "")
    return FileError(": ".join(filter(None, (f"cannot use {where!r}" if where else "", reason, advice))))


@contextmanager
def reaching(place: Path | str) -> Iterator[None]:
    """What the system raises of a file or folder in this block, as our own error.

    Parameters
    ----------
    place
        The file or folder.

    Raises
    ------
    FileError
        With the cause chained.
    """
    try:
        yield
    except (FileError, BrokenPipeError):
        raise
    except OSError as error:
        raise file_error(error, place) from error
    except ValueError as error:
        if "null byte" not in str(error) and "surrogates" not in str(error):
            raise
        raise file_error(error, place) from error


def check_writable(folder: Path | str) -> None:
    """Before hours are spent on what goes there: a folder, or the nearest one above it, is tried.

    Parameters
    ----------
    folder
        That need not be there yet.

    Raises
    ------
    FileError
        Nothing can be written there.
    """
    with reaching(folder):
        near = Path(folder).absolute()
        while not near.exists():
            near = near.parent
        try:
            os.rmdir(tempfile.mkdtemp(prefix=TRIED, dir=near))
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(near)) from error


def lacking_folder(folder: Path | str, file: str, what: str) -> str:
    """Why a folder holds nothing of a kind.

    Parameters
    ----------
    folder
        As it was given.
    file
        What would stand in it.
    what
        What it would hold: "decoder", "study".

    Returns
    -------
    str
        That there is no such folder, that it is a file or empty, or that the file is not in it.

    Raises
    ------
    FileError
        It may not be looked into.
    """
    place = Path(os.path.expanduser(folder))
    with reaching(place):
        if not os.path.lexists(place):
            return f"there is no folder {folder}"
        if not place.is_dir():
            return f"{folder} is no folder: it holds no {what}"
        if not any(place.iterdir()):
            return f"{folder} is empty: it holds no {what}"
    return f"{folder} holds no {what}: there is no {file} in it"


class StoreError(SelfscopeError):
    """A study folder that cannot be used as it is."""
