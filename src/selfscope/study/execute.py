"""Executes a cell: the subject behaves, or a sealed reader reads. The same outcomes in any process and any order."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from selfscope.errors import BadInput
from selfscope.phenomena.base import Phenomenon
from selfscope.readers.base import Reader
from selfscope.records import Cost, Trial, Truth, checked, id_of
from selfscope.study.another import with_another_model
from selfscope.study.base import Study
from selfscope.study.cells import Cell, Outcomes
from selfscope.subjects.sealed import Call, Log, MeteredSubject, SealedSubject, SealRegistry


@dataclass
class Workplace:
    """What executing needs besides the cell: the study with its live subject, and every trial that was posed, so that
    the seal knows all object prompts before the first question. trials: by phenomenon."""

    study: Study
    trials: Mapping[str, Sequence[Trial]]
    truths: dict[str, Truth] = field(default_factory=dict)
    _log: Log = field(default_factory=Log)
    _registry: SealRegistry = field(default_factory=SealRegistry)
    _fitted: dict[tuple[str, str], Reader] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for trials in self.trials.values():
            self._registry.hide(trials)

    def execute(self, cell: Cell) -> Outcomes:
        """The cell's outcomes, with what it took. Raises what the subject raises."""
        calls = len(self._log.calls)
        outcomes = self._observe(cell) if cell.step == "observe" else self._read(cell)
        return replace(outcomes, costs=costs(self._log.calls[calls:]))

    def _observe(self, cell: Cell) -> Outcomes:
        phenomenon = self._phenomenon(cell.phenomenon)
        subject = MeteredSubject(self.study.subject, f"observe {phenomenon.kind}", self._log)
        start = time.perf_counter()
        observations = phenomenon.observe(subject, cell.trials)
        return Outcomes(tuple(observations), seconds={"observed": time.perf_counter() - start})

    def _read(self, cell: Cell) -> Outcomes:
        reader = self._reader(cell)
        sealed = SealedSubject(self.study.subject, cell.reader, self._registry, self._log, rung=reader.rung)
        seconds: dict[str, float] = {}
        fitted = self._fitted.get((cell.phenomenon, cell.reader))
        if fitted is None:  # learns when it is first needed: a resumed run with nothing left to read learns nothing
            train = [t for t in self.trials[cell.phenomenon] if t.split == "train" and t.plain]
            start = time.perf_counter()
            fitted = _metered(reader, self._log).fit(sealed, train, [self.truths[t.id] for t in train])
            seconds["fitted"] = time.perf_counter() - start
            self._fitted[cell.phenomenon, cell.reader] = fitted
        start = time.perf_counter()
        readings = fitted.read(sealed, self._registry.hide(cell.trials))
        seconds["asked"] = time.perf_counter() - start
        if len(readings) != len(cell.trials):
            raise BadInput(f"{cell.reader} gave {len(readings)} readings of {len(cell.trials)} trials: give one each")
        sound = (checked(r, len(t.question.options)) for r, t in zip(readings, cell.trials, strict=True))
        return Outcomes(readings=tuple(sound), seconds=seconds)

    def _phenomenon(self, name: str) -> Phenomenon:
        return next(plan.phenomenon for plan in self.study.plans if plan.id == name)

    def _reader(self, cell: Cell) -> Reader:
        plan = next(plan for plan in self.study.plans if plan.id == cell.phenomenon)
        return next(reader for reader in plan.readers if id_of(reader) == cell.reader)


def costs(calls: Sequence[Call]) -> dict[str, Cost]:
    """Cost by caller, in order of the first call."""
    sums: dict[str, Cost] = {}
    for call in calls:
        sums[call.caller] = sums.get(call.caller, Cost()) + call.cost
    return sums


def _metered(reader: Reader, log: Log) -> Reader:
    """What another model that takes part is asked is logged too."""
    return with_another_model(reader, lambda other: MeteredSubject(other, id_of(reader), log, strict=False))
