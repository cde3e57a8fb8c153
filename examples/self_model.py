"""Does a model know what it is like, and does it notice when that changes?

An inventory of statements about its replies is asked in five wordings, half of them reversed, and held against what its
replies show. Then a system prompt and shown turns make one of them so. A phantom whose reports have access says what it
does, before and after; `python examples/self_model.py phantom` runs one that makes its reports up:

    $ python examples/self_model.py
    phantom:access=0.9,kappa=1000
      what it says, on what it does 0.84 [0.47, 1.21]
      said again in other words 0.75 [0.50, 0.89]
      told to begin with Hello: what it says moved 76 [24, 100] points, what it does 75 [36, 89]

A real model (some minutes on a CPU): python examples/self_model.py smollm2-135m
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import selfscope
from selfscope import SelfModel
from selfscope.statistics import Estimate


def shown(x: Estimate | None, by: float = 1, places: int = 2) -> str:
    if x is None:
        return "not known"
    value, low, high = (f"{by * v:.{places}f}" for v in (x.value, x.low, x.high))
    return f"{value} [{low}, {high}]"


def main(*names: str) -> None:
    sizes: dict[str, Any] = {"only": ("habits",), "messages": 12, "draws": 2, "described": 0}
    for name in names or ("phantom:access=0.9,kappa=1000",):
        root = Path(tempfile.mkdtemp(prefix="self-model-"))
        for folder, planted in (("before", ""), ("after", "greets")):
            asked = SelfModel(planted=planted, **sizes)
            selfscope.card(name, root / folder, phenomena=[asked], readers=["ask[format=choice_lp]"])
        both = selfscope.compare(root / "before", root / "after")
        own = next(m for m in both.before.findings.self_maps if m.rung == "self")
        greets = next(c for c in both.changes[0].changes if c.name == "greets")
        print(name)
        print(f"  what it says, on what it does {shown(own.slope)}")
        print(f"  said again in other words {shown(own.stability)}")
        said, done = (shown(x, 100, 0) for x in (greets.said, greets.done))
        print(f"  told to begin with Hello: what it says moved {said} points, what it does {done}")


if __name__ == "__main__":
    main(*sys.argv[1:])
