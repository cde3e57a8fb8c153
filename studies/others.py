"""Makes the histories that input rivals learn from: what another subject did, in src/selfscope/data/others/.

    python studies/others.py smollm2-135m gemma3-270m
    python studies/others.py smollm2-135m --redo token_probability     (the file's other phenomena stay)

For each model the four phenomena are posed with a seed of their own (CLUSTERS clusters each, all sources and tasks),
the model behaves, and public texts with mean truths are written as NAME.jsonl.gz (well under 150 KB). The file holds
the identity of its subject: a card about that very subject leaves it out.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from selfscope import catalogue
from selfscope.api.loading import load
from selfscope.readers.input_baseline import read_history, write_history
from selfscope.records import Trial, Truth

CLUSTERS = 80
ROLLOUTS = 10
SEED = 4242
TARGET = Path(__file__).parents[1] / "src" / "selfscope" / "data" / "others"


def main(names: list[str], redo: list[str]) -> None:
    """Writes a file for each model. redo: phenomena to make anew, () for all."""
    for name in names:
        subject = load(name)
        trials, truths = kept(TARGET / f"{name}.jsonl.gz", redo)
        for phenomenon in redo or catalogue.PHENOMENA:
            start = time.perf_counter()
            kind = catalogue.resolve("phenomenon", phenomenon)(test=CLUSTERS, train=0, dev=0, rollouts=ROLLOUTS)
            posed = kind.pose(subject, SEED)
            truths += kind.truth(posed, kind.observe(subject, posed))
            trials += posed
            print(f"{name} {phenomenon}: {len(posed)} trials, {time.perf_counter() - start:.0f} s", flush=True)
        TARGET.mkdir(parents=True, exist_ok=True)
        data = write_history(name, subject.identity, trials, truths)
        (TARGET / f"{name}.jsonl.gz").write_bytes(data)
        print(f"{TARGET.name}/{name}.jsonl.gz: {len(trials)} trials, {len(data) / 1024:.0f} KB", flush=True)


def kept(path: Path, redo: list[str]) -> tuple[list[Trial], list[Truth]]:
    """What stays of an existing file when some phenomena are made anew."""
    if not redo or not path.exists():
        return [], []
    old = read_history(path.read_bytes())
    pairs = [(t, mean) for t, mean in zip(old.trials, old.means, strict=True) if t.phenomenon not in redo]
    return [t for t, _ in pairs], [Truth(t.id, mean, mean, mean, 0, "rollouts") for t, mean in pairs]


if __name__ == "__main__":
    at = sys.argv.index("--redo") if "--redo" in sys.argv else len(sys.argv)
    main(sys.argv[1:at] or ["smollm2-135m", "gemma3-270m"], sys.argv[at + 1 :])
