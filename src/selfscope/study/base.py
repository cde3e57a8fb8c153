"""What a study is: one subject, its phenomena, who reads them and under which controls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from selfscope.controls.base import Control
from selfscope.errors import BadInput, SelfscopeError
from selfscope.phenomena.base import Phenomenon
from selfscope.readers.base import Reader
from selfscope.records import (
    ControlPart,
    Parts,
    PhenomenonPart,
    ReaderPart,
    check_seed,
    control_part,
    id_of,
    phenomenon_part,
    reader_part,
)
from selfscope.subjects.base import Subject

P = TypeVar("P", ReaderPart, ControlPart, PhenomenonPart)


@dataclass(frozen=True)
class PhenomenonPlan:
    """One phenomenon of a study and who reads it. Readers and controls are named by their ids.

    Parameters
    ----------
    phenomenon
        What is asked about.
    readers
        All read the plain test trials.
    controls
        Conditions under which the primary reader is asked too.
    primary
        The reader that speaks for the phenomenon.
    dev
        Readers that also read the dev split, where thresholds are chosen.
    subsampled
        (reader, n): reads as few trials of a cluster as the controls do, of every n-th cluster.
    arm_readers
        Those that are asked under the controls on all test trials (the arms of a reading of activations), in place of
        the primary one.
    sweeps
        (reader, control that lays a grid over trials of dev and test).
    shown
        Readers that are asked under the controls of the role state too: they read the same hidden turns.
    all_trials
        Whether every posed trial is asked, whatever the study asks of a cluster.

    Raises
    ------
    BadInput
        Something that is no phenomenon, reader or control.
    """

    phenomenon: Phenomenon
    readers: tuple[Reader, ...]
    controls: tuple[Control, ...] = ()
    primary: str = ""
    dev: tuple[str, ...] = ()
    subsampled: tuple[tuple[str, int], ...] = ()
    arm_readers: tuple[str, ...] = ()
    sweeps: tuple[tuple[str, Control], ...] = ()
    all_trials: bool = False
    shown: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for what, things, needs in (
            ("readers", self.readers, ("fit", "read")),
            ("controls", self.controls, ("apply",)),
        ):
            if isinstance(things, str) or not isinstance(things, Sequence):
                raise BadInput(f"{what} is a tuple of objects, not {things!r}")
            wrong = [t for t in things if not all(hasattr(t, need) for need in needs)]
            if wrong:
                raise BadInput(f"{wrong[0]!r} is none of the {what}: it lacks {' or '.join(needs)}")
        if not all(hasattr(self.phenomenon, need) for need in ("kind", "formats", "pose", "observe", "truth")):
            raise BadInput(f"{self.phenomenon!r} is no phenomenon: it lacks kind, formats, pose, observe or truth")

    @property
    def id(self) -> str:
        """The phenomenon's id."""
        return id_of(self.phenomenon)


@dataclass(frozen=True)
class Study:
    """One subject and what is asked about it.

    Parameters
    ----------
    subject
        Who is asked.
    plans
        What it is asked about, each configuration of a phenomenon once.
    seed
        Everything random follows from it.
    per_cluster
        Trials a cluster on which controls are run.
    wording_every
        Controls that only put the question otherwise are run on every n-th of those trials.
    profile
        The name of the plan, for people.
    questions
        How many of a cluster's questions are asked (None: all); what the subject does is measured for all of train.
    states
        Clusters in which the state is changed, with their competence questions (None: all).
    alarms
        Clusters in which it is asked whether the state was changed (None: all).
    left_out
        What its profile has and this machine cannot run, a sentence each: it stands on the card, and changes nothing.

    Raises
    ------
    SelfscopeError
        Two different parts would be called alike, or a seed below 0.
    """

    subject: Subject
    plans: tuple[PhenomenonPlan, ...]
    seed: int = 0
    per_cluster: int = 1
    wording_every: int = 1
    profile: str = ""
    questions: int | None = None
    states: int | None = None
    alarms: int | None = None
    left_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_seed(self.seed)
        self.parts()

    def parts(self) -> Parts:
        """What every part says of itself. Parts whose titles are alike show their settings too.

        Returns
        -------
        Parts
            By id.
        """
        readers = _distinct(reader_part(r) for plan in self.plans for r in plan.readers)
        controls = [control_part(c) for plan in self.plans for c in (*plan.controls, *(c for _, c in plan.sweeps))]
        own = [part for plan in self.plans for part in getattr(plan.phenomenon, "controls", ())]
        phenomena = _distinct(phenomenon_part(plan.phenomenon) for plan in self.plans)
        if len(phenomena) < len(self.plans):
            raise SelfscopeError("a phenomenon stands twice in the study: give each configuration once")
        primary = {plan.id: plan.primary for plan in self.plans}
        return Parts(readers, _distinct([*controls, *own]), phenomena, primary)

    def settings(self) -> dict[str, Any]:
        """What makes this study this study: a folder is resumed only with the same.

        Returns
        -------
        dict[str, Any]
            JSON-ready.
        """
        parts = self.parts()
        every = {**parts.readers, **parts.controls, **parts.phenomena}
        return {
            "subject": self.subject.identity,
            "profile": self.profile,
            "seed": self.seed,
            "per_cluster": self.per_cluster,
            "wording_every": self.wording_every,
            "questions": self.questions,
            "states": self.states,
            "alarms": self.alarms,
            "phenomena": {plan.id: _of_plan(plan) for plan in self.plans},
            "parts": {name: {"is": part.source, **part.config} for name, part in every.items()},
        }


def _of_plan(plan: PhenomenonPlan) -> dict[str, Any]:
    return {
        "readers": [id_of(r) for r in plan.readers],
        "controls": [id_of(c) for c in plan.controls],
        "primary": plan.primary,
        "dev": list(plan.dev),
        "subsampled": dict(plan.subsampled),
        "arm_readers": list(plan.arm_readers),
        "sweeps": [[reader, id_of(control)] for reader, control in plan.sweeps],
        "all_trials": plan.all_trials,
        "shown": list(plan.shown),
    }


def _distinct(parts: Iterable[P]) -> dict[str, P]:
    """By id, in order. Raises SelfscopeError where two that are not the same have one id."""
    known: dict[str, P] = {}
    for part in parts:
        other = known.setdefault(part.id, part)
        if (other.source, other.config) != (part.source, part.config):
            raise SelfscopeError(
                f"{other.source} and {part.source} both call themselves {part.id!r}: give one of them another kind"
            )
    twice = {title for title, n in Counter(part.title for part in known.values()).items() if n > 1}
    return {name: _telling(part) if part.title in twice else part for name, part in known.items()}


def _telling(part: P) -> P:
    """The part with its settings in its title."""
    settings = part.id[len(part.kind) :]
    return replace(part, title=f"{part.title} {settings}".strip(), short=f"{part.short} {settings}".strip())
