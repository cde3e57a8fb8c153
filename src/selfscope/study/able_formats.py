"""In which formats a subject can be read: log-probabilities need their tier, text needs a chat template."""

from __future__ import annotations

from collections.abc import Sequence

from selfscope.errors import SelfscopeError
from selfscope.phenomena.base import Phenomenon
from selfscope.records import is_scored
from selfscope.subjects.base import Subject, reaches


def able_formats(subject: Subject, phenomenon: Phenomenon) -> list[str]:
    """The phenomenon's formats that the subject can be read in: log-probabilities need their tier, text needs chat."""
    fitting = able(subject, phenomenon.formats)
    if not fitting:
        raise SelfscopeError(
            f"{subject.name} gives no log-probabilities and has no chat template: {phenomenon.kind} cannot be asked in "
            f"any of its formats ({', '.join(phenomenon.formats)})"
        )
    return fitting


def able(subject: Subject, formats: Sequence[str]) -> list[str]:
    """Those of the formats that this subject can be read in."""
    return [f for f in formats if (reaches(subject, "logprobs") if is_scored(f) else subject.chat)]
