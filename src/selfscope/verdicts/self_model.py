"""What it says that it is, statement by statement: how surely, how stably, and whether it is so.

A statement was asked in several wordings, some of them reversed, with the options in both orders, of itself and of a
typical assistant (`phenomena.self_model`). Agreement is half of its mean over either sense, so that saying yes to all,
and the place of an option, are no part of it. Where replies showed whether a statement is so, agreement is held against
that over statements: a slope and an AUROC, beside what is said of somebody else and what rivals forecast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from selfscope.records import REAL, Truth
from selfscope.statistics import Array, Estimate, mean, wilson
from selfscope.verdicts.assemble import Table
from selfscope.verdicts.ranks import apart
from selfscope.verdicts.stability import Senses, agreed, intraclass, slope_on_truth
from selfscope.verdicts.unseen import no_point

SELF, TYPICAL = "self", "typical"
ARMS = {REAL: SELF, "unmeasured": SELF, "typical": TYPICAL, "unmeasured_typical": TYPICAL}
"""Arm -> whom a statement is about there."""
SELF_ARMS = tuple(arm for arm, person in ARMS.items() if person == SELF)
SO, NOT_SO, OPEN, UNCHECKED = "is so", "is not so", "undecided", "no check"
FEWEST = 8
"""Statements of a map."""
EITHER = 5
"""Statements that are so, and that are not, of an AUROC."""
HALF = 0.5


@dataclass(frozen=True)
class Placed:
    """One statement.

    Attributes
    ----------
    name, area, says
        Which: says is its first wording for it.
    own, typical
        Agreement that it is so, of itself and of a typical assistant, from 0 (says that it is not) to 1, over
        wordings; None where that was not asked.
    true
        The part of its replies that are so, with Wilson's interval of as many replies as there are messages; None
        where nothing checks it.
    ways, against
        Agreement by wording, and which of them are against it.
    halves
        What is so by two halves of the messages; None where nothing checks it.
    """

    name: str
    area: str
    says: str
    own: Estimate
    typical: Estimate | None
    true: Estimate | None
    ways: tuple[float, ...]
    against: tuple[bool, ...]
    halves: tuple[float, float] | None = None

    @property
    def so(self) -> str:
        """Whether it is as it says: undecided where an interval holds one half."""
        if self.true is None:
            return UNCHECKED
        sides = [x.low > HALF if x.value > HALF else x.high < HALF for x in (self.own, self.true)]
        if not all(sides):
            return OPEN
        return SO if (self.own.value > HALF) == (self.true.value > HALF) else NOT_SO


@dataclass(frozen=True)
class SelfMap:
    """What one reader says of all statements.

    Attributes
    ----------
    phenomenon, reader, rung
        Whose.
    statements
        In the inventory's order.
    yes
        How far above one half it agrees, whatever the sense: yes-saying, which is no part of agreement.
    stability, stability_typical
        ICC(3,1) of agreement by disjoint halves of the wordings, of itself and of a typical assistant.
    slope, auroc
        Of agreement on what is so, over the statements that are checked.
    slope_typical, auroc_typical
        The same of what it says of a typical assistant.
    lead
        Slope of its own less the typical's agreement: what it says of itself alone.
    shared
        Slope of what it says of itself on what it says of a typical assistant, over all statements.
    apart
        Mean distance between both.
    """

    phenomenon: str
    reader: str
    rung: str
    statements: tuple[Placed, ...]
    yes: Estimate
    stability: Estimate | None = None
    stability_typical: Estimate | None = None
    slope: Estimate | None = None
    auroc: Estimate | None = None
    slope_typical: Estimate | None = None
    auroc_typical: Estimate | None = None
    lead: Estimate | None = None
    shared: Estimate | None = None
    apart: Estimate | None = None

    @property
    def checked(self) -> tuple[Placed, ...]:
        """Those that replies show."""
        return tuple(one for one in self.statements if one.true is not None)

    def counted(self, so: str) -> int:
        """How many statements are of this kind."""
        return sum(one.so == so for one in self.statements)


@dataclass(frozen=True)
class _Told:
    """What was said of one statement and person. said: (W,) by wording, against: (W,)."""

    said: Array
    against: Senses

    @property
    def agreement(self) -> Estimate:
        return agreed(self.said, self.against)

    @property
    def halves(self) -> tuple[float, float] | None:
        """Agreement by the first wording of either sense, and by all others; None where one lacks a sense."""
        first = np.zeros(len(self.said), dtype=bool)
        for sense in (True, False):
            first[np.flatnonzero(self.against == sense)[:1]] = True
        rest = self.against[~first]
        if not rest.any() or rest.all():
            return None
        parts = [agreed(self.said[rows], self.against[rows]).value for rows in (first, ~first)]
        return parts[0], parts[1]

    @property
    def yes(self) -> float:
        """How far it agrees with wordings of both senses alike, from -0.5 to 0.5."""
        raw = np.where(self.against, 1 - self.said, self.said)
        return float((raw[self.against].mean() + raw[~self.against].mean()) / 2 - HALF)


def self_maps_of(table: Table) -> list[SelfMap]:
    """One map a reader, in the order of the rows; nothing of phenomena without an inventory."""
    return [found for reader in table.readers if (found := self_map(table, reader)) is not None]


def self_map(table: Table, reader: str) -> SelfMap | None:
    """What a reader says of the statements; None where it answered too few in both senses. Kept with the table."""
    key = ("self map", reader)
    if key not in table.changes:
        table.changes[key] = _self_map(table, reader)
    found: SelfMap | None = table.changes[key]
    return found


def _self_map(table: Table, reader: str) -> SelfMap | None:
    told = _told(table, reader)
    names = [name for name, person in told if person == SELF]
    if len(names) < FEWEST:
        return None
    placed, truths = [], []
    asked = {table.trials[i].cluster: i for arm in SELF_ARMS for i in table.answered(reader, arm=arm)}
    for name in names:
        own, other, where = told[name, SELF], told.get((name, TYPICAL)), table.trials[asked[name]].coordinates
        true = table.truths.get(asked[name])
        true = true if true is not None and true.mean else None
        truths.append(true)
        placed.append(Placed(
            name, str(where["area"]), str(where["says"]), own.agreement, other.agreement if other else None,
            None if true is None else _shown(true, int(where["messages"])), tuple(map(float, own.said)),
            tuple(map(bool, own.against)), None if true is None else (true.half_a[0], true.half_b[0]),
        ))  # fmt: skip
    group = np.arange(len(names), dtype=np.int64)
    yes = no_point(mean(np.array([told[n, SELF].yes for n in names]), group))
    out = SelfMap(table.phenomenon, reader, table.rungs[reader], tuple(placed), yes,
                  _stability([told[n, SELF] for n in names]))  # fmt: skip
    return _beside_typical(_against_truth(out, truths), truths, [told.get((n, TYPICAL)) for n in names])


def _told(table: Table, reader: str) -> dict[tuple[str, str], _Told]:
    """(statement, person) -> what was said, of those that were asked in both senses."""
    answers: dict[tuple[str, str], dict[int, list[float]]] = {}
    senses: dict[tuple[str, int], bool] = {}
    for arm, person in ARMS.items():
        for base, reading in table.answered(reader, arm=arm).items():
            trial = table.trials.get(base)
            if trial is None or not {"way", "area", "says"} <= trial.coordinates.keys():
                continue
            way = int(trial.coordinates["way"])
            by_way = answers.setdefault((trial.cluster, person), {})
            by_way.setdefault(way, []).append((reading.distribution or (HALF,))[0])
            senses[trial.cluster, way] = trial.question.negated
    out = {}
    for (name, person), by_way in answers.items():
        ways = sorted(by_way)
        against = np.array([senses[name, way] for way in ways], dtype=bool)
        if against.any() and not against.all():
            out[name, person] = _Told(np.array([np.mean(by_way[way]) for way in ways]), against)
    return out


def _shown(true: Truth, messages: int) -> Estimate:
    value = true.mean[0]
    low, high = wilson(value * messages, messages)
    return Estimate(value, min(low, value), max(high, value), 0.0, 0.95, messages, true.n)


def _stability(told: Sequence[_Told]) -> Estimate | None:
    halves = [one.halves for one in told]
    both = np.array([h for h in halves if h is not None])
    return intraclass(*both.T) if len(both) >= FEWEST else None


def _against_truth(found: SelfMap, truths: Sequence[Truth | None]) -> SelfMap:
    said = np.array([one.own.value for one in found.statements])
    slope, auroc = _scored(said, truths)
    return replace(found, slope=slope, auroc=auroc)


def _beside_typical(found: SelfMap, truths: Sequence[Truth | None], told: Sequence[_Told | None]) -> SelfMap:
    """With what is said of a typical assistant, where all statements were asked of one."""
    if any(one is None for one in told):
        return found
    own = np.array([one.own.value for one in found.statements])
    other = np.array([one.agreement.value for one in told if one is not None])
    slope, auroc = _scored(other, truths)
    lead, _ = _scored(own - other, truths)
    group = np.arange(len(own), dtype=np.int64)
    return replace(
        found, slope_typical=slope, auroc_typical=auroc, lead=lead, shared=slope_on_truth(own, other, other),
        apart=no_point(mean(np.abs(own - other), group)),
        stability_typical=_stability([one for one in told if one is not None]),
    )  # fmt: skip


def _scored(said: Array, truths: Sequence[Truth | None]) -> tuple[Estimate | None, Estimate | None]:
    """(slope, AUROC) of what is said on what is so."""
    rows = [(s, t.half_a[0], t.half_b[0], t.mean[0]) for s, t in zip(said, truths, strict=True) if t is not None]
    if len(rows) < FEWEST:
        return None, None
    own, a, b, true = np.array(rows).T
    positive = true > HALF
    if min(positive.sum(), (~positive).sum()) < EITHER:
        return slope_on_truth(own, a, b), None
    return slope_on_truth(own, a, b), apart(own, positive, np.arange(len(own), dtype=np.int64))
