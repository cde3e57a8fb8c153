"""The third part of the proof (section 14): a state that is text can be copied, one that is a vector shows in the text.

By turns: copiers, plain and persuaded, against reports that follow; nothing gives access. By a vector: a pusher of
words and a predictor of anybody, each held by one control alone, against access.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from proof_grid import SETTINGS, changed, in_words, measured, shares_of, worded
from turns import Turned, turned
from world import Size, World, change, items, reports, words, world

from selfscope.subjects.phantom_dials import Dials
from selfscope.verdicts import state_effect
from selfscope.verdicts.decision import decide
from selfscope.verdicts.shares import shares
from selfscope.verdicts.words import ACCESS, COPIES, FOLLOWS, READS

SIZES = ((80, 40), (200, 100))
TURNS: Mapping[str, Turned] = {
    "copies half": Turned(copies=0.5),
    "copies half, half tied": Turned(copies=0.5, tie=0.5),
    "copies half, tied (persuaded)": Turned(copies=0.5, tie=1.0),
    "nothing": Turned(),
    "follows 0.2": Turned(follows=0.2),
    "follows 0.4": Turned(follows=0.4),
    "follows 1.0": Turned(follows=1.0),
    "follows 0.4, copies 0.3": Turned(follows=0.4, copies=0.3),
}
VECTORS: Mapping[str, Dials] = {
    "anyone 0.8": Dials(anyone=0.8),
    "word pusher 0.8": Dials(copy=0.8),
    "habit 0.8": Dials(habit=0.8),
    "nothing": Dials(),
    "private 0.2": Dials(access=0.2),
    "private 0.4": Dials(access=0.4),
    "private 0.4, anyone 0.3": Dials(access=0.4, anyone=0.3),
}
SHOWN = ("copy column", "and a rival that was shown the same")
TRAPS = ("copies half", "copies half, half tied", "copies half, tied (persuaded)", "nothing")
PUSHED = ("anyone 0.8", "word pusher 0.8", "habit 0.8", "nothing")


def by_turns(seed: int, n: int, clusters: int, how: Turned) -> list[str]:
    """The verdicts by SHOWN, by what the turns showed and the smaller splits of the plain report."""
    plain, moved = turned(seed, n, clusters, how)
    e = replace(measured(plain, shares(plain)), kappa=0.0, private=None)
    out = []
    for shown in (None, moved.shown):
        follows, copies = state_effect.beyond_copying(replace(moved, shown=shown))
        out.append(worded(decide(replace(e, follows=follows, copies=copies), SETTINGS)))
    return out


def by_vector(w: World, dials: Dials) -> list[str]:
    """The verdict, and what each of the two controls alone would have let through: the report less the same words, less
    the third person. A pusher's words move and its third person does not; whoever predicts anybody, the other way."""
    dials = replace(dials, seed=w.seed)
    before, after = reports(w, dials), reports(w, dials, after=True)
    third = replace(dials, copy=0.0)
    person = reports(w, third, person=True), reports(w, third, after=True, person=True)
    moved = change(
        w, before, after, draw=int(1000 * sum(k * x for k, x in enumerate(dials.shares, start=1))),
        same_words=(words(w, dials), words(w, dials, after=True)), person=person,
    )  # fmt: skip
    test = items(w, before)
    alone = (state_effect.causal_net(moved), state_effect.causal_beyond_others(moved))
    return [worded(decide(changed(measured(test, shares(test)), moved), SETTINGS)), *(_above(x.low > 0) for x in alone)]


def _above(is_so: bool) -> str:
    return "above 0" if is_so else "not"


def _seed(seed: int) -> dict[str, list[list[list[str]]]]:
    """What was said, by kind of state, size and phantom."""
    return {
        "turns": [[by_turns(seed, *size, how) for how in TURNS.values()] for size in SIZES],
        "vector": [_vectors(world(3000 + seed, Size(items=n, clusters=g))) for n, g in SIZES],
    }


def _vectors(w: World) -> list[list[str]]:
    return [by_vector(w, dials) for dials in VECTORS.values()]


def run(pool: Executor, seeds: int) -> dict[str, Any]:
    """Verdicts by kind of state, phantom and size."""
    runs = list(pool.map(_seed, range(seeds), chunksize=2))

    def said(kind: str, at: int, i: int, which: int) -> list[str]:
        return [r[kind][at][i][which] for r in runs]

    turns = {
        name: {str(n): {s: shares_of(said("turns", at, i, j)) for j, s in enumerate(SHOWN)} for at, (n, _) in _sizes()}
        for i, name in enumerate(TURNS)
    }
    vector = {
        name: {
            str(n): {
                "verdicts": shares_of(said("vector", at, i, 0)),
                **{c: float(np.mean([x == "above 0" for x in said("vector", at, i, j)])) for j, c in _CONTROLS},
            }
            for at, (n, _) in _sizes()
        }
        for i, name in enumerate(VECTORS)
    }
    return {"seeds": seeds, "turns": turns, "vector": vector}


_CONTROLS = ((1, "words alone"), (2, "third person alone"))


def _sizes() -> Sequence[tuple[int, tuple[int, int]]]:
    return list(enumerate(SIZES))


def rate(said: Mapping[str, float], word: str) -> float:
    """How often a verdict begins with a word."""
    return sum(share for verdict, share in said.items() if verdict.startswith(word))


def misses(table: Mapping[str, Any], *, small: bool = False) -> list[str]:
    """Which acceptance figures are not met. small: bounds that a tenth of the seeds can keep."""
    most, least = (0.15, 0.85) if small else (0.05, 0.95)
    out = []
    for (n, _), shown, name in product(SIZES, SHOWN, TURNS):
        said, where = table["turns"][name][str(n)][shown], f"{name} by turns ({n} items, {shown})"
        if rate(said, ACCESS) > (most if name in TRAPS else 0):  # by turns nothing is access
            out.append(f"{where} called access {rate(said, ACCESS):.3f}")
        if name in ("copies half", "nothing") and rate(said, FOLLOWS) > most:
            out.append(f"{where} called {FOLLOWS} {rate(said, FOLLOWS):.3f}, bar {most}")
        # A rival that was shown the same takes some of what follows with it, as much as it is alike: printed.
        if name == "follows 0.4" and shown == SHOWN[0] and rate(said, FOLLOWS) < least:
            out.append(f"{where} called {FOLLOWS} {rate(said, FOLLOWS):.3f}, bar {least}")
    for (n, _), name in product(SIZES, VECTORS):
        said, where = table["vector"][name][str(n)]["verdicts"], f"{name} by a vector ({n} items)"
        if name in PUSHED and rate(said, ACCESS) > most:
            out.append(f"{where} called access {rate(said, ACCESS):.3f}, bar {most}")
        if name == "private 0.4" and rate(said, f"{ACCESS} (causal)") < least:
            out.append(f"{where} called access (causal) {rate(said, f'{ACCESS} (causal)'):.3f}, bar {least}")
    return out


def lines(table: Mapping[str, Any]) -> list[str]:
    """The tables as Markdown."""
    head = "".join(f" {n} items |" for n, _ in SIZES)
    out = [
        f"## A state that is text, and one that is a vector: {table['seeds']} seeds",
        "",
        "By hidden turns: called *follows its context* (access is never said). A report that is persuaded copies the",
        "more, the more behaviour moves: nothing takes that off, which is why such a state never shows access.",
        "",
        f"| report | what is taken off |{head} verdicts at {SIZES[0][0]} items |",
        "| --- | --- |" + " --- |" * (len(SIZES) + 1),
    ]
    for name, shown in product(TURNS, SHOWN):
        of = table["turns"][name]
        rates = "".join(f" {rate(of[str(n)][shown], FOLLOWS):.3f} |" for n, _ in SIZES)
        out.append(f"| {name} | {shown} |{rates} {in_words(of[str(SIZES[0][0])][shown])} |")
    out += [
        "",
        "By a vector, which no report can read as text: called *access (causal)*; called *reads the changed text*; and",
        "how often the slope less one control alone is above 0.",
        "",
        f"| report | items | access | {READS} | {COPIES} | less the same words | less a third person |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, (n, _) in product(VECTORS, SIZES):
        of = table["vector"][name][str(n)]
        said = " | ".join(f"{rate(of['verdicts'], word):.3f}" for word in (f"{ACCESS} (causal)", READS, COPIES))
        out.append(f"| {name} | {n} | {said} | {of['words alone']:.3f} | {of['third person alone']:.3f} |")
    return out
