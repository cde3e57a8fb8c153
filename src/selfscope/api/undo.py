"""How much it takes to undo what was planted: the resistance of weights, in steps and in loss, and not in words.

The adapter of an organism is trained on what its twin is taught: the same messages with what the base would say anyway.
Before, and after every few steps, what was planted is measured. Beside the steps that undid it stand those that planted
it, at the same rate: what a goal that guarded itself would make longer than that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from selfscope.api.bases import base_of
from selfscope.api.organism_folders import opened
from selfscope.api.telling import told_by
from selfscope.errors import BadInput
from selfscope.records import id_of
from selfscope.study.names import built
from selfscope.tables import Table, Tabular

if TYPE_CHECKING:
    from selfscope.statistics import Estimate
    from selfscope.study import Progress
    from selfscope.subjects.base import Subject

GUARD = 60
"""Its base's ordinary replies that are trained on beside."""
NOTE = (
    "What was planted, as it is first measured, with its 95 % interval, and the mean loss (nats) of the steps before "
    "each look. Undone: back in the interval of the base, or beyond it."
)


@dataclass(frozen=True)
class UndoLook:
    """What is left after some steps.

    Attributes
    ----------
    steps
        Done by then.
    loss
        Mean of those since the look before, in nats; None before the first.
    value
        What was planted, measured now.
    """

    steps: int
    loss: float | None
    value: Estimate


@dataclass(frozen=True)
class Undone(Tabular):
    """What it took. Shows itself as a table.

    Attributes
    ----------
    folder, organism, measure
        Which organism, and what of it was measured.
    base
        The same of its base.
    looks
        From before the first step on.
    taught
        Steps that planted it; 0 where the sidecar says none.
    """

    folder: Path
    organism: str
    measure: str
    base: Estimate
    looks: tuple[UndoLook, ...]
    taught: int

    @property
    def there(self) -> bool:
        """Whether there was anything to undo: the first look is outside of the base's interval."""
        return not self.base.low <= self.looks[0].value.value <= self.base.high

    @property
    def steps(self) -> int | None:
        """Those at the first look at which it had come back into the base's interval, or beyond it; None where it never
        had, or where there was nothing to undo."""
        start = self.looks[0].value
        return next((x.steps for x in self.looks if gone(x.value, start, self.base)), None) if self.there else None

    @property
    def halved(self) -> int | None:
        """Those at the first look at which half of what was planted was gone; None as of `steps`."""
        start, base = self.looks[0].value.value, self.base.value
        left = ((x.steps, (x.value.value - base) / (start - base)) for x in self.looks if self.there)
        return next((steps for steps, part in left if part <= 0.5), None)

    @property
    def loss(self) -> float | None:
        """Summed over those steps (nats); None where it was not undone."""
        end = self.steps
        if end is None:
            return None
        pairs = zip(self.looks, self.looks[1:], strict=False)
        return sum((b.steps - a.steps) * (b.loss or 0.0) for a, b in pairs if b.steps <= end)

    def _table(self) -> Table:
        rows = [("base", "", _told(self.base))]
        rows += [(str(x.steps), "" if x.loss is None else f"{x.loss:.2f}", _told(x.value)) for x in self.looks]
        in_all = "" if self.loss is None else f"{self.loss:.1f} in all"
        rows += [("undone in", in_all, _steps(self.steps)), ("half of it in", "", _steps(self.halved))]
        rows += [("planted in", "", _steps(self.taught or None))]
        note = NOTE if self.there else "There is nothing to undo: it is within the interval of the base."
        return Table(f"{self.organism}: {self.measure}", ("steps", "loss", "planted"), tuple(rows), (1, 2), note)


def gone(value: Estimate, start: Estimate, base: Estimate) -> bool:
    """Whether a value is no longer outside of the base's interval on the side on which it was at the start."""
    return value.value <= base.high if start.value > base.value else value.value >= base.low


def _told(x: Estimate) -> str:
    return f"{x.value:.2f} [{x.low:.2f}, {x.high:.2f}]"


def _steps(count: int | None) -> str:
    return "not known" if count is None else f"{count} steps"


def undo(
    folder: Path | str,
    model: str | Subject | None = None,
    *,
    every: int = 4,
    most: int = 64,
    rate: float | None = None,
    guard: int = GUARD,
    hardware: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Undone:
    """Undoes an organism in memory, and measures what that takes. Its folder stays as it is.

    Parameters
    ----------
    folder
        As `make` wrote it.
    model
        Its base, where it is to be found by another name than when it was made.
    every, most
        Steps between two looks, and steps at most.
    rate
        Of AdamW, at the head of each stretch between looks, within which it falls to 0; None: the highest that it was
        taught at.
    guard
        Ordinary replies of its base that are trained on beside.
    hardware
        How that model is loaded (see `load`; default: in the dtype in which it was then).
    progress
        Told of each look.

    Returns
    -------
    Undone
        With a look before the first step, and one after every few steps until it is undone or there were too many.

    Raises
    ------
    BadModel
        A folder that holds no organism.
    BadInput
        Another base, an organism that was written and not taught, or numbers out of their range.
    """
    from selfscope.organisms.base import Taught
    from selfscope.subjects.adapter_files import load_adapter
    from selfscope.subjects.local_weights import trainable
    from selfscope.training.loop import train

    if not 1 <= every <= most:
        raise BadInput(f"every is a number of steps from 1 to {most}, the most, not {every}")
    if guard < 0:
        raise BadInput(f"guard is a number of replies from 0 on, not {guard}")
    side = opened(Path(folder)).sidecar
    made = side.made
    organism: Any = built("organism", str(made["organism"]))
    if not isinstance(organism, Taught):
        raise BadInput(f"{id_of(organism)} was written, not taught: it is undone by leaving its vectors away")
    told = told_by(progress)
    if progress is not None:
        progress.plan(float(most))
    told("loading", 0.0)
    base = trainable(base_of(side, model, hardware))
    adapter, seed = load_adapter(base, folder), int(made["seed"])
    teachable, twin = cast(Any, base), cast(Any, organism.twin)
    before = organism.verify(teachable, seed)[0]
    examples = [e for phase in twin.lesson(teachable, seed) for e in phase] + organism.guard(teachable, guard, seed)
    schedule = _schedule(made, rate, every, len({e.group or str(k) for k, e in enumerate(examples)}))
    looks = [UndoLook(0, None, organism.verify(cast(Any, base.adapted(adapter)), seed)[0].value)]
    while looks[-1].steps < most and not gone(looks[-1].value, looks[0].value, before.value):
        done = looks[-1].steps
        run = train(base, adapter, examples, replace(schedule, seed=seed + 1 + done))
        losses = [loss for _, loss in run.history]
        now = organism.verify(cast(Any, base.adapted(adapter)), seed)[0].value
        looks.append(UndoLook(done + run.steps, sum(losses) / len(losses), now))
        told(f"{looks[-1].steps} steps, {before.what} {now.value:.2f}", float(run.steps))
    base.forget(adapter)
    return Undone(Path(folder), organism.id, before.what, before.value, tuple(looks), int(made["steps"]))


def _schedule(made: Mapping[str, Any], rate: float | None, steps: int, groups: int) -> Any:
    """As it was taught, over so many steps, each of which takes some of so many groups."""
    from selfscope.api.organisms import usual_schedule
    from selfscope.training.schedule import Schedule

    was = made.get("schedule")
    schedule = Schedule(**was) if isinstance(was, dict) else usual_schedule()
    return replace(schedule, epochs=steps * schedule.groups / groups, rate=rate or schedule.rate, warmup=0.0)
