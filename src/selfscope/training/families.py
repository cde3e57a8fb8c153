"""The packaged bank: families of what may be set, the sentences that set and ask it, and what users say beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from selfscope.errors import UnknownName

BOTH = ("train", "test")
"""The sides of the bank: what is trained on, and what is kept for tests."""


@dataclass(frozen=True)
class Family:
    """What may be set, and how that is said and asked. A side is train or test; what is held out has test alone.

    Attributes
    ----------
    name : str
        Its id.
    about : str
        What it holds, in a sentence.
    held_out : bool
        Whether it is never trained.
    values : mapping
        Of each side (text of the option, what stands in a template).
    templates : mapping
        Of each side (role, text with {x}): the system's messages, and turns of the user.
    questions, answers : mapping
        Of each side the phrasings; answers have {x}.
    """

    name: str
    about: str
    held_out: bool
    values: Mapping[str, tuple[tuple[str, str], ...]]
    templates: Mapping[str, tuple[tuple[str, str], ...]]
    questions: Mapping[str, tuple[str, ...]]
    answers: Mapping[str, tuple[str, ...]]


@lru_cache(maxsize=1)
def bank() -> Mapping[str, Family]:
    """The packaged families by name.

    Returns
    -------
    mapping
        In the order of the files.
    """
    values = _table("values")
    return {
        name: Family(
            name, row["about"], row["held_out"],
            {side: tuple((v, v) if isinstance(v, str) else (v[0], v[1]) for v in values[name][side]) for side in BOTH},
            _templates(row), *({side: tuple(row[key][side]) for side in BOTH} for key in ("questions", "answers")),
        )
        for name, row in _table("families").items()
    }  # fmt: skip


def family(name: str) -> Family:
    """One family.

    Parameters
    ----------
    name
        Its id.

    Returns
    -------
    Family
        Of the bank.

    Raises
    ------
    UnknownName
        The bank has none of this name.
    """
    if name not in bank():
        raise UnknownName("family", name, bank())
    return bank()[name]


def messages() -> Mapping[str, Sequence[str]]:
    """Neutral messages of users of both sides.

    Returns
    -------
    mapping
        train and test.
    """
    return _table("neutral")["messages"]


def replies() -> Mapping[str, Sequence[str]]:
    """What an assistant says to a turn that sets a value, of both sides.

    Returns
    -------
    mapping
        train and test.
    """
    return _table("neutral")["replies"]


def empty_answers() -> Mapping[str, Sequence[str]]:
    """Answers where nothing was set, of both sides.

    Returns
    -------
    mapping
        train and test.
    """
    return _table("neutral")["nothing"]["answers"]


def empty_templates() -> Mapping[str, Sequence[tuple[str, str]]]:
    """Of both sides (role, text) of what sets nothing. An empty text is no message at all.

    Returns
    -------
    mapping
        train and test.
    """
    return _templates(_table("neutral")["nothing"])


def _templates(row: Mapping[str, Any]) -> dict[str, tuple[tuple[str, str], ...]]:
    by_role = (("system", row["templates"]), ("user", row["turns"]))
    return {side: tuple((role, text) for role, texts in by_role for text in texts[side]) for side in BOTH}


@lru_cache(maxsize=3)
def _table(name: str) -> Mapping[str, Any]:
    return json.loads((resources.files("selfscope") / "data" / f"bank_{name}.json").read_text(encoding="utf-8"))
