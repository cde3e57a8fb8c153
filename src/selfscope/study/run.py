"""Runs a study: pose, observe, truth, fit, read, for each phenomenon; every finished cell is on the disk.

A cell is (subject, phenomenon, reader with the hash of what it was fitted on, control, seed, shard of at most 50
trials). Calls to the subject cover several shards at once, because large batches are fast; a kill loses one call.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

from selfscope.controls.base import Control, movable
from selfscope.readers.base import Reader
from selfscope.records import Outcome, Reading, Row, Trial, Truth, content_hash, to_jsonable
from selfscope.scoring import score
from selfscope.store import Store
from selfscope.study.base import ALARMS, STATES, WORDINGS, PhenomenonPlan, Study
from selfscope.subjects.sealed import Log, MeteredSubject, SealedSubject, SealRegistry

SHARD = 50
CALL = 200  # trials a call
OBSERVE = 120  # observations a call: each has many rollouts
T = TypeVar("T")


class Progress(Protocol):
    """Told of the work ahead and of each piece that is done. Work is in rough seconds of a small model."""

    def plan(self, total: float) -> None: ...

    def step(self, what: str, work: float) -> None: ...


class Quiet:
    """Says nothing."""

    def plan(self, total: float) -> None: ...

    def step(self, what: str, work: float) -> None: ...


def run(study: Study, store: Store, progress: Progress | None = None) -> Store:
    """Runs what the store does not hold yet. Killed at any moment and called again, it ends with the same rows.

    Raises whatever a subject raises (SelfscopeError for a server that is down, a prompt that is too long): what was
    finished before stays in the store.
    """
    started = time.perf_counter()
    runner = _Runner(study, store, progress or Quiet())
    _note_environment(study, store)
    store.note(tier=study.subject.tier, chat=study.subject.chat)
    try:
        posed = [runner.pose(line) for line in study.lines]
        runner.announce(posed)
        for each in posed:
            runner.line(each)
        store.note(finished=True)
    finally:
        runner.settle_accounts(time.perf_counter() - started)
        _note_environment(study, store)
    return store


def _note_environment(study: Study, store: Store) -> None:
    """Before and after: a server says what it is when it answers, and a run that has nothing left to ask keeps it."""
    store.note(environment={**store.meta.get("environment", {}), **study.subject.environment})


@dataclass
class _Runner:
    study: Study
    store: Store
    progress: Progress
    log: Log = field(default_factory=Log)
    vault: SealRegistry = field(default_factory=SealRegistry)

    def pose(self, line: PhenomenonPlan) -> _Posed:
        """The trials of a phenomenon, from the store if they were posed before: a resumed run asks the same things."""
        name, seed = line.phenomenon.name, self.study.seed
        cell = self._cell(name, "pose")
        mark = self.store.cells.get(cell)
        if mark is not None and all(t in self.store.trials for t in mark["trials"]):
            trials = [self.store.trials[t] for t in mark["trials"]]
        else:
            subject = MeteredSubject(self.study.subject, f"pose {name}", self.log)
            trials = line.phenomenon.pose(subject, seed)
            if not line.whole:
                asked = self._asked([t for t in trials if t.split != "train"])
                trials = [t for t in trials if t.split == "train"] + asked
            self.store.add_trials(trials)
            self.store.finish(cell, step="pose", phenomenon=name, trials=[t.id for t in trials])
        test = [t for t in trials if t.split == "test"]
        few = one_in_each_cluster(test, self.study.per_cluster)
        fewer = few[:: self.study.wording_every]
        groups = {**dict.fromkeys(WORDINGS, fewer), **dict.fromkeys(STATES, few[: self.study.states])}
        groups["alarm"] = few[: self.study.alarms]
        every = test if line.arm_readers else few
        treated = [(c, c.apply(groups.get(c.name, every), seed)) for c in line.controls]
        panel = min(PANEL, self.study.wording_every)  # true and false take turns: its size is not that of the trials
        treated = [(c, many[::panel] if c.name == "yes_bias" else many) for c, many in treated]
        beyond = one_in_each_cluster([t for t in trials if t.split != "train"], self.study.per_cluster)
        sweeps = [(reader, c.apply(beyond, seed)) for reader, c in line.sweeps]
        for _, more in (*treated, *sweeps):
            self.store.add_trials(more)
        posed = _Posed(line, trials, treated, few, sweeps)
        self.vault.hide(posed.every)
        return posed

    def _asked(self, trials: Sequence[Trial]) -> list[Trial]:
        """As many questions a cluster as the study asks, in the order in which they were posed."""
        if self.study.questions is None:
            return list(trials)
        chosen = {t.id for t in one_in_each_cluster(trials, self.study.questions)}
        return [t for t in trials if t.id in chosen]

    def announce(self, posed: Sequence[_Posed]) -> None:
        """Estimates the work ahead, for the time left."""
        total = 0.0
        for each in posed:
            keys = {t.observation: None for t in each.every if t.id not in self.store.truths and not given_truth(t)}
            total += sum(k not in self.store.observations for k in keys) * OBSERVING
            total += sum(len(asked) for _, _, asked in each.reads()) * READING
        self.progress.plan(total)

    def line(self, posed: _Posed) -> None:
        """Everything of one phenomenon."""
        truths = self.behave(posed.line, posed.every)
        train = [t for t in posed.trials if t.split == "train"]
        learnt = [truths[t.id] for t in train]
        for reader, asked in posed.by_reader():
            sealed = SealedSubject(self.study.subject, reader.id, self.vault, self.log)
            fitted = _Fitted(_metered(reader, self.log), sealed, train, learnt)
            self.read(posed.line, fitted, asked, truths)

    def behave(self, line: PhenomenonPlan, trials: Sequence[Trial]) -> dict[str, Truth]:
        """Lets the subject behave where the store does not know yet what it does; the truth of each trial."""
        name, phenomenon = line.phenomenon.name, line.phenomenon
        given = {t.id: truth for t in trials if (truth := given_truth(t)) is not None}
        rest = [t for t in trials if t.id not in given]
        subject = MeteredSubject(self.study.subject, f"observe {name}", self.log)
        wanted: dict[str, list[Trial]] = {}
        for trial in rest:
            wanted.setdefault(trial.observation, []).append(trial)
        for keys in _chunks(list(wanted), OBSERVE):
            if all(key in self.store.observations for key in keys):
                continue
            acted = phenomenon.observe(subject, [t for key in keys for t in wanted[key]])
            self.store.add_observations(acted)
            self.progress.step(f"{name}: what it does", len(keys) * OBSERVING)
        unknown = [t for t in rest if t.id not in self.store.truths]
        if unknown:
            seen = {t.observation: self.store.observations[t.observation] for t in unknown}
            self.store.add_truths(phenomenon.truth(unknown, list(seen.values())))
        self.store.add_truths(list(given.values()))
        return {t.id: self.store.truths[t.id] for t in trials}

    def read(
        self,
        line: PhenomenonPlan,
        fitted: _Fitted,
        asked: Sequence[tuple[str, Sequence[Trial]]],
        truths: Mapping[str, Truth],
    ) -> None:
        """One reader's readings of all its controls, several shards in a call.

        A call that a kill cut is made again as it was, and only what was not stored is kept of it: the last digits of
        a log-probability depend on what shares its batch, and a resumed run gives the rows of one left alone.
        """
        name, key = line.phenomenon.name, fitted.key
        shards = [
            (self._cell(name, "read", key, control, i, [t.id for t in shard]), control, shard)
            for control, trials in asked
            for i, shard in enumerate(_chunks(trials, SHARD))
        ]
        for group in _calls(shards):
            if not all(cell in self.store.cells for cell, _, _ in group):
                readings = iter(fitted.read(self.vault.hide([trial for _, _, shard in group for trial in shard])))
                for cell, control, shard in group:
                    rows = [self._row(cell, name, fitted.reader, t, next(readings), truths[t.id]) for t in shard]
                    facts = {"step": "read", "phenomenon": name, "reader": fitted.reader.id, "control": control}
                    self.store.finish(cell, rows, **facts)
            self.progress.step(f"{name}: {fitted.reader.id}", sum(len(shard) for _, _, shard in group) * READING)

    def _row(self, cell: str, name: str, reader: Reader, trial: Trial, reading: Reading, truth: Truth) -> Row:
        return Row(
            cell=cell,
            subject=self.study.subject.identity,
            phenomenon=name,
            trial=trial.id,
            reader=reader.id,
            rung=reader.rung,
            control=trial.control,
            seed=self.study.seed,
            reading=reading,
            score=score(reading, truth) if reading.outcome == Outcome.ANSWERED else None,
        )

    def _cell(self, *parts: Any) -> str:
        return content_hash(self.study.subject.identity, self.study.seed, *parts)

    def settle_accounts(self, seconds: float) -> None:
        """Adds what this run took to what the runs before it took."""
        before = self.store.meta.get("costs", {})
        costs = {k: dict(v) for k, v in before.items()}
        for caller, cost in self.log.costs().items():
            sums = costs.setdefault(caller, {})
            for key, value in to_jsonable(cost).items():
                sums[key] = sums.get(key, 0) + value
        self.store.note(costs=costs, seconds=self.store.meta.get("seconds", 0.0) + seconds)


PANEL = 3
"""At least every third statement of the yes-bias panel is asked."""
GIVEN = ("competence", "changed_competence", "yes_bias", *ALARMS)
"""Controls that know the answer of what they ask."""

OBSERVING, READING = 0.5, 0.06
"""Rough seconds an observation and a reading take with a model of 135M parameters on two cores: weights of the
progress bar alone."""


@dataclass(frozen=True)
class _Posed:
    """A phenomenon's trials, those that its controls made of some of them, and the few of each cluster."""

    line: PhenomenonPlan
    trials: Sequence[Trial]
    treated: Sequence[tuple[Control, Sequence[Trial]]]
    few: Sequence[Trial]
    sweeps: Sequence[tuple[str, Sequence[Trial]]] = ()

    @property
    def every(self) -> list[Trial]:
        return [*self.trials, *(t for _, many in (*self.treated, *self.sweeps) for t in many)]

    def by_reader(self) -> Iterator[tuple[Reader, list[tuple[str, Sequence[Trial]]]]]:
        """Each reader with what it is asked: (control, trials)."""
        test = [t for t in self.trials if t.split == "test"]
        dev = [t for t in self.trials if t.split == "dev"]
        sparse = dict(self.line.sparse)
        for reader in self.line.readers:
            to_jsonable = self.few[:: sparse[reader.id]] if reader.id in sparse else test
            asked: list[tuple[str, Sequence[Trial]]] = [("plain", to_jsonable)]
            if reader.id in self.line.dev:
                asked.append(("plain", dev))
            if reader.id in (self.line.arm_readers or (self.line.primary,)):
                asked += [(control.name, trials) for control, trials in self.treated]
            asked += [("sweep", trials) for name, trials in self.sweeps if name == reader.id]
            yield reader, asked

    def reads(self) -> Iterator[tuple[Reader, str, Sequence[Trial]]]:
        for reader, asked in self.by_reader():
            for control, trials in asked:
                yield reader, control, trials


@dataclass
class _Fitted:
    """A reader that learns when it is first needed: a resumed run with nothing left to read learns nothing."""

    reader: Reader
    subject: SealedSubject
    train: Sequence[Trial]
    truths: Sequence[Truth]
    _ready: Reader | None = None

    @property
    def key(self) -> list[str]:
        """The reader's id and the hash of what it is fitted on."""
        return [self.reader.id, content_hash([[t.trial, t.mean] for t in self.truths])]

    def read(self, trials: Sequence[Trial]) -> list[Reading]:
        if self._ready is None:
            self._ready = self.reader.fit(self.subject, self.train, self.truths)
        return self._ready.read(self.subject, trials)


def _metered(reader: Reader, log: Log) -> Reader:
    """What another model that takes part is asked is logged too."""
    observer = getattr(reader, "observer", None)
    if observer is None:
        return reader
    return replace(reader, observer=MeteredSubject(observer, reader.id, log))  # type: ignore[type-var]


def one_in_each_cluster(trials: Sequence[Trial], per_cluster: int = 1) -> list[Trial]:
    """`per_cluster` trials of each cluster: first those whose truth a state can move (do(state) needs them), then by a
    hash of their ids, which does not follow the order."""
    clusters: dict[str, list[Trial]] = {}
    for trial in trials:
        clusters.setdefault(trial.cluster, []).append(trial)
    return [t for c in clusters.values() for t in sorted(c, key=_turn)[:per_cluster]]


def _turn(trial: Trial) -> tuple[bool, str]:
    return not movable(trial), content_hash("few", trial.id)


def given_truth(trial: Trial) -> Truth | None:
    """The truth of a question whose answer the control itself knows (competence, yes-bias panel), or None."""
    if trial.control not in GIVEN:
        return None
    answer = trial.coordinates.get("answer", trial.question.arguments.get("answer"))
    if answer is None:
        return None
    options = trial.question.options
    if isinstance(answer, str):
        answer = [o.key for o in options].index(answer)
    mean = tuple(float(k == answer) for k in range(len(options)))
    return Truth(trial.id, mean, mean, mean, 0, "given", int(answer))


def _calls(
    shards: Sequence[tuple[str, str, Sequence[Trial]]],
) -> Iterator[list[tuple[str, str, Sequence[Trial]]]]:
    """Shards in groups of at most CALL trials: always the same groups, whatever is finished."""
    group: list[tuple[str, str, Sequence[Trial]]] = []
    size = 0
    for each in shards:
        if group and size + len(each[2]) > CALL:
            yield group
            group, size = [], 0
        group.append(each)
        size += len(each[2])
    if group:
        yield group


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
