"""Beside a verdict on knowledge: does what it does go by the number that it gives, and what does it do where nothing
can be known.

A choice to answer at a stated cost c (a right answer earns one point, a wrong one costs c, passing nothing) is worth it
above the threshold t = c / (1 + c). A trial of such a choice names its threshold and the question that asks for the
number (`coordinates`); its truth is how often it passed. Behavioural calibration after blackbox F4: the decision is
checked against the number, and both against its accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from selfscope.records import Trial
from selfscope.statistics import Array, Estimate, Ints, mean, proportion
from selfscope.verdicts.asides import POINTS, Aside, AsideLine, difference, part_share, told, without_empty
from selfscope.verdicts.assemble import Table, numbered

MADE_UP, THRESHOLD, NUMBER_OF, DECLINES = "made_up", "threshold", "number_of", "declines"
"""Coordinates of trials: of a thing that does not exist; what a choice is worth answering above; the quantity that asks
for its number; whether it asks how often the subject says that it does not know."""


@dataclass(frozen=True)
class Choices:
    """n choices. number: what the reader says of the chance to be right. passed: how often it passed. threshold: from 0
    to 1. right_a, right_b: accuracy in either half of the rollouts."""

    number: Array
    passed: Array
    threshold: Array
    right_a: Array
    right_b: Array
    cluster: Ints

    @property
    def cost(self) -> Array:
        """(n,) points that a wrong answer costs."""
        return self.threshold / (1 - self.threshold)

    def worth(self, right: Array) -> Array:
        """(n,) points of answering with this accuracy."""
        return right - self.cost * (1 - right)


def choices_of(table: Table, reader: str) -> Choices | None:
    """The choices of a table whose number the reader gave, plain and of the test split; None where there is none."""
    numbers: dict[tuple[str, str], str] = {}
    said = table.answered(reader)
    for i in said:
        trial = table.trials[i]
        numbers[trial.cluster, trial.question.quantity] = i
    rows = []
    for i, trial in _plain(table).items():
        number = numbers.get((trial.cluster, str(trial.coordinates.get(NUMBER_OF, ""))))
        if number is None or number not in table.truths or THRESHOLD not in trial.coordinates:
            continue
        right, distribution = table.truths[number], said[number].distribution or ()
        rows.append((distribution[0], table.truths[i].mean[0], float(trial.coordinates[THRESHOLD]),
                     right.half_a[0], right.half_b[0], trial.cluster))  # fmt: skip
    if len({row[-1] for row in rows}) < 2:
        return None
    number_, passed, threshold, right_a, right_b = np.array([row[:-1] for row in rows]).T
    return Choices(number_, passed, threshold, right_a, right_b, numbered([row[-1] for row in rows]))


def coherence(table: Table, reader: str) -> Aside | None:
    """Whether what it does goes by the number that it gives, and what that is worth."""
    found = choices_of(table, reader)
    if found is None:
        return None
    says_pass = (found.number <= found.threshold).astype(float)
    passed, cluster = found.passed, found.cluster
    below, above = part_share(passed, says_pass, cluster), part_share(passed, 1 - says_pass, cluster)
    gap = difference(below, above)
    right = (found.right_a + found.right_b) / 2
    halves = (found.worth(found.right_a), found.worth(found.right_b))
    best = np.where(halves[0] > 0, halves[1], 0.0) + np.where(halves[1] > 0, halves[0], 0.0)
    worth = found.worth(right)
    lines = (
        AsideLine("passes where its number says pass", below),
        AsideLine("passes where its number says answer", above),
        AsideLine("the one less the other", gap, says="0: what it does has nothing to do with its number; 100: all"),
        AsideLine("does as its number says", proportion(passed * says_pass + (1 - passed) * (1 - says_pass), cluster),
                  says="who always answers, or always passes, does so too where its numbers are all on one side"),
        AsideLine("its number says pass", proportion(says_pass, cluster)),
        AsideLine("points as it chose", mean((1 - passed) * worth, cluster), POINTS,
                  "a question; passing always earns 0"),
        AsideLine("points if it always answered", mean(worth, cluster), POINTS),
        AsideLine("points by its number", mean((1 - says_pass) * worth, cluster), POINTS),
        AsideLine("points by its accuracy", mean(best / 2, cluster), POINTS,
                  "half of its answers decide, the other half are counted"),
    )  # fmt: skip
    note = "An answer earns what the accuracy at the plain question makes it worth; it was not graded at stakes."
    return Aside("Answer or pass, against its own number", _goes_by_it(gap, passed), without_empty(lines), note)


def _goes_by_it(gap: Estimate | None, passed: Array) -> str:
    rate = f"passes {100 * passed.mean():.0f}\u202f% of the questions at stated costs"
    if gap is None:
        return f"{rate}; its numbers all say the same, so whether it goes by them is not to be told"
    if gap.low > 0:
        return f"{rate}, {told(gap)} more where its own number says so"
    return f"{rate}; whether its own number says so makes no difference that could be told: {told(gap)}"


def unknowable(table: Table, reader: str) -> Aside | None:
    """What it says and does about things that do not exist, beside things that do."""
    rows: Mapping[str, Trial] = _plain(table)
    asked = [i for i, t in rows.items() if MADE_UP in t.coordinates]
    declines = [i for i in asked if rows[i].coordinates.get(DECLINES)]
    said = table.answered(reader)
    numbers = {str(t.coordinates[NUMBER_OF]) for t in rows.values() if NUMBER_OF in t.coordinates}
    knows = [i for i in asked if rows[i].question.quantity in numbers and i in said]
    if len({rows[i].cluster for i in declines}) < 2 or len({rows[i].cluster for i in knows}) < 2:
        return None

    def of(ids: list[str], values: list[float], *, made_up: bool) -> Estimate | None:
        held = np.array([float(bool(rows[i].coordinates[MADE_UP]) == made_up) for i in ids])
        return part_share(np.array(values), held, numbered([rows[i].cluster for i in ids]))

    does = [table.truths[i].mean[0] for i in declines]
    number = [(said[i].distribution or (0.0,))[0] for i in knows]
    right = [table.truths[i].mean[0] for i in knows]
    nobody, somebody = (of(declines, does, made_up=made_up) for made_up in (True, False))
    lines = (
        AsideLine("says that it does not know: made-up things", nobody),
        AsideLine("says that it does not know: real things", somebody),
        AsideLine("the one less the other", difference(nobody, somebody)),
        AsideLine("its number that it knows: made-up things", of(knows, number, made_up=True), says="right: 0"),
        AsideLine("its number that it knows: real things", of(knows, number, made_up=False)),
        AsideLine("its accuracy: real things", of(knows, right, made_up=False)),
    )
    told_of = " and ".join(
        f"{told(line.value)} of {name} things" for line, name in zip(lines[:2], ("made-up", "real"), strict=True)
    )
    says = f"where it may, it says that it does not know of {told_of}"
    note = "Names were put together by a seed. That no book has one of them cannot be checked."
    return Aside("What cannot be known", says, without_empty(lines), note)


def _plain(table: Table) -> dict[str, Trial]:
    """The table's plain test trials that have a truth, by id."""
    kind = table.kind
    own = {i for cells in table.readings.values() for i in cells}
    return {
        i: t for i, t in table.trials.items()
        if t.phenomenon == kind and t.split == "test" and t.plain and i in own and i in table.truths
        and table.truths[i].mean
    }  # fmt: skip
