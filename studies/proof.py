"""The proof of the verdict: phantoms whose shares are dialled in, and what the verdict says of them.

    python studies/proof.py small     a few minutes' worth less: ten seeds, printed
    python studies/proof.py full      all of it, written to studies/proof.json and studies/proof.md

The committed table carries a hash of the code that made it; a test fails when the code has moved on.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "studies")]

import numpy as np  # noqa: E402
from world import Size, World, change, items, reports, world  # noqa: E402

from selfscope.statistics import mean  # noqa: E402
from selfscope.subjects.phantom_dials import Dials  # noqa: E402
from selfscope.verdicts import state_effect  # noqa: E402
from selfscope.verdicts.decision import Measured, decide  # noqa: E402
from selfscope.verdicts.settings import Settings  # noqa: E402
from selfscope.verdicts.shares import NAMES, Shares, shares  # noqa: E402

CODE = (
    "src/selfscope/statistics.py",
    "src/selfscope/subjects/phantom_dials.py",
    "src/selfscope/verdicts/state_effect.py",
    "src/selfscope/verdicts/decision.py",
    "src/selfscope/verdicts/settings.py",
    "src/selfscope/verdicts/shares.py",
    "studies/proof.py",
    "studies/world.py",
)
TABLE, PAGE = ROOT / "studies/proof.json", ROOT / "studies/proof.md"
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
    do: tuple[float, float]
    ablated_low: float
    kappa: float
    by_observation: str
    with_ablation: str
    with_do: str


def fingerprint() -> str:
    """SHA-256 of the code behind the table."""
    digest = hashlib.sha256()
    for name in CODE:
        digest.update(name.encode() + b"\0" + (ROOT / name).read_bytes())
    return digest.hexdigest()


def one(w: World, dials: Dials) -> Run:
    """Everything about one phantom."""
    dials = replace(dials, seed=w.seed)
    before, after = reports(w, dials), reports(w, dials, after=True)
    without = reports(w, replace(dials, seed=w.seed + 100_000), state_on=False)  # asked again: fresh draws
    test = items(w, before)
    composition = shares(test)
    moved = change(w, before, after, draw=int(1000 * sum(k * x for k, x in enumerate(dials.shares, start=1))))
    do = state_effect.causal_net(moved)
    cut = state_effect.ablated(before, without, w.xa, w.xb, w.history, w.cluster)
    e = _measured(composition, before, w)
    same = state_effect.identification(moved, np.zeros(len(before), dtype=np.int64))
    names = [
        decide(e, SETTINGS),
        decide(replace(e, ablated=cut), SETTINGS),
        decide(replace(e, do=do, identification=same), SETTINGS),
    ]
    order = [composition.estimates[k] for k in SHARES]
    return Run(
        dials.shares, tuple(x.low for x in order), tuple(x.high for x in order), (do.low, do.high), cut.low,
        composition.kappa, *(f"{d.verdict} ({d.basis})" if d.basis else d.verdict for d in names),
    )  # fmt: skip


def _measured(composition: Shares, report: np.ndarray[Any, Any], w: World) -> Measured:
    e = composition.estimates
    top = report.max(1) - (report * (w.xa + w.xb) / 2).sum(1)
    return Measured(
        private=e["private"], habit=e["habit"], input=e["input"], format=e["format"], unmoved=e["unmoved"],
        public=e["public"], kappa=composition.kappa, f_hat=composition.f_hat, clusters=w.size.clusters,
        singular=composition.singular, unearned=mean(top, w.cluster),
    )  # fmt: skip


def _grid_seed(seed: int) -> list[Run]:
    w = world(seed, Size())
    return [one(w, dials) for dials in GRID]


def _trap_seed(job: tuple[str, int]) -> Run:
    dials, size = TRAPS[job[0]]
    return one(world(1000 + job[1], size), dials)


def run(seeds: int, trap_seeds: int) -> dict[str, Any]:
    """The grid and the traps, in two processes."""
    with ProcessPoolExecutor(2) as pool:
        grid = list(pool.map(_grid_seed, range(seeds)))
        jobs = [(name, s) for name in TRAPS for s in range(trap_seeds)]
        trapped = list(pool.map(_trap_seed, jobs, chunksize=5))
    by_trap = {name: [r for (n, _), r in zip(jobs, trapped, strict=True) if n == name] for name in TRAPS}
    return {
        "code": fingerprint(),
        "grid": grid_table([list(runs) for runs in zip(*grid, strict=True)]),
        "traps": {name: trap_table(runs) for name, runs in by_trap.items()},
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
    out["causal_coverage"] = float(np.mean([r.do[0] <= r.truth[0] <= r.do[1] for r in runs]))
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
        "verdicts": {arm: _shares_of(words) for arm, words in verdicts.items()},
    }


def _rate(runs: Sequence[Run], arm: str, word: str = "access") -> float:
    return float(np.mean([getattr(r, arm).startswith(word) for r in runs])) if runs else 0.0


def _shares_of(words: Sequence[str]) -> dict[str, float]:
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


def page(table: Mapping[str, Any]) -> str:
    """The table as Markdown."""
    g = table["grid"]
    missed = misses(table, small=g["seeds"] < 40)
    lines = [
        "# Proof of the verdict",
        "",
        "Made by `make proof` (`python studies/proof.py full`); figures are shares of runs unless said.",
        f"Code {table['code'][:16]}. {'NOT met:' if missed else 'Every acceptance figure is met.'}",
        *[f"- {m}" for m in missed],
        "",
        f"## Grid: {g['phantoms']} phantoms x {g['seeds']} seeds, 4 options, 200 items in 25 clusters, 200 train items",
        "",
        "| share | coverage of the dial | least of any phantom | median width |",
        "| --- | --- | --- | --- |",
        *[
            f"| {n} | {g[f'coverage_{n}']:.3f} | {g[f'worst_{n}']} of {g['seeds']} | {g[f'width_{n}']:.2f} |"
            for n in REPORTED
        ],
        "",
        f"Coverage of the causal slope {g['causal_coverage']:.3f}; reliability of the rival, median "
        f"{g['kappa_median']:.2f}.",
        "",
        "| private 0: called access | by observation | with the ablated arm | with do(state) |",
        "| --- | --- | --- | --- |",
        "| all phantoms of the grid | " + _cells(g["false_access"], ARMS) + " |",
        *[
            f"| {name} ({table['traps'][name]['seeds']} seeds) | " + _cells(table["traps"][name]["access"], ARMS) + " |"
            for name in TRAPS
        ],
        "",
        "The habit beyond the rivals' kind is called access by observation when the control *near twin* is taken as",
        "passed without the twin's forecast: no statistic repairs a rival that cannot express the habit. Its bases",
        "causal and ablated are what counts.",
        "",
        "| power | causal verdict | private above 0 by observation | ablated slope above 0 | access, rivals only |",
        "| --- | --- | --- | --- | --- |",
        *[
            f"| private {a} | " + _cells(g[f"power_{a}"], POWER) + " |"
            for a in (0.2, 0.4)
        ],
        "",
        "| trap | verdicts by observation | verdicts with do(state) |",
        "| --- | --- | --- |",
        *[
            f"| {name} | {_words(called['by_observation'])} | {_words(called['with_do'])} |"
            for name, called in ((name, table["traps"][name]["verdicts"]) for name in TRAPS)
        ],
    ]
    return "\n".join(lines) + "\n"


def _cells(values: Mapping[str, float], order: Sequence[str]) -> str:
    """In the order of the header: a table read back from disk has its keys in another."""
    return " | ".join(f"{values[name]:.3f}" for name in order)


def _words(shares_of: Mapping[str, float]) -> str:
    return ", ".join(f"{k} {v:.2f}" for k, v in sorted(shares_of.items()))


def main(words: Sequence[str]) -> int:
    if list(words) not in (["small"], ["full"]):
        print(__doc__)
        return 2
    small = words[0] == "small"
    table = run(10, 20) if small else run(40, 200)
    if small:
        print(page(table))
    else:
        TABLE.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n")
        PAGE.write_text(page(table))
        print(PAGE.read_text())
    return 1 if misses(table, small=small) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
