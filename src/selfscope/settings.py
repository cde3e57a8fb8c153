"""Settings written behind a name, as in `patchscope[layer=5]` or `phantom:access=0.4`: texts read by declared type."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from selfscope.errors import BadInput, SelfscopeError, UnknownName

OPENING, CLOSING = "([{", ")]}"
LARGEST = 2**63 - 1
"""Of a setting's whole number: exact in 64 bits."""


def split(text: str) -> list[str]:
    """The pieces between commas that stand in no bracket and no quotes."""
    pieces, start, depth, quoted, escaped = [], 0, 0, False, False
    for at, char in enumerate(text):
        if escaped:
            escaped = False
        elif char == "\\" and quoted:
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif not quoted:
            depth += (char in OPENING) - (char in CLOSING)
            if char == "," and depth <= 0:
                pieces.append(text[start:at])
                start = at + 1
    return [piece.strip() for piece in (*pieces, text[start:]) if piece.strip()]


def settable(kind: Any) -> Mapping[str, Any]:
    """Type of each setting of a class that a name may give: what it states as `settable`, else its fields; what is
    learnt and what is another model (its field says `metadata={"model": True}`) may not be given."""
    own: Mapping[str, Any] | None = getattr(kind, "settable", None)
    if own is not None:
        return own
    if not is_dataclass(kind):
        return {}
    hints = get_type_hints(kind)
    own_fields = (f for f in fields(kind) if f.compare and f.init and f.name != "observer")
    return {f.name: hints[f.name] for f in own_fields if not f.metadata.get("model")}


def read_settings(text: str, types: Mapping[str, Any], name: str, *, what: str, bare: str = "") -> dict[str, Any]:
    """`layer=5,method=means` as values of these types.

    name: the whole name, for messages. what: what a setting of it is called. bare: the setting that may stand without
    its name ("": none may). Texts may stand in double quotes; none, true, false and numbers are read where the type has
    them; tuples are written (1,2), or 1 alone.

    Raises UnknownName for a setting that does not exist, SelfscopeError for a value that its type cannot take.
    """
    settings: dict[str, Any] = {}
    for piece in split(text):
        key, equals, value = piece.partition("=")
        if not equals and not bare:
            example = f", as in {next(iter(types))}=VALUE" if types else ""
            raise SelfscopeError(f"{name}: a {what} is written NAME=VALUE{example}, not {piece!r}")
        key, value = (key.strip(), value.strip()) if equals else (bare, piece)
        if not types:
            raise SelfscopeError(f"{name}: there is no {what} to set")
        if key not in types:
            raise UnknownName(what, key, types)
        if key in settings:
            raise SelfscopeError(f"{name}: the setting {key} is given twice")
        settings[key] = _value(value, types[key], f"{name}: {key}")
    return settings


def built_with(maker: Callable[..., Any], settings: Mapping[str, Any], name: str) -> Any:
    """What a class or function makes of settings; what it refuses is one clear line."""
    try:
        return maker(**settings)
    except BadInput as error:
        raise BadInput(f"{name}: {error}") from None
    except SelfscopeError:
        raise
    except (TypeError, ValueError) as error:
        raise SelfscopeError(f"{name}: {error}") from None


def type_text(wanted: Any) -> str:
    """A type as people write it."""
    plain = getattr(wanted, "__name__", None) or str(wanted)
    if plain in ("tuple", "Union", "Optional") or "[" in str(wanted):
        plain = str(wanted)
    return plain.replace("typing.", "")


def _value(text: str, wanted: Any, where: str) -> Any:
    """A text as a value of a type. Raises SelfscopeError naming the setting and what it takes."""
    from pydantic import TypeAdapter, ValidationError

    adapter = TypeAdapter(wanted)
    several = any(get_origin(one) is tuple for one in (wanted, *get_args(wanted)))
    candidates = _candidates(text)
    if several and not text.startswith("("):  # one needs no parentheses
        candidates += [[one] for one in candidates]
    for candidate in candidates:
        try:
            return adapter.validate_python(candidate, strict=not isinstance(candidate, list))
        except ValidationError:
            continue
    written = ", written (A,B)" if several else ""
    raise SelfscopeError(f"{where} takes {type_text(wanted)}{written}, not {text!r}")


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
            value = number(text)
        except ValueError:
            continue
        if value == value and (isinstance(value, float) or abs(value) <= LARGEST):
            meanings.append(value)
    if text.startswith("(") and text.endswith(")"):
        meanings.append([_narrowest(piece) for piece in split(text[1:-1])])
    if text.startswith(('"', "{")):
        with suppress(ValueError, RecursionError):
            meanings.append(json.loads(text))
    return [*meanings, text]


def _narrowest(text: str) -> Any:
    return _candidates(text)[0]
