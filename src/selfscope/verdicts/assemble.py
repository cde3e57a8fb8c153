"""From rows to arrays: who said what about which item, on the same items, padded to the longest option list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from selfscope.records import PLAIN, REAL, Outcome, Parts, Reading, Row, Trial, Truth
from selfscope.statistics import Array, Ints
from selfscope.verdicts.items import Items
from selfscope.verdicts.items import matrix as matrix

Cells = Mapping[str, Reading]


@dataclass(frozen=True)
class Table:
    """The rows of one phenomenon. readings[reader, control, arm, split]: base trial id -> reading. of_control: trial by
    (base trial, control, arm). rungs: by reader. parts: what the study's parts say of themselves."""

    phenomenon: str
    trials: Mapping[str, Trial]
    truths: Mapping[str, Truth]
    readings: Mapping[tuple[str, str, str, str], Cells]
    of_control: Mapping[tuple[str, str, str], str]
    rungs: Mapping[str, str]
    parts: Parts = field(default_factory=Parts)
    changes: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def readers(self) -> tuple[str, ...]:
        """In the order of the rows."""
        return tuple(self.rungs)

    @property
    def kind(self) -> str:
        """The kind of phenomenon that its trials carry; the table has its id."""
        return next((self.trials[i].phenomenon for cells in self.readings.values() for i in cells), self.phenomenon)

    @property
    def family(self) -> str:
        """report, activations or injection: as the phenomenon says, else by what its trials carry."""
        part = self.parts.phenomena.get(self.phenomenon)
        if part is not None:
            return part.family
        ids = {i for cells in self.readings.values() for i in cells}
        inside = any(self.trials[i].evidence is not None or self.trials[i].prompt.interventions for i in ids)
        return "activations" if inside else "report"

    def cells(self, reader: str, control: str = PLAIN, split: str = "test", *, arm: str = REAL) -> Cells:
        """Readings by base trial id."""
        return self.readings.get((reader, control, arm, split), {})

    def answered(
        self, reader: str, control: str = PLAIN, split: str = "test", *, arm: str = REAL
    ) -> dict[str, Reading]:
        """Those that are answers."""
        return {k: r for k, r in self.cells(reader, control, split, arm=arm).items() if r.distribution is not None}

    def on(self, rung: str) -> list[str]:
        """Readers of a rung that were asked plainly, in the order of the rows."""
        return [r for r in self.readers if self.rungs[r] == rung and self.cells(r)]

    def rivals(self, rung: str) -> list[str]:
        """Those of a rung that answered an item: who can say nothing of a phenomenon, as a stored history of another
        subject cannot of a user's own questions, is no rival."""
        return [r for r in self.on(rung) if self.answered(r)]

    def controls(self, role: str, reader: str = "") -> list[str]:
        """The controls in a role that a reader was asked under (any reader, where none is named)."""
        asked = {key[1] for key in self.readings if not reader or key[0] == reader}
        return [control for control in self.parts.in_role(role) if control in asked]

    def control(self, role: str, reader: str = "") -> str:
        """The first of them; "" where there is none."""
        return next(iter(self.controls(role, reader)), "")

    def truth_under(self, base: str, control: str, arm: str = REAL) -> Truth | None:
        """The truth of a trial as a control changed it."""
        return self.truths.get(self.of_control.get((base, control, arm), ""))


def tables(
    rows: Iterable[Row], trials: Mapping[str, Trial], truths: Mapping[str, Truth], parts: Parts | None = None
) -> list[Table]:
    """One table a phenomenon, in the order of the rows. A later row of the same cell replaces an earlier one. Sweeps
    are left out: they ask the same trial many times."""
    known = parts or Parts()
    readings: dict[str, dict[tuple[str, str, str, str], dict[str, Reading]]] = {}
    rungs: dict[str, dict[str, str]] = {}
    derived: dict[str, dict[tuple[str, str, str], str]] = {}
    for row in rows:
        trial = trials.get(row.trial)
        if trial is None or known.role(row.control) == "sweep":
            continue
        base = trial.base or trial.id
        cells = readings.setdefault(row.phenomenon, {})
        cells.setdefault((row.reader, row.control, trial.arm, trial.split), {})[base] = row.reading
        rung = known.readers[row.reader].rung if row.reader in known.readers else row.rung
        rungs.setdefault(row.phenomenon, {}).setdefault(row.reader, rung)
        derived.setdefault(row.phenomenon, {})[base, row.control, trial.arm] = trial.id
    return [Table(name, trials, truths, readings[name], derived[name], rungs[name], known) for name in readings]


def numbered(names: Sequence[object]) -> Ints:
    """Names as integers in order of first appearance."""
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(n, len(numbers)) for n in names], dtype=np.int64)


def items_of(table: Table, reader: str, split: str = "test") -> tuple[list[str], Items] | None:
    """The items that the reader, the prior and every linear rival answered, as arrays. None when there is none."""
    own = table.answered(reader, "plain", split)
    history, inputs = _history(table), inputs_of(table)
    others = [table.answered(r, "plain", split) for r in (*history, *inputs)]
    ids = [i for i in own if i in table.truths and all(i in cells for cells in others)]
    if not ids:
        return None
    k = max(len(table.trials[i].question.options) for i in ids)
    n = len(ids)
    there = np.zeros((n, k), dtype=bool)
    for row, i in enumerate(ids):
        there[row, : len(table.trials[i].question.options)] = True
    truth = [table.truths[i] for i in ids]
    empty = np.zeros((n, k))
    forecasts = [matrix([distribution_of(cells[i]) for i in ids], k) for cells in others]
    past = forecasts[0] if history else empty
    others_in = forecasts[len(history) :]
    g1 = others_in[0] if others_in else empty
    refits = [others[0][i].extra for i in ids] if history else []
    return ids, Items(
        report=matrix([distribution_of(own[i]) for i in ids], k),
        xa=matrix([t.half_a for t in truth], k),
        xb=matrix([t.half_b for t in truth], k),
        history=past,
        jack=_refits(refits, "jackknife", k, n),
        g1=g1,
        g2=others_in[1] if len(others_in) > 1 else g1,
        first=np.array([_first(own[i]) for i in ids], dtype=np.int64),
        dummies=dummies([table.trials[i] for i in ids], there),
        there=there,
        cluster=numbered([table.trials[i].cluster for i in ids]),
        rolls=np.array([t.n for t in truth], dtype=np.int64),
        halves=_halves(refits, k),
        set_variance=_set_variance(refits, k),
    )


def inputs_of(table: Table) -> list[str]:
    """The two input rivals of the regression: other models' forecasts, where there are any, else those of stored
    histories. Each is the other's instrument, so that both must say the same thing but for their noise: a model that
    reads the question and a line through the words of another's history do not, nor do what it says and what it does:
    of several kinds the one that explains most of the truth."""
    rivals, known = table.rivals("input"), table.parts.readers
    observers = [r for r in rivals if r in known and known[r].observer is not None]
    kinds = {known[r].kind for r in observers}
    if len(kinds) > 1:
        best = known[max(observers, key=lambda r: _explained(table, r))].kind
        observers = [r for r in observers if known[r].kind == best]
    return (observers or rivals)[:2]


def _history(table: Table) -> list[str]:
    """The history rival of the regression: of those whose training noise is known, which can be taken off, the one
    that leaves least of the truth unexplained; else the first. Reports have no say in it."""
    rivals = table.rivals("history")
    known = [
        r for r in rivals if any(name in x.extra for x in table.cells(r).values() for name in ("jackknife", "sets"))
    ]
    return sorted(known, key=lambda r: -_explained(table, r))[:1] if len(known) > 1 else (known or rivals)[:1]


def _explained(table: Table, rival: str) -> float:
    """How much of the truth a forecast explains beyond the intercepts, at its best weight, summed over items."""
    cells = {i: r for i, r in table.answered(rival).items() if i in table.truths}
    trials = [table.trials[i] for i in cells]
    k = max((len(t.question.options) for t in trials), default=0)
    there = np.arange(k) < np.array([[len(t.question.options)] for t in trials])
    constant = dummies(trials, there)[there] if trials else np.zeros((0, 0))
    said, truth = (
        matrix(rows, k)[there] if trials else np.zeros(0)
        for rows in ([distribution_of(r) for r in cells.values()], [table.truths[i].mean for i in cells])
    )
    own = said - constant @ np.linalg.lstsq(constant, said, rcond=None)[0]
    size = float(own @ own)
    return max(0.0, float(own @ truth)) ** 2 / size if size > 1e-9 else 0.0


def _set_variance(extras: Sequence[Mapping[str, object]], k: int) -> Array | None:
    """(n, K) variance of a forecast that is the mean over disjoint sets of examples, from their spread."""
    sets = _refits(extras, "sets", k, len(extras))
    return sets.var(0, ddof=1) / len(sets) if len(sets) > 1 else None


def twin_of(table: Table, ids: Sequence[str], width: int) -> tuple[Array, Array | None, Ints] | None:
    """The near twin's forecast (m, K), its variance, and which of the items it made one for. None without a twin."""
    cells = table.answered(table.on("twin")[0]) if table.on("twin") else {}
    rows = np.array([k for k, i in enumerate(ids) if i in cells], dtype=np.int64)
    if not len(rows):
        return None
    forecasts = [cells[ids[k]] for k in rows]
    variance = _set_variance([r.extra for r in forecasts], width)
    return matrix([distribution_of(r) for r in forecasts], width), variance, rows


def class_reports(table: Table, reader: str, ids: Sequence[str]) -> bool:
    """Whether all answers name one option: modes, not draws."""
    cells = table.answered(reader)
    return all(cells[i].kind == "class" for i in ids)


def distribution_of(reading: Reading) -> Sequence[float]:
    assert reading.distribution is not None
    return reading.distribution


def _first(reading: Reading) -> int:
    return reading.first if reading.first is not None else 0


def _refits(extras: Sequence[Mapping[str, object]], name: str, k: int, n: int) -> Array:
    if not extras or not all(name in e for e in extras):
        return np.zeros((0, n, k))
    stacks: list[Sequence[Sequence[float]]] = [e[name] for e in extras]  # type: ignore[misc]
    return np.stack([matrix([s[j] for s in stacks], k) for j in range(len(stacks[0]))])


def _halves(extras: Sequence[Mapping[str, object]], k: int) -> Array | None:
    halves = _refits(extras, "halves", k, len(extras))
    return halves if len(halves) == 2 else None


def dummies(trials: Sequence[Trial], there: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> Array:
    """(n, K, d) intercepts: one a label of shared lists; one a place of private lists of each length, since how likely
    an option is by itself depends on both, and re-paired reports are of lists of the same length."""
    labels: dict[tuple[str, str], int] = {}
    places: list[tuple[int, int, int]] = []
    for i, trial in enumerate(trials):
        q = trial.question
        for j, option in enumerate(q.options):
            name = (q.quantity, option.key) if q.shared else (f"of {len(q.options)}", str(j))
            places.append((i, j, labels.setdefault(name, len(labels))))
    out = np.zeros((*there.shape, len(labels)))
    for i, j, label in places:
        out[i, j, label] = 1.0
    return out


ELSEWHERE = "elsewhere"
"""What became of a reading by probabilities whose listed answers hold next to nothing: it would say something else."""


def outcomes(table: Table, reader: str, mass: float) -> dict[str, int]:
    """How many plain readings ended in each outcome. mass: where the listed answers hold less of the probability, a
    refusal or something else would come, and the reading says only what it would choose if it had to."""
    cells = table.cells(reader)
    counts = {o.value: sum(r.outcome == o for r in cells.values()) for o in Outcome}
    silent = sum(r.distribution is not None and r.mass is not None and r.mass < mass for r in cells.values())
    return {**counts, Outcome.ANSWERED.value: counts[Outcome.ANSWERED.value] - silent, ELSEWHERE: silent}
