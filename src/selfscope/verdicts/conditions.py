"""Does the report move when nothing that matters is changed? Other wordings, another person, a sham."""

from __future__ import annotations

from typing import Any

import numpy as np

from selfscope.statistics import mean
from selfscope.verdicts import ladder
from selfscope.verdicts.assemble import Table, matrix, numbered


def conditions_of(table: Table, reader: str) -> dict[str, dict[str, Any]]:
    """What each other wording or framing changed, on the same items."""
    changes: dict[str, dict[str, Any]] = {}
    plain = table.answered(reader)
    for control in table.parts.in_role("wording", "person", "sham"):
        readings = table.answered(reader, control)
        ids = [i for i in readings if i in plain and i in table.truths]
        clusters = numbered([table.trials[i].cluster for i in ids])
        if len(ids) < 2 or clusters.max() == 0:
            continue
        k = max(len(plain[i].distribution or ()) for i in ids)
        before = matrix([plain[i].distribution or () for i in ids], k)
        after = matrix([readings[i].distribution or () for i in ids], k)
        truth = matrix([table.truths[i].mean for i in ids], k)
        rolls = np.array([table.truths[i].n for i in ids], dtype=np.int64)
        better = ladder.losses(before, truth, rolls) - ladder.losses(after, truth, rolls)
        silent = len(table.cells(reader, control)) - len(readings)
        changes[control] = {
            "change": ladder.paired_change(before, after, clusters),
            "better": mean(better, clusters),
            "items": len(ids),
            "silent": silent,
        }
    return changes
