"""Another model that takes part in a study: a field of a reader or a phenomenon."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from selfscope.subjects.base import Subject

T = TypeVar("T")


def model_field(part: Any) -> str:
    """The field of a part, or of its class, that holds another model; "" where it has none."""
    marked = [f.name for f in fields(part) if f.metadata.get("model")] if is_dataclass(part) else []
    return next(iter(marked), "observer" if hasattr(part, "observer") else "")


def another_model(part: Any) -> Subject | None:
    """The other model that takes part through a reader or a phenomenon; None where none does."""
    name = model_field(part)
    return getattr(part, name) if name else None


def with_another_model(part: T, made: Callable[[Subject], Subject]) -> T:
    """The part, with what is made of its other model in that one's place."""
    other = another_model(part)
    return part if other is None else replace(part, **{model_field(part): made(other)})  # type: ignore[type-var]
