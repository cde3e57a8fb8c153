"""What a study has to do, as a list: cells that any process can execute, whatever was executed before.

A cell is (subject, seed, phenomenon, reader with the hash of what it was fitted on, its trials): the unit of resuming
and of sharing out work. It is one call to the subject, because large batches are fast, and because the last digits of a
log-probability depend on what shares its batch: a cell that a kill cut is executed again as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from selfscope.records import Cost, Observation, Reading, Trial, Truth, content_hash, id_of
from selfscope.study.base import Study
from selfscope.study.sampling import PosedPhenomenon, TrialSet

PIECE = 50  # trials of a control that stay together in a call
CALL = 200  # trials a call
OBSERVE = 120  # observations a call: each has many rollouts
OBSERVING, READING = 0.5, 0.06
"""Rough seconds an observation and a reading take with a model of 135M parameters on two cores: weights of the
progress bar alone."""
T = TypeVar("T")


@dataclass(frozen=True)
class Cell:
    """One call. step: observe | read. reader: its id, "" where the subject behaves. work: rough seconds."""

    id: str
    step: str
    phenomenon: str
    reader: str
    trials: tuple[Trial, ...] = field(repr=False)
    work: float = 0.0

    @property
    def label(self) -> str:
        """What a progress bar says."""
        return f"{self.phenomenon}: {self.reader or 'what it does'}"


@dataclass(frozen=True)
class Outcomes:
    """What executing a cell gave. costs: by who asked. seconds: by stage (observed, fitted, asked)."""

    observations: tuple[Observation, ...] = ()
    readings: tuple[Reading, ...] = ()
    costs: Mapping[str, Cost] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)


def cell_id(study: Study, *parts: Any) -> str:
    """The identity of a piece of work of a study."""
    return content_hash(study.subject.identity, study.seed, *parts)


def observe_cells(study: Study, posed: PosedPhenomenon, measured: Sequence[Trial]) -> Iterator[Cell]:
    """What the subject has to do. measured: the trials whose truth is measured. Trials that share an observation stand
    in one cell."""
    by_key: dict[str, list[Trial]] = {}
    for trial in measured:
        by_key.setdefault(trial.observation, []).append(trial)
    name = posed.plan.id
    for keys in chunks(list(by_key), OBSERVE):
        trials = tuple(t for key in keys for t in by_key[key])
        yield Cell(cell_id(study, name, "observe", list(keys)), "observe", name, "", trials, len(keys) * OBSERVING)


def read_cells(study: Study, posed: PosedPhenomenon, truths: Mapping[str, Truth]) -> Iterator[Cell]:
    """What every reader has to read. truths: at least those of train."""
    name = posed.plan.id
    learnt = content_hash([[t.id, truths[t.id].mean] for t in posed.train])
    for reader, trial_sets in posed.by_reader():
        for trials in calls(trial_sets):
            ids = [t.id for t in trials]
            key = cell_id(study, name, "read", id_of(reader), learnt, ids)
            yield Cell(key, "read", name, id_of(reader), tuple(trials), len(ids) * READING)


def calls(trial_sets: Sequence[TrialSet]) -> Iterator[list[Trial]]:
    """What a reader is asked in groups of at most CALL trials: always the same groups, whatever is finished."""
    group: list[Trial] = []
    for piece in (piece for _, trials in trial_sets for piece in chunks(trials, PIECE)):
        if group and len(group) + len(piece) > CALL:
            yield group
            group = []
        group = [*group, *piece]
    if group:
        yield group


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in pieces of this size."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
