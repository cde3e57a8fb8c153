"""How often the intervals of a card hold what is true: phantoms with known dials, judged as the product judges them.

    python studies/coverage.py quick 24          profile, and seeds of each phenomenon: prints its tables
    python studies/coverage.py full 12
    python studies/coverage.py full-table        both, and writes studies/coverage.md

The shares are judged twice: with rivals that can express all that is public (a phantom with the same habit, one that
says how anybody reads the text), and with the rivals of a card without --other. Claims that print no shares (rivals
and truth move together) are left out. The slope of tracking is held against the same regression on exact behaviour and
expected reports; the causal slopes of an open phantom, whose state a vector changes, against the dial of access.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
from coverage_page import page  # noqa: E402
from coverage_world import World, world  # noqa: E402

from selfscope.statistics import Estimate  # noqa: E402
from selfscope.subjects.phantom_dials import Dials  # noqa: E402
from selfscope.verdicts.shares import NAMES  # noqa: E402

PAGE = Path(__file__).with_name("coverage.md")
PHENOMENA = ("self_prediction", "branch_distribution", "token_probability", "confidence")
GRID = {
    "narrative": Dials(), "habit .8": Dials(habit=0.8), "input .8": Dials(input=0.8), "format .6": Dials(format=0.6),
    "access .4": Dials(access=0.4), "access .2 habit .4 format .1": Dials(access=0.2, habit=0.4, format=0.1),
}  # fmt: skip
HIDDEN = {f"access {a:.1f}": Dials(access=a) for a in (0.0, 0.4, 0.7)}
FORMS = ("dist", "choice", "free")
RIVALS = ("told", "usual")
SEEDS = {"quick": (24, 24), "full": (20, 12)}
"""Of the page: of shares, and of causal slopes."""


@dataclass(frozen=True)
class Judged:
    """One interval of one claim. world: phenomenon and seed. of: told | usual (shares), tracking, or words | person
    (causal slopes beyond each). true: the dial; value, low, high: the estimate."""

    world: tuple[str, int]
    of: str
    share: str
    dials: str
    form: str
    true: float
    value: float
    low: float
    high: float

    @property
    def held(self) -> bool:
        """Whether the interval holds what is true."""
        return self.low <= self.true + 1e-9 and self.true - 1e-9 <= self.high


@dataclass(frozen=True)
class Left:
    """Of one world, the part of the truth and of the habit that rivals leave, by who they are."""

    rivals: str
    phenomenon: str
    truth: float
    habit: float


def true_shares(dials: Dials) -> dict[str, float]:
    """By NAMES."""
    a, b, g, y, rest = dials.shares[:5]
    return dict(zip(NAMES, (a, b, g, y, rest, b + g), strict=True))


def run(
    profile: str, seeds: Sequence[int], phenomena: Sequence[str] = PHENOMENA, forms: Sequence[str] = FORMS
) -> Iterator[Judged | Left]:
    """Every share and tracking of every claim, and what the rivals leave."""
    for seed in seeds:
        for phenomenon in phenomena:
            here = world(seed, profile, phenomenon)
            yield from (Left(rivals, phenomenon, *here.left(rivals)) for rivals in RIVALS)
            for name, dials in GRID.items():
                for form in forms:
                    yield from _judged(here, name, dials, form)


def _judged(here: World, name: str, dials: Dials, form: str) -> Iterator[Judged]:
    where = (here.phenomenon, here.seed)
    for rivals in RIVALS:
        claim = here.claim(dials, form, rivals)
        for share, true in true_shares(dials).items() if claim.shares else ():
            yield _of(where, rivals, share, name, form, true, claim.shares[share])
    if "tracking" in claim.tracking:
        true = here.exact_tracking(dials, form)
        yield _of(where, "tracking", "tracking", name, form, true, claim.tracking["tracking"])


def run_hidden(profile: str, seeds: Sequence[int], phenomena: Sequence[str] = PHENOMENA) -> Iterator[Judged]:
    """The causal slopes of every claim whose state the vector moved."""
    for seed in seeds:
        for phenomenon in phenomena:
            here = world(seed, profile, phenomenon, hidden=True)
            for name, dials in HIDDEN.items():
                for form in ("dist", "choice"):
                    claim = here.claim(dials, form)
                    for of, slope in (("words", claim.beyond_words), ("person", claim.beyond_person)):
                        if slope is not None:
                            yield _of((phenomenon, seed), of, "causal", name, form, dials.access, slope)


def _of(
    where: tuple[str, int], of: str, share: str, dials: str, form: str, true: float, e: Estimate
) -> Judged:
    return Judged(where, of, share, dials, form, true, e.value, e.low, e.high)


def everything(profile: str, seeds: int, hidden: int) -> list[Judged | Left]:
    """What the page shows of a profile, in two processes: a world is the same in any."""
    with ProcessPoolExecutor(2) as pool:
        shown = list(pool.map(_seed, [(profile, seed) for seed in range(seeds)]))
        moved = list(pool.map(_hidden_seed, [(profile, seed) for seed in range(hidden)]))
    return [one for part in (*shown, *moved) for one in part]


def _seed(job: tuple[str, int]) -> list[Judged | Left]:
    return list(run(job[0], [job[1]]))


def _hidden_seed(job: tuple[str, int]) -> list[Judged | Left]:
    return list(run_hidden(job[0], [job[1]]))


def coverage(found: Sequence[Judged], key: Callable[[Judged], str] = lambda j: j.share) -> dict[str, float]:
    """The part of the intervals that holds what is true, by the key."""
    return {k: float(np.mean([j.held for j in found if key(j) == k])) for k in dict.fromkeys(map(key, found))}


def main(words: Sequence[str]) -> int:
    if list(words) == ["full-table"]:
        PAGE.write_text(page({profile: everything(profile, *seeds) for profile, seeds in SEEDS.items()}))
        return 0
    if len(words) != 2 or words[0] not in SEEDS or not words[1].isdigit():
        print(__doc__)
        return 2
    print(page({words[0]: everything(words[0], int(words[1]), int(words[1]))}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
