"""A larger model writing programs, against its bare forward on the same tokens: `python benchmarks/larger.py`.

Qwen2.5-Coder-0.5B-Instruct (fetched on first use, 0.5 GB; another with --model). Sampling: tasks x 5 attempts, against
`generate` a task at a time. Scoring: each attempt behind its task, against one row at a time. Capture: a middle layer
of the same rows, against the bare forward. Methods are interleaved and a ratio is taken within its round. `--attempts`
times the phenomenon instead: 120 tasks x 5 attempts, written and run.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from decode import Case, generate, measure

from selfscope.phenomena.programming_success import ProgrammingSuccess
from selfscope.records import Decoding, Observation, Prompt
from selfscope.subjects.local import Local, load
from selfscope.subjects.onednn_linear import unpack

EACH = 5
TEMPERATURE = 0.8


def tasks_of(subject: Local, count: int) -> list[tuple[int, ...]]:
    """Token ids of the prompts of as many tasks."""
    about = ProgrammingSuccess(test=count, train=0, shown=0)
    asked = [t for t in about.pose(subject, 0) if t.question.quantity == "passes_before"]
    return [subject.encode(t.prompt) for t in asked][:count]


def cases(subject: Local, peer: Any, count: int, tokens: int) -> list[Case]:
    """Sampling, scoring, capture. The floor: our bare model on the same tokens, nothing shared, nothing remembered."""
    rows = tasks_of(subject, count)
    prompts = [Prompt(ids=row) for row in rows]
    endless = replace(subject, engine=replace(subject.engine, stop_ids=()))
    model = subject.engine.model

    def attempts(k: int) -> list[list[tuple[int, ...]]]:
        got = endless.sample(prompts, EACH, Decoding(tokens, TEMPERATURE, seed=k))
        assert all(len(r.ids or ()) == tokens for many in got for r in many)
        return [[tuple(r.ids or ()) for r in many] for many in got]

    def one_at_a_time(k: int) -> None:
        torch.manual_seed(k)
        for row in rows:
            generate(peer, [row], EACH, tokens, sample=True)

    def steps(k: int) -> None:
        ids_BT = torch.tensor([rows[b % len(rows)][:tokens] for b in range(EACH * len(rows))])
        with torch.inference_mode():
            for row in rows:
                model(torch.tensor([row]), logits_to_keep=1, use_cache=False)
            for t in range(tokens - 1):
                model(ids_BT[:, t : t + 1], use_cache=False)

    written = [subject.tokenizer.batch_decode(many) for many in attempts(0)]
    spelled = [[subject.tokenizer(text, add_special_tokens=False)["input_ids"] for text in many] for many in written]
    whole = [[list(row) + ids for ids in many] for row, many in zip(rows, spelled, strict=True)]

    def each_row(k: int) -> list[list[list[float]]]:
        out = []
        with torch.inference_mode():
            for many, ids in zip(whole, spelled, strict=True):
                found = []
                for row, own in zip(many, ids, strict=True):
                    logits_TV = peer(torch.tensor([row[:-1]]), logits_to_keep=len(own), use_cache=False).logits[0]
                    logs_TV = logits_TV.float().log_softmax(-1)
                    found.append(logs_TV.gather(1, torch.tensor(own)[:, None])[:, 0].tolist())
                out.append(found)
        return out

    def bodies(k: int) -> None:
        with torch.inference_mode():
            for many in whole:
                for row in many:
                    model.get_decoder()(torch.tensor([row]), use_cache=False)

    wanted, got = each_row(0), subject.score(prompts, written)
    gaps = [abs(sum(x) - sum(y)) for a, b in zip(wanted, got, strict=True) for x, y in zip(a, b, strict=True)]
    print(f"scoring: largest difference of a text's log-probability {max(gaps):.1e}")
    assert max(gaps) < 1e-2
    everything = [Prompt(ids=tuple(row)) for many in whole for row in many]
    middle = len(subject.layers) // 2
    return [
        Case("sample / generate, a task at a time", 1.0, attempts, one_at_a_time, steps),
        Case("score / one row at a time", 1.0, lambda k: subject.score(prompts, written), each_row, bodies),
        Case("capture, a middle layer / bare forward", 1.0,
             lambda k: subject.capture(everything, [middle]), bodies, bodies),
    ]  # fmt: skip


def observed(subject: Local, count: int) -> None:
    """The phenomenon's own attempts: seconds, and how they ended."""
    about = ProgrammingSuccess(test=count, train=0, shown=0, rollouts=EACH, temperature=TEMPERATURE)
    trials = about.pose(subject, 0)
    begun = time.perf_counter()
    found: list[Observation] = about.observe(subject, trials)
    took = time.perf_counter() - begun
    outcomes = [o for one in found if one.replies for o in one.exact["outcomes"]]
    shares = {name: outcomes.count(name) / max(1, len(outcomes)) for name in dict.fromkeys(outcomes)}
    tokens = statistics.mean(len(subject.tokenizer(r)["input_ids"]) for one in found for r in one.replies)
    told = ", ".join(f"{name} {share:.2f}" for name, share in sorted(shares.items()))
    print(f"{len(outcomes)} attempts of {tokens:.0f} tokens on average in {took / 60:.1f} minutes: {told}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tasks", type=int, default=12)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--attempts", action="store_true", help="120 tasks x 5 attempts, written and run")
    given = parser.parse_args()
    subject = load(given.model, say=print)
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, {subject.environment['dtype']}")
    if given.attempts:
        observed(subject, 120)
        return
    peer = load(given.model, say=print).engine.model
    unpack(peer)  # as transformers made it
    measure(cases(subject, peer, given.tasks, given.tokens), given.rounds)


if __name__ == "__main__":
    main()
