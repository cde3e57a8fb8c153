"""What a phenomenon offers: trials, what the subject did, and the truth as a pure function of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol, runtime_checkable

from selfscope.records import Observation, Trial, Truth
from selfscope.subjects.base import Subject


@runtime_checkable
class Phenomenon(Protocol):
    """A family of questions with a measured truth: a frozen dataclass whose fields are its whole configuration.

    kind: its word on the command line, which its trials carry. formats: those that suit it, primary first, its text
    format second. Fields `test`, `train`, `dev` (clusters) and `rollouts` are set by the profile; a field `path` is the
    file of --items. What else it may say of itself: `title` and `asks` for people; `tier`, the access that it needs
    (else text); `family`: report (else), activations (its trials carry evidence, and every reading of it is asked under
    every arm) or injection; `readers`, names of those that read its activations unless told otherwise; `sweep`: (name of
    a reader, second axis), what a full study lays over a grid of layers; `controls`: records of conditions of its own
    that its trials name in `Trial.control`.
    """

    kind: ClassVar[str]
    formats: ClassVar[tuple[str, ...]]

    def pose(self, subject: Subject, seed: int) -> list[Trial]:
        """Trials of the splits train, dev and test: no cluster is in two splits, and some tasks are in test only.

        May let the subject act (its own answer, the outcomes to list)."""
        ...

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """Lets the subject behave; one observation for each distinct `trial.observation`, in order of first use."""
        ...

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """One truth a trial. Pure."""
        ...
