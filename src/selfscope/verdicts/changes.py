"""The items whose state was changed, as arrays: before and after, beside what was asked as a control."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from selfscope.records import PLAIN, REAL, Reading
from selfscope.statistics import Array
from selfscope.verdicts.assemble import Table, distribution_of, matrix, numbered
from selfscope.verdicts.state_effect import Change, moved

ChangedItems = tuple[list[str], Change]
Cells = Mapping[str, Reading]
HIDDEN_ARMS = ("changed", "words", "words_changed", "person", "person_changed")
"""Arms of a control whose state no report can read as text: the changed question, then before and after of the same
words asked for something else and of a third person."""


def text_change(table: Table, reader: str, *, control: bool = True, sham: bool = False) -> ChangedItems | None:
    """The items whose state a text changed, with readings of the control question, or of the sham. None: no such."""
    state = table.control("state", reader)
    c0, c1 = (table.answered(reader, table.control(role, reader)) for role in ("competence", "state_competence"))
    shams = table.answered(reader, table.control("sham", reader))
    beside = {**({"control_before": c0, "control_after": c1} if control else {}), **({"sham": shams} if sham else {})}
    return _kept(table, reader, (state, REAL), beside)


def hidden_change(table: Table, reader: str, *, control: bool = True) -> ChangedItems | None:
    """The items whose state was changed by something that no report can read as text. None: no such.

    Of several such changes the first that moved behaviour: what moves none shows nothing."""
    first = None
    for state in _hidden_controls(table, reader):
        changed, *others = HIDDEN_ARMS
        w0, w1, p0, p1 = (table.answered(reader, state, arm=arm) for arm in others)
        beside = {"control_before": w0, "control_after": w1, "person_before": p0, "person_after": p1}
        found = _kept(table, reader, (state, changed), beside if control else {})
        if found is not None and moving(found[1]):
            return found
        first = first or found
    return first


def moving_control(table: Table, reader: str) -> str:
    """The control of the hidden state that decides: the first that moved behaviour; "" where none did."""
    for state in _hidden_controls(table, reader):
        found = _kept(table, reader, (state, HIDDEN_ARMS[0]), {})
        if found is not None and moving(found[1]):
            return state
    return ""


def _hidden_controls(table: Table, reader: str) -> list[str]:
    return [c for role in ("hidden_state", "masked_state") for c in table.controls(role, reader)]


def moving(change: Change) -> bool:
    """Whether the change moved behaviour: one that moves none has no slope."""
    return len(np.unique(change.cluster)) > 1 and moved(change).low > 0


def _kept(table: Table, reader: str, state: tuple[str, str], beside: Mapping[str, Cells]) -> ChangedItems | None:
    """Put together once a table."""
    key = (reader, state, tuple(beside))
    if key not in table.changes:
        table.changes[key] = _change(table, reader, state, beside)
    kept: ChangedItems | None = table.changes[key]
    return kept


def _change(
    table: Table, reader: str, state: tuple[str, str], beside: Mapping[str, Cells]
) -> ChangedItems | None:
    plain, after = table.answered(reader, PLAIN), table.answered(reader, state[0], arm=state[1])
    ids = []
    for i in after:
        size = len(distribution_of(after[i]))
        if i not in plain or i not in table.truths or table.truth_under(i, *state) is None:
            continue
        if all(i in cells and len(distribution_of(cells[i])) == size for cells in beside.values()):
            ids.append(i)
    if not state[0] or not ids:
        return None
    k = max(len(distribution_of(plain[i])) for i in ids)
    new = [table.truth_under(i, *state) for i in ids]
    old = [table.truths[i] for i in ids]
    mode = all(plain[i].kind == "class" for i in ids)
    truth: Callable[[Sequence[float]], Sequence[float]] = _mode if mode else lambda x: x

    def read(cells: Cells) -> Array:
        return matrix([distribution_of(cells[i]) for i in ids], k)

    return ids, Change(
        before=read(plain),
        after=read(after),
        xa=matrix([truth(t.half_a) for t in old], k),
        xb=matrix([truth(t.half_b) for t in old], k),
        xa_after=matrix([truth(t.half_a) for t in new if t], k),
        xb_after=matrix([truth(t.half_b) for t in new if t], k),
        cluster=numbered([table.trials[i].cluster for i in ids]),
        copied=_copied(table, ids, state, k),
        shown=_shown(table, ids, state, k),
        **{name: read(cells) for name, cells in beside.items()},
    )


def _copied(table: Table, ids: Sequence[str], state: tuple[str, str], k: int) -> Array:
    """(n, K) one-hot of the option that the state's reply falls under; zero where it says nothing."""
    out = np.zeros((len(ids), k))
    for row, i in enumerate(ids):
        option = table.trials[table.of_control[i, *state]].coordinates.get("copied")
        if isinstance(option, int):
            out[row, option] = 1.0
    return out


def _shown(table: Table, ids: Sequence[str], state: tuple[str, str], k: int) -> Array | None:
    """(n, K, m) how the forecasts of rivals moved that were shown the same state, on every item."""
    shifts = []
    for rival in (r for rung in ("input", "history") for r in table.on(rung)):
        before, after = table.answered(rival), table.answered(rival, state[0], arm=state[1])
        if all(i in before and i in after for i in ids):
            shifts.append(matrix([distribution_of(after[i]) for i in ids], k))
            shifts[-1] -= matrix([distribution_of(before[i]) for i in ids], k)
    return np.stack(shifts, axis=2) if shifts else None


def _mode(x: Sequence[float]) -> Sequence[float]:
    """One-hot of the likeliest option, shared where several are."""
    top = max(x)
    hits = [float(v == top) for v in x]
    return [h / sum(hits) for h in hits]
