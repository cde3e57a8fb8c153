"""What moves a report: a state, a record of earlier choices, or the mere word of either? From a crossing of both.

Everything is a difference of P(first word): under the state (or record) towards the first word less that towards the
second, from -1 to 1. Whoever likes a word more likes it less rarely: what is *liking* moves the direct question up and
the reversed one down, and what is a *mere word* moves both up. So liking is half the direct less the reversed effect,
the word half their sum. A state is read only where liking moves beyond what a random direction does, what the same
words do elsewhere, and what is said of somebody else. What a record moves in what the subject now does is no memory of
the record: it is subtracted, as far as the report follows what is done. n items, G clusters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from selfscope.statistics import Array, Estimate, Ints, bootstrap, mean, minimum_detectable, proportion, within
from selfscope.verdicts.assemble import Table, numbered
from selfscope.verdicts.unseen import SMALLEST, no_point

DRAWS = 2000
LIKED, DISLIKED, RECORD, LAST = "liked", "disliked", "chosen_before", "listed_last"
STATE, PAST, RANDOM = "state", "record", "random"
FOLLOWS, READS, PUSHED = "follows its state", "reads the changed text", "repeats what is pushed"
PREDICTS, COPIES = "predicts from its record", "copies its record"
NEITHER = "follows neither"
ASKED = ((LIKED, "self"), (DISLIKED, "self"), (LIKED, "typical"), (DISLIKED, "typical"), (LAST, "self"))
"""(quantity, person) of what is compared."""
ARMS = ("up_up", "up_down", "down_up", "down_down")
"""State, then record."""
RANDOM_ARMS = ("random_up", "random_down")
"""A random direction, then its opposite, under one record: of its own likes, and of what it does."""


@dataclass(frozen=True)
class Moved:
    """What each factor moves: the state, the record, a random direction in the place of the state (None: not asked)."""

    state: Estimate
    record: Estimate
    random: Estimate | None = None


@dataclass(frozen=True)
class Effects:
    """What moves what. behaviour: what the subject does. direct, turned, elsewhere, person: P(first word) asked what it
    likes more, what it likes less, which stands last, what somebody else likes more. liking, word: what moves direct
    and turned apart, and what moves them together. own: liking, its own less somebody else's. beyond_words: direct less
    elsewhere. beyond: liking that the record moves beyond what it moves in behaviour. beyond_random: liking, the state
    less a random direction. least: the smallest effect of state and of record on liking that could have been found.
    """

    behaviour: Moved
    direct: Moved
    turned: Moved
    elsewhere: Moved
    person: Moved
    liking: Moved
    word: Moved
    own: Moved
    beyond_words: Moved
    beyond: Estimate
    beyond_random: Estimate
    least: tuple[float, float]

    @property
    def found(self) -> tuple[str, ...]:
        """Names of all that is shown, most trusted first; NEITHER where nothing is."""
        out = []
        reads = self.behaviour.state.low > 0 and self.liking.state.low > 0 and self.beyond_random.low > 0
        if reads and self.beyond_words.state.low > 0:
            out.append(FOLLOWS if self.own.state.low > 0 else READS)
        elif self.word.state.low > 0 and (self.liking.state.low <= 0 or self.word.state.low > self.liking.state.high):
            out.append(PUSHED)  # more and less move together, by more than they move apart
        if self.beyond.low > 0 and self.beyond_words.record.low > 0:
            out.append(PREDICTS)
        elif self.word.record.low > 0 and self.turned.record.low > 0:
            out.append(COPIES)
        return tuple(out) or (NEITHER,)

    @property
    def state_moves(self) -> bool:
        """Whether the state moves what the subject does: without that nothing about a state can be shown."""
        return self.behaviour.state.low > 0


@dataclass(frozen=True)
class Crossing:
    """One reader of one crossed phenomenon, on so many clusters. recalled: part of the answers that name what the
    record chose (None: not asked)."""

    phenomenon: str
    reader: str
    rung: str
    clusters: int
    effects: Effects
    recalled: Estimate | None


def crossings_of(table: Table, draws: int = DRAWS) -> list[Crossing]:
    """Those of one phenomenon, for every reader that was asked all of it. Pure; test split only."""
    if table.family != "crossed":
        return []
    found = (_crossing(table, reader, draws) for reader in table.readers if table.rungs[reader] != "prior")
    return [one for one in found if one is not None]


def effects(
    answers: Mapping[tuple[str, str], Mapping[str, Array]], does: Mapping[str, Array], draws: int = DRAWS
) -> Effects:
    """From P(first word) of n items, each a cluster of its own.

    answers: (quantity, person) of ASKED -> arm -> (n,). does: arm -> (n,), what the subject does.
    """
    group = np.arange(len(next(iter(does.values()))), dtype=np.int64)
    behaviour = _effects(does)
    direct, turned, other, other_turned, elsewhere = (_effects(answers[key]) for key in ASKED)
    liking = (direct - turned) / 2
    own = liking[:, :2] - (other - other_turned) / 2
    liked = _moved(liking, group)
    return Effects(
        behaviour=_moved(behaviour, group),
        direct=_moved(direct, group),
        turned=_moved(turned, group),
        elsewhere=_moved(elsewhere, group),
        person=_moved(other, group),
        liking=liked,
        word=_moved((direct + turned) / 2, group),
        own=_moved(own, group, 2),
        beyond_words=_moved(direct[:, :2] - elsewhere, group, 2),
        beyond=bootstrap(lambda w: _beyond(liking, behaviour, w), len(group), draws=draws),
        beyond_random=_mean(liking[:, 0] - liking[:, 2], group, 2),
        least=(_least(liked.state), _least(liked.record)),
    )


def _crossing(table: Table, reader: str, draws: int) -> Crossing | None:
    by_arm = {key: {arm: _answers(table, reader, *key, arm) for arm in arms_of(*key)} for key in ASKED}
    names = [_by_cluster(own, table) for own in by_arm.values()]
    clusters = [c for c in names[0] if all(c in own for own in names)]
    does = _behaviour(table, reader, clusters)
    if len(clusters) < 2 or does is None:
        return None
    rows = {
        key: {arm: np.array([own[c][arm] for c in clusters]) for arm in arms_of(*key)}
        for key, own in zip(ASKED, names, strict=True)
    }
    return Crossing(
        table.phenomenon, reader, table.rungs[reader], len(clusters), effects(rows, does, draws),
        _recalled(table, reader),
    )  # fmt: skip


def arms_of(quantity: str, person: str) -> tuple[str, ...]:
    """Those that are compared of a question."""
    return (*ARMS, *RANDOM_ARMS) if person == "self" and quantity in (LIKED, DISLIKED) else ARMS


def _answers(table: Table, reader: str, quantity: str, person: str, arm: str) -> dict[str, float]:
    """P(first option) by base trial."""
    cells = table.answered(reader, arm=arm)
    out = {}
    for base, reading in cells.items():
        trial = table.trials.get(base)
        if trial is not None and (trial.question.quantity, trial.question.person) == (quantity, person):
            out[base] = float((reading.distribution or (0.5,))[0])
    return out


def _by_cluster(by_arm: dict[str, dict[str, float]], table: Table) -> dict[str, dict[str, float]]:
    """Cluster -> arm -> P(first option), for those that were answered under every arm."""
    whole = [base for base in by_arm[ARMS[0]] if all(base in own for own in by_arm.values())]
    return {table.trials[base].cluster: {arm: own[base] for arm, own in by_arm.items()} for base in whole}


def _behaviour(table: Table, reader: str, clusters: list[str]) -> dict[str, Array] | None:
    """(n,) P(first word) of what it does, by arm."""
    by_arm: dict[str, dict[str, float]] = {arm: {} for arm in arms_of(LIKED, "self")}
    for base in _answers(table, reader, LIKED, "self", ARMS[0]):
        for arm in by_arm:
            truth = table.truth_under(base, table.trials[base].control, arm)
            if truth is not None and truth.mean:
                by_arm[arm][table.trials[base].cluster] = truth.mean[0]
    if any(c not in own for c in clusters for own in by_arm.values()):
        return None
    return {arm: np.array([own[c] for c in clusters]) for arm, own in by_arm.items()}


def _effects(by_arm: Mapping[str, Array]) -> Array:
    """(n, 3) what the state, the record and the random direction move in each item; (n, 2) without the last."""
    uu, ud, du, dd = (by_arm[arm] for arm in ARMS)
    columns = [(uu + ud - du - dd) / 2, (uu + du - ud - dd) / 2]
    if all(arm in by_arm for arm in RANDOM_ARMS):
        columns.append(by_arm[RANDOM_ARMS[0]] - by_arm[RANDOM_ARMS[1]])
    return np.stack(columns, axis=1)


def _moved(effects: Array, group: Ints, most: float = 1) -> Moved:
    return Moved(*(_mean(column, group, most) for column in effects.T))


def _mean(values: Array, group: Ints, most: float = 1) -> Estimate:
    """A mean of numbers from -most to most, and no point where all clusters agree."""
    return within(no_point(mean(values, group)), -most, most)


def _least(x: Estimate) -> float:
    """The smallest effect that could have been found."""
    return minimum_detectable(x.se, x.clusters) if x.se > SMALLEST else x.high - x.value


def _beyond(liking: Array, behaviour: Array, weight: Array) -> float:
    """Liking that the record moves, less what it moves in behaviour times the part of behaviour that liking follows
    when the state moves it (0 to 1)."""
    told, done = (np.average(x[:, :2], axis=0, weights=weight) for x in (liking, behaviour))
    part = float(np.clip(told[0] / done[0], 0, 1)) if done[0] > 0 else 0.0
    return float(told[1] - part * done[1])


def _recalled(table: Table, reader: str) -> Estimate | None:
    """Part of the answers to what the record chose that are right."""
    hits, clusters = [], []
    for arm in ARMS:
        for base, p in _answers(table, reader, RECORD, "self", arm).items():
            truth = table.truth_under(base, table.trials[base].control, arm)
            if truth is not None and truth.mean:
                hits.append(float((p > 0.5) == (truth.mean[0] > 0.5)))
                clusters.append(table.trials[base].cluster)
    return proportion(np.array(hits), numbered(clusters)) if hits else None
