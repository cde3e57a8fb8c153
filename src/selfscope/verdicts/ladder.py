"""Is the report a good forecast? Every observer on the same items, by noise-corrected Brier skill.

This is not the composition (`shares`): a report may be 40 % private access and score below a dull rival, because the
rest of it is confident nonsense. Axes: n items, K options.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from selfscope.records import PLAIN
from selfscope.statistics import Array, Estimate, Ints, equal_bins, mean, ratio
from selfscope.verdicts.assemble import Table, matrix
from selfscope.verdicts.claims import Step
from selfscope.verdicts.shares import Items, kept

FOLDS = 5
STACK_RIDGE = 1.0
RIVAL_RUNGS = ("prior", "input", "history", "twin")
"""Rungs of those whom a report has to beat."""


@dataclass(frozen=True)
class Ladder:
    """Every observer on the same items. ceiling: one half of the rollouts forecasts the other. incremental: what the
    report adds to a linear stack of all rivals. gaps: over each rival."""

    steps: tuple[Step, ...] = ()
    ceiling: Estimate | None = None
    incremental: Estimate | None = None
    gaps: tuple[Estimate, ...] = ()


def climb(table: Table, reader: str, ids: Sequence[str], items: Items) -> Ladder:
    """The ladder from prior to behaviour; empty where the prior did not answer every item."""
    width = items.report.shape[1]
    loss = losses(items.report, items.x, items.rolls)
    prior, rows = _forecast(table, next(iter(table.on("prior")), ""), PLAIN, ids, width)
    if len(rows) < len(ids):
        return Ladder()
    base = losses(prior, items.x, items.rolls)
    steps: list[Step] = []
    gaps: list[Estimate] = []
    stack: list[Array] = []
    observers = [(r, PLAIN) for r in table.readers if table.cells(r)] + [(reader, table.control("person", reader))]
    for name, control in observers:
        forecast, rows = _forecast(table, name, control, ids, width)
        if len(rows) < 2 or len(np.unique(items.cluster[rows])) < 2:
            continue
        subset = kept(items, rows)
        own = losses(forecast, subset.x, subset.rolls)
        level = skill(own, base[rows], subset.cluster)
        if level is None:
            continue
        me = name == reader and control == PLAIN
        rung = table.rungs[name]
        ahead = None if me else gap(loss[rows], own, base[rows], subset.cluster)
        steps.append(Step(name, rung, level, ahead, control, len(rows) / len(ids)))
        if rung in RIVAL_RUNGS:
            gaps += [ahead] if ahead is not None else []
            stack += [forecast] if len(rows) == len(ids) else []
    return Ladder(tuple(steps), ceiling(items, base), incremental(items, stack, base), tuple(gaps))


def _forecast(table: Table, reader: str, control: str, ids: Sequence[str], width: int) -> tuple[Array, Ints]:
    """Another reading of the same items: (m, K) and the rows of `ids` that it has."""
    readings = table.answered(reader, control)
    rows = np.array([k for k, i in enumerate(ids) if i in readings], dtype=np.int64)
    return matrix([readings[ids[k]].distribution or () for k in rows], width), rows


def losses(report: Array, x: Array, rolls: Ints) -> Array:
    """(n,) squared distance to the truth, unbiased for |f - p|^2; rolls 0 = exact truth."""
    spread = (1 - (x**2).sum(1)) / np.maximum(rolls - 1, 1)
    return np.asarray(((report - x) ** 2).sum(1) - np.where(rolls > 1, spread, 0.0))


def skill(loss: Array, base: Array, cluster: Ints) -> Estimate | None:
    """1 - sum of losses / sum of the prior's losses, cluster jackknife; None where the prior is already perfect."""
    try:
        relative = ratio(loss, base, cluster)
    except ValueError:
        return None
    if base.sum() <= 1e-9 * len(base):
        return None
    return Estimate(
        1 - relative.value, 1 - relative.high, 1 - relative.low, relative.se, relative.level, relative.clusters,
        relative.items, relative.p,
    )  # fmt: skip


def gap(loss: Array, other: Array, base: Array, cluster: Ints) -> Estimate | None:
    """(other's loss - loss) / prior's loss: how much better than the other, in units of skill, paired by item."""
    try:
        return ratio(other - loss, base, cluster) if base.sum() > 1e-9 * len(base) else None
    except ValueError:
        return None


def ceiling(items: Items, base: Array) -> Estimate | None:
    """What one half of the rollouts says about the other, as skill. Exact truths: 1 without spread."""
    if (items.rolls == 0).all():
        return Estimate(1.0, 1.0, 1.0, 0.0, 0.95, items.clusters, len(base))
    return skill(losses(items.xa, items.xb, items.rolls // 2), base, items.cluster)


def standalone(gaps: Sequence[Estimate]) -> Estimate | None:
    """The gap to the hardest rival. Positive only if every lower bound is above 0 (intersection-union): the smallest
    lower bound is kept, so that adding a rival can only lower it."""
    if not gaps:
        return None
    return min(gaps, key=lambda g: g.low)


def lead(gaps: Sequence[Estimate]) -> dict[str, float]:
    """The gap to the hardest rival as numbers of a claim; empty without rivals."""
    hardest = standalone(gaps)
    return {} if hardest is None else {"standalone_low": hardest.low, "standalone": hardest.value}


def incremental(items: Items, rivals: Sequence[Array], base: Array, seed: int = 0) -> Estimate | None:
    """What the report adds to a linear stack of all rivals, cross-fitted by cluster (ridge 1), in units of skill."""
    stack = [*rivals, items.direction]
    x0 = np.concatenate([np.stack(stack, axis=2), items.dummies], axis=2)
    x1 = np.concatenate([x0, items.report[..., None]], axis=2)
    fold = np.random.default_rng([seed, items.clusters]).permutation(items.clusters)[items.cluster] % FOLDS
    loss0, loss1 = (_crossfit(x, items, fold) for x in (x0, x1))
    return gap(loss1, loss0, base, items.cluster)


def _crossfit(x: Array, items: Items, fold: Ints) -> Array:
    out = np.zeros_like(items.report)
    for k in range(FOLDS):
        train, test = fold != k, fold == k
        if not test.any() or not train.any():
            continue
        a, y = x[train][items.there[train]], items.x[train][items.there[train]]
        beta = np.linalg.solve(a.T @ a + STACK_RIDGE * np.eye(x.shape[2]), a.T @ y)
        out[test] = (x[test] @ beta) * items.there[test]
    return losses(out, items.x, items.rolls)


def earned(report: Array, x: Array, cluster: Ints) -> dict[str, Estimate]:
    """Stated confidence (mean top probability), what it is worth (mean probability given to the truth), and the
    difference: confidence that is not earned."""
    top, truth = report.max(1), (report * x).sum(1)
    return {
        "mean_confidence": mean(top, cluster),
        "earned_confidence": mean(truth, cluster),
        "unearned": mean(top - truth, cluster),
    }


def calibration(items: Items, bins: int = 8) -> tuple[tuple[float, float, float, float, int], ...]:
    """(stated, happened, low, high, items) over equal-count bins: of "yes" for yes/no items, else of every option."""
    use = items.there.copy()
    if (items.there.sum(1) == 2).all():
        use[:, 1:] = False
    stated, happened = items.report[use], items.x[use]
    cluster = np.broadcast_to(items.cluster[:, None], items.there.shape)[use]
    out = []
    for rows in equal_bins(stated, bins):
        _, inside = np.unique(cluster[rows], return_inverse=True)
        rate = mean(happened[rows], inside.astype(np.int64))
        low, high = (max(0.0, rate.low), min(1.0, rate.high)) if rate.clusters > 1 else (0.0, 1.0)
        out.append((float(stated[rows].mean()), rate.value, low, high, len(rows)))
    return tuple(out)


def sharpness(report: Array, tau: float) -> Array:
    """Reports raised to 1 / tau and normalised again: takes a fitted over- or under-confidence out."""
    powered = np.where(report > 0, np.maximum(report, 1e-12), 0.0) ** (1 / tau)
    return np.asarray(powered / np.maximum(powered.sum(1, keepdims=True), 1e-300))


def fit_tau(report: Array, x: Array) -> float:
    """The confidence exponent of reports, fitted on dev by log score: r is read as p to the power tau."""
    grid = np.exp(np.linspace(np.log(0.25), np.log(8), 61))
    worth = [float((x * np.log(0.98 * sharpness(report, t) + 0.02 / report.shape[1])).sum()) for t in grid]
    return float(grid[int(np.argmax(worth))])


def paired_change(before: Array, after: Array, cluster: Ints) -> Estimate:
    """Mean total variation distance between two reports on the same items."""
    return mean(np.abs(after - before).sum(1) / 2, cluster)
