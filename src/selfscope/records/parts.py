"""What the parts of a study say of themselves, as data: readers, controls and phenomena.

A part is identified by its whole configuration: its id is its kind and every compared field that differs from its
default. The study keeps these records beside its rows; verdicts and reports look them up and never take an id apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from enum import Enum
from typing import Any

from selfscope.errors import BadInput, SelfscopeError
from selfscope.records.json import strict_json, to_json

PLAIN = "plain"
"""In the place of a control's id: the trial as it was posed."""
REAL = "real"
"""The arm of a trial in whose place nothing else stands."""
RUNGS = ("prior", "input", "history", "twin", "ablated", "self", "probe", "behaviour")
"""Who an observer is, by the information that it had (design: observer ladder), from least to most."""
ROLES = (
    "wording", "person", "sham", "state", "hidden_state", "masked_state", "competence", "state_competence", "alarm",
    "panel", "arm", "sweep",
)  # fmt: skip
"""What a control is for. wording: the same question in other words. person: the same of somebody else. sham: a change
of state that changes nothing. state: the subject behaves otherwise, by a text in its context. hidden_state: it behaves
otherwise, by something that no report can read as text; its arms are the changed state, and the same words and a third
person with it and without. masked_state: turns that only the object attended to. competence: the property of a given
text;
state_competence: that under a changed state. alarm: was the state changed? panel: plain facts. arm: something else in
the place of what is read. sweep: a grid over where it is read and written."""
FAMILIES = ("report", "activations", "injection", "crossed")
"""report: what the subject says of itself is judged by shares. activations: readings are judged against their arms.
injection: something is written into it, and it is asked whether it noticed. crossed: a state and a shown record are
crossed, and a report is judged by what moves it."""
_BARE = re.compile(r"[A-Za-z_/@.][\w/@.:-]*")
_NOT_TEXT = ("none", "true", "false")


@dataclass(frozen=True)
class Part:
    """What stands in a study.

    Attributes
    ----------
    id
        The kind and the fields that differ from their defaults: `probe[labels=permuted]`.
    kind
        Its word on the command line, the same for all configurations.
    source
        `module:class`, from which it can be built again.
    config
        Every compared field, JSON-ready; another model that takes part stands as its name and identity.
    title, short
        What people read, in a line and at the head of a narrow column.
    """

    id: str
    kind: str
    source: str
    config: Mapping[str, Any]
    title: str
    short: str = ""


@dataclass(frozen=True)
class ReaderPart(Part):
    """rung: of the observer ladder (RUNGS). format: in which it asks, None where it asks nothing. observer: the name of
    another model that takes part, None without one. inside: whether it reads what the subject computes as it acts, and
    asks it nothing: what it knows can be known inside, and not said."""

    rung: str = "self"
    format: str | None = None
    observer: str | None = None
    inside: bool = False


@dataclass(frozen=True)
class ControlPart(Part):
    """role: one of ROLES. known_answer: its questions bring their right answer in `coordinates["answer"]`. conditions:
    what each arm of its trials is called."""

    role: str = "wording"
    known_answer: bool = False
    conditions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PhenomenonPart(Part):
    """family: one of FAMILIES. asks: what it asks, as a question for people. events: quantities whose first option is
    that something succeeds, so that a report is a forecast of it, with when or of what each is asked, in words."""

    family: str = "report"
    asks: str = ""
    events: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Parts:
    """All parts of a study, each by its id, in the study's order. primary: phenomenon -> reader that speaks for it."""

    readers: Mapping[str, ReaderPart] = field(default_factory=dict)
    controls: Mapping[str, ControlPart] = field(default_factory=dict)
    phenomena: Mapping[str, PhenomenonPart] = field(default_factory=dict)
    primary: Mapping[str, str] = field(default_factory=dict)

    def role(self, control: str) -> str:
        """The role of a control, "" where it is not known."""
        return self.controls[control].role if control in self.controls else ""

    def joined(self, other: Parts) -> Parts:
        """These and those."""
        return Parts(
            {**self.readers, **other.readers}, {**self.controls, **other.controls},
            {**self.phenomena, **other.phenomena}, {**self.primary, **other.primary},
        )  # fmt: skip

    def in_role(self, *roles: str) -> tuple[str, ...]:
        """Ids of the controls in these roles, in the study's order."""
        return tuple(k for k, part in self.controls.items() if part.role in roles)


def kind_of(thing: Any) -> str:
    """The kind that a part states, else the name of its class in small letters.

    Raises
    ------
    SelfscopeError
        A kind that could not be told from its settings.
    """
    kind = getattr(thing, "kind", None)
    if kind is None:
        cls = thing if isinstance(thing, type) else type(thing)
        kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
    if not isinstance(kind, str) or not re.fullmatch(r"\w[\w.-]*", kind):
        raise SelfscopeError(f"the kind of {thing!r} is {kind!r}: give one word, without brackets, commas or spaces")
    return kind


def config_of(thing: Any) -> dict[str, Any]:
    """Every compared field of a part, JSON-ready: its whole configuration. What is learnt is not compared.

    Raises
    ------
    SelfscopeError
        A value that has no stable text: it could not be told from another one; or a number that no file can hold, NaN,
        infinity or one beyond 64 bits.
    """
    return {f.name: _own(thing, f.name) for f in _compared(thing)}


def id_of(thing: Any) -> str:
    """The part's identity within any study: its kind and each setting that differs from its default, by name."""
    own = []
    for f in sorted(_compared(thing), key=lambda f: f.name):
        value = _own(thing, f.name)
        default = _default(f)
        if default is MISSING or value != _value(default, thing, f.name):
            own.append(f"{f.name}={_text(value)}")
    return kind_of(thing) + (f"[{','.join(own)}]" if own else "")


class Identified:
    """Gives a reader, a phenomenon or a control its `id`."""

    @property
    def id(self) -> str:
        """Its kind and each setting that differs from its default."""
        return id_of(self)


def reader_part(reader: Any) -> ReaderPart:
    """What a reader says of itself. Raises SelfscopeError for a rung that does not exist."""
    observer = getattr(reader, "observer", None)
    rung = _one_of(getattr(reader, "rung", None), RUNGS, "rung", reader)
    return ReaderPart(
        **_described(reader), rung=rung, format=getattr(reader, "format", None),
        observer=None if observer is None else observer.name, inside=bool(getattr(reader, "inside", False)),
    )  # fmt: skip


def control_part(control: Any) -> ControlPart:
    """What a control says of itself. Raises SelfscopeError for a role that does not exist."""
    role = _one_of(getattr(control, "role", "wording"), ROLES, "role", control)
    return ControlPart(
        **_described(control), role=role, known_answer=bool(getattr(control, "known_answer", False)),
        conditions=dict(getattr(control, "conditions", {})),
    )  # fmt: skip


def phenomenon_part(phenomenon: Any) -> PhenomenonPart:
    """What a phenomenon says of itself. Raises SelfscopeError for a family that does not exist."""
    family = _one_of(getattr(phenomenon, "family", "report"), FAMILIES, "family", phenomenon)
    events = dict(getattr(phenomenon, "events", {}))
    return PhenomenonPart(**_described(phenomenon), family=family, asks=getattr(phenomenon, "asks", ""), events=events)


def _described(thing: Any) -> dict[str, Any]:
    kind = kind_of(thing)
    title = getattr(thing, "title", None) or kind.replace("_", " ")
    return {
        "id": id_of(thing), "kind": kind, "source": source_of(thing), "config": config_of(thing), "title": title,
        "short": getattr(thing, "short", "") or title,
    }  # fmt: skip


def _one_of(value: Any, known: tuple[str, ...], what: str, thing: Any) -> str:
    if value not in known:
        raise SelfscopeError(f"the {what} of {type(thing).__name__} is {value!r}; there are: {', '.join(known)}")
    return str(value)


def source_of(thing: Any) -> str:
    """`module:class` of a part."""
    return f"{type(thing).__module__}:{type(thing).__qualname__}"


def _compared(thing: Any) -> list[Field[Any]]:
    if is_dataclass(thing):
        return [f for f in fields(thing) if f.compare]
    if not isinstance(thing, type) and getattr(thing, "__dict__", None):
        raise SelfscopeError(
            f"{type(thing).__name__} keeps settings that nobody can list ({', '.join(vars(thing))}): make it a frozen "
            "dataclass, whose fields are its whole configuration"
        )
    return []


def _default(f: Field[Any]) -> Any:
    if f.default is not MISSING:
        return f.default
    return f.default_factory() if f.default_factory is not MISSING else MISSING


def _own(thing: Any, name: str) -> Any:
    value = _value(getattr(thing, name), thing, name)
    try:
        strict_json(to_json(value).encode("utf-8", "replace"))
    except ValueError as error:
        raise BadInput(f"{type(thing).__name__}.{name} {error}: it could not be kept. Use finite numbers, and None for "
                       "no bound") from None  # fmt: skip
    return value


def _value(value: Any, thing: Any, name: str) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Enum):
        return _value(value.value, thing, name)
    if isinstance(value, tuple | list):
        return [_value(v, thing, name) for v in value]
    if isinstance(value, Mapping):
        return {str(k): _value(v, thing, name) for k, v in value.items()}
    if isinstance(getattr(value, "identity", None), str):  # a subject is identified by what it is, not by its name
        return {"subject": value.name, "identity": value.identity}
    if is_dataclass(value) and not isinstance(value, type):
        return {"is": source_of(value), **{f.name: _value(getattr(value, f.name), thing, name) for f in fields(value)}}
    if hasattr(value, "tolist"):
        return _value(value.tolist(), thing, name)
    raise SelfscopeError(
        f"{type(thing).__name__}.{name} holds a {type(value).__name__}, by which one configuration cannot be told "
        "from another: use numbers, texts, tuples, frozen dataclasses or a subject; field(compare=False) is for what "
        "is learnt"
    )


def _text(value: Any) -> str:
    """A value in an id, so that it can be read back and no two values look alike."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        bare = _BARE.fullmatch(value) and value.lower() not in _NOT_TEXT and not _number(value)
        return value if bare else json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "(" + ",".join(map(_text, value)) + ("," if len(value) == 1 else "") + ")"
    if isinstance(value, Mapping):
        return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return repr(value)


def _number(text: str) -> bool:
    """Whether a text would be taken for a number (nan and inf are texts of letters)."""
    try:
        float(text)
    except ValueError:
        return False
    return True
