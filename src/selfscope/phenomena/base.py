"""What a phenomenon offers: trials, what the subject did, and the truth as a pure function of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol, runtime_checkable

from selfscope.records import Observation, Trial, Truth
from selfscope.subjects.base import Subject


@runtime_checkable
class Phenomenon(Protocol):
    """A family of questions with a measured truth.

    A frozen dataclass whose fields are its whole configuration. Fields `test`, `train`, `dev` (clusters) and `rollouts`
    are set by the profile; a field `path` is the file of --items.

    Attributes
    ----------
    kind
        Its word on the command line, which its trials carry.
    formats
        Those that suit it, primary first, its text format second.
    title, asks
        May be left out: what people read, and the question that it asks.
    tier
        May be left out: the access that it needs (else text).
    family
        May be left out: report (else), activations (its trials carry evidence, and every reading of it is asked under
        every arm) or injection.
    readers
        May be left out: names of those that read its activations unless told otherwise.
    rivals
        May be left out: names of readers that stand beside those that are always there; one that takes another model
        runs where there is one.
    whole
        May be left out: whether every question of a cluster is asked, since they belong together (else as many as the
        profile says).
    text_rivals
        May be left out: of one of activations, names of readers of its text that are always there beside those.
    under
        May be left out: of one of activations, names of controls that it is always asked under.
    sweep
        May be left out: (name of a reader, second axis), what a full study lays over a grid of layers.
    events
        May be left out: quantities whose first option is that something succeeds, each with when or of what it is
        asked: reports on them are scored as forecasts too.
    other
        May be left out: a field for another model that takes part (`metadata={"model": True}`), which is what --other
        names.
    most_examples
        May be left out: how many examples a profile may show before its questions, which are long.
    missing
        May be left out: a static method that says why it cannot be run on this machine, "" where it can; a profile then
        leaves it away.
    controls
        May be left out: records of conditions of its own that its trials name in `Trial.control`.
    """

    kind: ClassVar[str]
    formats: ClassVar[tuple[str, ...]]

    def pose(self, subject: Subject, seed: int) -> list[Trial]:
        """Poses the questions. It may let the subject act (its own answer, the outcomes to list).

        Parameters
        ----------
        subject
            Whom they are about.
        seed
            Of whatever is drawn.

        Returns
        -------
        list[Trial]
            Of the splits train, dev and test: no cluster is in two splits, and some tasks are in test only.
        """
        ...

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """Lets the subject behave.

        Parameters
        ----------
        subject
            Whom the trials are about.
        trials
            Those that are asked, and those of controls.

        Returns
        -------
        list[Observation]
            One for each distinct `trial.observation`, in order of first use.
        """
        ...

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """What is true of each trial. Pure.

        Parameters
        ----------
        trials
            In any order.
        observations
            What the subject did, for every `trial.observation`.

        Returns
        -------
        list[Truth]
            One a trial, in order.
        """
        ...
