"""Sampling and scoring against the bare model on the same tokens: `make bench`, or `python benchmarks/decode.py`.

Methods are interleaved in every round and a ratio is taken within its round; the table shows the median over rounds
(and the range). Results are compared before anything is timed. fp32, SmolLM2-135M-Instruct; theirs is the model as
transformers makes it, ours has its linear layers through oneDNN where that is faster. Floor: our bare model on
the same tokens, nothing shared and nothing remembered; what shares a beginning can be below it. Peak memory is of a
first, untimed pass: above what the process held when the method started, freed memory given back before.
"""

from __future__ import annotations

import argparse
import ctypes
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from selfscope.records import Decoding, Prompt
from selfscope.subjects.local import Local, load
from selfscope.subjects.onednn_linear import unpack

HEADER = (
    "You are answering a short test of general knowledge. Read each question, look at the four options, and choose the "
    "one that fits best. Give only the text of the option itself, with no explanation and no other words. "
)
WORDS = (
    *("river", "copper", "winter", "engine", "garden", "silver", "market", "planet", "bridge", "doctor", "island"),
    *("metal", "forest", "ocean", "letter", "animal", "temple", "window", "summer", "castle", "energy", "farmer"),
    *("hunter", "museum", "number", "orange", "palace", "rabbit", "school", "ticket", "valley", "violin", "yellow"),
)
OPTIONS = (
    " Paris",
    " a town",
    " the northern lights",
    " it cannot be known",
    " iron",
    " two of them",
    " green",
    " yes",
)


@dataclass(frozen=True)
class Case:
    """One comparison. ours, theirs and the floor have the same tokens; `scale` > 1: theirs runs a part of the items."""

    name: str
    bound: float
    ours: Callable[[int], Any]
    theirs: Callable[[int], Any]
    floor: Callable[[int], Any]
    scale: float = 1.0


def resident(field: str) -> float:
    """VmRSS (now) or VmHWM (highest since the mark was reset) of the process, MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def peak_mib(run: Callable[[int], Any]) -> float:
    """Highest resident memory while `run` runs, above what was resident before it, MiB; nan off Linux."""
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # the subject keeps freed memory: it would hide the next method's need
        Path("/proc/self/clear_refs").write_text("5")
        before = resident("VmRSS")
        run(0)
        return resident("VmHWM") - before
    except OSError:
        run(0)
        return float("nan")


def seconds(run: Callable[[int], Any], k: int) -> float:
    start = time.perf_counter()
    run(k)
    return time.perf_counter() - start


def questions(subject: Local, n: int, header: bool) -> list[tuple[int, ...]]:
    """n prompts of 80 tokens: the first 45 the same (header) or of their own."""
    made = []
    for i in range(n):
        body = " ".join(WORDS[(i * 7 + 3 * j * j + i // len(WORDS) * j) % len(WORDS)] for j in range(90))
        ids = subject.tokenizer(f"Item {i * 37 % 1009}: {body}")["input_ids"]
        start = subject.tokenizer(HEADER)["input_ids"][:45]
        made.append(tuple((start + ids)[:80] if header else ids[:80]))
    return made


def generate(peer: Any, prompts: list[tuple[int, ...]], draws: int, tokens: int, sample: bool) -> torch.Tensor:
    ids_NT = torch.tensor(prompts)
    how = {"do_sample": True, "top_k": 0, "top_p": 1.0, "temperature": 1.0} if sample else {"do_sample": False}
    endless = {"max_new_tokens": tokens, "eos_token_id": -1, "pad_token_id": 0, "num_return_sequences": draws}
    mask_NT = torch.ones_like(ids_NT)
    out_NT: torch.Tensor = peer.generate(ids_NT, attention_mask=mask_NT, **how, **endless)
    return out_NT[:, ids_NT.shape[1] :]


def sampling(subject: Local, peer: Any) -> list[Case]:
    """10 prompts of 38 tokens x 10 rollouts x 20 tokens, against generate a prompt at a time and in one batch."""
    endless = replace(subject, engine=replace(subject.engine, stop_ids=()))
    rows = [ids[:38] for ids in questions(subject, 10, header=False)]
    prompts = [Prompt(ids=ids) for ids in rows]
    greedy = endless.sample(prompts, 1, Decoding(20, 0.0))
    plain = generate(peer, rows, 1, 20, sample=False).tolist()
    same = [sum(a == b for a, b in zip(r[0].ids or (), p, strict=True)) for r, p in zip(greedy, plain, strict=True)]
    print(f"greedy tokens equal to generate's: {sum(same)} of {20 * len(rows)}, near ties: {endless.near_ties}")
    assert sum(same) == 20 * len(rows) or endless.near_ties

    def ours(k: int) -> None:
        got = endless.sample(prompts, 10, Decoding(20, 1.0, seed=k))
        assert all(len(r.ids or ()) == 20 for many in got for r in many)

    def one_at_a_time(k: int) -> None:
        torch.manual_seed(k)
        for row in rows:
            generate(peer, [row], 10, 20, sample=True)

    def one_batch(k: int) -> None:
        torch.manual_seed(k)
        generate(peer, rows, 10, 20, sample=True)

    def floor(k: int) -> None:
        """The prompts, then 19 times 100 single tokens, each with the head."""
        steps_BT = torch.tensor([rows[b % len(rows)][:19] for b in range(100)])
        with torch.inference_mode():
            subject.engine.model(torch.tensor(rows), logits_to_keep=1, use_cache=False)
            for t in range(19):
                subject.engine.model(steps_BT[:, t : t + 1], use_cache=False)

    return [
        Case("sample / generate, a prompt at a time", 3.0, ours, one_at_a_time, floor),
        Case("sample / generate, one batch", 1.5, ours, one_batch, floor),
    ]


def flat(scores: list[list[list[float]]]) -> list[float]:
    return [x for many in scores for one in many for x in one]


def scoring(subject: Local, peer: Any, header: bool, bound: float, parts: int) -> Case:
    """200 four-option questions against one full sequence at a time with logits only where they are needed."""
    rows = questions(subject, 200, header)
    choices = [[OPTIONS[(i + j) % len(OPTIONS)] for j in range(4)] for i in range(len(rows))]
    ids = {c: tuple(subject.tokenizer(c)["input_ids"]) for c in OPTIONS}
    assert {len(t) for t in ids.values()} == {1, 2, 3, 4}, {c: len(t) for c, t in ids.items()}
    prompts = [Prompt(ids=row) for row in rows]

    def ours(k: int) -> list[list[list[float]]]:
        return subject.score(prompts, choices)

    def theirs(k: int) -> list[list[list[float]]]:
        out = []
        with torch.inference_mode():
            for i in range(k % parts, len(rows), parts):
                many = []
                for choice in choices[i]:
                    tokens = ids[choice]
                    row = torch.tensor([rows[i] + tokens[:-1]])
                    logits_TV = peer(row, logits_to_keep=len(tokens), use_cache=False).logits[0]
                    many.append(logits_TV.log_softmax(-1).gather(1, torch.tensor(tokens)[:, None])[:, 0].tolist())
                out.append(many)
        return out

    def floor(k: int) -> None:
        """Every question once, the options' tokens behind it, batches of equal length without padding, no head."""
        more = sum(len(ids[c]) - 1 for many in choices for c in many)
        length = len(rows[0]) + round(more / len(rows))
        ids_NT = torch.tensor([(row + row)[:length] for row in rows])
        with torch.inference_mode():
            for part_BT in ids_NT.split(25):
                subject.engine.model.get_decoder()(part_BT, use_cache=False)

    wanted, got = theirs(0), ours(0)[0::parts]
    gap = max(abs(x - y) for x, y in zip(flat(wanted), flat(got), strict=True))
    name = "score, a header of 45 tokens" if header else "score, no header"
    print(f"{name}: largest difference in log-probability {gap:.1e}")
    assert gap < 1e-4
    return Case(f"{name} / one sequence at a time", bound, ours, theirs, floor, float(parts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", type=int, default=4, help="one sequence at a time: every n-th question a round")
    parser.add_argument("--only", default="", help="sample or score")
    given = parser.parse_args()
    subject = load("smollm2-135m", say=print)
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, {subject.environment['dtype']}")
    peer = load("smollm2-135m", say=print).engine.model
    unpack(peer)  # as transformers made it
    cases: list[Case] = []
    if given.only != "score":
        cases += sampling(subject, peer)
    if given.only != "sample":
        cases += [scoring(subject, peer, True, 8.0, given.parts), scoring(subject, peer, False, 4.5, given.parts)]
    measure(cases, given.rounds)


def measure(cases: list[Case], rounds: int) -> None:
    """One untimed pass for the memory, then `rounds` timed ones; prints the table."""
    peaks = [(peak_mib(case.ours), peak_mib(case.theirs)) for case in cases]
    times: list[list[tuple[float, float, float]]] = [[] for _ in cases]
    for k in range(rounds):
        for case, taken in zip(cases, times, strict=True):
            theirs = seconds(case.theirs, k) * case.scale
            taken.append((theirs, seconds(case.ours, k), seconds(case.floor, k)))
            # At once: a round takes minutes, and a run that is cut off keeps what it measured.
            print(f"round {k + 1}: {case.name}: {theirs / taken[-1][1]:.2f} times faster", flush=True)
    head = f"{'times faster':44} {'bound':>6} {'reached':>8} {'range':>13}"
    print(f"\n{head} {'ours, s':>8} {'ours / floor':>13} {'peak MiB: ours / theirs':>24}")
    for case, taken, (our_peak, their_peak) in zip(cases, times, peaks, strict=True):
        faster = [theirs / ours for theirs, ours, _ in taken]
        spent = statistics.median(ours for _, ours, _ in taken)
        above = statistics.median(ours / floor for _, ours, floor in taken)
        missed = "" if statistics.median(faster) >= case.bound else "   MISSED"
        print(
            f"{case.name:44} {case.bound:6.1f} {statistics.median(faster):8.2f} {min(faster):6.2f}-{max(faster):5.2f} "
            f"{spent:9.2f} {above:13.2f} {our_peak:13.0f} / {their_peak:<8.0f}{missed}"
        )


if __name__ == "__main__":
    main()
