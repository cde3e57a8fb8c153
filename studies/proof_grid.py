"""The first part of the proof: 27 phantoms whose shares are dialled in, and traps without any access."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from world import Array, Size, World, change, items, reports, world

from selfscope.subjects.phantom_dials import Dials
from selfscope.verdicts import state_effect
from selfscope.verdicts.decision import Decision, decide
from selfscope.verdicts.ladder import earned
from selfscope.verdicts.measured import Measured
from selfscope.verdicts.settings import Settings
from selfscope.verdicts.shares import NAMES, Items, Shares, shares
from selfscope.verdicts.splits import pooled, tracking

GRID = [Dials(access=a, habit=b, format=y) for a, b, y in product((0, 0.2, 0.4), (0, 0.2, 0.4), (0, 0.1, 0.2))]
TRAPS: Mapping[str, tuple[Dials, Size]] = {
    "input text only (0.8)": (Dials(input=0.8), Size()),
    "habit only (0.8)": (Dials(habit=0.8), Size()),
    "always first or yes (0.8)": (Dials(format=0.8), Size()),
    "pure narrative": (Dials(), Size()),
    "over-confident habit (0.6, tau 3)": (Dials(habit=0.6, format=0.1, tau=3.0), Size()),
    "habit beyond the rivals' kind": (Dials(habit=0.8), Size(train=400, bend=1.0)),
    "the same, near twin tried": (Dials(habit=0.8), Size(train=400, bend=1.0, twin=True)),
}
SETTINGS = Settings()
ARMS = ("by_observation", "with_ablation", "with_do")
POWER = ("causal", "private_above_0", "ablated", "rivals_only")
SHARES = NAMES[:5]  # in the order of the dials; what they leave of one is unmoved
REPORTED = ("private", "habit", "format", "unmoved")


@dataclass(frozen=True)
class Run:
    """One phantom in one world: estimates and intervals of SHARES; the verdict by observation and with arms."""

    truth: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    words: tuple[float, float]
    ablated_low: float
    kappa: float
    by_observation: str
    with_ablation: str
    with_do: str


def measured(test: Items, composition: Shares, *, public: bool = True) -> Measured:
    """What the table of decisions looks at, as `judge` fills it in. public False: no forecast that never saw a truth
    of this subject was there."""
    e = composition.estimates
    return Measured(
        private=e["private"], habit=e["habit"], input=e["input"], format=e["format"], unmoved=e["unmoved"],
        public=e["public"], pooled=pooled(test) if public else None, tracking=tracking(test),
        kappa=composition.kappa, f_hat=composition.f_hat, clusters=test.clusters, items=len(test.report),
        singular=composition.singular, unearned=earned(test.report, test.x, test.cluster)["unearned"],
    )  # fmt: skip


def worded(decision: Decision) -> str:
    return f"{decision.verdict} ({decision.basis})" if decision.basis else decision.verdict


def one(w: World, dials: Dials) -> Run:
    """Everything about one phantom."""
    dials = replace(dials, seed=w.seed)
    before, after = reports(w, dials), reports(w, dials, after=True)
    without = reports(w, replace(dials, seed=w.seed + 100_000), state_on=False)  # asked again: fresh draws
    test = items(w, before)
    composition = shares(test)
    moved = change(w, before, after, draw=int(1000 * sum(k * x for k, x in enumerate(dials.shares, start=1))))
    cut = state_effect.ablated(before, without, w.xa, w.xb, w.history, w.cluster)
    e = measured(test, composition)
    names = [
        decide(e, SETTINGS),
        decide(replace(e, ablated=cut), SETTINGS),
        decide(changed(e, moved), SETTINGS),
    ]
    order = [composition.estimates[k] for k in SHARES]
    words = state_effect.causal_net(moved)
    return Run(
        dials.shares[:5], tuple(x.low for x in order), tuple(x.high for x in order), (words.low, words.high), cut.low,
        composition.kappa, *map(worded, names),
    )  # fmt: skip


def changed(e: Measured, moved: state_effect.Change) -> Measured:
    """With what a state showed that no report can read as text."""
    same: Array = np.zeros(len(moved.before))
    return replace(
        e, do=state_effect.hidden_effect(moved), beyond_words=state_effect.causal_net(moved),
        identification=state_effect.identification(moved, same.astype(np.int64)),
    )  # fmt: skip


def _grid_seed(seed: int) -> list[Run]:
    w = world(seed, Size())
    return [one(w, dials) for dials in GRID]


def _trap_seed(seed: int) -> list[Run]:
    """All traps with the draws of one seed: the phantom's streams are kept from one to the next."""
    return [one(world(1000 + seed, size), dials) for dials, size in TRAPS.values()]


def run(pool: Executor, seeds: int, trap_seeds: int) -> dict[str, Any]:
    """The grid and the traps."""
    grid = list(pool.map(_grid_seed, range(seeds)))
    trapped = list(pool.map(_trap_seed, range(trap_seeds), chunksize=2))
    return {
        "grid": grid_table([list(runs) for runs in zip(*grid, strict=True)]),
        "traps": {name: trap_table(runs) for name, runs in zip(TRAPS, zip(*trapped, strict=True), strict=True)},
    }


def grid_table(by_phantom: Sequence[Sequence[Run]]) -> dict[str, Any]:
    """Coverage pooled and at worst, widths, false access, power."""
    runs = [r for phantom in by_phantom for r in phantom]
    out: dict[str, Any] = {"phantoms": len(by_phantom), "seeds": len(by_phantom[0]), "runs": len(runs)}
    for i, name in enumerate(SHARES):
        if name not in REPORTED:
            continue
        hit = [[r.low[i] <= r.truth[i] <= r.high[i] for r in phantom] for phantom in by_phantom]
        out[f"coverage_{name}"] = float(np.mean(hit))
        out[f"worst_{name}"] = min(sum(h) for h in hit)
        out[f"width_{name}"] = float(np.median([r.high[i] - r.low[i] for r in runs]))
    null = [r for r in runs if r.truth[0] == 0]
    out["false_access"] = {arm: _rate(null, arm) for arm in ARMS}
    without_access = [phantom for phantom in by_phantom if phantom[0].truth[0] == 0]
    out["worst_false_access"] = max(_rate(phantom, arm) for phantom in without_access for arm in ARMS)
    for a in (0.2, 0.4):
        dialled = [r for r in runs if abs(r.truth[0] - a) < 1e-9]
        out[f"power_{a}"] = {
            "causal": _rate(dialled, "with_do", "access (causal)"),
            "private_above_0": float(np.mean([r.low[0] > 0 for r in dialled])),
            "ablated": float(np.mean([r.ablated_low > 0 for r in dialled])),
            "rivals_only": _rate(dialled, "by_observation"),
        }
    out["causal_coverage"] = float(np.mean([r.words[0] <= r.truth[0] <= r.words[1] for r in runs]))
    out["kappa_median"] = float(np.median([r.kappa for r in runs]))
    return out


def trap_table(runs: Sequence[Run]) -> dict[str, Any]:
    """How often a phantom without access is given any verdict of access, and what else it is called."""
    verdicts = {arm: [getattr(r, arm) for r in runs] for arm in ARMS}
    return {
        "seeds": len(runs),
        "access": {arm: _rate(runs, arm) for arm in verdicts},
        "causal": _rate(runs, "with_do", "access (causal)"),
        "ablated": _rate(runs, "with_ablation", "access (ablated)"),
        "verdicts": {arm: shares_of(words) for arm, words in verdicts.items()},
    }


def _rate(runs: Sequence[Run], arm: str, word: str = "access") -> float:
    return float(np.mean([getattr(r, arm).startswith(word) for r in runs])) if runs else 0.0


def shares_of(words: Sequence[str]) -> dict[str, float]:
    return {w: round(words.count(w) / len(words), 3) for w in sorted(dict.fromkeys(words))}


def misses(table: Mapping[str, Any], *, small: bool = False) -> list[str]:
    """Which acceptance figures are not met; empty when all are. small: the looser bounds of ten seeds."""
    grid, out = table["grid"], []
    low, high = (0.88, 1.0) if small else (0.90, 0.995)
    for name in REPORTED:
        if not low <= grid[f"coverage_{name}"] <= high:
            out.append(f"coverage of {name} pooled {grid[f'coverage_{name}']:.3f}, bar {low}-{high}")
        if grid["seeds"] >= 40 and grid[f"worst_{name}"] < 32:
            out.append(f"coverage of {name} in one phantom {grid[f'worst_{name}']} of {grid['seeds']}, bar 32")
    for name, width in (("private", 0.45), ("format", 0.20)):
        if grid[f"width_{name}"] >= width:
            out.append(f"median width of {name} {grid[f'width_{name}']:.3f}, bar {width}")
    bar = 0.10 if small else 0.05
    out += [f"false access {k} {v:.3f}, bar {bar}" for k, v in grid["false_access"].items() if v > bar]
    for name, trap in table["traps"].items():
        if name.startswith("habit beyond"):
            rates = {"causal": trap["causal"], "ablated": trap["ablated"]}
        else:
            rates = dict(trap["access"])
        out += [f"trap {name}: access {k} {v:.3f}, bar {bar}" for k, v in rates.items() if v > bar]
    for a, kind, least in ((0.4, "causal", 0.95), (0.4, "private_above_0", 0.85), (0.2, "causal", 0.90)):
        power, least = grid[f"power_{a}"][kind], least - (0.05 if small else 0)
        if power < least:
            out.append(f"power at private {a}, {kind} {power:.3f}, bar {least}")
    return out


def lines(table: Mapping[str, Any]) -> list[str]:
    """The tables as Markdown."""
    g, traps = table["grid"], table["traps"]
    return [
        f"## Grid: {g['phantoms']} phantoms x {g['seeds']} seeds, 4 options, 200 items in 25 clusters, 200 train items",
        "",
        "| share | coverage of the dial | least of any phantom | median width |",
        "| --- | --- | --- | --- |",
        *[
            f"| {n} | {g[f'coverage_{n}']:.3f} | {g[f'worst_{n}']} of {g['seeds']} | {g[f'width_{n}']:.2f} |"
            for n in REPORTED
        ],
        "",
        f"Coverage of the causal slope (less that of the same words) {g['causal_coverage']:.3f}; reliability of the "
        f"rival, median {g['kappa_median']:.2f}.",
        "",
        "| private 0: called access | by observation | with the ablated arm | with do(state) |",
        "| --- | --- | --- | --- |",
        "| all phantoms of the grid | " + _cells(g["false_access"], ARMS) + " |",
        *[f"| {n} ({traps[n]['seeds']} seeds) | " + _cells(traps[n]["access"], ARMS) + " |" for n in TRAPS],
        "",
        "do(state) is one that no report can read as text: access is the slope less the larger of that of the same",
        "words and that of a third person. The habit beyond the rivals' kind is called access by observation when the",
        "control *near twin* is taken as passed without the twin's forecast: no statistic repairs a rival that cannot",
        "express the habit. Its bases causal and ablated are what counts.",
        "",
        "| power | causal verdict | private above 0 by observation | ablated slope above 0 | access, rivals only |",
        "| --- | --- | --- | --- | --- |",
        *[f"| private {a} | " + _cells(g[f"power_{a}"], POWER) + " |" for a in (0.2, 0.4)],
        "",
        "| trap | verdicts by observation | verdicts with do(state) |",
        "| --- | --- | --- |",
        *[
            f"| {name} | {in_words(called['by_observation'])} | {in_words(called['with_do'])} |"
            for name, called in ((name, traps[name]["verdicts"]) for name in TRAPS)
        ],
    ]


def _cells(values: Mapping[str, float], order: Sequence[str]) -> str:
    """In the order of the header: a table read back from disk has its keys in another."""
    return " | ".join(f"{values[name]:.3f}" for name in order)


def in_words(shares_of: Mapping[str, float]) -> str:
    return ", ".join(f"{k} {v:.2f}" for k, v in sorted(shares_of.items()))
