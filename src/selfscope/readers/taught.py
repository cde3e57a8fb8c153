"""Asks the subject with a trained adapter on: what it was taught to report of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from selfscope.errors import BadInput
from selfscope.readers.adapter_files import adapter_hash
from selfscope.readers.ask import elicit, known_format
from selfscope.records import FORMATS, Identified, Reading, Trial, Truth
from selfscope.subjects.base import AdaptableSubject, Subject, lacking, reaches


@dataclass(frozen=True)
class Taught(Identified):
    """The subject is asked with an adapter of a folder on; what it does is still what it does without.

    So a ladder of elicitation stands in one study: every adapter is asked the same questions and has the same truth.
    Of an adapter that always acts, and so changes what the subject does, a card of its own is needed beside
    (`card MODEL --adapter FOLDER`): here its reports are compared with the behaviour before.

    Parameters
    ----------
    folder
        Of the adapter, made on this subject.
    artifact
        The beginning of its hash, so that another one in the same folder is told from it (empty: any).
    format
        How the answer is written and read, one of FORMATS.
    seed
        Of replies that are sampled.

    Raises
    ------
    UnknownName
        A format that does not exist.
    """

    kind: ClassVar[str] = "taught"
    folder: str = ""
    artifact: str = ""
    format: str = "choice_lp"
    seed: int = 0

    def __post_init__(self) -> None:
        known_format(self.format)

    @classmethod
    def planned(cls, subject: Subject, formats: Sequence[str], settings: Mapping[str, Any]) -> list[Taught]:
        """The reader that its word stands for in a study: with the hash of what the folder holds.

        Parameters
        ----------
        subject
            Whom the study is about.
        formats
            Those of the phenomenon in which the subject can be asked.
        settings
            Fields that were asked for.

        Returns
        -------
        list[Taught]
            One.

        Raises
        ------
        BadInput, BadModel
            No folder, and one that holds no adapter.
        """
        first = cls(**{**({"format": formats[0]} if formats else {}), **settings})
        return [cls(first.folder, adapter_hash(first.folder)[:12], first.format, first.seed)]

    @property
    def title(self) -> str:
        where = f" as in {self.folder}" if self.folder else ""
        return f"asked, taught{where} ({FORMATS[self.format].title})"

    @property
    def rung(self) -> str:
        return "self"

    def fit(self, subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth]) -> Taught:
        """Nothing more is learnt."""
        return self

    def read(self, subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
        """One reading a trial, in one call to the subject with the adapter on."""
        return elicit(wearing(subject, self.folder, self.artifact), trials, self.format, seed=self.seed)


def wearing(subject: Subject, folder: str, artifact: str = "") -> Subject:
    """The subject with the adapter of a folder on. Raises BadInput for another adapter than the one whose hash begins
    so, Unsupported for a subject that takes none."""
    if not reaches(subject, "weights"):
        raise lacking(subject.name, subject.tier, "weights")
    found = adapter_hash(folder)
    if not found.startswith(artifact):
        raise BadInput(
            f"the folder {folder} holds another adapter by now ({found[:12]}, not {artifact}): give the folder of the "
            "one that was meant"
        )
    return cast(AdaptableSubject, subject).with_adapter(folder)
