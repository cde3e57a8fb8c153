"""What a phenomenon of reports brings of its own: rivals that its truths call for, and readers of its activations."""

from __future__ import annotations

from selfscope.phenomena.base import Phenomenon
from selfscope.readers.base import Reader
from selfscope.study.names import parsed
from selfscope.subjects.base import Subject, reaches


def own_rivals(phenomenon: Phenomenon, other: Subject | None, seed: int) -> list[str | Reader]:
    """The rivals that a phenomenon names; one that another model takes part in only where there is another model."""
    out: list[str | Reader] = []
    for name in getattr(phenomenon, "rivals", ()):
        kind = parsed("reader", name)[0]
        if "observer" not in getattr(kind, "__dataclass_fields__", {}):
            out.append(name)
        elif other is not None:
            out.append(kind(observer=other, seed=seed))
    return out


def readers_inside(subject: Subject, phenomenon: Phenomenon) -> tuple[str, ...]:
    """Names of those that read the activations which a phenomenon of reports gives as evidence; none where it gives
    none, or the subject has none to read."""
    report = getattr(phenomenon, "family", "report") == "report"
    return tuple(getattr(phenomenon, "readers", ())) if report and reaches(subject, "activations") else ()


def reads_states(reader: Reader) -> bool:
    """Whether a reader has nothing to go by where no activations can be read: one that asks the subject in words, on
    the rung of probes too, has."""
    return reader.rung == "probe" and not getattr(reader, "asks", False)
