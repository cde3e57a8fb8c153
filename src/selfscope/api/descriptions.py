"""What the catalogue's parts are, for people and programs: titles, access, settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import Any

from selfscope import catalogue
from selfscope.records import to_jsonable
from selfscope.settings import settable, type_text

SHOWN = {
    "phenomenon": ("asks", "tier", "family", "formats"), "reader": ("rung", "tier"), "control": ("role",),
    "organism": (),
}  # fmt: skip
"""What each kind of part says of itself."""
USUAL = {"tier": "text", "family": "report", "role": "wording"}
"""What holds where a part says nothing else."""
_END = re.compile(r"(?<=[.?!])\s+(?!\d)")


@dataclass(frozen=True)
class Setting:
    """What may stand in brackets behind a name. type: in words. default: JSON-ready, None where it is `required`."""

    name: str
    type: str
    default: Any = None
    required: bool = False


@dataclass(frozen=True)
class Description:
    """One part. sentence: the first of its documentation. facts: those of SHOWN that it has, JSON-ready."""

    name: str
    title: str
    sentence: str
    facts: Mapping[str, Any]
    settings: tuple[Setting, ...]

    def data(self) -> dict[str, Any]:
        """JSON-ready."""
        own = {"name": self.name, "title": self.title, **self.facts, "description": self.sentence}
        return {**own, "settings": to_jsonable(self.settings)}


def describe(what: str) -> list[Description]:
    """Every part of the catalogue. what: phenomenon, reader, control or organism. What depends on settings is shown for
    the usual ones."""
    return [_described(what, name) for name in catalogue.names(what)]


def first_sentence(text: str | None) -> str:
    """The first whole sentence of a documentation, in one line."""
    paragraph = (text or "").strip().split("\n\n")[0]
    return _END.split(" ".join(paragraph.split()))[0]


def _described(what: str, name: str) -> Description:
    kind = catalogue.resolve(what, name)
    part = _usual(kind)
    facts = {fact: _stated(part, fact, USUAL.get(fact)) for fact in SHOWN[what]}
    if facts.get("rung") == "probe":
        facts["tier"] = "activations"
    return Description(
        name, _stated(part, "title", name.replace("_", " ")), first_sentence(kind.__doc__),
        to_jsonable({fact: value for fact, value in facts.items() if value is not None}), _settings(kind),
    )  # fmt: skip


def _usual(kind: type[Any]) -> Any:
    """A part with its usual settings; the class itself where it has none."""
    required = [f for f in fields(kind) if _default(f) is MISSING and f.init] if is_dataclass(kind) else []
    return kind if required else kind()


def _stated(part: Any, fact: str, usual: str | None) -> Any:
    value = getattr(part, fact, None)
    return usual if value is None or isinstance(value, property) else value


def _settings(kind: type[Any]) -> tuple[Setting, ...]:
    by_name = {f.name: _default(f) for f in fields(kind)} if is_dataclass(kind) else {}
    return tuple(
        Setting(name, type_text(wanted), None if by_name[name] is MISSING else to_jsonable(by_name[name]),
                by_name[name] is MISSING)
        for name, wanted in settable(kind).items()
    )  # fmt: skip


def _default(f: Field[Any]) -> Any:
    return f.default_factory() if f.default_factory is not MISSING else f.default
