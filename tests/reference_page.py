"""Public docstrings -> docs/reference.md."""

from __future__ import annotations

import inspect
import json
import re
from enum import Enum
from typing import Any

from docstring_parser import Docstring

from public_names import (
    PARTS,
    described,
    documentation,
    has_constructor,
    is_protocol,
    members,
    parameters,
    public,
    words,
)

HEAD = """# Reference

Every public name, from its docstring: `help(selfscope.card)` says the same. [The words](architecture.md#words) and
[the axes of arrays](../CONTRIBUTING.md#axes) have places of their own. A reader, control or phenomenon is named by the
word in brackets, with settings as in `probe[layer=5]`. `SELFSCOPE_DOCS=write make docs` writes this page anew.
"""
FIRST = (
    "load", "ask", "read", "sweep", "card", "cards", "run", "redraw", "rows_of", "judge", "findings", "doctor",
    "Answers", "StateReading", "SweepArray", "Card", "Cards", "Rows", "Claim", "Findings", "Study", "PhenomenonPlan",
    "Doctor", "Activations", "SelfscopeError", "Subject", "ScoringSubject", "OpenSubject",
)  # fmt: skip
"""Names that stand first in their group, in this order; all others follow by the alphabet."""
GROUPS = ("Functions", "Nouns", "Protocols", *PARTS.values())
WIDE = 100
"""Characters of a signature that still stands on one line."""


def page() -> str:
    """The whole page."""
    grouped: dict[str, list[str]] = {group: [] for group in GROUPS}
    for name, thing in sorted(public().items(), key=lambda pair: _order(pair[0])):
        grouped[group_of(name, thing)].append(section(name, thing))
    parts = [f"## {group}\n\n" + "\n".join(sections) for group, sections in grouped.items() if sections]
    return re.sub(r"\n{3,}", "\n\n", HEAD + "\n" + "\n".join(parts)).rstrip("\n") + "\n"


def _order(name: str) -> tuple[int, str]:
    return (FIRST.index(name) if name in FIRST else len(FIRST), name)


def group_of(name: str, thing: Any) -> str:
    if name in words():
        return words()[name][0]
    if is_protocol(thing):
        return "Protocols"
    return "Nouns" if inspect.isclass(thing) else "Functions"


def section(name: str, thing: Any) -> str:
    """One public object: its heading, its signature, its docstring, its members."""
    if not inspect.isclass(thing):
        return f"### {name}\n\n{block(name, thing)}{prose(documentation(thing))}"
    word = f" (`{words()[name][1]}`)" if name in words() else ""
    lead = "protocol" if is_protocol(thing) else "class"
    made = block(name, thing) if has_constructor(thing) else ""
    kinds = values(thing) if issubclass(thing, Enum) else below(thing) if issubclass(thing, Exception) else ""
    return f"### {lead} {name}{word}\n\n{made}{prose(documentation(thing))}{kinds}{inner(name, thing)}"


def inner(name: str, cls: type) -> str:
    """What it has beyond its public bases: properties and the methods of a protocol as lists, then all others."""
    bases = [base for base in cls.__mro__[1:] if base in public().values()]
    inherited = [vars(base).get(member.name) for base in bases for member in members(base)]
    properties, kept, methods = [], [], ""
    for member in members(cls):
        text = documentation(member.function)
        if not text.short_description or member.function in inherited:
            continue
        if member.is_property:
            back = inspect.signature(member.function).return_annotation
            properties.append((f"`{member.name}` (`{_annotation(back)}`)", summary(text)))
        elif not is_protocol(cls) and described(member) and not text.params:
            kept.append((f"`{member.name}`", summary(text)))
        else:
            methods += f"#### {name}.{member.name}\n\n{block(member.name, member.function)}{prose(text)}"
    also = f"It has what {' and '.join(f'`{base.__name__}`' for base in bases)} has, and:\n\n" if bases else ""
    return also + listed("Properties", properties) + listed("Methods", kept) + methods


def block(name: str, function: Any) -> str:
    """The signature as a block of code. It is no `python` block: it is shown, not run."""
    return f"```text\n{signature(name, function)}\n```\n\n"


def signature(name: str, function: Any) -> str:
    pieces, keyword_only = [], False
    for p in parameters(function):
        if p.kind is p.KEYWORD_ONLY and not keyword_only:
            pieces.append("*")
            keyword_only = True
        pieces.append(_parameter(p))
    back = inspect.signature(function).return_annotation if not inspect.isclass(function) else None
    end = "" if back in (None, inspect.Signature.empty) else f" -> {_annotation(back)}"
    line = f"{name}({', '.join(pieces)}){end}"
    if len(line) <= WIDE:
        return line
    return f"{name}(\n" + "".join(f"    {piece},\n" for piece in pieces) + f"){end}"


def _parameter(p: inspect.Parameter) -> str:
    stars = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
    typed = "" if p.annotation is p.empty else f": {_annotation(p.annotation)}"
    return f"{stars}{p.name}{typed}" + ("" if p.default is p.empty else f" = {_value(p.default)}")


def _annotation(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def _value(default: Any) -> str:
    if isinstance(default, str):
        return json.dumps(default, ensure_ascii=False)
    if isinstance(default, Enum):
        return f"{type(default).__name__}.{default.name}"
    shown = repr(default)
    return "..." if shown.startswith("<") or " at 0x" in shown else shown.replace("'", '"')


def prose(text: Docstring) -> str:
    """A docstring as Markdown: what it says, then a list for each of its sections."""
    out = plain(summary(text)) + "\n\n"
    for title, kind in (("Parameters", "param"), ("Attributes", "attribute")):
        entries = [p for p in text.params if p.args[0] == kind]
        out += listed(title, [(_named(p.arg_name, p.type_name), p.description) for p in entries])
    out += listed("Returns", [(f"`{r.type_name}`" if r.type_name else "", r.description) for r in text.many_returns])
    out += listed("Raises", [(f"`{r.type_name}`", r.description) for r in text.raises])
    for meta in text.meta:
        if meta.args[0] in ("references", "notes", "see_also"):
            out += f"{meta.args[0].replace('_', ' ').capitalize()}: {inline(meta.description or '')}\n\n"
    return out


def summary(text: Docstring) -> str:
    gap = "\n\n" if text.blank_after_short_description else "\n"
    return gap.join(filter(None, (text.short_description, text.long_description)))


def listed(title: str, entries: list[tuple[str, str | None]]) -> str:
    if not entries:
        return ""
    lines = (f"- {': '.join(filter(None, (name, inline(what or ''))))}\n" for name, what in entries)
    return f"{title}:\n\n{''.join(lines)}\n"


def _named(names: str, kind: str | None) -> str:
    """The names of an entry, and its type where the docstring says one: there stand shapes."""
    return ", ".join(f"`{name.strip()}`" for name in names.split(",")) + (f" ({plain(kind)})" if kind else "")


def inline(text: str) -> str:
    return " ".join(plain(text).split())


def plain(text: str) -> str:
    """Text of a docstring, in which a `<` outside of code is no markup."""
    parts = re.split(r"(`[^`]*`)", text.replace("``", "`"))
    return "".join(part if k % 2 else part.replace("<", "&lt;") for k, part in enumerate(parts))


def values(cls: type[Enum]) -> str:
    return listed("Values", [(f"`{member.name}`", f"`{member.value}`") for member in cls])


def below(cls: type) -> str:
    """The kinds of an error, each with what it is."""
    every = sorted(_kinds(cls), key=lambda kind: kind.__name__)
    return listed("Kinds", [(f"`{kind.__name__}`", summary(documentation(kind))) for kind in every])


def _kinds(cls: type) -> list[type]:
    from selfscope import errors

    classes = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, cls)]
    return [kind for kind in classes if kind is not cls]
