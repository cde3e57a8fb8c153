"""What a reader offers: a way to get an answer, without seeing a truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Protocol, cast, runtime_checkable

from selfscope.records import Reading, Trial, Truth
from selfscope.subjects.base import Subject


@runtime_checkable
class Reader(Protocol):
    """A way to get an answer, without seeing a truth.

    A frozen dataclass; its compared fields are its whole configuration, and so its id (`records.id_of`).

    Attributes
    ----------
    rung
        Where it stands on the observer ladder, one of RUNGS. "behaviour" alone may let the subject do what a trial is
        about.
    kind, title, short
        May be left out: its word on the command line (else the name of its class), and what people read in a line and
        at the head of a narrow column.
    format, observer
        May be left out: how the answer is written, and another model that takes part.
    inside
        May be left out: whether it reads what the subject computes as it acts, and asks it nothing.
    asks
        May be left out: whether one of the rung probe asks the subject in words, and reads no activations.
    needs_truths
        May be left out: whether it can say nothing where no truth of the train split is known.
    planned
        May be left out: a classmethod `planned(subject, formats, settings)` that gives the readers its word stands for
        in a study of this subject.
    """

    @property
    def rung(self) -> str:
        """Where it stands on the observer ladder, one of RUNGS."""
        ...

    def fit(self, subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth]) -> Reader:
        """Learns from the train split only; most readers return themselves.

        Parameters
        ----------
        subject
            Whom the trials are about.
        trials
            Of every split; `Trial.split` tells them apart.
        truths
            Those of the train trials, in any order.

        Returns
        -------
        Reader
            The reader that `read` is called on.
        """
        ...

    def read(self, subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
        """Answers the trials.

        Parameters
        ----------
        subject
            Whom the trials are about. It is sealed: it refuses to do the very thing that a trial is about.
        trials
            With no truth in them.

        Returns
        -------
        list[Reading]
            One a trial, in order. A reading's cost is its share of the call.
        """
        ...


def planned(
    kind: type[Any], subject: Subject, formats: Sequence[str], settings: Mapping[str, Any]
) -> list[Reader]:
    """The readers that a word stands for in a study: what the class itself says, else one, in the first format.

    formats: those of the phenomenon in which this subject can be asked. settings: fields that were asked for.
    """
    own = getattr(kind, "planned", None)
    if own is not None:
        return list(own(subject, formats, settings))
    known = [f.name for f in fields(kind)] if hasattr(kind, "__dataclass_fields__") else []
    first = {"format": formats[0]} if "format" in known and formats else {}
    return [cast(Reader, kind(**{**first, **settings}))]
