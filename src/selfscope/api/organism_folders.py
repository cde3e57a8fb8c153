"""What the folder of an organism holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfscope.errors import BadInput, BadModel, lacking_folder

if TYPE_CHECKING:
    from selfscope.organisms.base import Measure, Organism
    from selfscope.subjects.adapter_files import Sidecar
    from selfscope.subjects.base import Subject

KIND = "organism"
NEEDED = (
    "organism",
    "planted",
    "twin",
    "measured",
    "seed",
    "damage",
    "damage within",
    "harm",
    "examples",
    "steps",
    "seconds",
)


@dataclass(frozen=True)
class Made:
    """An organism in a folder. Load it with `load(model, adapter=folder)` or `--adapter FOLDER`.

    Attributes
    ----------
    folder
        With a sidecar, and the adapter where it was trained.
    sidecar
        On what it was made; in `made` what is planted, what was measured, its twin, its damage.
    """

    folder: Path
    sidecar: Sidecar

    @property
    def made(self) -> Mapping[str, Any]:
        """What its sidecar says of how it was made."""
        return self.sidecar.made

    @property
    def main(self) -> Measure:
        """The first of what was measured."""
        return recorded(self.sidecar, self.folder)[0]

    def __str__(self) -> str:
        made = self.made
        how = f"{made['examples']} examples in {made['steps']} steps, {made['seconds']:.0f} s" if made["steps"] else ""
        lines = [
            f"{made['organism']} of {self.sidecar.base_name} ({self.sidecar.base[:6]}): {made['planted']['what']}",
            how,
            *(str(one) for one in recorded(self.sidecar, self.folder)),
            f"damage {made['damage']}",
            f"damage behind the first words {made['damage within']}",
            f"in {self.folder}",
        ]
        return "\n".join(filter(None, lines))


def done(folder: Path) -> bool:
    """Whether a folder holds something that was made."""
    from selfscope.subjects.adapter_files import is_ours

    return is_ours(folder)


def opened(folder: Path, organism: Organism | None = None, subject: Subject | None = None) -> Made:
    """What a folder holds. Raises BadModel where it holds no organism, and BadInput for another than this one, or one
    that was made on another subject."""
    from selfscope.subjects.adapter_files import SIDECAR, is_ours, read_sidecar

    if not is_ours(folder):
        why = lacking_folder(folder, SIDECAR, "organism")
        raise BadModel(f"{why}: make one with selfscope organism make KIND MODEL -o {folder}")
    side = read_sidecar(folder)
    lacking = [name for name in NEEDED if name not in side.made]
    if side.kind != KIND or lacking:
        what = f"a {side.kind}" if side.kind != KIND else f"an organism whose sidecar lacks {lacking[0]!r}"
        raise BadModel(f"{folder} holds {what}: make the organism again")
    if organism is not None and side.made["organism"] != organism.id:
        raise BadInput(f"{folder} holds {side.made['organism']}, not {organism.id}: give another folder, or delete it")
    if subject is not None and side.base != subject.identity:
        raise BadInput(
            f"{folder} was made on {side.base_name} ({side.base[:6]}), not on {subject.name} ({subject.identity[:6]}): "
            "give another folder, or delete it"
        )
    recorded(side, folder)
    return Made(folder, side)


def recorded(side: Sidecar, folder: Path | str) -> tuple[Measure, ...]:
    """The measures of a sidecar. Raises BadModel for what is none."""
    from pydantic import TypeAdapter, ValidationError

    from selfscope.organisms.base import Measure

    try:
        return tuple(TypeAdapter(list[Measure]).validate_python(side.made.get("measured")))
    except ValidationError as error:
        raise BadModel(f"{folder}: what was measured cannot be read ({error.error_count()} faults)") from error
