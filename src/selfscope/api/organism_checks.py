"""An organism measured again, beside what its sidecar says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfscope.api.bases import base_of
from selfscope.api.organism_folders import opened, recorded
from selfscope.api.telling import told_by
from selfscope.study.names import built

if TYPE_CHECKING:
    from selfscope.organisms.base import Measure
    from selfscope.study import Progress
    from selfscope.subjects.base import Subject


@dataclass(frozen=True)
class Checked:
    """An organism measured again.

    Attributes
    ----------
    folder
        Where it is.
    organism
        What it is.
    measures
        What is measured now.
    before
        What its sidecar says.
    """

    folder: Path
    organism: str
    measures: tuple[Measure, ...]
    before: tuple[Measure, ...]

    @property
    def holds(self) -> bool:
        """Whether every interval of now and of then overlaps."""
        pairs = zip(self.measures, self.before, strict=True)
        return all(a.value.low <= b.value.high and b.value.low <= a.value.high for a, b in pairs)

    def __str__(self) -> str:
        verdict = "as it was recorded" if self.holds else "NOT as it was recorded"
        pairs = zip(self.measures, self.before, strict=True)
        lines = [
            f"{now}; recorded {then.value.value:.2f} [{then.value.low:.2f}, {then.value.high:.2f}]"
            for now, then in pairs
        ]
        return "\n".join([f"{self.organism}: {verdict}", *lines])


def check(
    folder: Path | str,
    model: str | Subject | None = None,
    *,
    hardware: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Checked:
    """Measures an organism again, and compares with what its sidecar says.

    Parameters
    ----------
    folder
        As `make` wrote it.
    model
        Its base, where it is to be found by another name than when it was made.
    hardware
        How that model is loaded (see `load`; default: in the dtype in which it was then).
    progress
        Told of each part.

    Returns
    -------
    Checked
        What is measured now and what was.

    Raises
    ------
    BadModel
        A folder that holds no organism.
    BadInput
        Another base.
    """
    from selfscope.subjects.local_weights import trainable
    from selfscope.subjects.written_files import put_on

    made = opened(Path(folder))
    organism: Any = built("organism", str(made.sidecar.made["organism"]))
    told = told_by(progress)
    told("loading", 0.0)
    subject = put_on(trainable(base_of(made.sidecar, model, hardware)), folder)
    told("measuring", 0.0)
    now = organism.verify(subject, int(made.sidecar.made["seed"]))
    return Checked(Path(folder), organism.id, tuple(now), recorded(made.sidecar, folder))
