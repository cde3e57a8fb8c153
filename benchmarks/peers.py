"""The Patchscopes grid and a capture of all layers against nnsight and TransformerLens: `make bench-peers`.

Each peer runs in an environment of its own (made on first use under .venv-peers) as a process that waits for work, so
that methods are interleaved in every round and ratios are taken within it. Tokens are compared before anything is
timed. One batch each; "one cell" runs every 25th cell alone, scaled to 300.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))
PEERS = {
    "nnsight": ["nnsight==0.8.1"],
    "transformer_lens": ["transformer-lens==4.3.0", "transformers==5.23.0"],  # its generate is wrong on 5.24
}
BOUNDS = {"nnsight": 2.0, "transformer_lens": 2.5}
MEMORY = 0.4


def environment(name: str, folder: Path) -> Path:
    """The interpreter of a peer's environment, made when it is not there."""
    python = folder / name / "bin" / "python"
    if not (folder / name / "made").exists():
        print(f"making the environment of {name} (once)", flush=True)
        subprocess.run([sys.executable, "-m", "venv", folder / name], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "torch==2.13.0"], check=True)
        subprocess.run([*pip, *PEERS[name]], check=True)
        (folder / name / "made").touch()
    return python


class Worker:
    """A process that does one method's work when it is told to."""

    def __init__(self, python: Path | str, kind: str, model: Path, work: Path) -> None:
        self.kind = kind
        self.process = subprocess.Popen(
            [str(python), str(ROOT / "benchmarks" / "peer.py"), kind, str(model), str(work)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.answer()

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            assert self.process.stderr is not None
            raise SystemExit(f"{self.kind} stopped:\n{self.process.stderr.read()[-1500:]}")
        return json.loads(line)

    def run(self, what: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return self.answer()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--environments", default=str(ROOT / ".venv-peers"))
    given = parser.parse_args()
    from inside import POSITIONS, TOKENS, grid

    from selfscope.subjects.bundled_models import get
    from selfscope.subjects.local import load

    model = get("smollm2-135m", print)
    subject = load("smollm2-135m", say=print)
    _, _, prefix, suffix, vectors_ND, layers = grid(subject)
    rows = np.array([[(37 * b + 11 * t * t + t) % 40_000 + 20 for t in range(64)] for b in range(32)])
    work = Path(tempfile.mkdtemp()) / "work.npz"
    some = list(range(0, 30 * POSITIONS, 25))
    np.savez(work, ids=np.array(prefix + suffix), vectors=vectors_ND, layers=np.array(layers), some=np.array(some),
             rows=rows, position=20, tokens=TOKENS)  # fmt: skip
    del subject
    pythons = {name: environment(name, Path(given.environments)) for name in PEERS}
    workers = [Worker(sys.executable, "selfscope", model, work)]
    workers += [Worker(python, name, model, work) for name, python in pythons.items()]
    ours, *others = workers
    wanted, cells = ours.run("all")["made"], ours.run("some")["made"]
    print(f"selfscope: {sum(wanted[i] == c for i, c in zip(some, cells, strict=True))} of {len(some)} cells alone give "
          "the tokens of the batch")  # fmt: skip
    for peer in others:
        made = peer.run("all")["made"]
        equal = sum(a == b for a, b in zip(made, wanted, strict=True))
        norm, own = peer.run("capture")["made"], ours.run("capture")["made"]
        print(f"{peer.kind}: {equal} of {len(made)} cells have our tokens; captured sums differ by "
              f"{abs(norm - own) / own:.1e}")  # fmt: skip
        if equal < 0.95 * len(made):
            raise SystemExit(f"{peer.kind} makes other tokens: its time says nothing")
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for k in range(given.rounds):
        for what in ("all", "capture"):
            mine = ours.run(what)
            for peer in others:
                got = peer.run(what)
                ratio = (got["seconds"] / mine["seconds"], mine["peak"] / got["peak"])
                found.setdefault((what, peer.kind), []).append(ratio)
                print(f"round {k + 1}: {peer.kind}, {what}: {ratio[0]:.2f} times as long", flush=True)
    print(f"\n{'':44} {'bound':>7} {'reached':>8} {'range':>13} {'our memory / theirs':>20}")
    for (what, kind), ratios in found.items():
        times = sorted(r for r, _ in ratios)
        memory = statistics.median(m for _, m in ratios)
        name = f"{kind}: {'grid in one batch' if what == 'all' else 'capture, all layers'} / ours, times"
        bound = f">= {BOUNDS[kind]:.1f}" if what == "all" else ""
        missed = what == "all" and (statistics.median(times) < BOUNDS[kind] or memory > MEMORY)
        print(f"{name:44} {bound:>7} {statistics.median(times):8.2f} {times[0]:6.2f}-{times[-1]:5.2f} {memory:20.2f}"
              f"{'  MISSED' if missed else ''}")  # fmt: skip


if __name__ == "__main__":
    main()
