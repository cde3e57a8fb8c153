"""Training a decoder of activations against a plain loop: `make bench`, or `python benchmarks/decoder_training.py`.

The same items, the same activation oracle, the same loss. The plain loop is what a training script does: the state of
every item is computed when it is needed, by a forward of the whole model, its question and every answer are rows of
one padded batch, and logits are had at every column. Ours keeps the states, and computes what differs. Both are timed
in every round, in turn; their losses and gradients are compared before. SmolLM2-135M-Instruct; memory is of a first,
untimed pass.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from decode import peak_mib, seconds
from training import cleared, ours, plain

from selfscope.records import Evidence
from selfscope.subjects.decode import padded
from selfscope.subjects.local import Local, load
from selfscope.training.bank import contexts, questions
from selfscope.training.examples import Example
from selfscope.training.features import features, readable
from selfscope.training.forms import Oracle
from selfscope.training.items import bank_items
from selfscope.training.live_decoder import LiveDecoder, new_decoder
from selfscope.training.precision import halves

ITEMS, LAYER = 16, 15
BOUNDS = {"fp32": 2.5, "bf16": 4.0}
MEMORY, LOSS = 0.6, 1e-4


def main() -> int:
    """Prints what both compute, and a line for each precision."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--rounds", type=int, default=3)
    given = words.parse_args()
    subject = load("smollm2-135m")
    live, sources, examples = batch(subject)
    assert live.adapter is not None
    with torch.no_grad():
        for p in live.adapter.parameters()[1::2]:
            p.normal_(std=0.01, generator=torch.Generator().manual_seed(0))
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}; {len(examples)} items a step")
    with subject.training(live.adapter):
        compare(subject, live, sources, examples, given.rounds)
    return 0


def batch(subject: Local) -> tuple[LiveDecoder, list[Evidence], list[Example]]:
    """A step of an oracle of one layer: conversations of the bank, four options each."""
    drawn = contexts(0, {"train": ITEMS})
    sources = [readable(subject, one) for one in drawn]
    of = features(subject, sources, [LAYER], train=range(len(sources)))
    live = new_decoder(subject, Oracle(((LAYER,),)), of)
    return live, sources, [live.example(item, item.source) for item in bank_items(drawn, questions(drawn, 0))]


def compare(
    subject: Local, live: LiveDecoder, sources: Sequence[Evidence], examples: Sequence[Example], rounds: int
) -> None:
    """Checks that both compute one thing, then times them."""
    adapter = live.adapter
    assert adapter is not None

    def half(k: int) -> float:
        with torch.autocast("cpu", torch.bfloat16):
            return ours(subject, adapter, examples)

    ways: dict[str, Callable[[int], float]] = {
        "fp32": lambda k: ours(subject, adapter, examples), "bf16": half,
        "plain": lambda k: on_the_fly(subject, live, sources, examples),
    }  # fmt: skip
    bounds = dict(BOUNDS)
    if not halves(subject.engine.device):
        print("bf16: this processor has no instructions for it, and training computes in fp32 here")
        del ways["bf16"], bounds["bf16"]
    found = {name: (way(0), [p.grad.clone() for p in adapter.parameters()]) for name, way in ways.items()}
    largest = max(float(g.abs().max()) for g in found["plain"][1])
    for name in bounds:
        loss = abs(found[name][0] - found["plain"][0])
        gap = max(float((a - b).abs().max()) for a, b in zip(found[name][1], found["plain"][1], strict=True)) / largest
        missed = " MISSED" if name == "fp32" and loss > LOSS else ""
        print(f"{name}: losses differ by {loss:.1e} nats{missed}, gradients by {gap:.1e} of the largest")
    peaks = {name: peak_mib(way) for name, way in ways.items()}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for k in range(rounds):
        for name, way in ways.items():
            times[name].append(seconds(way, k))
    for name, bound in bounds.items():
        ratios = [b / a for a, b in zip(times[name], times["plain"], strict=True)]
        share = peaks[name] / peaks["plain"]
        print(
            f"{name}: {statistics.median(ratios):.2f} times the plain loop in fp32 [{min(ratios):.2f}, "
            f"{max(ratios):.2f}]{' MISSED' if statistics.median(ratios) < bound else ''} (bound {bound:g}), "
            f"{len(examples) / statistics.median(times[name]):.1f} items/s; peak memory {peaks[name]:.0f} / "
            f"{peaks['plain']:.0f} MiB = {share:.2f}{' MISSED' if share > MEMORY else ''} (bound {MEMORY:g})"
        )


def on_the_fly(subject: Local, live: LiveDecoder, sources: Sequence[Evidence], examples: Sequence[Example]) -> float:
    """One step's gradients: the states by a whole forward of their prompts, then `plain`."""
    assert live.adapter is not None
    cleared(live.adapter)
    engine = replace(subject.engine, active=())
    with torch.no_grad(), engine.prepared(padded(engine, [subject.encode(s.prompt) for s in sources])) as inputs:
        engine.model(**inputs, output_hidden_states=True)
    return plain(subject, live.adapter, examples)


if __name__ == "__main__":
    sys.exit(main())
