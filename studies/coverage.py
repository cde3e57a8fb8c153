"""How often the intervals of a card hold what is true: phantoms with known dials, judged as the product judges them.

    python studies/coverage.py quick 24          profile, and seeds of each phenomenon
    python studies/coverage.py full 12

A row of the tables: part of the intervals that hold the dial; part that lie wholly above it, and wholly below; median
width and median error. The claims that the card prints no shares for (rivals and truth move together) are left out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
from coverage_world import judged, posed  # noqa: E402

from selfscope.subjects.phantom_dials import Dials  # noqa: E402
from selfscope.verdicts.claims import Claim  # noqa: E402
from selfscope.verdicts.shares import NAMES  # noqa: E402

PHENOMENA = ("self_prediction", "branch_distribution", "token_probability", "confidence")
GRID = {
    "narrative": Dials(), "habit .8": Dials(habit=0.8), "input .8": Dials(input=0.8), "format .6": Dials(format=0.6),
    "access .4": Dials(access=0.4), "access .2 habit .4 format .1": Dials(access=0.2, habit=0.4, format=0.1),
}  # fmt: skip
FORMS = ("dist", "choice", "free")


@dataclass(frozen=True)
class Judged:
    """One claim: dials, and (6,) by the names of shares what is true, estimated, and the ends of the intervals; causal:
    the ends of the interval of the causal slope, None where the state moved nothing."""

    phenomenon: str
    dials: str
    form: str
    true: tuple[float, ...]
    value: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    kappa: float
    causal: tuple[float, float] | None


def true_shares(dials: Dials) -> tuple[float, ...]:
    """(6,) by NAMES."""
    a, b, g, y, rest = dials.shares
    return (a, b, g, y, rest, b + g)


def run(profile: str, seeds: Sequence[int], phenomena: Sequence[str], forms: Sequence[str]) -> Iterator[Judged]:
    """Every claim that prints shares."""
    for seed in seeds:
        for phenomenon in phenomena:
            world = posed(seed, profile, phenomenon)
            for name, dials in GRID.items():
                for form in forms:
                    claim = judged(world, dials, form)
                    if claim.shares:
                        yield _of(claim, name, dials, form)


def _of(claim: Claim, name: str, dials: Dials, form: str) -> Judged:
    e = [claim.shares[share] for share in NAMES]
    causal = None if claim.causal is None or form == "free" else (claim.causal.low, claim.causal.high)
    return Judged(
        claim.phenomenon, name, form, true_shares(dials), tuple(x.value for x in e), tuple(x.low for x in e),
        tuple(x.high for x in e), float(claim.numbers["kappa"]), causal,
    )  # fmt: skip


def coverage(claims: Sequence[Judged]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """(6, 5) by NAMES: holds, wholly above, wholly below, median width, median error."""
    true, value, low, high = (np.array([getattr(c, k) for c in claims]) for k in ("true", "value", "low", "high"))
    above, below = low > true + 1e-9, high < true - 1e-9
    held = ~above & ~below
    return np.stack([
        held.mean(0), above.mean(0), below.mean(0), np.median(high - low, 0), np.median(value - true, 0)
    ], axis=1)  # fmt: skip


def table(claims: Sequence[Judged], title: str, key: Callable[[Judged], str]) -> str:
    """Markdown: a row for each value of the key."""
    lines = [f"| {title} | claims | " + " | ".join(NAMES) + " |", "| --- " * (len(NAMES) + 2) + "|"]
    for name in dict.fromkeys(map(key, claims)):
        own = [c for c in claims if key(c) == name]
        cells = [f"{c:.3f} (+{a:.2f} -{b:.2f}) w {w:.2f} {e:+.2f}" for c, a, b, w, e in coverage(own)]
        lines.append(f"| {name} | {len(own)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def causal_table(claims: Sequence[Judged]) -> str:
    """Coverage, median and least width of the causal slope by form and dials."""
    lines = ["| causal slope | claims | holds | median width | least width |", "| --- | --- | --- | --- | --- |"]
    for form, name in dict.fromkeys((c.form, c.dials) for c in claims if c.causal):
        own = [(c.true[0], *c.causal) for c in claims if c.causal and (c.form, c.dials) == (form, name)]
        true, low, high = np.array(own).T
        held, width = (low <= true + 1e-9) & (true <= high + 1e-9), high - low
        lines.append(
            f"| {form}, {name} | {len(own)} | {held.mean():.3f} | {np.median(width):.2f} | {width.min():.2f} |"
        )
    return "\n".join(lines) + "\n"


def main(words: Sequence[str]) -> int:
    if len(words) != 2 or words[0] not in ("quick", "full") or not words[1].isdigit():
        print(__doc__)
        return 2
    claims = list(run(words[0], range(int(words[1])), PHENOMENA, FORMS))
    print(table(claims, "form", lambda c: c.form))
    print(table(claims, "form, phantom", lambda c: f"{c.form}, {c.dials}"))
    print(table(claims, "form, phenomenon", lambda c: f"{c.form}, {c.phenomenon}"))
    print(table([c for c in claims if c.kappa >= 0.5], "reliable history", lambda c: c.form))
    print(causal_table(claims))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
