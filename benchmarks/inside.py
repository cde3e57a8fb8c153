"""Reading and writing activations against the bare model: `make bench`, or `python benchmarks/inside.py`.

Methods are interleaved in every round and a ratio is taken within its round; the table shows the median over rounds
(and the range). Results are compared before anything is timed. fp32, SmolLM2-135M-Instruct. Floor: the bare model as
this project loads it, on the same tokens. Peak memory is of a first, untimed pass, above what was held before it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from decode import peak_mib, questions, seconds

from selfscope.records import Decoding, Injection, Prompt, Vector
from selfscope.subjects.local import Local, load

PREFIX = "Syria: Country in the Middle East, Samsung: electronics maker, Madrid:"
TOKENS, LAYERS, POSITIONS = 10, 30, 10


@dataclass(frozen=True)
class Pair:
    """ours / theirs, at most `bound` (times: at least; None: for comparison). scale: theirs runs a part of the work."""

    name: str
    bound: float | None
    ours: Callable[[int], Any]
    theirs: Callable[[int], Any]
    times: bool = False
    scale: float = 1.0
    memory: float | None = None


def capturing(subject: Local) -> list[Pair]:
    """32 rows of 64 tokens: all layers, one middle layer; one prompt of 12 tokens."""
    rows = [ids[:64] for ids in questions(subject, 32, header=False)]
    prompts, model = [Prompt(ids=r) for r in rows], subject.engine.model
    every = [list(range(64))] * 32
    ids_NT = torch.tensor(rows)
    short = Prompt(ids=rows[0][:12])
    middle = len(subject.layers) // 2

    def bare(k: int) -> Any:
        with torch.inference_mode():
            return model(ids_NT, use_cache=False).logits

    with torch.inference_mode():
        wanted = model(ids_NT[:4], output_hidden_states=True, use_cache=False).hidden_states
    got = subject.capture(prompts[:4], [0, middle], every[:4])
    gap = max(
        float(np.abs(got.at(k) - wanted[k + 1].reshape(-1, subject.width).numpy()).max() / np.abs(got.at(k)).max())
        for k in (0, middle)
    )
    print(f"capture: largest difference from the model's own hidden states {gap:.1e} of the largest")
    assert gap < 1e-5

    def body(k: int) -> Any:
        with torch.inference_mode():
            return model.get_decoder()(ids_NT[:1, :12], use_cache=False).last_hidden_state

    def many(run: Callable[[int], Any]) -> Callable[[int], Any]:
        return lambda k: [run(k) for _ in range(40)]  # the first one finds cold caches

    layers = list(subject.layers)
    return [
        Pair("capture, all layers / bare forward", 0.85, lambda k: subject.capture(prompts, layers, every), bare,
             memory=0.5),
        Pair("capture, one middle layer / bare forward", 0.5,
             lambda k: subject.capture(prompts, [middle], every), bare),
        Pair("one short prompt / the same modules", 1.05, many(lambda k: subject.capture([short], layers, "every")),
             many(body)),
    ]  # fmt: skip


def grid(subject: Local) -> tuple[Local, list[Prompt], list[int], list[int], np.ndarray[Any, Any], list[int]]:
    """300 cells: a source prompt's states at 30 layers x 10 positions, each into the last but one of 22 tokens."""
    endless = replace(subject, engine=replace(subject.engine, stop_ids=()))
    source = Prompt(text="The Eiffel Tower stands in the city of Paris, and Big Ben in London.")
    positions = list(range(1, 1 + POSITIONS))
    states = subject.capture([source], list(range(LAYERS)), [positions])
    vectors_ND = np.concatenate([states.at(k) for k in range(LAYERS)])
    layer_of = [k for k in range(LAYERS) for _ in range(POSITIONS)]
    prefix = (subject.tokenizer(PREFIX * 2)["input_ids"])[:20]
    suffix = subject.tokenizer(" x is")["input_ids"][:2]
    ids = tuple(prefix + suffix)
    prompts = [
        Prompt(ids=ids, interventions=(Injection(k, Vector.of(v), (20,)),))
        for k, v in zip(layer_of, vectors_ND, strict=True)
    ]
    return endless, prompts, prefix, suffix, vectors_ND, layer_of


def hooked(blocks: Sequence[Any], layers: Sequence[int], vectors_ND: torch.Tensor, position: int) -> list[Any]:
    """Plain hooks that put vectors[b] at a position of row b in the prefill, as published code does."""
    handles = []
    for layer in sorted(set(layers)):
        rows = torch.tensor([b for b, k in enumerate(layers) if k == layer])

        def hook(module: Any, inputs: Any, output: Any, rows: torch.Tensor = rows) -> Any:
            stream = output[0] if isinstance(output, tuple) else output
            if stream.shape[1] > 1:
                stream[rows, position] = vectors_ND[rows]
            return output

        handles.append(blocks[layer].register_forward_hook(hook))
    return handles


def patchscopes(subject: Local, cells: int) -> list[Pair]:
    """The grid against its floor, one cell at a time, and hooks around one batched generate."""
    endless, prompts, prefix, suffix, vectors, layer_of = grid(subject)
    model, blocks = subject.engine.model, subject.engine.blocks
    assert blocks is not None
    vectors_ND = torch.from_numpy(vectors)
    ids = prefix + suffix
    greedy = Decoding(TOKENS, 0.0)

    def ours(k: int) -> list[Any]:
        return endless.sample(prompts, 1, greedy)

    def generated(some: Sequence[int]) -> torch.Tensor:
        rows_BT = torch.tensor([ids] * len(some))
        handles = hooked(blocks.blocks, [layer_of[i] for i in some], vectors_ND[list(some)], 20)
        try:
            with torch.inference_mode():
                out_BT = model.generate(
                    rows_BT, attention_mask=torch.ones_like(rows_BT), do_sample=False, max_new_tokens=TOKENS,
                    eos_token_id=-1, pad_token_id=0,
                )  # fmt: skip
        finally:
            for handle in handles:
                handle.remove()
        return out_BT[:, len(ids) :]

    few = list(range(0, 300, 300 // cells))[:cells]

    def one_by_one(k: int) -> list[list[int]]:
        return [generated([i])[0].tolist() for i in few]

    def floor(k: int) -> None:
        """The same token rows through the bare model, no history, no hooks, with the head where a token is chosen."""
        with torch.inference_mode():
            model(torch.tensor([prefix]), logits_to_keep=1, use_cache=False)
            model(torch.tensor([suffix] * 300), logits_to_keep=1, use_cache=False)
            for _ in range(TOKENS - 1):
                model(torch.tensor([suffix[:1]] * 300), use_cache=False)

    got, wanted = ours(0), one_by_one(0)
    same = [list(got[i][0].ids) == w for i, w in zip(few, wanted, strict=True)]
    print(f"grid: {sum(same)} of {len(same)} cells give the one-cell reference's tokens, near ties {endless.near_ties}")
    assert all(same) or endless.near_ties

    clean = [Prompt(ids=(*p.ids[:21], 700 + i)) for i, p in enumerate(prompts)]  # rows that differ as vectors do
    span = [replace(p, interventions=q.interventions) for p, q in zip(clean, prompts, strict=True)]
    long = Decoding(40, 0.0)
    return [
        Pair("grid / floor", 1.25, ours, floor),
        Pair("one cell at a time / grid, times", 25.0, one_by_one, ours, times=True, scale=300 / cells),
        Pair("one cell at a time / floor (the most to be had), times", None, one_by_one, floor,
             times=True, scale=300 / cells),
        Pair("hooks and generate, one batch / grid, times", 2.0, lambda k: generated(range(300)), ours, times=True),
        Pair("generation with a prefill injection / without", 1.03, lambda k: endless.sample(span[:100], 1, long),
             lambda k: endless.sample(clean[:100], 1, long)),
    ]  # fmt: skip


def next_tokens(name: str, subject: Local, bound: float, times: float) -> list[Pair]:
    """100 prompts of 80 tokens, 45 of them shared, against the bare body on as many tokens, and one by one."""
    rows = questions(subject, 100, header=True)
    prompts, model = [Prompt(ids=r) for r in rows], subject.engine.model
    few = list(range(0, 100, 10))

    def ours(k: int) -> Any:
        return subject.next_token(prompts, top=5)

    def floor(k: int) -> None:
        with torch.inference_mode():
            for part in torch.tensor(rows).split(25):
                model.get_decoder()(part, use_cache=False)

    def one_by_one(k: int) -> list[torch.Tensor]:
        with torch.inference_mode():
            return [model(torch.tensor([rows[i]]), use_cache=False).logits[0, -1].log_softmax(-1) for i in few]

    gap = max(
        abs(float(w[t]) - p)
        for i, w in zip(few, one_by_one(0), strict=True)
        for t, p in zip(ours(0)[i].ids, ours(0)[i].logprobs, strict=True)
    )
    print(f"{name}: next-token log-probabilities differ by {gap:.1e} at most")
    assert gap < 1e-4
    return [
        Pair(f"{name}: next token / floor", bound, ours, floor),
        Pair(f"{name}: one by one, all logits / next token, times", times, one_by_one, ours, times=True, scale=10.0),
    ]


def bf16(name: str = "smollm2-135m") -> None:
    """What bf16 would buy, and what it changes: speed of a batch, and disagreement of a row alone with the batch."""
    slow, fast = load(name), load(name, dtype="bfloat16")
    rows = questions(slow, 64, header=False)
    prompts = [Prompt(ids=r) for r in rows]
    spent = []
    for subject in (slow, fast):
        subject.next_token(prompts[:4])
        spent.append(min(seconds(lambda k, s=subject: s.next_token(prompts), k) for k in range(3)))
    batch, alone = fast.next_token(prompts), [fast.next_token([p])[0] for p in prompts[:16]]
    gap = max(abs(a.logprobs[0] - b.logprobs[0]) for a, b in zip(batch, alone, strict=False))
    differ = sum(a.ids[0] != b.ids[0] for a, b in zip(batch, slow.next_token(prompts), strict=True))
    print(f"bf16: {spent[0] / spent[1]:.2f} times as fast; a row alone differs from its batch by {gap:.2f} nats; "
          f"{differ} of {len(rows)} likeliest tokens are not those of fp32")  # fmt: skip


def measure(pairs: list[Pair], rounds: int) -> None:
    peaks = [(peak_mib(p.ours), peak_mib(p.theirs)) for p in pairs]
    found: list[list[float]] = [[] for _ in pairs]
    for k in range(rounds):
        for pair, ratios in zip(pairs, found, strict=True):
            order = (pair.ours, pair.theirs) if k % 2 == 0 else (pair.theirs, pair.ours)
            spent = {run: seconds(run, k) for run in order}
            ratios.append(spent[pair.ours] * (pair.scale if pair.times else 1.0) / spent[pair.theirs])
            print(f"round {k + 1}: {pair.name}: {ratios[-1]:.2f}", flush=True)
    print(f"\n{'':52} {'bound':>8} {'reached':>8} {'range':>13} {'peak MiB':>14}")
    for pair, ratios, (mine, other) in zip(pairs, found, peaks, strict=True):
        middle = statistics.median(ratios)
        bound = middle if pair.bound is None else pair.bound
        good = middle >= bound if pair.times else middle <= bound
        wanted = "-" if pair.bound is None else f"{'>=' if pair.times else '<='}{bound:6.2f}"
        print(
            f"{pair.name:52} {wanted:>8} {middle:8.2f} {min(ratios):6.2f}-{max(ratios):5.2f} "
            f"{mine:6.0f} / {other:<6.0f}{'' if good else '  MISSED'}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cells", type=int, default=12, help="cells that are run one at a time, scaled to 300")
    parser.add_argument("--only", default="", help="capture, grid, next or bf16")
    given = parser.parse_args()
    subject = load("smollm2-135m", say=print)
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, {subject.environment['dtype']}")
    pairs: list[Pair] = []
    if given.only in ("", "capture"):
        pairs += capturing(subject)
    if given.only in ("", "grid"):
        pairs += patchscopes(subject, given.cells)
    if given.only in ("", "next"):
        pairs += next_tokens("SmolLM2", subject, 0.65, 3.0)
        pairs += next_tokens("Gemma", load("gemma3-270m", say=print), 0.65, 5.0)
    if pairs:
        measure(pairs, given.rounds)
    if given.only in ("", "bf16"):
        bf16()


if __name__ == "__main__":
    main()
