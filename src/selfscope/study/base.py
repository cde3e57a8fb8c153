"""What a study is: one subject, its phenomena, who reads them and under which controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from selfscope.controls.base import Control
from selfscope.phenomena.base import Phenomenon
from selfscope.readers.base import Reader
from selfscope.records import to_jsonable
from selfscope.subjects.base import Subject

WORDINGS = (
    "third_person",
    "third_person_named",
    "framing_introspective",
    "framing_accurate",
    "paraphrase",
    "option_order",
    "scale_flip",
    "sham",
)
"""Controls whose size no verdict uses: how much words alone move a report. Few trials show a large effect."""
STATES = ("changed", "competence", "changed_competence")
"""Controls that are asked of the same trials: the state is changed, and the skill is tested with and without that."""

ALARMS = ("alarm", "alarm_sham", "alarm_fact", "alarm_fact_sham")
"""What the control `alarm` asks: whether the state was changed, and a plain fact, under a changed state and a sham."""


@dataclass(frozen=True)
class PhenomenonPlan:
    """One phenomenon of a study and who reads it.

    readers: all read the plain test trials. primary: id of the reader that is asked under `controls`.
    dev: ids of the readers that also read the dev split, where thresholds are chosen. sparse: (id, n) of the readers
    that read as few trials of a cluster as the controls do, of every n-th cluster. armed: ids of the
    readers that are asked under the controls on all test trials (the arms of a reading of activations), in place of the
    primary one. swept: (id of a reader, control that lays a grid over trials of dev and test). whole: every posed
    trial is asked, whatever the study asks of a cluster.
    """

    phenomenon: Phenomenon
    readers: tuple[Reader, ...]
    controls: tuple[Control, ...] = ()
    primary: str = ""
    dev: tuple[str, ...] = ()
    sparse: tuple[tuple[str, int], ...] = ()
    arm_readers: tuple[str, ...] = ()
    sweeps: tuple[tuple[str, Control], ...] = ()
    whole: bool = False


@dataclass(frozen=True)
class Study:
    """One subject and what is asked about it. per_cluster: trials a cluster on which controls are run; those that only
    word the question differently (WORDINGS) on every `wording_every`-th of them. questions: how many of a cluster's
    questions are asked (None: all); what the subject does is measured for all of train. states: clusters in which the
    state is changed, with their competence questions (None: all). alarms: clusters in which it is asked whether it
    was (None: all)."""

    subject: Subject
    lines: tuple[PhenomenonPlan, ...]
    seed: int = 0
    per_cluster: int = 1
    wording_every: int = 1
    profile: str = ""
    questions: int | None = None
    states: int | None = None
    alarms: int | None = None

    def settings(self) -> dict[str, Any]:
        """What makes this study this study: a folder is resumed only with the same."""
        return {
            "subject": self.subject.identity,
            "profile": self.profile,
            "seed": self.seed,
            "per_cluster": self.per_cluster,
            "wording_every": self.wording_every,
            "questions": self.questions,
            "states": self.states,
            "alarms": self.alarms,
            "phenomena": {line.phenomenon.name: _configuration(line.phenomenon) for line in self.lines},
            "readers": {line.phenomenon.name: [r.id for r in line.readers] for line in self.lines},
            "controls": {line.phenomenon.name: [c.name for c in line.controls] for line in self.lines},
            "primary": {line.phenomenon.name: line.primary for line in self.lines},
            "sparse": {line.phenomenon.name: dict(line.sparse) for line in self.lines},
            "armed": {line.phenomenon.name: list(line.arm_readers) for line in self.lines if line.arm_readers},
            "swept": {line.phenomenon.name: _swept(line) for line in self.lines if line.sweeps},
            "observers": _observers(self.lines),
        }


def _configuration(thing: Any) -> dict[str, Any]:
    kind = type(thing)
    values = {f.name: to_jsonable(getattr(thing, f.name)) for f in fields(thing)} if is_dataclass(thing) else {}
    return {"is": f"{kind.__module__}:{kind.__qualname__}", **values}


def _swept(line: PhenomenonPlan) -> list[Any]:
    return [[reader, _configuration(control)] for reader, control in line.sweeps]


def _observers(lines: Sequence[PhenomenonPlan]) -> dict[str, str]:
    """Identity of every other model that takes part."""
    found = {}
    for line in lines:
        for reader in line.readers:
            observer = getattr(reader, "observer", None)
            if observer is not None:
                found[observer.name] = observer.identity
    return found
