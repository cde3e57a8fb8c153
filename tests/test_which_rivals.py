"""Which rivals stand in the regression, and as what."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from selfscope.records import Row
from selfscope.subjects.phantom_dials import Dials
from selfscope.verdicts.assemble import items_of, tables
from selfscope.verdicts.shares import against_modes
from verdict_rows import ASK, study

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "studies"))
from world import Array, Size, items, world


def test_the_history_rival_that_tells_most_of_the_truth_stands_for_history() -> None:
    rows = study(Dials(habit=0.8))
    known = np.random.default_rng(1)
    more: list[Row] = []
    for row in rows.rows:
        if row.reader == "history_baseline" and row.trial in rows.truths:
            truth = np.array(rows.truths[row.trial].mean)
            better = 0.9 * truth + 0.1 * known.dirichlet(np.ones(4))
            for name, extra in (("sampled", {"sets": [better.tolist()] * 2}), ("unknown noise", {})):
                reading = replace(row.reading, distribution=tuple(better.tolist()), extra=extra)
                more.append(replace(row, reader=name, reading=reading))

    def forecast(*names: str) -> Array:
        own = [*rows.rows, *(r for r in more if r.reader in names)]
        got = items_of(tables(own, rows.trials, rows.truths, rows.parts)[0], ASK)
        assert got is not None
        return got[1].history

    assert np.array_equal(forecast("unknown noise"), forecast())  # noise that is not known cannot be taken off
    assert not np.array_equal(forecast("sampled"), forecast())
    # A rival that tells nothing does not stand for one that does.
    flat = [replace(r, reading=replace(r.reading, distribution=(0.25,) * 4)) for r in more]
    with_flat = items_of(tables([*rows.rows, *flat], rows.trials, rows.truths, rows.parts)[0], ASK)
    assert with_flat is not None
    assert np.array_equal(with_flat[1].history, forecast())


def test_forecasts_are_held_against_modes_too_but_for_one_whose_noise_is_taken_off() -> None:
    test = items(w := world(0, Size()), np.eye(4)[world(0, Size()).p.argmax(1)])
    noisy, exact = against_modes(test), against_modes(replace(test, history=w.h, jack=test.jack[:0]))
    assert np.array_equal(noisy.history, test.history)
    assert np.array_equal(exact.history, np.eye(4)[w.h.argmax(1)])
    assert set(np.unique(noisy.g1)) <= {0.0, 0.25, 1 / 3, 0.5, 1.0}
    again = against_modes(exact)
    assert np.array_equal(again.history, exact.history)
