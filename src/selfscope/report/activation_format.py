"""What sections on activations share: where they stand, how many items they have, how a part of them is written."""

from __future__ import annotations

import re
from dataclasses import replace

from selfscope.report.format import Number, count, decimal
from selfscope.report.material import Material
from selfscope.statistics import Estimate


def anchor(name: str) -> str:
    """Where a phenomenon's section stands on the page."""
    return "inside-" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def asked(name: str, material: Material) -> str:
    """How many test items of how many clusters."""
    of_row = {row.trial: row.phenomenon for row in material.rows}
    test = [
        t for t in material.trials.values()
        if t.split == "test" and t.plain and of_row.get(t.id) == name
    ]  # fmt: skip
    return f"{count(len(test))} items in {count(len({t.cluster for t in test}))} clusters"


def part(x: Estimate, *, change: bool = False) -> Number:
    """A part of the items in percent (figure and interval end at 0 and 100), or a difference of parts in points."""
    if not change:
        value, low, high = (min(max(v, 0.0), 1.0) for v in (x.value, x.low, x.high))
        x = replace(x, value=value, low=low, high=high)
    sign = "+" if change and x.value > 0 else ""
    interval = f"[{decimal(100 * x.low, 0)}, {decimal(100 * x.high, 0)}]"
    unit = "\u202fpoints" if change else "\u202f%"
    return Number(x.value, x.low, x.high, f"{sign}{decimal(100 * x.value, 0)}{unit}", interval)
