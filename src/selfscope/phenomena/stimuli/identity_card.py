"""A card that a user gives: what a model's own files do not say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from selfscope.errors import BadInput
from selfscope.records.description import Description
from selfscope.records.json import strict_json


def with_card(known: Description, path: str) -> Description:
    """What is known, and what a file adds: a JSON object with fields of `Description`.

    Raises
    ------
    BadInput
        No such file, a field that does not exist or is of another type, or one that contradicts what is known.
    """
    try:
        told: Any = strict_json(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot read the card {path!r}: {error}. Give a file with one JSON object") from None
    return _joined(known, told, path)


def _joined(known: Description, told: Any, path: str) -> Description:
    names = {f.name: str if "str" in str(f.type) else int for f in fields(Description) if f.name != "splits"}
    if not isinstance(told, Mapping):
        raise BadInput(f"the card {path!r} is {type(told).__name__}, not an object with fields such as name and maker")
    have = asdict(known)
    for name, value in told.items():
        if name not in names:
            raise BadInput(f"the card {path!r} has a field {name!r}; there are: {', '.join(names)}")
        if not isinstance(value, names[name]) or isinstance(value, bool):
            raise BadInput(f"{name} of the card {path!r} is {value!r}: give {names[name].__name__}")
        if have[name] is not None and have[name] != value:
            raise BadInput(f"{name} of the card {path!r} is {value!r}, and the model's own files say {have[name]!r}")
    return replace(known, **dict(told))
