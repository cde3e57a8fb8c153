"""Parts by name: `patchscope[layer=5,position=-2]` -> the part with these settings, read by the fields' own types."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from selfscope import catalogue
from selfscope.errors import SelfscopeError
from selfscope.settings import built_with, read_settings, settable


def parsed(what: str, name: str) -> tuple[type[Any], dict[str, Any]]:
    """The class that a name stands for, and its settings. what: reader, control or phenomenon.

    A setting without a name is the `format`: `ask[free]`. How values are written: see `settings.read_settings`.

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
    called = f"setting of the {what} {bare}"
    return kind, read_settings(inner[:-1], settable(kind), name, what=called, bare="format") if bracket else {}


def look(what: str, names: Iterable[Any]) -> None:
    """Raises as `parsed` for the names among these; objects stand as they are. No part is made."""
    for name in names:
        if isinstance(name, str):
            parsed(what, name)


def built(what: str, name: str) -> Any:
    """The part of a name. Raises as `parsed`, and SelfscopeError for what its class refuses."""
    kind, settings = parsed(what, name)
    return built_with(kind, settings, name)
