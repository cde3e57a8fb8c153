"""The proof of the verdict: phantoms whose shares are dialled in, and what the verdict says of them.

    python studies/proof.py small     under a minute: a tenth of the seeds, printed
    python studies/proof.py full      all of it, written to studies/proof.json and studies/proof.md

Three parts: the grid and its traps (proof_grid.py), what is known where the full split is not (proof_splits.py), and
states that are text or a vector (proof_states.py). The committed table carries a hash of the code that made it; a test
fails when the code has moved on.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "studies")]

import proof_grid  # noqa: E402
import proof_splits  # noqa: E402
import proof_states  # noqa: E402

# Not settle.py: what would settle a verdict is advice, and enters no figure.
CODE = (
    "src/selfscope/statistics.py",
    "src/selfscope/subjects/phantom_dials.py",
    "src/selfscope/verdicts/controls_of.py",
    "src/selfscope/verdicts/decision.py",
    "src/selfscope/verdicts/items.py",
    "src/selfscope/verdicts/ladder.py",
    "src/selfscope/verdicts/measured.py",
    "src/selfscope/verdicts/settings.py",
    "src/selfscope/verdicts/shares.py",
    "src/selfscope/verdicts/splits.py",
    "src/selfscope/verdicts/state_effect.py",
    "src/selfscope/verdicts/words.py",
    "studies/proof.py",
    "studies/proof_grid.py",
    "studies/proof_splits.py",
    "studies/proof_states.py",
    "studies/turns.py",
    "studies/world.py",
)
TABLE, PAGE = ROOT / "studies/proof.json", ROOT / "studies/proof.md"


def fingerprint() -> str:
    """SHA-256 of the code behind the table."""
    digest = hashlib.sha256()
    for name in CODE:
        digest.update(name.encode() + b"\0" + (ROOT / name).read_bytes())
    return digest.hexdigest()


def run(seeds: int, more_seeds: int) -> dict[str, Any]:
    """All parts, in two processes. seeds: of the grid; more_seeds: of everything else."""
    with ProcessPoolExecutor(2) as pool:
        return {
            "code": fingerprint(),
            **proof_grid.run(pool, seeds, more_seeds),
            "splits": proof_splits.run(pool, more_seeds),
            "states": proof_states.run(pool, more_seeds),
        }


def misses(table: Mapping[str, Any], *, small: bool = False) -> list[str]:
    """Which acceptance figures are not met; empty when all are. small: the looser bounds of a tenth of the seeds."""
    return [
        *proof_grid.misses(table, small=small),
        *proof_splits.misses(table["splits"], small=small),
        *proof_states.misses(table["states"], small=small),
    ]


def page(table: Mapping[str, Any]) -> str:
    """The table as Markdown."""
    missed = misses(table, small=table["grid"]["seeds"] < 40)
    lines = [
        "# Proof of the verdict",
        "",
        "Made by `make proof` (`python studies/proof.py full`); figures are shares of runs unless said.",
        f"Code {table['code'][:16]}. {'NOT met:' if missed else 'Every acceptance figure is met.'}",
        *[f"- {m}" for m in missed],
        "",
        *proof_grid.lines(table),
        "",
        *proof_splits.lines(table["splits"]),
        "",
        *proof_states.lines(table["states"]),
    ]
    return "\n".join(lines) + "\n"


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
