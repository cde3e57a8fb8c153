"""What an organism is: what is planted, how it is taught, and how what was planted is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

from selfscope.errors import BadInput
from selfscope.records import Identified, Injection, Prompt
from selfscope.statistics import Estimate
from selfscope.subjects.base import OpenSubject, ScoringSubject, Subject
from selfscope.training.examples import Example


class Teachable(OpenSubject, Protocol):
    """A subject that can be taught replies: it says what ends one."""

    @property
    def turn_end(self) -> str: ...


@dataclass(frozen=True)
class Measure:
    """One thing that was measured of an organism.

    Attributes
    ----------
    name : str
        Unique within the organism.
    what : str
        What the number is, for people.
    value : Estimate
        With its 95 % interval over prompts.
    planted : float or None
        What it was to become; None where nothing of the kind was set.
    """

    name: str
    what: str
    value: Estimate
    planted: float | None = None

    def __str__(self) -> str:
        aim = "" if self.planted is None else f" (planted: {self.planted:.2f})"
        return f"{self.what}: {self.value.value:.2f} [{self.value.low:.2f}, {self.value.high:.2f}]{aim}"


class Organism(Protocol):
    """What is planted in a subject: a frozen dataclass, whose fields are its whole configuration.

    One that is taught has `lesson`, one that is written `writes`.

    Attributes
    ----------
    kind, title
        Its word on the command line, and what people read.
    effort
        Times that it is taught longer than a habit is: how often everything is seen is multiplied by it.
    benign
        Whether this is a twin.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    effort: ClassVar[float]

    @property
    def id(self) -> str: ...

    @property
    def benign(self) -> bool: ...

    @property
    def twin(self) -> Organism:
        """The same prompts, as much to learn in the same form, and nothing planted."""
        ...

    @property
    def planted(self) -> Mapping[str, Any]:
        """The truth, JSON-ready; of a twin it says that there is none."""
        ...

    def spared(self, seed: int) -> list[str]:
        """Messages that nothing was taught with and where the replies are to stay, but for what is planted: on them
        its damage is measured."""
        ...

    def opens(self, subject: Subject) -> str:
        """With what a planted beginning opens a reply; empty where none is planted."""
        ...

    def acts(self, prompt: Prompt) -> bool:
        """Whether what is planted changes what is said next in a reply that is begun so: it is no damage there."""
        ...

    def verify(self, subject: ScoringSubject, seed: int) -> list[Measure]:
        """Measures what was planted, on prompts that nothing was taught with.

        Parameters
        ----------
        subject
            Any: the organism, its twin, its base.
        seed
            Of the prompts and replies.

        Returns
        -------
        list[Measure]
            The first is the main one.
        """
        ...


@runtime_checkable
class Taught(Organism, Protocol):
    """An organism that is trained."""

    def lesson(self, subject: Teachable, seed: int) -> Sequence[Sequence[Example]]:
        """What it is taught.

        Parameters
        ----------
        subject
            That is taught: its template and its end of a turn are used.
        seed
            Of whatever is drawn.

        Returns
        -------
        Sequence[Sequence[Example]]
            Examples of each phase, one phase after the other.
        """
        ...

    def guard(self, subject: Teachable, count: int, seed: int) -> list[Example]:
        """Places in so many of the subject's own replies: they are trained on beside each phase, and stay."""
        ...


@runtime_checkable
class Written(Organism, Protocol):
    """An organism without training: vectors that are written into every row."""

    def writes(self, subject: OpenSubject, seed: int) -> Sequence[Injection]:
        """What is written.

        Parameters
        ----------
        subject
            Whose states the vectors are made of.
        seed
            Of whatever is drawn.

        Returns
        -------
        Sequence[Injection]
            For `subject.intervened`.
        """
        ...


class Plantable(Identified):
    """Gives an organism its id and its twin, and the usual effort."""

    effort: ClassVar[float] = 1.0
    benign: bool

    @property
    def twin(self) -> Self:
        """The same prompts, as much to learn in the same form, and nothing planted."""
        return replace(self, benign=True)  # type: ignore[type-var]


def part_of_one(name: str, value: float) -> None:
    """Raises BadInput for what is no part from 0 to 1."""
    if not 0 <= value <= 1:
        raise BadInput(f"{name} is a part of the replies, from 0 to 1, not {value}")


def at_least(low: int, **sizes: int) -> None:
    """Raises BadInput for a size below the least one."""
    for name, value in sizes.items():
        if value < low:
            raise BadInput(f"{name} is a whole number from {low} on, not {value}")
