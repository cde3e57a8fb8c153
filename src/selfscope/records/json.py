"""Records to JSON and back, and their content hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import is_dataclass
from enum import Enum
from functools import lru_cache
from pathlib import PurePath
from types import MappingProxyType
from typing import Any, TypeVar

from selfscope.errors import BadInput

SCHEMA = 2
"""The layout of a folder's records: another number is another layout. 2: every part of a study is kept with its whole
configuration, and the arm of a trial is no control."""
HASHED_AS = {"given_text": "material", "negated": "flipped"}
"""Names under which fields enter a hash: ids decide which trials are drawn, so a better name must not draw others."""
LATER: Mapping[str, Mapping[str, Any]] = {
    "Prompt": {"masked": "", "asked": ""}, "ReaderPart": {"inside": False}, "PhenomenonPart": {"events": {}},
}  # fmt: skip
"""Class -> fields that it got later, with their default: where they hold it they are not written and enter no hash, so
that a record without them has the id that it always had."""
COMPACT = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))
PLAIN = frozenset({str, int, float, bool, type(None)})
"""What is JSON already: almost every value is, and asking what else it might be is most of the time."""
LARGEST = 2**63 - 1
"""Whole numbers that are kept lie between its negative, less one, and it: what 64 bits hold."""
T = TypeVar("T")


def to_jsonable(value: Any, names: Mapping[str, str] = MappingProxyType({})) -> Any:
    """Any record as JSON-ready dicts, lists and scalars.

    Parameters
    ----------
    value : object
        A record, a mapping, a tuple or list, an enum, an array (its ``tolist``), a path, or a scalar, nested at will.
    names : mapping of str to str
        Fields of records that get another name.
    """
    kind = type(value)
    if kind in PLAIN:
        return value
    if kind is tuple or kind is list:
        return [v if type(v) in PLAIN else to_jsonable(v, names) for v in value]
    if is_dataclass(kind):
        later = LATER.get(kind.__name__)
        own = vars(value)
        if later:
            own = {k: v for k, v in own.items() if k not in later or v != later[k]}
        return {names.get(k, k): v if type(v) in PLAIN else to_jsonable(v, names) for k, v in own.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(k): to_jsonable(v, names) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [to_jsonable(v, names) for v in value]
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value) if isinstance(value, PurePath) else value


def to_json(record: Any) -> str:
    """One line of JSON with sorted keys: the same record gives the same bytes."""
    return _compact(to_jsonable(record))


def from_json(kind: type[T], text: str | bytes) -> T:
    """The record that `to_json` wrote.

    Parameters
    ----------
    kind : type
        The record's class.
    text : str or bytes
        One line of JSON.

    Raises
    ------
    ValueError
        The text is not such a record; the message names the field.
    """
    return _adapter(kind).validate_json(text)  # type: ignore[arg-type]


def strict_json(text: str | bytes) -> Any:
    """A JSON text as plain values, of what every reader of JSON takes the same way.

    Parameters
    ----------
    text : str or bytes
        UTF-8.

    Returns
    -------
    object
        Dicts, lists, texts, finite numbers, truth values and None.

    Raises
    ------
    ValueError
        No JSON, NaN or Infinity, a number that no float or no 64 bits hold, half of a character, or a nesting without
        end. The message is a sentence without its subject: "is not JSON ...".
    """
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite, parse_int=_whole)
        to_json(value).encode()
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except UnicodeEncodeError:
        raise ValueError("holds half of a character (a lone surrogate)") from None
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON ({error.msg} at column {error.colno})") from None
    return value


def _no_constant(word: str) -> Any:
    raise ValueError(f"holds {word}, which is no number of JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"holds the number {digits[:20]}, which is too large")
    return number


def _whole(digits: str) -> int:
    number = int(digits) if len(digits) <= len(str(-LARGEST)) else LARGEST + 1
    if not -LARGEST - 1 <= number <= LARGEST:
        raise ValueError(f"holds the number {digits[:20]}{'...' * (len(digits) > 20)}, which is too large for 64 bits")
    return number


def content_hash(*parts: Any, size: int = 16) -> str:
    """Stable hexadecimal digest of any records or plain values, the same in every process.

    Parameters
    ----------
    *parts : object
        What `to_jsonable` takes. Their order counts.
    size : int
        Digits of the digest, 64 at most.
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(_bytes(_compact(to_jsonable(part, HASHED_AS))))
        digest.update(b"\x00")
    return digest.hexdigest()[:size]


def _bytes(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        half = text[error.start]
        raise BadInput(f"a text holds half of a character ({half!a}): it cannot be kept as it is") from None


def _compact(value: Any) -> str:
    return COMPACT.encode(value)


@lru_cache(maxsize=64)
def _adapter(kind: type) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
