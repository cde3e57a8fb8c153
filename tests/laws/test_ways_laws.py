"""Laws of the ways to decode: each gives what the plain one gives, and which one is taken is found out at load."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from selfscope.records import Decoding, Prompt
from selfscope.subjects.local import Local, load
from tested_device import CLOSE, HERE, reading, tensor
from tiny import build

FAST = ("llama", "gpt2", "gpt-neox", "phi3")
WAYS = {"bloom": (False, "cached"), "mamba": (False, "recomputed")}
CHUNK = 16


@pytest.fixture(scope="module", params=FAST)
def fast(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load(str(build(request.param, tmp_path_factory.mktemp(request.param))), **HERE)
    torch.set_num_threads(threads)


def rows(n: int, seed: int) -> list[Prompt]:
    """Ragged prompts of 1 to 40 tokens: some alike, some with a common beginning, some the beginning of another."""
    noise = np.random.default_rng(seed)
    trunk = noise.integers(6, 300, 20).tolist()
    made: list[tuple[int, ...]] = []
    for _ in range(n):
        own = noise.integers(6, 300, int(noise.integers(1, 20))).tolist()
        made.append(tuple(trunk[: int(noise.integers(0, 21))] + own))
    return [Prompt(ids=ids) for ids in [*made, made[0], made[1][:1], made[2] + (9,)]]


@pytest.mark.parametrize("steps", ["cached", "recomputed"])
def test_every_way_of_sampling_draws_the_same_tokens(fast: Local, steps: str) -> None:
    assert fast.engine.steps == "in place"
    slow = replace(fast, engine=replace(fast.engine, steps=steps, tree=False))
    for temperature in (0.0, 0.8):
        decoding = Decoding(9, temperature, seed=4)
        one, other = (s.sample(rows(6, 1), 3, decoding) for s in (fast, slow))
        assert [[(r.ids, r.finish) for r in many] for many in one] == [[(r.ids, r.finish) for r in m] for m in other]
        told = [[x for r in many for x in r.logprobs or ()] for many in one]
        again = [[x for r in many for x in r.logprobs or ()] for many in other]
        assert all(a == pytest.approx(b, abs=CLOSE) for a, b in zip(told, again, strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_trees_of_every_shape_score_as_single_rows(fast: Local, seed: int) -> None:
    assert fast.engine.tree
    asked = rows(12, seed)
    noise = np.random.default_rng(seed + 50)
    pool = ["yes", "yes, later", "yes, later on", "no", " the stone bridge", " the stone", "7", " 7"]
    words = [[pool[k] for k in noise.integers(0, len(pool), int(noise.integers(0, 6)))] for _ in asked]
    plain = replace(fast, engine=replace(fast.engine, tree=False))
    tight = replace(fast, engine=replace(fast.engine, tokens=int(noise.integers(20, 90)), rows=4))
    for got in (fast.score(asked, words), tight.score(asked, words)):
        for many, wanted in zip(got, plain.score(asked, words), strict=True):
            assert [x for one in many for x in one] == pytest.approx([x for one in wanted for x in one], abs=CLOSE)


@pytest.mark.parametrize("header", [12, 130])
def test_a_beginning_held_once_is_one_that_each_row_has_a_copy_of(fast: Local, header: int) -> None:
    """Both ways of joining the two softmaxes, ragged rows behind the beginning, draws that end at different steps."""
    assert fast.engine.cascade
    noise = np.random.default_rng(header)
    trunk = noise.integers(6, 300, header).tolist()
    own = [noise.integers(6, 300, k).tolist() for k in (1, 4, 40, 17, 9)]
    asked = [Prompt(ids=tuple(trunk + tail)) for tail in own]
    words = [["yes, later", " the stone", "no"]] * len(asked)
    copied = replace(fast, engine=replace(fast.engine, cascade=False))
    for one, other in zip(fast.score(asked, words), copied.score(asked, words), strict=True):
        assert [x for c in one for x in c] == pytest.approx([x for c in other for x in c], abs=CLOSE)
    decoding = Decoding(6, 1.0, seed=2, and_greedy=True)
    for one, other in zip(fast.sample(asked, 3, decoding), copied.sample(asked, 3, decoding), strict=True):
        assert [r.ids for r in one] == [r.ids for r in other]
    before = fast.engine.model.config._attn_implementation
    assert before != "selfscope_cascade", "the model attends as before"


@pytest.mark.parametrize("cascade", [True, False])
@pytest.mark.parametrize("header", [0, 12])
def test_prompts_read_in_parts_are_prompts_read_at_once(fast: Local, header: int, cascade: bool) -> None:
    noise = np.random.default_rng(header)
    trunk = noise.integers(6, 300, header).tolist()
    asked = [Prompt(ids=tuple(trunk + noise.integers(6, 300, k).tolist())) for k in (1, 9, 4, 9, 7, 2, 8)]
    for tokens in (1, 20):  # a prompt a part; two of them
        engine = replace(fast.engine, cascade=cascade)
        whole, parts = (replace(fast, engine=replace(engine, tokens=t)) for t in (2048, tokens))
        decoding = Decoding(6, 1.0, seed=3, and_greedy=True)
        for one, other in zip(whole.sample(asked, 3, decoding), parts.sample(asked, 3, decoding), strict=True):
            assert [r.ids for r in one] == [r.ids for r in other]
            assert [x for r in one for x in r.logprobs or ()] == pytest.approx(
                [x for r in other for x in r.logprobs or ()], abs=CLOSE
            )


def test_candidates_that_share_a_row_score_as_alone(fast: Local) -> None:
    plain = replace(fast, engine=replace(fast.engine, tree=False))
    asked, words = rows(4, 7), ["7", "8", "yes, later", "yes, laten", "7", " the stone"]
    for prompt, many in zip(asked, plain.score(asked, [words] * len(asked)), strict=True):
        for word, got in zip(words, many, strict=True):
            assert got == pytest.approx(plain.score([prompt], [[word]])[0][0], abs=CLOSE)


def test_attention_that_the_cascade_does_not_know_takes_the_plain_way(tmp_path: Path) -> None:
    """A soft cap inside attention (Gemma 2), biases (Falcon, BLOOM)."""
    for name in ("gemma2", "falcon", "bloom"):
        subject = load(str(build(name, tmp_path / name)), **HERE)
        assert not subject.engine.cascade
        assert subject.environment["common beginnings"] == "copied to each row"


def test_bfloat16_stays_near_fp32(tmp_path: Path) -> None:
    folder = str(build("llama", tmp_path))
    full, half = (load(folder, device=HERE["device"], dtype=d) for d in ("float32", "bfloat16"))
    asked, words = rows(6, 2), [["yes, later", " the stone", "no"]] * 9
    assert half.environment["dtype"] == "bfloat16"
    assert half.engine.tree
    assert half.engine.steps == "in place"
    for one, other in zip(full.score(asked, words), half.score(asked, words), strict=True):
        assert [x for c in other for x in c] == pytest.approx([x for c in one for x in c], abs=0.5)
    drawn = half.sample(asked, 3, Decoding(6, 1.0))
    assert all(len(r.logprobs or ()) == len(r.ids or ()) and r.finish for many in drawn for r in many)
    again = half.sample(asked, 3, Decoding(6, 1.0))
    assert [[r.ids for r in many] for many in drawn] == [[r.ids for r in many] for many in again]


def test_attention_in_chunks_is_seen_as_a_window(tmp_path: Path) -> None:
    """Llama 4 attends inside chunks: a prompt that is longer than one must not take the fast ways."""
    subject = load(str(build("llama4", tmp_path)), **HERE)
    noise = np.random.default_rng(0)
    asked = [Prompt(ids=tuple(noise.integers(6, 300, k).tolist())) for k in (5, CHUNK - 1, CHUNK, 3 * CHUNK + 5)]
    got = subject.score(asked, [["yes, later", " the stone"]] * len(asked))
    grown = subject.sample(asked, 1, Decoding(8, 0))
    for prompt, scores, replies in zip(asked, got, grown, strict=True):
        for text, one in zip(("yes, later", " the stone"), scores, strict=True):
            tokens = subject.tokenizer(text, add_special_tokens=False)["input_ids"]
            assert one == pytest.approx(bare(subject, prompt.ids or (), tokens), abs=CLOSE)
        made = list(replies[0].ids or ())
        assert list(replies[0].logprobs or ()) == pytest.approx(bare(subject, prompt.ids or (), made), abs=CLOSE)


@pytest.mark.parametrize("name", WAYS)
def test_architectures_that_cannot_take_the_fast_ways_are_found_out(name: str, tmp_path: Path) -> None:
    """BLOOM's biases want a mask of two dimensions, Mamba has no keys and values."""
    subject = load(str(build(name, tmp_path)), **HERE)
    assert (subject.engine.tree, subject.engine.steps) == WAYS[name]
    assert subject.environment["scoring"] == "one candidate a row"


def bare(subject: Local, ids: tuple[int, ...], tokens: list[int]) -> list[float]:
    """Log-probabilities of the tokens behind ids by the bare model on the full sequence."""
    with reading():
        logits_TV = subject.engine.model(tensor([[*ids, *tokens]]), use_cache=False).logits[0]
    logprobs_TV = logits_TV.float().cpu().log_softmax(-1)
    return [float(logprobs_TV[len(ids) - 1 + k, t]) for k, t in enumerate(tokens)]


def test_the_identity_is_the_same_in_another_process(tmp_path: Path) -> None:
    folder = str(build("llama", tmp_path))
    code = f"from selfscope.subjects.local import load; print(load({folder!r}, device='cpu').identity)"
    source = Path(__file__).resolve().parents[2] / "src"
    environment = {**os.environ, "PYTHONPATH": str(source), "PYTHONHASHSEED": "123"}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.split() == [load(folder, **HERE).identity]
