"""Errors that a user can cause, as a tree. Each message names what was wrong, what was expected and what to do.

SelfscopeError
├── UnknownName       a model, phenomenon, reader, control or format that does not exist (lists what exists)
├── BadModel          a model folder that cannot be used: no tokenizer, no chat template, unsafe weights
├── BadInput          a layer, position, vector, text or record that cannot be taken (also a ValueError)
├── PromptTooLong     a prompt longer than the subject's context
├── Unsupported       the subject's access tier does not allow this
├── ServerError       a hosted model that is down, slow or answers garbage
└── StoreError        a folder that is locked, or whose rows cannot be read
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

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


class PromptTooLong(SelfscopeError):
    """A prompt that does not fit into the subject's context."""


class Unsupported(SelfscopeError):
    """The subject does not offer the access that this needs."""


class ServerError(SelfscopeError):
    """A hosted model could not be reached or did not answer as agreed."""


class StoreError(SelfscopeError):
    """A study folder that cannot be used as it is."""
