"""Runs a study into a store: pose, observe, read, for each phenomenon; every finished cell is on the disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, cast

from selfscope.controls.base import Prepared
from selfscope.phenomena.base import Phenomenon
from selfscope.records import Outcome, Row, Trial, Truth, id_of
from selfscope.scoring import score
from selfscope.store import Store
from selfscope.study.another import with_another_model
from selfscope.study.base import PhenomenonPlan, Study
from selfscope.study.cells import Cell, Outcomes, cell_id, observe_cells, read_cells
from selfscope.study.execute import Workplace, costs
from selfscope.study.processes import Crew
from selfscope.study.sampling import (
    PosedPhenomenon,
    chosen_for,
    chosen_questions,
    known_truth,
    sound_truth,
    treated,
    with_own_ids,
)
from selfscope.subjects.base import OpenSubject
from selfscope.subjects.sealed import Log, MeteredSubject

Execute = Callable[[Sequence[Cell], dict[str, Truth]], Iterator[tuple[Cell, Outcomes]]]
"""(cells, every truth that is known) -> each cell with its outcomes, as they are done."""


class Progress(Protocol):
    """Told of the work ahead and of each piece that is done. Work is in rough seconds of a small model."""

    def plan(self, total: float) -> None: ...

    def step(self, what: str, work: float) -> None: ...


class Quiet:
    """Says nothing."""

    def plan(self, total: float) -> None: ...

    def step(self, what: str, work: float) -> None: ...


def run(
    study: Study,
    store: Store,
    progress: Progress | None = None,
    *,
    jobs: int = 1,
    connect: Callable[[], Study] | None = None,
) -> Store:
    """Runs what the store does not hold yet. Killed at any moment and called again, it ends with the same rows.

    jobs: processes that execute cells. connect: makes the study anew in another process, its subject loaded there
    (None: the study itself is sent). Raises whatever a subject raises (SelfscopeError for a server that is down, a
    prompt that is too long): what was finished before stays in the store.
    """
    runner = _Runner(study, store, progress or Quiet())
    runner.note_environment()
    store.note(tier=study.subject.tier, chat=study.subject.chat, parts=study.parts())
    start = time.perf_counter()
    try:
        posed = [runner.pose(plan) for plan in study.plans]
        runner.announce(posed)
        with _executing(study, posed, jobs, connect) as execute:
            runner.behave(posed, execute)
            runner.read(posed, execute)
        store.note(finished=True)
    finally:
        store.note(seconds=store.meta.get("seconds", 0.0) + time.perf_counter() - start)
        runner.note_environment()
    return store


@contextmanager
def _executing(
    study: Study, posed: Sequence[PosedPhenomenon], jobs: int, connect: Callable[[], Study] | None
) -> Iterator[Execute]:
    """A function that executes cells: here, one after the other, or in processes of their own."""
    trials = {each.plan.id: each.every for each in posed}
    if jobs == 1:
        place = Workplace(study, trials)

        def here(cells: Sequence[Cell], truths: dict[str, Truth]) -> Iterator[tuple[Cell, Outcomes]]:
            place.truths = truths
            for cell in cells:
                yield cell, place.execute(cell)

        yield here
        return
    with Crew(study, trials, jobs, connect) as crew:
        yield crew.execute


@dataclass
class _Runner:
    study: Study
    store: Store
    progress: Progress
    log: Log = field(default_factory=Log)

    def note_environment(self) -> None:
        """Before and after: a server says what it is when it answers; a run with nothing left to ask keeps it."""
        known = self.store.meta.get("environment", {})
        self.store.note(environment={**known, **self.study.subject.environment})

    def pose(self, plan: PhenomenonPlan) -> PosedPhenomenon:
        """The trials of a phenomenon, from the store if they were posed before: a resumed run asks the same things."""
        cell = cell_id(self.study, plan.id, "pose")
        mark = self.store.cells.get(cell)
        if mark is not None and all(t in self.store.trials for t in mark["trials"]):
            trials = [self.store.trials[t] for t in mark["trials"]]
        else:
            start, calls = time.perf_counter(), len(self.log.calls)
            subject = MeteredSubject(self.study.subject, f"pose {plan.phenomenon.kind}", self.log)
            trials = self._metered(plan.phenomenon).pose(subject, self.study.seed)
            trials = with_own_ids(self.study, plan, chosen_questions(self.study, plan, trials))
            self.store.add_trials(trials)
            seconds = {"posed": time.perf_counter() - start}
            self.store.finish(
                cell, step="pose", phenomenon=plan.id, trials=[t.id for t in trials],
                costs=costs(self.log.calls[calls:]), seconds=seconds,
            )  # fmt: skip
        posed = treated(self.study, plan, trials, self._prepared(plan, trials))
        self.store.add_trials(posed.every)
        return posed

    def _metered(self, phenomenon: Phenomenon) -> Phenomenon:
        """What another model that takes part does is logged too."""
        who = f"pose {phenomenon.kind}, another model"
        return with_another_model(phenomenon, lambda other: MeteredSubject(other, who, self.log, strict=False))

    def _prepared(self, plan: PhenomenonPlan, trials: Sequence[Trial]) -> dict[str, list[Trial]]:
        """By id, the trials of the controls that have to look at the subject first; from the store if they did."""
        made: dict[str, list[Trial]] = {}
        for control in (c for c in plan.controls if isinstance(c, Prepared)):
            cell = cell_id(self.study, plan.id, "prepare", id_of(control))
            mark = self.store.cells.get(cell)
            if mark is None or not all(t in self.store.trials for t in mark["trials"]):
                start, calls = time.perf_counter(), len(self.log.calls)
                subject = MeteredSubject(self.study.subject, f"prepare {id_of(control)}", self.log)
                chosen = chosen_for(self.study, plan, control, trials)
                ready = control.prepared(cast(OpenSubject, subject), chosen, self.study.seed)
                own = ready.apply(chosen, self.study.seed)
                self.store.add_trials(own)
                self.store.finish(
                    cell, step="pose", phenomenon=plan.id, trials=[t.id for t in own],
                    costs=costs(self.log.calls[calls:]), seconds={"posed": time.perf_counter() - start},
                )  # fmt: skip
                mark = self.store.cells[cell]
            made[id_of(control)] = [self.store.trials[t] for t in mark["trials"]]
        return made

    def announce(self, posed: Sequence[PosedPhenomenon]) -> None:
        """Estimates the work ahead, for the time left."""
        unknown = {t.id: Truth(t.id, (), (), (), 0, "") for each in posed for t in each.every}
        cells = [c for each in posed for c in (*self._observing(each), *read_cells(self.study, each, unknown))]
        self.progress.plan(sum(cell.work for cell in cells))

    def _observing(self, posed: PosedPhenomenon) -> list[Cell]:
        parts = self.study.parts()
        measured = [t for t in posed.every if known_truth(t, parts) is None]
        return list(observe_cells(self.study, posed, measured))

    def behave(self, posed: Sequence[PosedPhenomenon], execute: Execute) -> None:
        """Lets the subject behave where the store does not know yet what it does, and keeps every truth."""
        waiting: list[Cell] = []
        for cell in (cell for each in posed for cell in self._observing(each)):
            done = cell.id in self.store.cells and all(t.observation in self.store.observations for t in cell.trials)
            (self._step if done else waiting.append)(cell)
        for cell, outcomes in execute(waiting, {}):
            self.store.add_observations(outcomes.observations)
            self._finish(cell, outcomes, [])
        for each in posed:
            self._keep_truths(each)

    def _keep_truths(self, posed: PosedPhenomenon) -> None:
        parts = self.study.parts()
        truths = {t.id: truth for t in posed.every if (truth := known_truth(t, parts)) is not None}
        unknown = [t for t in posed.every if t.id not in truths and t.id not in self.store.truths]
        if unknown:
            observations = {t.observation: self.store.observations[t.observation] for t in unknown}
            measured = posed.plan.phenomenon.truth(unknown, list(observations.values()))
            options = {t.id: len(t.question.options) for t in unknown}
            self.store.add_truths([sound_truth(truth, options.get(truth.trial, 0)) for truth in measured])
        self.store.add_truths(list(truths.values()))

    def read(self, posed: Sequence[PosedPhenomenon], execute: Execute) -> None:
        """Every reader's readings of all its controls."""
        truths = dict(self.store.truths)
        waiting: list[Cell] = []
        places: dict[str, int] = {}
        for cell in (c for each in posed for c in read_cells(self.study, each, truths)):
            places[cell.id] = len(places)
            (self._step if cell.id in self.store.cells else waiting.append)(cell)
        rungs = {name: part.rung for name, part in self.study.parts().readers.items()}
        for cell, outcomes in execute(waiting, truths):
            rows = []
            for trial, reading in zip(cell.trials, outcomes.readings, strict=True):
                answered = reading.outcome == Outcome.ANSWERED
                row = Row(
                    cell=cell.id, subject=self.study.subject.identity, phenomenon=cell.phenomenon, trial=trial.id,
                    reader=cell.reader, rung=rungs[cell.reader], control=trial.control, seed=self.study.seed,
                    reading=reading, score=score(reading, truths[trial.id]) if answered else None,
                )  # fmt: skip
                rows.append(row)
            self._finish(cell, outcomes, rows, places[cell.id])

    def _finish(self, cell: Cell, outcomes: Outcomes, rows: Sequence[Row], place: int = -1) -> None:
        """place: of a cell of reading in the study's list: the order of rows, whatever was finished first."""
        facts = {"step": cell.step, "phenomenon": cell.phenomenon, "reader": cell.reader, "place": place}
        self.store.finish(cell.id, rows, **facts, costs=outcomes.costs, seconds=outcomes.seconds)
        self._step(cell)

    def _step(self, cell: Cell) -> None:
        self.progress.step(cell.label, cell.work)
