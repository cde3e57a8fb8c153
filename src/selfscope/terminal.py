"""What reaches a terminal: one way out for all that is printed, on which foreign text is made harmless.

A model's answer, a name in a file or a server's message may hold control sequences, marks that turn the direction of
what follows, and characters that nobody sees. None of them reaches a terminal: each is shown as what it is.
"""

from __future__ import annotations

import json
import re
import sys
from contextlib import suppress
from dataclasses import is_dataclass, replace
from typing import Any, TypeVar

from selfscope.secrets import cleaned, cleaned_json, without_logins

T = TypeVar("T")
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
"""Characters that control a terminal, turn the direction of a text, end a line, or are not seen; the end of a line and
the tab apart, and the selectors of an emoji's look."""
COLOURS = re.compile("(\x1b\\[[0-9;]*m)")
"""Codes of bold and colours, which tables write."""
PICTURES, SPACE = 0x2400, 0x20
"""Where Unicode has pictures of the control characters, which stand before the space."""


def shown(text: str) -> str:
    """A text in which what would not be seen is: U+202E as <U+202E>, an escape as its picture. Lines stay lines."""
    return HIDDEN.sub(_picture, text) if HIDDEN.search(text) else text


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    return chr(PICTURES + code) if code < SPACE else f"<U+{code:04X}>"


def one_line(text: str, longest: int | None = None) -> str:
    """A foreign text on one line, shown, without secrets, cut where it is longer than `longest` characters."""
    line = " ".join(shown(cleaned(text)).split())
    return line if longest is None or len(line) <= longest else line[:longest].rstrip() + "..."


def message(text: str) -> str:
    """What an error says: shown, and without secrets, those in addresses included."""
    return shown(without_logins(cleaned(text)))


def all_shown(record: T) -> T:
    """A record, mapping or sequence with every text in it shown; the very same where all is seen."""
    return _all_shown(record)


def _all_shown(value: Any) -> Any:
    kind = type(value)
    if kind is str:
        return shown(value)
    if kind in (int, float, bool, type(None)):
        return value
    if isinstance(value, dict):
        new: Any = {_all_shown(k): _all_shown(v) for k, v in value.items()}
        same = value.keys() == new.keys() and all(a is b for a, b in zip(value.values(), new.values()))
        return value if same else new
    if kind in (tuple, list):
        new = [_all_shown(item) for item in value]
        return value if all(a is b for a, b in zip(value, new)) else kind(new)
    if is_dataclass(value) and not isinstance(value, type):
        changed = {name: new for name, old in vars(value).items() if (new := _all_shown(old)) is not old}
        return replace(value, **changed) if changed else value
    return value


def as_json(text: str) -> str:
    """JSON text whose hidden characters are escapes: it says the same."""
    return HIDDEN.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1] if match[0] != "\x7f" else "\\u007f"


def say(text: str = "", *, error: bool = False, coloured: bool = False) -> None:
    """Prints lines. error: on the standard error. coloured: codes of colours in it are ours, and stay."""
    clean = cleaned(text)
    pieces = COLOURS.split(clean) if coloured else [clean]
    # Every other piece is a code of colours.
    written = "".join(piece if at % 2 else shown(piece) for at, piece in enumerate(pieces))
    print(written, file=sys.stderr if error else sys.stdout, flush=error)


def say_json(text: str) -> None:
    """Prints JSON, or JSON Lines, without another end than its own; it stays JSON where a secret is taken out."""
    sys.stdout.write(as_json(text if cleaned(text) == text else _clean_json(text)))


def _clean_json(text: str) -> str:
    with suppress(ValueError):
        return "\n".join(map(cleaned_json, text.split("\n")))
    with suppress(ValueError):  # no JSON Lines: one value over many lines
        return cleaned_json(text, indent=1) + "\n" * text.endswith("\n")
    return cleaned(text)
