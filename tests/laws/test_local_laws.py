"""Laws of a local subject, on tiny random models of many architectures and on the real one.

The size of a batch, the order of its rows and the padding change no log-probability beyond 1e-4, no sampled token, and
no greedy token unless the two likeliest lie within 1e-4. The yardstick: the bare model on one full sequence at a time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from selfscope.records import Decoding, Message, Prompt
from selfscope.subjects import bundled_models
from selfscope.subjects.local import Local, load
from tested_device import CLOSE, HERE, reading, real, tensor
from tiny import SAMPLE, build, loaded

WAYS = {
    "bloom": ("one candidate a row", "cached"), "mamba": ("one candidate a row", "recomputed"),
    "mistral-window": ("token trees", "cached"), "llama4": ("token trees", "cached"),
}  # fmt: skip
"""What cannot take the fast ways; all else must, or no law tests them. A window shorter than the probe shows at load,
a longer one (gemma3-window) is kept in mind: rows that are longer than it do not take them."""


@pytest.fixture(scope="module", params=[*SAMPLE, "smollm2-135m"])
def subject(request: pytest.FixtureRequest) -> Iterator[Local]:
    threads = torch.get_num_threads()
    if request.param in bundled_models.PACKAGES:
        yield real(request.param)
        return
    torch.set_num_threads(1)
    yield loaded(request.param)
    torch.set_num_threads(threads)


def prompts(subject: Local) -> list[Prompt]:
    """Ragged prompts: a shared beginning for some, none for all; one of a single token; one twice."""
    real = subject.name in bundled_models.PACKAGES
    top = min(300, int(subject.engine.model.config.get_text_config().vocab_size))
    noise = np.random.default_rng(3)
    shared = noise.integers(6, top, 14).tolist()
    own = [noise.integers(6, top, int(k)).tolist() for k in ([3, 9] if real else [1, 2, 5, 9, 17])]
    rows = [shared + row for row in own] + [shared[:9] + own[-1], own[1], own[0][:1], shared + own[1]]
    return [Prompt(ids=tuple(row)) for row in rows]


def words(n: int) -> list[list[str]]:
    """Candidates of different lengths, some the beginning of another, some equal."""
    pool = ["yes", "yes, later", "yes, later on", "no", " the stone bridge", " the stone", "7", "no"]
    return [[pool[(i + j) % len(pool)] for j in range(2 + i % 4)] for i in range(n)]


def bare(subject: Local, ids: Sequence[int]) -> torch.Tensor:
    """Log-probabilities (T, V) of one full sequence by the bare model."""
    with reading():
        found: torch.Tensor = subject.engine.model(tensor([ids])).logits[0].float().cpu().log_softmax(-1)
    return found


def largest(a: Any, b: Any) -> float:
    """Largest difference of two nested lists of numbers of one shape."""
    if isinstance(a, float):
        return abs(a - b)
    assert len(a) == len(b)
    return max((largest(x, y) for x, y in zip(a, b, strict=True)), default=0.0)


def small_batches(subject: Local) -> Local:
    return replace(subject, engine=replace(subject.engine, tokens=40, rows=3))


def test_the_fast_ways_are_taken(subject: Local, request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.params["subject"]
    wanted = WAYS.get(name, ("token trees", "in place"))
    assert (subject.environment["scoring"], subject.environment["sampling"]) == wanted
    assert subject.engine.full_logits == (name == "llama4")  # it names no decoder of its own: whole logits are computed


@pytest.mark.slow_on_real
def test_a_beginning_common_to_all_changes_nothing(subject: Local) -> None:
    asked = [Prompt(ids=(*range(20, 31), *(p.ids or ()))) for p in prompts(subject)]
    candidates = words(len(asked))
    alone = [subject.score([p], [c])[0] for p, c in zip(asked, candidates, strict=True)]
    assert largest(subject.score(asked, candidates), alone) < CLOSE
    whole = [list(d.logprobs) for d in subject.next_token(asked, ids=[9, 2, 40])]
    wanted = [bare(subject, p.ids or ())[-1][[9, 2, 40]].tolist() for p in asked]
    assert largest(whole, wanted) < CLOSE
    decoding = Decoding(4, 1.0, seed=8)
    drawn = [[r.ids for r in many] for many in subject.sample(asked, 2, decoding)]
    if subject.engine.model.dtype == torch.float32:  # below, rounding alone draws other tokens
        assert drawn == [[r.ids for r in subject.sample([p], 2, decoding)[0]] for p in asked]


def test_score_is_the_log_softmax_of_the_full_sequence(subject: Local) -> None:
    asked = prompts(subject)
    candidates = words(len(asked))
    got = subject.score(asked, candidates)
    for prompt, many, scores in zip(asked, candidates, got, strict=True):
        for text, one in zip(many, scores, strict=True):
            tokens = subject.tokenizer(text, add_special_tokens=False)["input_ids"]
            logprobs_TV = bare(subject, [*(prompt.ids or ()), *tokens])[len(prompt.ids or ()) - 1 : -1]
            assert largest([float(x[t]) for x, t in zip(logprobs_TV, tokens, strict=True)], one) < CLOSE


def test_batch_order_and_padding_change_no_score(subject: Local) -> None:
    asked = prompts(subject)
    candidates = words(len(asked))
    whole = subject.score(asked, candidates)
    alone = [subject.score([p], [c])[0] for p, c in zip(asked, candidates, strict=True)]
    back = subject.score(asked[::-1], candidates[::-1])[::-1]
    turned = [x[::-1] for x in subject.score(asked, [c[::-1] for c in candidates])]
    small = small_batches(subject).score(asked, candidates)
    assert max(largest(whole, other) for other in (alone, back, turned, small)) < CLOSE


def test_next_token_is_the_full_distribution(subject: Local) -> None:
    asked = prompts(subject)
    got = subject.next_token(asked, top=5)
    listed = small_batches(subject).next_token(asked[::-1], ids=[9, 2, 40])[::-1]
    for prompt, top, some in zip(asked, got, listed, strict=True):
        wanted_V = bare(subject, prompt.ids or ())[-1]
        assert largest(list(top.logprobs), wanted_V.topk(5).values.tolist()) < CLOSE
        assert largest(list(some.logprobs), wanted_V[[9, 2, 40]].tolist()) < CLOSE
        entropy = float(-(wanted_V.double().exp() * wanted_V.double()).sum())
        assert top.entropy == pytest.approx(entropy, abs=CLOSE)
        assert some.entropy == pytest.approx(entropy, abs=CLOSE)
        assert len(top.tokens) == 5


@pytest.mark.slow_on_real
def test_batch_order_and_padding_change_no_sampled_token(subject: Local) -> None:
    asked = prompts(subject)
    decoding = Decoding(max_tokens=7, temperature=0.9, seed=5, stop=("e", "n", "o"))  # rows end at different steps
    whole = [[r.ids for r in many] for many in subject.sample(asked, 4, decoding)]
    back = [[r.ids for r in many] for many in subject.sample(asked[::-1], 4, decoding)][::-1]
    alone = [[r.ids for r in subject.sample([p], 4, decoding)[0]] for p in asked[:3]]
    fewer = [[r.ids for r in many] for many in subject.sample(asked, 2, decoding)]
    assert whole == back
    assert whole[:3] == alone
    assert [many[:2] for many in whole] == fewer
    other = [[r.ids for r in many] for many in subject.sample(asked, 4, replace(decoding, seed=6))]
    assert whole != other
    assert any(len(set(many)) > 1 for many in whole)


def test_greedy_is_generate_and_its_logprobs_are_the_bare_models(subject: Local) -> None:
    asked = prompts(subject)
    replies = subject.sample(asked, 2, Decoding(max_tokens=6, temperature=0))
    for prompt, (reply, copy) in zip(asked, replies, strict=True):
        assert reply.ids == copy.ids
        start = tensor([prompt.ids or ()])
        made = subject.engine.model.generate(
            start, attention_mask=torch.ones_like(start), do_sample=False, max_new_tokens=6, pad_token_id=1,
            eos_token_id=list(subject.engine.stop_ids),
        )[0, start.shape[1] :].tolist()  # fmt: skip
        wanted = [t for t in made if t not in subject.engine.stop_ids]
        logprobs_TV = bare(subject, [*(prompt.ids or ()), *wanted])[start.shape[1] - 1 :]
        got = list(reply.ids or ())
        first = next((k for k, (a, b) in enumerate(zip(got, wanted, strict=False)) if a != b), None)
        if first is not None:  # allowed where the two likeliest tokens are as good as equal, and such steps are counted
            top = logprobs_TV[first].topk(2).values
            assert float(top[0] - top[1]) < CLOSE
            assert subject.near_ties > 0
        else:
            assert got == wanted
            assert reply.finish == ("length" if len(got) == 6 else "stop")
            told = [float(x[t]) for x, t in zip(logprobs_TV, got, strict=False)]
            assert largest(list(reply.logprobs or ()), told) < CLOSE


@pytest.fixture(scope="module")
def llama() -> Local:
    return loaded("llama")


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_sampled_tokens_follow_the_distribution(llama: Local, temperature: float) -> None:
    prompt = Prompt(ids=(9, 30, 12))
    n = 4000
    drawn = Counter(r.ids[0] if r.ids else -1 for r in llama.sample([prompt], n, Decoding(1, temperature))[0])
    chance_V = (bare(llama, prompt.ids or ())[-1] / temperature).softmax(-1)
    stops = sum(float(chance_V[i]) for i in llama.engine.stop_ids)
    expected = {i: n * float(p) for i, p in enumerate(chance_V) if i not in llama.engine.stop_ids} | {-1: n * stops}
    big = {i: e for i, e in expected.items() if e >= 8}
    rest = n - sum(big.values())
    seen = sum(drawn[i] for i in big)
    chi2 = sum((drawn[i] - e) ** 2 / e for i, e in big.items()) + (n - seen - rest) ** 2 / max(rest, 1e-9)
    assert chi2 < len(big) + 4.5 * math.sqrt(2 * len(big) + 1)


def test_second_tokens_follow_the_first(llama: Local) -> None:
    """Draws are independent from step to step: the second token has its own noise."""
    prompt = Prompt(ids=(9, 30, 12))
    pairs = [r.ids for r in llama.sample([prompt], 3000, Decoding(2, 1.0, seed=1))[0] if r.ids and len(r.ids) == 2]
    first = Counter(p[0] for p in pairs).most_common(1)[0][0]
    second = Counter(p[1] for p in pairs if p[0] == first)
    chance_V = bare(llama, [*(prompt.ids or ()), first])[-1].exp()
    chance_V[llama.engine.stop_ids,] = 0
    n = sum(second.values())
    expected = {i: n * float(p) for i, p in enumerate(chance_V / chance_V.sum()) if n * float(p) >= 5}
    chi2 = sum((second[i] - e) ** 2 / e for i, e in expected.items())
    assert chi2 < len(expected) + 4.5 * math.sqrt(2 * len(expected))


def test_a_tag_and_an_unused_row_change_nothing(llama: Local) -> None:
    plain = Prompt(messages=(Message("user", "Name a colour."),))
    tagged = replace(plain, tag={"source": "x", "role": "report"})
    decoding = Decoding(5, 1.0)
    one, other = ([r.ids for r in llama.sample([p], 3, decoding)[0]] for p in (plain, tagged))
    assert one == other
    assert llama.sample([], 3, decoding) == []
    assert llama.score([], []) == []
    assert llama.score([plain], [[]]) == [[]]
    assert llama.next_token([]) == []


def test_a_prompt_that_is_the_beginning_of_the_others(llama: Local) -> None:
    """A common beginning leaves every row a token of its own."""
    short = tuple(range(20, 32))
    asked = [Prompt(ids=ids) for ids in (short, (*short, 9), short)]
    candidates = [["yes", "no"], ["yes"], ["no", "yes, later"]]
    alone = [llama.score([p], [c])[0] for p, c in zip(asked, candidates, strict=True)]
    assert largest(llama.score(asked, candidates), alone) < CLOSE
    assert largest(list(llama.next_token(asked)[2].logprobs), list(llama.next_token(asked[:1])[0].logprobs)) < CLOSE
    drawn = [[r.ids for r in many] for many in llama.sample(asked, 2, Decoding(4, 1.0))]
    assert drawn == [[r.ids for r in llama.sample([p], 2, Decoding(4, 1.0))[0]] for p in asked]


def test_memory_that_runs_out_halves_the_batch(llama: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = prompts(llama)
    wanted = llama.score(asked, words(len(asked)))
    drawn = [[r.ids for r in many] for many in llama.sample(asked, 3, Decoding(4, 1.0))]
    real = type(llama.engine).body
    refused = []

    def body(self: Any, **inputs: Any) -> torch.Tensor:
        if inputs["input_ids"].shape[0] > 2:
            refused.append(inputs["input_ids"].shape[0])
            raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes")
        return real(self, **inputs)

    monkeypatch.setattr(type(llama.engine), "body", body)
    assert largest(llama.score(asked, words(len(asked))), wanted) < CLOSE
    done: list[int] = []
    again = llama.sample(asked, 2, Decoding(4, 1.0), on_done=lambda i, replies: done.append(i))
    assert [[r.ids for r in many] for many in again] == [many[:2] for many in drawn]
    assert sorted(done) == list(range(len(asked)))
    assert refused


def test_an_error_that_is_not_memory_is_raised(llama: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    def body(self: Any, **inputs: Any) -> torch.Tensor:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(type(llama.engine), "body", body)
    with pytest.raises(RuntimeError, match="shapes"):
        llama.score(prompts(llama), words(len(prompts(llama))))


def test_same_folder_same_identity(llama: Local, tmp_path: Path) -> None:
    copy = load(str(build("llama", tmp_path, deep=True)), **HERE)
    assert copy.identity == llama.identity
    assert load(str(tmp_path), device=HERE["device"], dtype="float16").identity != llama.identity
    (tmp_path / "chat_template.jinja").write_text("{{ messages[0].content }}")
    assert load(str(tmp_path), **HERE).identity != llama.identity
