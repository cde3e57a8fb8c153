"""Training a report against a plain loop: `make bench`, or `python benchmarks/training.py`.

The same questions, the same adapter, the same loss. The plain loop is what a training script does: a question a row,
rows padded to the longest, the whole model forward and back, logits at every column. Both are timed in every round, in
turn; their losses and gradients are compared before. fp32, SmolLM2-135M-Instruct; memory is of a first, untimed pass.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from decode import peak_mib, seconds

from selfscope.phenomena.own_choice import OwnChoice
from selfscope.subjects.decode import padded
from selfscope.subjects.live_adapters import ALWAYS, SWITCHED, Adapter, LoraShape
from selfscope.subjects.local import Local, load
from selfscope.training import checkpoints
from selfscope.training.checkpoints import Checkpoint
from selfscope.training.examples import Example
from selfscope.training.objectives import soft_labels
from selfscope.training.states import StateLesson

OBJECTS = 4
BOUND, MEMORY, SAVE = 2.0, 0.6, 2.0


def main() -> int:
    """Prints a line for each way to carry the adapter."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--rounds", type=int, default=3)
    given = words.parse_args()
    subject = load("smollm2-135m")
    examples = batch(subject)
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, float32; {len(examples)} questions a step")
    for carry in (ALWAYS, SWITCHED):
        adapter = subject.new_adapter(LoraShape(8), carry)
        with torch.no_grad():
            for p in adapter.parameters()[1::2]:
                p.normal_(std=0.01, generator=torch.Generator().manual_seed(0))
        with subject.training(adapter):
            compare(subject, adapter, examples, carry, given.rounds)
            if carry == SWITCHED:
                saving(adapter)
    return 0


def batch(subject: Local) -> list[Example]:
    """A step of the lesson `states`."""
    about = OwnChoice(test=2, train=20, dev=0)
    trials = [t for t in about.pose(subject, 0) if t.split == "train"]
    lesson = StateLesson(objects=OBJECTS, persons=1)
    return lesson.examples(subject, trials, lambda some: about.truth(some, about.observe(subject, some)), 0)


def compare(subject: Local, adapter: Adapter, examples: Sequence[Example], carry: str, rounds: int) -> None:
    """Checks that both compute one thing, then times them."""
    ways: dict[str, Callable[[int], float]] = {
        "ours": lambda k: ours(subject, adapter, examples), "plain": lambda k: plain(subject, adapter, examples),
    }  # fmt: skip
    found = {name: (way(0), [p.grad.clone() for p in adapter.parameters()]) for name, way in ways.items()}
    loss = abs(found["ours"][0] - found["plain"][0])
    largest = max(float(g.abs().max()) for g in found["plain"][1])
    gap = max(float((a - b).abs().max()) for a, b in zip(found["ours"][1], found["plain"][1], strict=True)) / largest
    print(f"{carry}: losses differ by {loss:.1e} nats, gradients by {gap:.1e} of the largest")
    peaks = {name: peak_mib(way) for name, way in ways.items()}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for k in range(rounds):
        for name, way in ways.items():
            times[name].append(seconds(way, k))
    ratios = [b / a for a, b in zip(times["ours"], times["plain"], strict=True)]
    ratio = statistics.median(ratios)
    rate = len(examples) / statistics.median(times["ours"])
    print(
        f"{carry}: {ratio:.2f} times the plain loop [{min(ratios):.2f}, {max(ratios):.2f}]"
        f"{' MISSED' if ratio < BOUND else ''} (bound {BOUND:g}), {rate:.1f} questions/s; "
        f"peak memory {peaks['ours']:.0f} / {peaks['plain']:.0f} MiB = {peaks['ours'] / peaks['plain']:.2f}"
        f"{' MISSED' if peaks['ours'] > MEMORY * peaks['plain'] else ''} (bound {MEMORY:g})"
    )


def cleared(adapter: Adapter) -> None:
    """No gradient is left."""
    for p in adapter.parameters():
        p.grad = None


def ours(subject: Local, adapter: Adapter, examples: Sequence[Example]) -> float:
    """One step's gradients, as the loop computes them."""
    cleared(adapter)
    prompts, candidates = [e.prompt for e in examples], [e.candidates for e in examples]
    with subject.candidate_logprobs(prompts, candidates, adapters=[adapter]) as found:
        loss = torch.stack([soft_labels(x, e) for x, e in zip(found, examples, strict=True)]).mean()
        loss.backward()
        return float(loss.detach())


def plain(subject: Local, adapter: Adapter, examples: Sequence[Example]) -> float:
    """One step's gradients: a row for each question and candidate that differs before its last token, everything of
    every row computed."""
    cleared(adapter)
    # Of this very subject, and not `adapted`: there the median norms, the unit of what is written, are the adapter's.
    worn = replace(subject, engine=replace(subject.engine, active=(adapter,)), versions=(adapter.version,))
    engine, rows = worn._marked([e.prompt for e in examples], [8] * len(examples))
    tokens = [[tuple(subject.tokenizer(c, add_special_tokens=False).input_ids) for c in e.candidates] for e in examples]
    flat: dict[tuple[int, ...], None] = {}
    for row, own in zip(rows, tokens, strict=True):
        flat.update(dict.fromkeys((*row, *(engine.continues(row, t) for t in c[:-1])) for c in own))
    at = {row: k for k, row in enumerate(flat)}
    with torch.enable_grad(), engine.prepared(padded(engine, list(flat))) as inputs:
        logprobs_BTV = engine.model(**inputs).logits.float().log_softmax(-1)
        losses = []
        for row, own, example in zip(rows, tokens, examples, strict=True):
            sums = []
            for c in own:
                whole = (*row, *(engine.continues(row, t) for t in c[:-1]))
                places = range(len(row) - 1, len(row) - 1 + len(c))
                sums.append(torch.stack([logprobs_BTV[at[whole], t, k] for t, k in zip(places, c, strict=True)]).sum())
            losses.append(soft_labels(torch.stack(sums), example))
        loss = torch.stack(losses).mean()
        loss.backward()
        return float(loss.detach())


def saving(adapter: Adapter) -> None:
    """A checkpoint with moments, written and read."""
    weights = adapter.state()
    moments = {f"{k}.{name}": w.clone() for k, w in enumerate(weights.values()) for name in ("exp_avg", "exp_avg_sq")}
    with tempfile.TemporaryDirectory() as place:
        start = time.perf_counter()
        checkpoints.save(Path(place), Checkpoint(1, "run", ((1, 0.0),), weights, moments))
        checkpoints.read(Path(place), "run")
        took = time.perf_counter() - start
    print(f"a checkpoint written and read: {took:.2f} s{' MISSED' if took > SAVE else ''} (bound {SAVE:g})")


if __name__ == "__main__":
    sys.exit(main())
