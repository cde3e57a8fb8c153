"""How organisms are made: what decides it beside what is planted, and whether a folder was made so."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from selfscope.api.organism_folders import Made
from selfscope.errors import StoreError

if TYPE_CHECKING:
    from selfscope.organisms.base import Organism
    from selfscope.subjects.live_adapters import LoraShape
    from selfscope.training.schedule import Schedule

LATER = frozenset({"at_once", "save_every", "precision"})
"""Of a schedule, what another sitting or device may change."""


@dataclass(frozen=True)
class Making:
    """shape: of the adapter. schedule: of a habit, which others take longer than. guard: its own ordinary replies that
    are trained on beside every phase."""

    shape: LoraShape
    schedule: Schedule
    guard: int

    def longer(self, effort: float) -> Schedule:
        """The schedule of an organism of some effort."""
        return replace(self.schedule, epochs=self.schedule.epochs * effort)


def as_asked(made: Made, organism: Organism, how: Making) -> Made:
    """An organism that was made before. Raises StoreError where that was in another way, and names the difference."""
    there: dict[str, Any] = {"seed": made.made["seed"]}
    now: dict[str, Any] = {"seed": how.schedule.seed}
    if hasattr(organism, "lesson"):  # what is written has nothing else that decides it
        own = made.sidecar.shape
        there |= {"guard": made.made.get("guard"), **made.made.get("schedule", {}), **asdict(own)}
        now |= {"guard": how.guard, **asdict(how.longer(organism.effort)), **asdict(how.shape)}
    for name in now:
        if name in there and name not in LATER and _plain(there[name]) != _plain(now[name]):
            raise StoreError(
                f"{made.folder} was made with {name} {there[name]}, not {now[name]}: give that, or another folder"
            )
    return made


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
