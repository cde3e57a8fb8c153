"""The page of `coverage.py`: tables of its figures, as Markdown."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from selfscope.verdicts.shares import NAMES

if TYPE_CHECKING:
    from coverage import Judged, Left

HEAD = """# Coverage through the product

Made by `python studies/coverage.py full-table`. Phantoms with known dials go the way of every subject: questions,
behaviour, rivals, readers, rows, verdict. A figure is the part of 95 % intervals that holds what is true. Behind it
stand two standard errors over worlds (a phenomenon and a seed; its claims share draws, so that they are no independent
runs), the part that lies wholly above (+) and wholly below (-), the median width (w) and the median error. Reports are
distributions (dist), one drawn option (choice), or one greedy reply that names an option (free).
"""
TOLD = """### Shares, with rivals that can express what is public

The history rival is a phantom with the same habit and nothing else, asked about itself (a reader of the rung history);
the input rival a phantom that says how anybody reads the text (`--other phantom:input=1.0`). The intervals hold the
dial. Where forecasts that name one option (how open is the next word?) carry most of a rival's variance, few clusters
decide, and the intervals of habit and unmoved are a little narrow: see token_probability.
"""
USUAL = """### Shares, with the rivals that every card has

The linear model of its history, and linear models of the histories of two other models. They cannot express a
phantom's habit (last table), so that habit and input leak into private, and what they say of the habit's size means
little: the intervals hold the share **beyond the rivals tried**. They hold the dial only as far as the rivals can
express the habit.
"""
TRACKING = """### Tracking

Against the same regression on exact behaviour and expected reports. It needs no rival. The items are given there and
drawn here, so that coverage is a little above 95 %.
"""
CAUSAL = """### Causal slopes

Of an open phantom, whose state a vector changes, against the dial of access; beyond the same words, and beyond a third
person. Items weigh by how far the vector moved them, so that fewer clusters count than there are: where reports are
distributions and access is above 0, the intervals are a little narrow.
"""
LEFT = """### What rivals leave

Medians over seeds, of the variance beyond intercepts: 0 is nothing, 1 all of it. The state itself, which nobody else
can know, is in what is left of the truth.
"""


def page(found: Mapping[str, Sequence[Judged | Left]]) -> str:
    """found: by profile what was judged."""
    return "\n".join([HEAD, *(part for profile, own in found.items() for part in _profile(profile, own))])


def _profile(profile: str, found: Sequence[Any]) -> list[str]:
    judged: list[Judged] = [j for j in found if hasattr(j, "share")]
    told, usual, tracking = ([j for j in judged if j.of == of] for of in ("told", "usual", "tracking"))
    causal = [j for j in judged if j.of in ("words", "person")]
    return [
        f"## {profile}\n",
        f"{_seeds(told)} seeds of each of four phenomena; of the causal slopes {_seeds(causal)}.\n",
        TOLD, shares(told, "form", lambda j: j.form), shares(told, "phantom", lambda j: j.dials),
        shares(told, "phenomenon", lambda j: j.world[0]),
        USUAL, shares(usual, "form", lambda j: j.form), shares(usual, "phantom", lambda j: j.dials),
        TRACKING, lines(tracking, "form, phantom", lambda j: j.form, lambda j: f"{j.form}, {j.dials}"),
        CAUSAL, lines(causal, "form, beyond", lambda j: f"{j.form}, {j.of}", lambda j: f"{j.form}, {j.of}, {j.dials}"),
        LEFT, left([x for x in found if not hasattr(x, "share")]),
    ]  # fmt: skip


def _seeds(judged: Sequence[Judged]) -> int:
    return len({j.world[1] for j in judged})


def shares(judged: Sequence[Judged], title: str, key: Callable[[Judged], str]) -> str:
    """A row for all, and for each value of the key."""
    out = [f"| {title} | claims | " + " | ".join(NAMES) + " |", "| --- " * (len(NAMES) + 2) + "|"]
    for name in ("all", *dict.fromkeys(map(key, judged))):
        own = [j for j in judged if name in ("all", key(j))]
        by_share = [[j for j in own if j.share == share] for share in NAMES]
        out.append(f"| {name} | {len(by_share[0])} | " + " | ".join(map(cell, by_share)) + " |")
    return "\n".join(out) + "\n"


def lines(judged: Sequence[Judged], title: str, *keys: Callable[[Judged], str]) -> str:
    """A row for each value of each key."""
    out = [f"| {title} | claims | holds |", "| --- | --- | --- |"]
    for key in keys:
        for name in dict.fromkeys(map(key, judged)):
            own = [j for j in judged if key(j) == name]
            out.append(f"| {name} | {len(own)} | {cell(own)} |")
    return "\n".join(out) + "\n"


def cell(own: Sequence[Judged]) -> str:
    """Coverage and what goes with it."""
    above, below = (np.mean([not j.held and side(j) for j in own]) for side in (_above, lambda j: not _above(j)))
    width, error = np.median([j.high - j.low for j in own]), np.median([j.value - j.true for j in own])
    held = np.mean([j.held for j in own])
    return f"**{held:.3f}** ± {2 * error_of(own):.3f} (+{above:.2f} -{below:.2f}) w {width:.2f} {error:+.2f}"


def error_of(own: Sequence[Judged]) -> float:
    """Standard error of the coverage over worlds."""
    by_world: dict[tuple[str, int], list[bool]] = {}
    for j in own:
        by_world.setdefault(j.world, []).append(j.held)
    means = [np.mean(v) for v in by_world.values()]
    return float(np.std(means, ddof=1) / np.sqrt(len(means))) if len(means) > 1 else float("nan")


def left(found: Sequence[Left]) -> str:
    """A row for each phenomenon."""
    out = ["| phenomenon | rivals | of the truth | of the habit |", "| --- | --- | --- | --- |"]
    for phenomenon, rivals in dict.fromkeys((x.phenomenon, x.rivals) for x in found):
        own = [x for x in found if (x.phenomenon, x.rivals) == (phenomenon, rivals)]
        truth, habit = np.median([[x.truth, x.habit] for x in own], axis=0)
        out.append(f"| {phenomenon} | {rivals} | {truth:.2f} | {max(0.0, habit):.2f} |")
    return "\n".join(out) + "\n"


def _above(j: Judged) -> bool:
    return j.low > j.true
