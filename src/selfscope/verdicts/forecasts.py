"""Is what it says of success a good forecast of it, and does it know inside what it does not say?

Of phenomena that say which of their questions ask whether something succeeds. Every reader that answers them is scored
alike, for each question and each author of a shown attempt apart, on the plain test items that it answered. Whether it
is access is another matter (`decision`). n items, G clusters (tasks).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from selfscope.records import Reading, Trial
from selfscope.statistics import Array, Estimate, Ints, mean, proportion
from selfscope.verdicts import ladder, ranks, selective
from selfscope.verdicts.assemble import Table, distribution_of, items_of, matrix, numbered
from selfscope.verdicts.items import kept
from selfscope.verdicts.selective import Curve, Payoff
from selfscope.verdicts.settings import Settings

OWN = "own"
NOT_SAID, IN_PART, SAID, OPEN, NOT_KNOWN, FEW = (
    "known inside, not said", "known inside, said in part", "known inside and said",
    "known inside, open whether it is said", "not known inside", "too few tasks with both outcomes",
)  # fmt: skip
"""What the log-probability and the words of one subject say together of which attempt succeeds."""


@dataclass(frozen=True)
class Forecast:
    """One reader's probabilities of success, of one question.

    Attributes
    ----------
    phenomenon, reader, rung
        Ids, and where the reader stands on the ladder.
    quantity, author
        The question; whose attempt is shown (own, given, other; "" where none is).
    items, clusters
        Questions that were answered, and tasks. Where a question stands for several attempts these count alike.
    rate
        How often attempts succeed.
    brier, base_brier
        Mean squared error of the probability of one attempt (Brier 1950); that of the base rate of the train split, on
        the same items (None without a reader that says it).
    gain
        The base rate's less the reader's, paired; above 0 it forecasts better.
    across, within_difficulty, within_task
        AUROC over pairs of a success and a failure: of different tasks, of different tasks of one difficulty (or
        family, where nobody says how hard), and of two attempts at one task. None without such a pair.
    curve
        Risk and coverage of letting the surest through first; None where all succeed, or none.
    payoffs
        What acting on it earns at `selective.PRICES`.
    self_specific
        What it adds to a linear stack of all rivals, cross-fitted by cluster, as a part of the base rate's loss: what
        is left when length and tags, the text, its history and another model's rate are known. Of self readers.
    """

    phenomenon: str
    reader: str
    rung: str
    quantity: str
    author: str
    items: int
    clusters: int
    rate: Estimate
    brier: Estimate
    base_brier: Estimate | None = None
    gain: Estimate | None = None
    across: Estimate | None = None
    within_difficulty: Estimate | None = None
    within_task: Estimate | None = None
    curve: Curve | None = None
    payoffs: tuple[Payoff, ...] = ()
    self_specific: Estimate | None = None

    @property
    def varies(self) -> bool:
        """Whether some attempts succeed and some do not."""
        return 0 < self.rate.value < 1


@dataclass(frozen=True)
class KnownInside:
    """Which of its attempts at one task succeeds: told inside, and said in words, on the same attempts.

    Attributes
    ----------
    phenomenon, quantity
        What was asked of its own attempts.
    inside, words
        Ids of the reader that asks nothing, and of the one that asks.
    knows, says
        AUROC within the task of each.
    ahead
        Inside less words, paired.
    rival, best
        The rival that orders these attempts best, and its AUROC: what anybody could tell by their length or their text
        ("" and None without one).
    name
        NOT_SAID: known, and the words lag behind and cannot be told from a guess. IN_PART: they lag behind, and know
        something. SAID: they know, and no lag is shown. OPEN: known, and neither is shown of the words. NOT_KNOWN: the
        lower bound of `knows` is not above a half. FEW: fewer tasks with both outcomes than a claim needs.
    """

    phenomenon: str
    quantity: str
    inside: str
    words: str
    knows: Estimate
    says: Estimate
    ahead: Estimate
    name: str
    rival: str = ""
    best: Estimate | None = None


def named(knows: Estimate, says: Estimate, ahead: Estimate, fewest: int = Settings().clusters) -> str:
    """What two AUROC within the task and their paired difference are called. fewest: tasks that it takes."""
    if knows.clusters < fewest:
        return FEW
    if knows.low <= 0.5:
        return NOT_KNOWN
    if ahead.low > 0:
        return NOT_SAID if says.low <= 0.5 else IN_PART
    return SAID if says.low > 0.5 else OPEN


@dataclass(frozen=True)
class _Asked:
    """The items of one question that a reader answered. stated, rates: (n,); scores: (n,) what they are ordered by."""

    ids: tuple[str, ...]
    stated: Array
    scores: Array
    rates: Array
    cluster: Ints
    stratum: Ints


def forecasts_of(table: Table) -> tuple[list[Forecast], list[KnownInside]]:
    """Those of one phenomenon; none where it asks of no success."""
    events = table.parts.phenomena[table.phenomenon].events if table.phenomenon in table.parts.phenomena else {}
    asked: dict[tuple[str, str, str], _Asked] = {}
    for reader in (r for r in table.readers if table.cells(r)):
        for (quantity, author), cells in _questions(table, reader, events).items():
            asked[reader, quantity, author] = _put_together(table, cells)
    base = next(iter(table.on("prior")), "")
    forecasts = [
        _forecast(table, key, own, asked.get((base, *key[1:]))) for key, own in asked.items() if key[0] != base
    ]
    return forecasts, _known_inside(table, asked)


def _questions(
    table: Table, reader: str, events: Mapping[str, str]
) -> dict[tuple[str, str], dict[str, Reading]]:
    """(quantity, author) -> answers by trial, of those whose truth is known."""
    out: dict[tuple[str, str], dict[str, Reading]] = {}
    for i, reading in table.answered(reader).items():
        trial, truth = table.trials[i], table.truths.get(i)
        if trial.question.quantity in events and truth is not None and truth.mean:
            for author in trial.coordinates.get("authors") or ("",):  # who wrote the same program is each asked about
                out.setdefault((trial.question.quantity, str(author)), {})[i] = reading
    return {key: out[key] for key in sorted(out, key=lambda key: (list(events).index(key[0]), key[1] != OWN, key[1]))}


def _put_together(table: Table, cells: Mapping[str, Reading]) -> _Asked:
    trials = [table.trials[i] for i in cells]
    stated = np.array([distribution_of(r)[0] for r in cells.values()])
    own = [r.extra.get("score") for r in cells.values()]
    scores = stated if any(s is None for s in own) else np.array(own, dtype=float)
    return _Asked(
        tuple(cells), stated, scores, np.array([table.truths[i].mean[0] for i in cells]),
        numbered([t.cluster for t in trials]), numbered([_stratum(t) for t in trials]),
    )  # fmt: skip


def _stratum(trial: Trial) -> object:
    hard = trial.coordinates.get("difficulty")
    return hard if hard else trial.source


def _forecast(table: Table, key: tuple[str, str, str], own: _Asked, base: _Asked | None) -> Forecast:
    reader, quantity, author = key
    rate = proportion(own.rates, own.cluster)
    loss = selective.attempt_brier(own.stated, own.rates)
    known = dict(zip(base.ids, base.stated, strict=True)) if base is not None else {}
    by_base = np.array([known[i] for i in own.ids]) if set(own.ids) <= set(known) else None
    across, within_difficulty, within_task = (
        ranks.area(ranks.ordering(own.scores, own.rates, own.cluster, pairs))
        for pairs in (
            ranks.across(own.cluster), ranks.within_strata(own.cluster, own.stratum), ranks.within(own.cluster),
        )
    )  # fmt: skip
    varies = 0 < rate.value < 1
    base_loss = None if by_base is None else selective.attempt_brier(by_base, own.rates)
    return Forecast(
        table.phenomenon, reader, table.rungs[reader], quantity, author, len(own.ids), int(own.cluster.max()) + 1, rate,
        mean(loss, own.cluster),
        None if base_loss is None else mean(base_loss, own.cluster),
        None if base_loss is None else mean(base_loss - loss, own.cluster),
        across, within_difficulty, within_task,
        selective.curve(own.scores, own.rates, own.cluster) if varies else None,
        tuple(
            selective.payoff(own.stated, by_base, own.rates, own.cluster, price) for price in selective.PRICES
        ) if by_base is not None else (),
        _self_specific(table, reader, own.ids) if table.rungs[reader] == "self" and varies else None,
    )  # fmt: skip


def _self_specific(table: Table, reader: str, ids: Sequence[str]) -> Estimate | None:
    """What a report adds to all rivals that answered these items, in units of the base rate's loss."""
    posed = items_of(table, reader)
    if posed is None:
        return None
    chosen = set(ids)
    rows = np.array([k for k, i in enumerate(posed[0]) if i in chosen], dtype=np.int64)
    if len(rows) < 2 or len(np.unique(posed[1].cluster[rows])) < ladder.FOLDS:
        return None
    items, own = kept(posed[1], rows), [posed[0][k] for k in rows]
    width = items.report.shape[1]
    rivals = [table.answered(r) for rung in ladder.RIVAL_RUNGS for r in table.on(rung)]
    stack = [matrix([distribution_of(c[i]) for i in own], width) for c in rivals if all(i in c for i in own)]
    base = table.answered(next(iter(table.on("prior")), ""))
    if not all(i in base for i in own):
        return None
    loss = ladder.losses(matrix([distribution_of(base[i]) for i in own], width), items.x, items.rolls)
    if mean(loss, items.cluster).low <= 0:  # what the base rate misses may be the rollouts' noise alone
        return None
    return ladder.incremental(items, stack, loss)


def _known_inside(table: Table, asked: Mapping[tuple[str, str, str], _Asked]) -> list[KnownInside]:
    """Every reader that looks inside beside every one that asks, on the own attempts that both answered."""
    looking = [r for r in table.readers if r in table.parts.readers and table.parts.readers[r].inside]
    asking = [r for r in table.readers if table.rungs[r] == "self"]
    out = []
    for quantity in dict.fromkeys(q for _, q, author in asked if author == OWN):
        for inside in looking:
            for words in asking:
                if all((r, quantity, OWN) in asked for r in (inside, words)):
                    out += _compared(table, asked, quantity, (inside, words))
    return out


def _compared(
    table: Table, asked: Mapping[tuple[str, str, str], _Asked], quantity: str, who: tuple[str, str]
) -> list[KnownInside]:
    """One comparison, or none where no task has both outcomes."""
    rivals = [r for rung in ladder.RIVAL_RUNGS[1:] for r in table.on(rung)]
    have = {r: own for r in (*who, *rivals) if (own := asked.get((r, quantity, OWN))) is not None}
    both = [i for i in have[who[0]].ids if i in have[who[1]].ids]
    if not both:
        return []
    cluster = numbered([table.trials[i].cluster for i in both])
    pairs = ranks.within(cluster)
    orders = {}
    for reader, own in have.items():
        row = dict(zip(own.ids, range(len(own.ids)), strict=True))
        if all(i in row for i in both):
            k = np.array([row[i] for i in both], dtype=np.int64)
            orders[reader] = ranks.ordering(own.scores[k], own.rates[k], cluster, pairs)
    found = {reader: ranks.area(order) for reader, order in orders.items()}
    inside, words = (orders[r] for r in who)
    knows, says = (found[r] for r in who)
    if inside is None or words is None or knows is None or says is None:
        return []
    ahead = ranks.ahead(inside, words)
    best = {r: x for r in rivals if (x := found.get(r)) is not None}
    rival = max(best, key=lambda r: best[r].value, default="")
    return [
        KnownInside(
            table.phenomenon, quantity, *who, knows, says, ahead, named(knows, says, ahead), rival, best.get(rival)
        )
    ]
