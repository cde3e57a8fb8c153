"""How long a card takes: a quick card with the model cached, its redraw from rows, and `selfscope --help`.

    python benchmarks/card.py [MODEL] [PROFILE]     default: smollm2-135m quick

Prints seconds and peak memory beside the bounds of the README, and how fast this machine multiplies: bounds are for two
idle cores, and time goes with that figure. Nothing here gates CI.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BOUNDS = {"quick": 240.0, "full": 1500.0}
PEAK_GB, REDRAW, HELP, VERDICT_MS = 3.0, 2.0, 0.3, 50.0


def timed(*words: str) -> float:
    """Wall seconds of a command in a process of its own. Raises CalledProcessError with what it said."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "selfscope", *words], check=True, capture_output=True, text=True)
    return time.perf_counter() - start


def products() -> float:
    """GFLOP/s of fp32 matrix products of the small model's shapes, all threads."""
    import torch

    a, b = torch.randn(1024, 576), torch.randn(576, 1536)
    speeds = []
    for _ in range(30):
        start = time.perf_counter()
        for _ in range(4):
            a @ b
        speeds.append(4 * 2 * 1024 * 576 * 1536 / (time.perf_counter() - start) / 1e9)
    return statistics.median(speeds)


def verdict_ms() -> float:
    """Milliseconds of one estimate: 400 items in 50 clusters with ten refits of the rival."""
    root = Path(__file__).resolve().parents[1]
    sys.path.insert(0, str(root / "studies"))
    from world import Size, items, reports, world

    from selfscope.subjects.phantom_dials import Dials
    from selfscope.verdicts.shares import shares

    w = world(0, Size(items=400, clusters=50))
    test = items(w, reports(w, Dials(access=0.3)))
    times = []
    for _ in range(6):
        start = time.perf_counter()
        shares(test)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[1:])


def stages(folder: Path) -> dict[str, float]:
    """Seconds of a card's stages, as its folder keeps them."""
    from selfscope.store import read

    return read(folder).seconds


def bare_forward(model: str, profile: str) -> tuple[float, str]:
    """Seconds of the model for the distinct tokens of such a card, read and written, and how they were got."""
    from selfscope.api.cards import planned
    from selfscope.api.cost_estimate import forecast

    estimate = forecast(planned(model, profile=profile))
    return 60 * estimate.minutes, estimate.basis


def main(words: list[str]) -> int:
    model, profile = [*words, "smollm2-135m", "quick"][:2] if not words else [words[0], [*words, "quick"][1]]
    print(f"this machine: fp32 products at {products():.0f} GFLOP/s")
    rows = [("one estimate, 400 items, ms", verdict_ms(), VERDICT_MS)]
    rows.append(("selfscope --help, s", statistics.median(timed("--help") for _ in range(5)), HELP))
    with tempfile.TemporaryDirectory() as folder:
        card = str(Path(folder) / "card")
        seconds = timed("card", model, "--profile", profile, "-o", card)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
        rows.append((f"card {model} --profile {profile}, s", seconds, BOUNDS.get(profile, BOUNDS["full"])))
        rows.append(("its peak memory, GB", peak, PEAK_GB))
        rows.append(("redraw from rows, s", statistics.median(timed("report", card) for _ in range(3)), REDRAW))
        where = stages(Path(card))
    print(f"{'what':<44}{'reached':>10}{'bound':>10}")
    for what, reached, bound in rows:
        print(f"{what:<44}{reached:>10.2f}{bound:>10.2f}{'' if reached <= bound else '   MISSED'}")
    print("\nwhere its time went, s")
    for stage, seconds in where.items():
        print(f"  {stage:<42}{seconds:>10.1f}")
    floor, basis = bare_forward(model, profile)
    spent = sum(where.get(stage, 0.0) for stage in ("posed", "observed", "asked"))
    print(f"  {'bare forward on its distinct tokens':<42}{floor:>10.1f}   ({basis})")
    print(f"  {'posed, observed and asked, times that':<42}{spent / floor:>10.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
