"""Other configurations of any part, made from the types that its fields declare: what a law over all parts varies.

A new reader, control, phenomenon or field is covered without a change here. A field whose type is not known, or whose
class refuses every value that is made, fails loudly.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import selfscope
from selfscope.catalogue import CATALOGUE, resolve
from selfscope.errors import SelfscopeError
from selfscope.records import Identified
from selfscope.subjects.base import Subject
from selfscope.subjects.phantom import Phantom

ROOMS = {"phenomenon": "phenomena", "reader": "readers", "control": "controls"}
TWINS = (Phantom("far away"), Phantom("far away", seed=1))
"""Two models that share a name and are not the same."""
TEXTS = ("other", "", "none", "True", "3", "-0.5", "nan", "a, b", 'x="1"', "[z]", "ü\n", "\\", "(1,2)", "{}")
"""Texts that could be taken for something else."""

USERS = str(Path(__file__).parent / "golden/other_users.json")
VALUES: Mapping[str, tuple[Any, ...]] = {
    "BehaviouralSelfAwareness.mark": ("begins", "mentions"),
    "Lying.conditions": (("role",), ("role", "cue"), ("cue", "role")),
    "UserBeliefs.source": (USERS,),
    "UserTreatment.source": (USERS,),
    "UserBeliefs.only": (("gender",), ("gender", "age"), ("age", "gender")),
    "UserTreatment.only": (("gender",), ("gender", "age"), ("age", "gender")),
    "Goals.planted": ("animals", "money"),
    "Resistance.only": (("edit",), ("edit", "trained"), ("trained", "edit")),
    "SelfModel.only": (("habits",), ("habits", "nature"), ("nature", "habits")),
    "SelfModel.planted": ("greets", "asks"),
    "TokenProbability.properties": (("first_char",), ("first_word", "first_char"), ("first_char", "first_word")),
}
"""Of fields that are empty unless they hold one of a closed set."""
NEEDS: Mapping[str, Mapping[str, Any]] = {
    "BehaviouralSelfAwareness.mark": {"word": "Well"},
    "Goals.benign": {"planted": "animals"},
    "BehaviouralSelfAwareness.alone": {"mark": "begins", "word": "Well"},
}
"""What other fields have to hold for a field to have another value."""


def catalogued(what: str) -> dict[str, type[Any]]:
    """The classes that a kind of part has by name."""
    return {name: resolve(what, name) for name in CATALOGUE[what]}


def shipped(what: str) -> list[type[Any]]:
    """Every class of a kind of part in its room, whether or not the catalogue names it."""
    _load()
    own = [c for c in _below(Identified) if c.__module__.startswith(f"selfscope.{ROOMS[what]}.")]
    return sorted(own, key=lambda c: c.__qualname__)


def usual(kind: type[Any]) -> Any:
    """A part with its defaults; what has none is the first value of its type."""
    hints = get_type_hints(kind)
    needed = [f for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
    return kind(**{f.name: values(hints[f.name])[0] for f in needed})


def varied(kind: type[Any]) -> list[tuple[str, Any]]:
    """(name of the field, the usual part with another value of just this field), for every compared field."""
    base, hints = usual(kind), get_type_hints(kind)
    made: list[tuple[str, Any]] = []
    for f in compared(kind):
        others = list(_others(base, f, hints[f.name]))
        assert others, f"{kind.__name__}.{f.name}: no other value of {hints[f.name]} is taken"
        made += [(f.name, other) for other in others]
    return made


def compared(kind: type[Any]) -> list[Field[Any]]:
    """The fields that are a part's configuration."""
    return [f for f in fields(kind) if f.compare]


def _others(base: Any, f: Field[Any], wanted: Any) -> Iterator[Any]:
    old, name = getattr(base, f.name), f"{type(base).__name__}.{f.name}"
    for value in (*_siblings(old), *VALUES.get(name, ()), *values(wanted)):
        try:
            other = replace(base, **{**NEEDS.get(name, {}), f.name: value})
        except SelfscopeError:  # a closed set of words
            continue
        if other != base:
            yield other


@cache
def _load() -> None:
    """All of it, so that what is found does not depend on what a test before has loaded."""
    for module in pkgutil.walk_packages(selfscope.__path__, "selfscope."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


@cache
def _words() -> tuple[tuple[str, ...], ...]:
    """Every collection of words that stands at the top of a module of ours: the closed sets of fields."""
    _load()
    own = [vars(module) for name, module in sorted(sys.modules.items()) if name.startswith("selfscope.")]
    lists = [tuple(v) for names in own for v in names.values() if isinstance(v, tuple | list | Mapping) and v]
    return tuple(dict.fromkeys(words for words in lists if all(isinstance(w, str) for w in words)))


def _siblings(value: Any) -> list[Any]:
    """The other members of those collections of words in which a text, or every text of a tuple, is."""
    inside = value if isinstance(value, tuple) else (value,)
    if not inside or not all(isinstance(v, str) for v in inside):
        return []
    known = list(dict.fromkeys(w for words in _words() if set(inside) <= set(words) for w in words))
    return [tuple(w for w in known if w != v) for v in known] if isinstance(value, tuple) else known


def values(wanted: Any) -> list[Any]:
    """Values of a declared type, several of each."""
    origin, inside = get_origin(wanted), get_args(wanted)
    if origin in (Union, types.UnionType):
        return [v for one in inside for v in values(one)]
    if origin is tuple:
        some = values(inside[0])
        return [(), *((v,) for v in some), tuple(some[:2]), tuple(some[1::-1])]
    known: dict[Any, list[Any]] = {
        bool: [True, False], int: [7, -3, 0, 1], float: [0.25, -1.5, 1e-9, 0.1 + 0.2, 0.3, 1e300, 2.0],
        str: list(TEXTS), type(None): [None], Subject: list(TWINS),
    }  # fmt: skip
    if wanted not in known:
        raise AssertionError(f"a part has a field of the type {wanted}: say here which values it may have")
    return known[wanted]


def _below(kind: type[Any]) -> list[type[Any]]:
    return [c for one in kind.__subclasses__() for c in (one, *_below(one))]
