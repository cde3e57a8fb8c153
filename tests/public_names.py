"""What is public: the names of `selfscope.__all__` and the parts that have a word; and what their docstrings lack."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from types import ModuleType
from typing import Any

from docstring_parser import Docstring, DocstringStyle, parse  # cyclopts brings it: it reads our help texts

import selfscope
from selfscope.catalogue import CATALOGUE, resolve
from selfscope.controls.base import Control
from selfscope.phenomena.base import Phenomenon
from selfscope.readers.base import Reader

PARTS = {"reader": "Readers", "control": "Controls", "phenomenon": "Phenomena"}
"""Kinds of the catalogue whose objects are documented, with the title of their group."""


@dataclass(frozen=True)
class Member:
    """A public method or property of a class. function: what is called (of a property: its getter)."""

    name: str
    function: Callable[..., Any]
    is_property: bool

    @property
    def parameters(self) -> list[inspect.Parameter]:
        return parameters(self.function)


def public() -> dict[str, Any]:
    """Name -> object: everything of `selfscope.__all__`, what its namespaces offer, the parts of the catalogue, and the
    protocols that they keep."""
    names: dict[str, Any] = {protocol.__name__: protocol for protocol in (Reader, Control, Phenomenon)}
    for name in selfscope.__all__:
        thing = getattr(selfscope, name)
        names |= contents(thing) if isinstance(thing, ModuleType) else {name: thing}
    for kind in PARTS:
        names |= {thing.__name__: thing for thing in (resolve(kind, word) for word in CATALOGUE[kind])}
    return names


def contents(namespace: ModuleType) -> dict[str, Any]:
    return {name: getattr(namespace, name) for name in namespace.__all__}


def words() -> dict[str, tuple[str, str]]:
    """Name of a class -> (group, word on the command line) of the parts that have one."""
    return {resolve(kind, word).__name__: (group, word) for kind, group in PARTS.items() for word in CATALOGUE[kind]}


def is_protocol(thing: Any) -> bool:
    return inspect.isclass(thing) and bool(getattr(thing, "_is_protocol", False))


def documentation(thing: Any) -> Docstring:
    """Its own docstring, never one that it inherits from a class of the standard library."""
    return parse(inspect.cleandoc(thing.__doc__ or ""), DocstringStyle.NUMPYDOC)


def parameters(function: Any) -> list[inspect.Parameter]:
    """Its parameters, without the object that it is a method of."""
    try:
        every = list(inspect.signature(function).parameters.values())
    except ValueError:  # a class of C
        return []
    return [p for p in every if p.name not in ("self", "cls")]


def has_constructor(cls: type) -> bool:
    """Whether users call it: protocols and enums are not made by calling them."""
    return not is_protocol(cls) and not issubclass(cls, Enum) and cls.__init__ is not Exception.__init__


def members(cls: type) -> Iterator[Member]:
    """Public methods and properties, those of our own base classes too, in the order in which they are written."""
    seen: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.split(".")[0] not in sys.stdlib_module_names:
            seen |= {name: value for name, value in vars(base).items() if not name.startswith("_")}
    for name, value in seen.items():
        if isinstance(value, property | cached_property):
            yield Member(name, value.fget if isinstance(value, property) else value.func, True)
        elif isinstance(value, classmethod | staticmethod):
            yield Member(name, value.__func__, False)
        elif inspect.isfunction(value):
            yield Member(name, value, False)


def described(member: Member) -> Member | None:
    """The same member of a public protocol, which says what each of its parameters is."""
    for thing in public().values():
        if is_protocol(thing):
            for other in members(thing):
                if other.name == member.name and _names(other) == _names(member):
                    return other
    return None


def _names(member: Member) -> list[str]:
    return [p.name for p in member.parameters]


def documented(text: Docstring, *sections: str) -> list[str]:
    """Names that stand in these sections (param, attribute); one line may document several, with commas."""
    entries = [entry for entry in text.params if entry.args[0] in sections]
    return [name.strip().lstrip("*") for entry in entries for name in entry.arg_name.split(",")]


def complaints(name: str, thing: Any) -> list[str]:
    """What the docstrings of a public object and of its public members lack, one line each."""
    if inspect.isclass(thing):
        return [*_of_class(name, thing), *(line for m in members(thing) for line in _of_member(f"{name}.{m.name}", m))]
    if callable(thing):
        return _of_function(name, thing, documentation(thing))
    return [f"{name} is no function, class or namespace"]


def _of_function(name: str, function: Any, text: Docstring) -> list[str]:
    if not text.short_description:
        return [f"{name} has no docstring"]
    real, known = [p.name for p in parameters(function)], documented(text, "param")
    lines = [f"{name} does not say what its parameter {p} is" for p in real if p not in known]
    lines += [f"{name} documents {p}, which is none of its parameters" for p in known if p not in real]
    back = inspect.signature(function).return_annotation
    if back not in (None, "None", inspect.Signature.empty) and not text.many_returns:
        lines.append(f"{name} returns {back}, and has no section Returns")
    return lines


def _of_member(name: str, member: Member) -> list[str]:
    text, protocol = documentation(member.function), described(member)
    if protocol is not None and protocol.function is not member.function:
        text = text if text.params or text.many_returns else documentation(protocol.function)
    if member.is_property:
        return [] if text.short_description or member.name in _of_protocols() else [f"{name} has no docstring"]
    return _of_function(name, member.function, text)


def _of_protocols() -> list[str]:
    """Attributes that a public protocol documents."""
    protocols = [thing for thing in public().values() if is_protocol(thing)]
    return [name for protocol in protocols for name in documented(documentation(protocol), "attribute")]


def _of_class(name: str, cls: type) -> list[str]:
    text = documentation(cls)
    if not text.short_description or (cls.__doc__ or "").startswith(f"{cls.__name__}("):  # what dataclass writes
        return [f"{name} has no docstring"]
    made = [p.name for p in parameters(cls)] if has_constructor(cls) else []
    every = {*made, *(n for base in cls.__mro__ for n in (*vars(base), *vars(base).get("__annotations__", {})))}
    known = documented(text, "param", "attribute")
    lines = [f"{name} does not say what its field {p} is" for p in made if p not in known]
    strange = [p for p in documented(text, "param") if p not in made]
    lines += [f"{name} documents the parameter {p}, which it does not take" for p in strange]
    if not is_protocol(cls):  # what a protocol's objects may leave out is none of its members
        lines += [f"{name} documents {p}, which it does not have" for p in known if p not in every]
    return lines
