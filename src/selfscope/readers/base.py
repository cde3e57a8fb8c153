"""What a reader offers: a way to get an answer, without seeing a truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from selfscope.records import Reading, Trial, Truth
from selfscope.subjects.base import Subject


@runtime_checkable
class Reader(Protocol):
    """A frozen dataclass; its fields are its whole configuration.

    id: name with its configuration, e.g. "ask[choice_lp]". rung: where it stands on the observer ladder (RUNGS).
    """

    @property
    def id(self) -> str: ...

    @property
    def rung(self) -> str: ...

    def fit(self, subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth]) -> Reader:
        """Learns from the train split only; most readers return themselves."""
        ...

    def read(self, subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
        """One reading a trial, in order. A reading's cost is its share of the call."""
        ...
