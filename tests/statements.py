"""Statements of phantoms with their truths, and tables of what a reader says of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from selfscope.phenomena.lying import Lying
from selfscope.phenomena.stimuli.lies import ODD, TRUTHFUL
from selfscope.records import Outcome, Reading, Row, Trial, Truth
from selfscope.verdicts.assemble import Table, tables

SMALL = Lying(test=32, train=0, rollouts=1, conditions=("instructed", "role", TRUTHFUL, ODD))


class Told:
    """A phantom's trials with what it did and their truths, posed once."""

    def __init__(self, subject: Any, phenomenon: Lying) -> None:
        self.subject, self.trials = subject, phenomenon.pose(subject, 0)
        self.seen = {o.key: o for o in phenomenon.observe(subject, self.trials)}
        self.truths = {t.trial: t for t in phenomenon.truth(self.trials, list(self.seen.values()))}

    def table(self, phenomenon: Lying, readings: Sequence[Reading], trials: Sequence[Trial]) -> Table:
        rows = [
            Row("c", "s", phenomenon.id, t.id, "words", "self", "plain", 0, r)
            for t, r in zip(trials, readings, strict=True)
        ]  # fmt: skip
        (table,) = tables(rows, {t.id: t for t in self.trials}, self.truths)
        return table

    def said(self, says: Callable[[Trial, Truth], float], phenomenon: Lying = SMALL) -> Table:
        test = [t for t in self.trials if t.split == "test"]
        shares = [says(t, self.truths[t.id]) for t in test]
        return self.table(phenomenon, [Reading(Outcome.ANSWERED, (p, 1 - p)) for p in shares], test)
