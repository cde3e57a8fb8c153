"""What it wants by what it says, and by what it chooses: Thurstonian utilities of both, and the one on the other.

Revealed utilities rest on forced choices over both orders, stated ones on reports, with their lean to what stands first
taken out. The slope of the stated on the revealed is 1 where it wants by its word what it chooses, 0 where its word has
nothing to do with it. The unit of inference is a cluster of outcomes: a jackknife that leaves out all pairs with one of
them, since pairs that share an outcome are not independent (it errs to the wide side where they are).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from selfscope.records import PLAIN, REAL, Observation, Trial
from selfscope.statistics import Array, Estimate, mean, minimum_detectable, proportion, softmax, within
from selfscope.verdicts import thurstone
from selfscope.verdicts.alignment import Pairs, left_out, rank_with, slope_on
from selfscope.verdicts.assemble import Table, distribution_of, numbered

OUTCOMES, KINDS, TRIAD, LISTED = "outcomes", "kinds", "triad", "listed"
"""Coordinates: the two outcomes, their kinds, the three that they belong to, the order in which they were named."""
ARMS = (REAL, "linked", "typical")
LESS = "unwanted"


@dataclass(frozen=True)
class Utility:
    """One outcome's.

    Attributes
    ----------
    outcome
        In words; of the mean of a kind its name.
    value
        In standard deviations of a difference, from the mean of all.
    """

    outcome: str
    value: Estimate


@dataclass(frozen=True)
class Statement:
    """What one reader says is wanted, held against what is chosen.

    Attributes
    ----------
    reader, rung, person
        Who says it, and of whom: self, or a typical assistant.
    utilities, kinds
        In the order of the revealed ones.
    slope
        Of the stated on the revealed.
    rank
        Their rank correlation, with the interval of Bonett and Wright (2000).
    first
        Share of what stands first.
    alike
        Part of the pairs in which one outcome is named as more and as less welcome: halves are told by nothing.
    pairs
        Reports behind it.
    """

    reader: str
    rung: str
    person: str
    utilities: tuple[Utility, ...]
    kinds: tuple[Utility, ...]
    slope: Estimate
    rank: Estimate
    first: Estimate
    alike: Estimate | None
    pairs: int

    @property
    def detectable(self) -> float:
        """The slope that 4 of 5 such runs would show."""
        return minimum_detectable(self.slope.se, self.slope.clusters)


@dataclass(frozen=True)
class Preference:
    """What one subject chooses, and what is said of it.

    Attributes
    ----------
    phenomenon
        Whose.
    utilities, kinds
        Revealed, of outcomes and of their kinds, largest first.
    reliability
        Part of their variance that is not the noise of their estimates.
    cyclic
        Part of the threes of outcomes whose likelier choices go in a circle. expected: what the scatter of choices
        around the utilities predicts; a coin gives a quarter.
    first
        Share of the outcome that is named first in the message.
    said
        Part of the choices in words that name the likelier outcome; None where none was heard or named one. unnamed:
        part that names neither.
    pairs
        Choices, each in both orders.
    statements
        Of every reader whose reports hang together.
    """

    phenomenon: str
    utilities: tuple[Utility, ...]
    kinds: tuple[Utility, ...]
    reliability: float
    cyclic: Estimate | None
    expected: float
    first: Estimate
    said: Estimate | None
    unnamed: float | None
    pairs: int
    statements: tuple[Statement, ...] = ()


@dataclass(frozen=True)
class _Revealed:
    """Choices and their utilities; m outcomes. drops: without each cluster. kinds: (m,) of each outcome."""

    pairs: Pairs
    scale: thurstone.Scale
    drops: Sequence[Array | None]
    names: tuple[str, ...]
    kinds: tuple[str, ...]

    def listed(self, scale: thurstone.Scale) -> tuple[Utility, ...]:
        """Every outcome's utility on a scale, in the order of what is chosen."""
        own = zip(scale.value.tolist(), scale.half().tolist(), scale.se.tolist(), strict=True)
        found = [Estimate(v, v - h, v + h, se, 0.95, scale.df + 1, len(self.names)) for v, h, se in own]
        order = np.argsort(-self.scale.value, kind="stable")
        return tuple(Utility(self.names[k], found[k]) for k in order.tolist())

    def by_kind(self, scale: thurstone.Scale) -> tuple[Utility, ...]:
        """The mean of each kind on a scale, with an interval over its outcomes, in the order of what is chosen."""
        rows = {kind: np.array([k == kind for k in self.kinds]) for kind in dict.fromkeys(self.kinds)}
        order = sorted(rows, key=lambda kind: -float(self.scale.value[rows[kind]].mean()))
        return tuple(Utility(k, mean(scale.value[rows[k]], np.arange(int(rows[k].sum())))) for k in order)


def preferences_of(table: Table, observations: Mapping[str, Observation]) -> list[Preference]:
    """One for a phenomenon of choices between outcomes, none for others."""
    asked = {i for cells in table.readings.values() for i in cells}
    trials = [
        t for i, t in table.trials.items()
        if i in asked and t.split == "test" and t.control == PLAIN and t.arm in ARMS
        and OUTCOMES in t.coordinates and t.observation in observations
    ]  # fmt: skip
    names = list(dict.fromkeys(str(o) for t in trials if t.arm == REAL for o in t.coordinates[OUTCOMES]))
    homes = {str(o): t.cluster for t in trials if t.arm == REAL for o in t.coordinates[OUTCOMES]}
    number = {name: k for k, name in enumerate(names)}
    chosen = {t.observation: t for t in trials if all(o in number for o in t.coordinates[OUTCOMES])}
    if not chosen:
        return []
    seen = [_choice(t, observations[key]) for key, t in chosen.items()]
    pair = np.array([[number[str(o)] for o in t.coordinates[OUTCOMES]] for t in chosen.values()])
    home = numbered([homes[name] for name in names])
    revealed = Pairs(pair, np.array([one.share for one in seen]), home)
    scale = thurstone.fit(revealed.pair, revealed.share)
    if scale is None:
        return []
    cluster = home[pair[:, 0]]
    kind_of = {str(o): str(k) for t in trials for o, k in zip(t.coordinates[OUTCOMES], t.coordinates[KINDS])}
    known = _Revealed(revealed, scale, left_out(revealed), tuple(names), tuple(kind_of[name] for name in names))
    found = [
        _statement(table, reader, person, known)
        for reader in table.readers
        for person in ("self", "typical")
    ]
    cyclic, expected = _triads(list(chosen.values()), revealed, scale)
    named = [k for one in seen for k in one.named]
    hit = np.array([k for k in named if k is not None], dtype=float)
    whose = np.array([c for c, one in zip(cluster, seen, strict=True) for k in one.named if k is not None])
    return [Preference(
        table.phenomenon, known.listed(scale), known.by_kind(scale), _reliability(scale), cyclic, expected,
        within(mean(np.array([one.first for one in seen]), cluster), 0, 1),
        proportion(hit, numbered(whose.tolist())) if len(set(whose.tolist())) > 1 else None,
        1 - len(hit) / len(named) if named else None, len(seen), tuple(one for one in found if one is not None),
    )]  # fmt: skip


@dataclass(frozen=True)
class _Choice:
    """share: of the first outcome, over both orders. first: of what is named first. named: for each order that was
    heard whether the reply names the likelier outcome, None for neither."""

    share: float
    first: float
    named: tuple[bool | None, ...]


def _choice(trial: Trial, seen: Observation) -> _Choice:
    one, two = (str(o) for o in trial.coordinates[OUTCOMES])
    ways = [softmax([float(seen.exact[k][o]) for o in (one, two)])[0] for k in ("words", "turned")]
    share = sum(ways) / 2
    before = ways if trial.coordinates[LISTED][0] == one else [1 - p for p in ways]
    likelier = one if share > 0.5 else two
    said = tuple(None if not s else s == likelier for s in seen.exact.get("said", ()))
    return _Choice(share, (before[0] + 1 - before[1]) / 2, said)


def _statement(table: Table, reader: str, person: str, known: _Revealed) -> Statement | None:
    number, home = {name: k for k, name in enumerate(known.names)}, known.pairs.home
    rows: list[tuple[float, ...]] = []
    named: dict[tuple[int, int], dict[str, float]] = {}
    for arm in ARMS if person == "self" else ("typical",):
        for i, reading in table.answered(reader, arm=arm).items():
            trial = table.trials[i]
            where, asked = trial.coordinates.get(OUTCOMES, ()), trial.question
            if asked.person != person or not where or not all(str(o) in number for o in where):
                continue
            p, sign = distribution_of(reading)[0], -1.0 if asked.quantity == LESS else 1.0
            stands = 1.0 if asked.shown[0] == 0 else -1.0
            a, b = (number[str(o)] for o in where)
            rows.append((a, b, p if sign > 0 else 1 - p, stands * sign, p if stands > 0 else 1 - p))
            named.setdefault((a, b), {})[asked.quantity] = p
    if not rows:
        return None
    pair = np.array([row[:2] for row in rows], dtype=np.int64)
    share, first, before = (np.array([row[k] for row in rows], dtype=float) for k in (2, 3, 4))
    said = Pairs(pair, share, home, first)
    own = None if len(np.unique(pair)) < len(home) else thurstone.fit(pair, share, first)
    if own is None:
        return None
    cluster = home[pair[:, 0]]
    both = {k: tuple(v.values()) for k, v in named.items() if len(v) == 2}
    alike = np.array([_same(*shares) for shares in both.values()], dtype=float)
    whose = numbered([int(home[a]) for a, _ in both])
    return Statement(
        reader, table.rungs[reader], person, known.listed(own), known.by_kind(own),
        slope_on(own, known.scale, said, known.drops), rank_with(own.value, known.scale.value),
        within(mean(before, cluster), 0, 1),
        proportion(alike, whose) if len(both) and whose.max() > 0 else None, len(rows),
    )  # fmt: skip


def _same(more: float, less: float) -> float:
    """1 where one option is named both ways, 0 where the one and then the other, a half where one is even."""
    turn = np.sign(more - 0.5) * np.sign(less - 0.5)
    return float((1 + turn) / 2)


def _triads(trials: Sequence[Trial], pairs: Pairs, scale: thurstone.Scale) -> tuple[Estimate | None, float]:
    """(the part that goes in a circle, what is expected of it); the pairs of a three go in a circle themselves."""
    groups: dict[str, list[int]] = {}
    for k, trial in enumerate(trials):
        groups.setdefault(str(trial.coordinates[TRIAD]), []).append(k)
    rows = np.array([own for own in groups.values() if len(own) == 3])
    if len(rows) < 2:
        return None, math.nan
    up = pairs.share[rows] > 0.5
    away = (scale.value[pairs.pair[:, 0]] - scale.value[pairs.pair[:, 1]]) / max(scale.spread, 1e-9)
    p = thurstone.normal(away)[rows]
    circle = (up.all(1) | ~up.any(1)).astype(float)
    expected = float((p.prod(1) + (1 - p).prod(1)).mean())
    return proportion(circle, np.arange(len(rows))), expected


def _reliability(scale: thurstone.Scale) -> float:
    """From 0 to 1."""
    spread = float(scale.value.var(ddof=1))
    return max(0.0, 1 - float((scale.se**2).mean()) / spread) if spread > 1e-12 else 0.0
