"""Which channel tells the state: words, log-probabilities, a probe, a rival that reads the text; AUROC beside accuracy.

A report that leans to one answer is right on half of the items and may still tell them apart: accuracy hides a belief
that AUROC shows, and AUROC over all items hides one that only matched items show. So all three stand together. Beside
the truth stands what the subject acts on, where that was measured: the slope of a report on it, over matched pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from selfscope.records import PLAIN, Observation, Reading
from selfscope.statistics import Array, Estimate, Ints, mean, proportion, ratio, within
from selfscope.verdicts.arm_gaps import right
from selfscope.verdicts.assemble import Table, distribution_of, numbered
from selfscope.verdicts.ranks import Kinds, apart

ALIKE = 1e-6
"""Differences of what is done for matched items that are none."""


@dataclass(frozen=True)
class Channel:
    """One reader on one kind of matched items whose question has two shared options.

    Attributes
    ----------
    phenomenon, reader, rung
        Whose.
    task
        Which items, as their trials say: source/quantity. All quantities of a source where it ends in "/".
    auroc, accuracy
        Of the first option, over all items; an AUROC of several quantities orders items within each.
    ordered
        Part of the matched pairs in which the first option is likelier where it is true; ties are halves.
    slope
        Of the report's difference within a pair on the difference of what is done (`exact["acts"]`); None where that
        was not measured, or is alike everywhere.
    under
        By control of other persons and shams, the AUROC there; of contexts that say nothing of it, of which there is no
        truth, the mean share of the first option.
    items, unanswered
        Items that were answered, and that were not.
    """

    phenomenon: str
    reader: str
    rung: str
    task: str
    auroc: Estimate
    accuracy: Estimate
    ordered: Estimate | None = None
    slope: Estimate | None = None
    under: Mapping[str, Estimate] = field(default_factory=dict)
    items: int = 0
    unanswered: int = 0


def channels_of(table: Table, observations: Mapping[str, Observation]) -> list[Channel]:
    """One entry a reader and task, in the order of the rows; nothing for phenomena without matched pairs."""
    out = []
    for reader in table.readers:
        tasks: dict[str, list[str]] = {}
        for i in table.cells(reader):
            trial = table.trials[i]
            matched = trial.question.shared and len(trial.question.options) == 2 and "pair" in trial.coordinates
            if matched and i in table.truths and table.truths[i].mean:
                tasks.setdefault(trial.task, []).append(i)
        if table.family == "activations":
            groups = {**tasks, **_whole(tasks)}
            found = (_channel(table, reader, task, ids, observations) for task, ids in groups.items())
            out += [channel for channel in found if channel is not None]
    return out


def _whole(tasks: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Of each source with several quantities, all of its items."""
    out: dict[str, list[list[str]]] = {}
    for task, ids in tasks.items():
        out.setdefault(f"{task.partition('/')[0]}/", []).append(list(ids))
    return {source: [i for ids in own for i in ids] for source, own in out.items() if len(own) > 1}


def _channel(
    table: Table, reader: str, task: str, posed: Sequence[str], observations: Mapping[str, Observation]
) -> Channel | None:
    cells = table.answered(reader)
    ids = [i for i in posed if i in cells]
    positive = np.array([table.truths[i].mean[0] > 0.5 for i in ids], dtype=bool)
    if not ids or positive.all() or not positive.any():
        return None
    cluster = numbered([table.trials[i].cluster for i in ids])
    hits = np.array([right(cells[i], table.truths[i]) for i in ids])
    ordered, slope = _pairs(table, ids, cells, observations)
    return Channel(
        table.phenomenon, reader, table.rungs[reader], task,
        _apart(table, ids, cells, positive), proportion(hits, cluster), ordered, slope,
        _under(table, reader, posed), len(ids), len(posed) - len(ids),
    )  # fmt: skip


def _pairs(
    table: Table, ids: Sequence[str], cells: Mapping[str, Reading], observations: Mapping[str, Observation]
) -> tuple[Estimate | None, Estimate | None]:
    """(part that is ordered rightly, slope on what is done), over pairs with both of their items."""
    pairs: dict[str, dict[bool, str]] = {}
    for i in ids:
        trial = table.trials[i]
        key = f"{trial.coordinates['pair']} {trial.question.template} {trial.question.order}"
        pairs.setdefault(key, {})[table.truths[i].mean[0] > 0.5] = i
    both = [(own[True], own[False]) for own in pairs.values() if len(own) == 2]
    if not both:
        return None, None
    cluster = numbered([table.trials[a].cluster for a, _ in both])
    said = _first(cells, [a for a, _ in both]) - _first(cells, [b for _, b in both])
    ordered = proportion(np.where(said > 0, 1.0, np.where(said < 0, 0.0, 0.5)), cluster)
    acts = [[_acts(table, i, observations) for i in pair] for pair in both]
    known = np.array([a is not None and b is not None for a, b in acts])
    if not known.any():
        return ordered, None
    done = np.array([float(a) - float(b) for (a, b), k in zip(acts, known, strict=True) if k])  # type: ignore[arg-type]
    own = numbered([table.trials[a].cluster for (a, _), k in zip(both, known, strict=True) if k])
    return ordered, sloped(said[known], done, own)


def sloped(said: Array, done: Array, cluster: Ints) -> Estimate | None:
    """Slope through the origin of one difference on another, with its interval over clusters; None where nothing
    differs in what is done, or there is one cluster."""
    if float(np.abs(done).max()) < ALIKE or int(cluster.max()) == 0:
        return None
    try:
        return ratio(said * done, done * done, cluster)
    except ValueError:
        return None


def _acts(table: Table, item: str, observations: Mapping[str, Observation]) -> float | None:
    seen = observations.get(table.trials[item].observation)
    value = None if seen is None else seen.exact.get("acts")
    return None if value is None else float(value)


def _first(cells: Mapping[str, Reading], ids: Sequence[str]) -> Array:
    """(n,) the share of the first option."""
    return np.array([distribution_of(cells[i])[0] for i in ids])


def _under(table: Table, reader: str, posed: Sequence[str]) -> dict[str, Estimate]:
    out = {}
    for control in table.controls("person", reader) + table.controls("sham", reader):
        cells = table.answered(reader, control)
        ids = [i for i in posed if i in cells]
        if not ids or control == PLAIN:
            continue
        cluster = numbered([table.trials[i].cluster for i in ids])
        if table.parts.role(control) == "sham":
            out[control] = within(mean(_first(cells, ids), cluster), 0, 1)
            continue
        positive = np.array([table.truths[i].mean[0] > 0.5 for i in ids], dtype=bool)
        if positive.any() and not positive.all():
            out[control] = _apart(table, ids, cells, positive)
    return out


def _apart(table: Table, ids: Sequence[str], cells: Mapping[str, Reading], positive: Kinds) -> Estimate:
    cluster, task = (numbered([getattr(table.trials[i], name) for i in ids]) for name in ("cluster", "task"))
    return apart(_first(cells, ids), positive, cluster, task)
