"""The same sentence in another register: what reads its content reads it there too, and who learnt a style does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from selfscope.errors import UnknownName


def _capitals(text: str) -> str:
    return text.upper()


def _notes(text: str) -> str:
    return "- " + text.rstrip(".!?").lower()


def _letter(text: str) -> str:
    return f"Dear reader,\n\n{text}\n\nKind regards"


REGISTERS: Mapping[str, Callable[[str], str]] = {"capitals": _capitals, "notes": _notes, "letter": _letter}
"""Each takes a text that is in no register of its own. An empty text is none, and stays empty."""


def written(text: str, register: str) -> str:
    """A text in a register.

    Parameters
    ----------
    text
        Of sentences. Nothing is said by an empty one, in any register.
    register
        A name of REGISTERS; empty: as it stands.

    Returns
    -------
    str
        Says the same.

    Raises
    ------
    UnknownName
        There is no such register.
    """
    if register and register not in REGISTERS:
        raise UnknownName("register", register, REGISTERS)
    return REGISTERS[register](text) if register and text else text
