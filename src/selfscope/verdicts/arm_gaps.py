"""Readings of activations against their arms: how much of an answer the vector brought, on the same items.

What is reported first is the gap: how much oftener the reading of the real vector is right than the best of the arms
in which the vector is missing, random, another item's, the mean, or put into words (Li et al. 2025: text alone passes
most such tests). The full text is a ceiling and never an arm to beat. Beside it stand the rivals, which read the same
states at the same layer with little or no training: nothing is claimed beyond one that does as well. Intervals are over
clusters, paired by item.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from selfscope.records import Observation, Outcome, Parts, Reading, Row, Trial, Truth
from selfscope.statistics import Array, Estimate, mean, minimum_detectable
from selfscope.verdicts.assemble import Table, numbered, tables

ARMS = ("none", "random", "shuffled", "mean", "text")
"""What a reading has to beat. Every one of them must have been run for a gap to be called supported."""
CEILING = "full"
RIVALS = ("centred_lens", "ridge_probe")
"""Kinds of readers that a reading has to beat too before anything is claimed of it, the simplest first: each of them is
held against those before it."""
Coordinates = tuple[tuple[str, float], ...]
SMALLEST = 0.05
"""A gap whose lower bound is above this counts: smaller ones are within what a choice of wording moves."""


@dataclass(frozen=True)
class Tokens:
    """Next-token identity over the whole vocabulary (Ghandeharioun et al. 2024), of the real vector. p: the source's
    own probabilities; t: the likeliest token of the reading.

    precision: precision@1, how often t is the likeliest of p. surprisal: mean of -log p[t], nats. Where t is none of
    the tokens whose p was kept, p is taken as the smallest kept: a lower bound, and `clipped` says how often."""

    precision: Estimate
    surprisal: Estimate
    clipped: float


@dataclass(frozen=True)
class Rival:
    """What a rival made of the same items. gap: the reading minus the rival, paired. right: part of the items that the
    rival is right on. layer: where it read them (most often). same: at the very layer at which the reading read."""

    gap: Estimate
    right: Estimate
    layer: int | None = None
    same: bool = False


@dataclass(frozen=True)
class Gap:
    """One reader on one phenomenon. real, arms, ceiling: part of the items answered rightly. gaps: real minus each arm,
    paired. best: the hardest arm, `gap` the difference to it. missing: arms that were not run. chance: what guessing
    gets. layer: where it read (most often). supported: the lower bound of every gap is above SMALLEST. tokens: of a
    reader that names the next token out of the whole vocabulary. least: the smallest gap that could be found. rivals:
    by kind, those of RIVALS that it has to beat; unread: those that read none of its items."""

    phenomenon: str
    reader: str
    rung: str
    real: Estimate
    chance: float
    arms: Mapping[str, Estimate] = field(default_factory=dict)
    gaps: Mapping[str, Estimate] = field(default_factory=dict)
    ceiling: Estimate | None = None
    best: str = ""
    gap: Estimate | None = None
    missing: tuple[str, ...] = ()
    layer: int | None = None
    answered: float = 1.0
    supported: bool = False
    tokens: Tokens | None = None
    least: float | None = None
    rivals: Mapping[str, Rival] = field(default_factory=dict)
    unread: tuple[str, ...] = ()

    @property
    def claimed(self) -> bool:
        """It beats all of its arms and all of its rivals, and none of them is missing."""
        return self.supported and not self.unread and all(r.gap.low > SMALLEST for r in self.rivals.values())

    @property
    def hardest(self) -> str:
        """The kind of the rival that does best beside it, "" without any."""
        return min(self.rivals, key=lambda k: self.rivals[k].gap.value, default="")


@dataclass(frozen=True)
class SweepCell:
    """One cell of a sweep: its coordinates, the part of the items that are right, how many."""

    at: Mapping[str, float]
    right: Estimate


@dataclass(frozen=True)
class Grid:
    """A sweep of one reader: cells on dev and on test. chosen: the cell that is best on dev, with its figure on test;
    best: the best of the grid on test, which is an optimist's figure and shown apart."""

    phenomenon: str
    reader: str
    dev: tuple[SweepCell, ...]
    test: tuple[SweepCell, ...]
    chosen: SweepCell | None = None
    best: SweepCell | None = None


def right(reading: Reading, truth: Truth) -> float:
    """The truth's share on what the reading holds likeliest; ties share; no answer is no hit."""
    if reading.distribution is None:
        return 0.0
    top = max(reading.distribution)
    hits = [float(p == top) for p in reading.distribution]
    return float(np.dot(hits, truth.mean) / sum(hits))


def gaps(
    rows: Sequence[Row],
    trials: Mapping[str, Trial],
    truths: Mapping[str, Truth],
    observations: Mapping[str, Observation] | None = None,
    parts: Parts | None = None,
) -> list[Gap]:
    """One entry for each reader of each phenomenon inside, in the order of the rows; without observations no entry has
    `tokens`, without parts there are no arms. Pure."""
    return [g for table in tables(rows, trials, truths, parts) for g in gaps_of(table, observations or {})]


def gaps_of(table: Table, observations: Mapping[str, Observation]) -> list[Gap]:
    """The gaps of one phenomenon; of one of reports there are none."""
    if table.family == "report":
        return []
    entries = [_gap(table, reader, observations) for reader in table.readers if table.cells(reader)]
    return [g for g in entries if g is not None]


def _gap(table: Table, reader: str, observations: Mapping[str, Observation]) -> Gap | None:
    real = {
        i: r for i, r in table.cells(reader).items() if i in table.truths and r.outcome != Outcome.UNSUPPORTED
    }  # fmt: skip
    if not real:
        return None
    ids = list(real)
    cluster = numbered([table.trials[i].cluster for i in ids])
    arms, differences = _against_arms(table, reader, real)
    beaten = {k: v for k, v in differences.items() if k != CEILING}
    best = min(beaten, key=lambda k: beaten[k].value, default="")
    missing = tuple(k for k in ARMS if k not in differences) if beaten else ()
    rivals, unread = _against_rivals(table, reader, real) if beaten else ({}, ())
    layers = Counter(real[i].extra["layer"] for i in ids if real[i].extra.get("layer") is not None)
    return Gap(
        table.phenomenon, reader, table.rungs[reader], mean(_hits(real, table, ids), cluster), _chance(table, ids),
        {k: v for k, v in arms.items() if k != CEILING}, beaten, arms.get(CEILING), best, beaten.get(best), missing,
        int(layers.most_common(1)[0][0]) if layers else None,
        sum(real[i].distribution is not None for i in ids) / len(ids),
        bool(beaten) and not missing and all(g.low > SMALLEST for g in beaten.values()),
        _tokens([(table.trials[i], r) for i, r in real.items()], observations),
        minimum_detectable(beaten[best].se, beaten[best].clusters) if best else None, rivals, unread,
    )  # fmt: skip


def _against_arms(
    table: Table, reader: str, real: Mapping[str, Reading]
) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
    """By arm: the part that is right, and real minus arm on the same items."""
    control = table.control("arm", reader)
    arms: dict[str, Estimate] = {}
    differences: dict[str, Estimate] = {}
    for kind in (*ARMS, CEILING):
        cells = table.cells(reader, control, arm=kind)
        both = [i for i in real if i in cells and cells[i].outcome != Outcome.UNSUPPORTED]
        if both:
            own = numbered([table.trials[i].cluster for i in both])
            arm = _hits(cells, table, both)
            arms[kind] = mean(arm, own)
            differences[kind] = mean(_hits(real, table, both) - arm, own)
    return arms, differences


def _against_rivals(
    table: Table, reader: str, real: Mapping[str, Reading]
) -> tuple[dict[str, Rival], tuple[str, ...]]:
    """By kind of rival: the reading minus it on the same items, at the reading's layer where it read that; and the
    kinds that read none of them."""
    parts = table.parts.readers
    own = parts[reader].kind if reader in parts else ""
    demanded = RIVALS[: RIVALS.index(own)] if own in RIVALS else RIVALS
    out: dict[str, Rival] = {}
    for kind in demanded:
        names = [r for r in table.readers if r in parts and parts[r].kind == kind]
        beside = {i: x for i, r in real.items() if (x := _at_its_layer(table, names, i, r)) is not None}
        if not beside:
            continue
        ids = list(beside)
        cluster = numbered([table.trials[i].cluster for i in ids])
        hits = _hits(beside, table, ids)
        layers = Counter(x.extra["layer"] for x in beside.values() if x.extra.get("layer") is not None)
        same = all(x.extra.get("layer") == real[i].extra.get("layer") for i, x in beside.items())
        layer = int(layers.most_common(1)[0][0]) if layers else None
        out[kind] = Rival(mean(_hits(real, table, ids) - hits, cluster), mean(hits, cluster), layer, same)
    return out, tuple(kind for kind in demanded if kind not in out)


def _at_its_layer(table: Table, names: Sequence[str], item: str, reading: Reading) -> Reading | None:
    """What one of the readers made of an item at the layer of a reading, else what the first made of it where it chose
    to read; None where none of them read it."""
    layer = reading.extra.get("layer")
    read = [x for name in names if (x := table.cells(name).get(item)) and x.outcome != Outcome.UNSUPPORTED]
    for other in read:
        depths = {**other.extra.get("by_layer", {}), str(other.extra.get("layer")): other.distribution}
        if layer is not None and str(layer) in depths:
            shares = depths[str(layer)]
            return replace(other, distribution=shares and tuple(shares), extra={**other.extra, "layer": layer})
    return read[0] if read else None


def _tokens(plain: Sequence[tuple[Trial, Reading]], observations: Mapping[str, Observation]) -> Tokens | None:
    named, clusters = [], []
    for trial, reading in plain:
        observation = observations.get(trial.observation)
        if observation is None or "likeliest" not in observation.exact or "likeliest" not in reading.extra:
            continue
        likeliest = observation.exact["likeliest"]
        ids, logprobs = likeliest["ids"], likeliest["logprobs"]
        token = reading.extra["likeliest"]["id"]
        known = token in ids
        named.append((token == ids[0], -(logprobs[ids.index(token)] if known else min(logprobs)), not known))
        clusters.append(trial.cluster)
    if not named:
        return None
    first, surprisal, clipped = np.array(named, dtype=float).T
    numbers = numbered(clusters)
    return Tokens(mean(first, numbers), mean(surprisal, numbers), float(clipped.mean()))


def _hits(cells: Mapping[str, Reading], table: Table, ids: Sequence[str]) -> Array:
    return np.array([right(cells[i], table.truths[i]) for i in ids])


def _chance(table: Table, ids: Sequence[str]) -> float:
    return float(np.mean([1 / len(table.trials[i].question.options) for i in ids]))


def grids(
    rows: Sequence[Row], trials: Mapping[str, Trial], truths: Mapping[str, Truth], parts: Parts | None = None
) -> list[Grid]:
    """Sweeps: trials of controls of the role sweep, by their coordinates."""
    known = parts or Parts()
    hits: dict[tuple[str, str], dict[tuple[str, Coordinates], list[tuple[str, float]]]] = {}
    for row in rows:
        trial = trials.get(row.trial)
        if trial is None or known.role(row.control) != "sweep" or trial.id not in truths:
            continue
        at = tuple(sorted((k, float(v)) for k, v in trial.coordinates.items() if isinstance(v, int | float)))
        cells = hits.setdefault((row.phenomenon, row.reader), {})
        cells.setdefault((trial.split, at), []).append((trial.cluster, right(row.reading, truths[trial.id])))
    return [_grid(phenomenon, reader, cells) for (phenomenon, reader), cells in hits.items()]


def _grid(
    phenomenon: str, reader: str, cells: Mapping[tuple[str, Coordinates], Sequence[tuple[str, float]]]
) -> Grid:
    by_split: dict[str, list[SweepCell]] = {"dev": [], "test": []}
    for (split, at), values in sorted(cells.items()):
        share = mean(np.array([v for _, v in values]), numbered([c for c, _ in values]))
        by_split.setdefault(split, []).append(SweepCell(dict(at), share))
    dev, test = by_split["dev"], by_split["test"]
    best_dev = max(dev, key=lambda s: s.right.value, default=None)
    chosen = next((s for s in test if best_dev is not None and s.at == best_dev.at), None)
    best = max(test, key=lambda s: s.right.value, default=None)
    return Grid(phenomenon, reader, tuple(dev), tuple(test), chosen, best)
