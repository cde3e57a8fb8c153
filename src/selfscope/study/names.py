"""Parts by name: `patchscope[layer=5,position=-2]` -> the part with these settings, read by the fields' own types."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

from selfscope import catalogue
from selfscope.errors import SelfscopeError, UnknownName

OPENING, CLOSING = "([{", ")]}"


def parsed(what: str, name: str) -> tuple[type[Any], dict[str, Any]]:
    """The class that a name stands for, and its settings. what: reader, control or phenomenon.

    A setting without a name is the `format`: `ask[free]`. Texts may stand in double quotes; none, true, false and
    numbers are read where the field's type has them; tuples are written (1,2).

    Raises UnknownName for a name or setting that does not exist, SelfscopeError for a value that its field cannot take.
    """
    if not isinstance(name, str):
        raise SelfscopeError(f"a {what} is given by its name or as an object, not as {name!r}")
    bare, bracket, inner = name.partition("[")
    if bracket and not inner.endswith("]"):
        raise SelfscopeError(f"{name!r} has no closing bracket: write {bare}[setting=value,...]")
    kind = catalogue.resolve(what, bare)
    if not isinstance(kind, type):
        raise SelfscopeError(f"{bare} is no class of a {what}: give module:Class")
    known = _settable(kind)
    settings: dict[str, Any] = {}
    for piece in split(inner[:-1]) if bracket else ():
        key, equals, value = piece.partition("=")
        key, value = (key.strip(), value.strip()) if equals else ("format", piece)
        if key not in known:
            raise UnknownName(f"setting of the {what} {bare}", key, known)
        if key in settings:
            raise SelfscopeError(f"{name}: the setting {key} is given twice")
        settings[key] = _read(value, known[key], f"{name}: {key}")
    return kind, settings


def built(what: str, name: str) -> Any:
    """The part of a name. Raises as `parsed`, and SelfscopeError for what its class refuses."""
    kind, settings = parsed(what, name)
    return made(kind, settings, name)


def made(kind: type[Any], settings: Mapping[str, Any], name: str) -> Any:
    """A part of a class; what it refuses is one clear line."""
    try:
        return kind(**settings)
    except SelfscopeError:
        raise
    except (TypeError, ValueError) as error:
        raise SelfscopeError(f"{name}: {error}") from None


def split(text: str) -> list[str]:
    """The pieces between commas that stand in no bracket and no quotes."""
    pieces, start, depth, quoted, escaped = [], 0, 0, False, False
    for at, char in enumerate(text + ","):
        if escaped:
            escaped = False
        elif char == "\\" and quoted:
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif not quoted:
            depth += (char in OPENING) - (char in CLOSING)
            if char == "," and depth <= 0:
                pieces.append(text[start:at].strip())
                start = at + 1
    return [piece for piece in pieces if piece]


def _settable(kind: type[Any]) -> dict[str, Any]:
    """Type of each field that a name may set: what is learnt and what is another model may not be."""
    if not is_dataclass(kind):
        return {}
    hints = get_type_hints(kind)
    return {f.name: hints[f.name] for f in fields(kind) if f.compare and f.init and f.name != "observer"}


def _read(text: str, wanted: Any, where: str) -> Any:
    """A text as a value of a type. Raises SelfscopeError naming the setting and what it takes."""
    from pydantic import TypeAdapter, ValidationError

    adapter = TypeAdapter(wanted)
    for candidate in _candidates(text):
        try:
            return adapter.validate_python(candidate, strict=not isinstance(candidate, list))
        except ValidationError:
            continue
    named = getattr(wanted, "__name__", None) or str(wanted)
    if named in ("tuple", "Union", "Optional") or "[" in str(wanted):
        named = str(wanted)
    raise SelfscopeError(f"{where} takes {named.replace('typing.', '')}, not {text!r}")


def _candidates(text: str) -> list[Any]:
    """What a text may mean, the narrowest first: none, a truth value, a number, a tuple, a text."""
    low = text.lower()
    meanings: list[Any] = []
    if low == "none":
        meanings.append(None)
    if low in ("true", "false"):
        meanings.append(low == "true")
    for number in (int, float):
        try:
            meanings.append(number(text))
        except ValueError:
            continue
    if text.startswith("(") and text.endswith(")"):
        meanings.append([_narrowest(piece) for piece in split(text[1:-1])])
    if text.startswith(('"', "{")):
        with suppress(json.JSONDecodeError):
            meanings.append(json.loads(text))
    return [*meanings, text]


def _narrowest(text: str) -> Any:
    return _candidates(text)[0]
