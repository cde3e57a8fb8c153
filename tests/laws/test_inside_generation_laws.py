"""Laws of writing while tokens are generated (whitebox B2.1-2), over many architectures and real models: caches,
padding, chunks and beams change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import bare_model
import tested_device
from bare_model import REAL, acts_for, bare, by_hand, rows, some_rows, tensor, vector
from selfscope.records import Decoding, Injection, Prompt
from selfscope.subjects.inject import injected
from selfscope.subjects.local import Local
from tested_device import CLOSE, reading

subject = bare_model.subject


@pytest.mark.parametrize("schedule", ["prefill", "span", "last", "every"])
def test_generation_is_that_of_whole_rows_written_anew_each_step(subject: Local, schedule: str) -> None:
    """With a cache, several draws a prompt, ragged rows: greedy and sampled tokens have the log-probabilities that the
    uncached rows give them."""
    if subject.name in REAL and schedule in ("span", "last"):
        pytest.skip("tiny models show it")
    some = some_rows(subject, 4)
    acts = acts_for(subject, len(some), schedule)
    acts = [
        tuple(replace(a, positions=(0,)) if a.positions and len(r) == 1 else a for a in m) for m, r in zip(acts, some)
    ]
    prompts = [Prompt(ids=r, interventions=a) for r, a in zip(some, acts, strict=True)]
    free = replace(subject, engine=replace(subject.engine, stop_ids=()))
    draws = 1 if subject.name in REAL else 2
    got = free.sample(prompts, draws, Decoding(3, temperature=1.0, seed=3, and_greedy=True))
    for prompt, replies in zip(prompts, got, strict=True):
        mine = [a for a in prompt.interventions if isinstance(a, Injection)]
        for reply in replies:
            ids = tuple(prompt.ids or ())
            for k, token in enumerate(reply.ids or ()):
                wanted = by_hand(subject, ids + (reply.ids or ())[:k], mine, extra=k)
                assert float(wanted[token]) == pytest.approx((reply.logprobs or ())[k], abs=CLOSE, rel=1e-5)
        greedy = replies[-1]
        top = by_hand(subject, prompt.ids or (), mine).topk(2)
        if float(top.values[0] - top.values[1]) > CLOSE:
            assert (greedy.ids or ())[0] == int(top.indices[0])


def test_a_patch_of_the_prompt_stays_in_the_cache_and_one_of_the_first_step_does_not(subject: Local) -> None:
    """Cached generation equals rows written anew at each step, and differs from rows written only once."""
    ids = rows(subject)[1]
    layer = len(subject.layers) // 2 - 1
    act = Injection(layer, vector(subject, 3, 3.0), (4,))
    free = replace(subject, engine=replace(subject.engine, stop_ids=()))
    reply = free.sample([Prompt(ids=ids, interventions=(act,))], 1, Decoding(2, temperature=0.0))[0][0]
    first, second = reply.ids or (0, 0)
    again = by_hand(subject, (*ids, first), [act], extra=1)
    once = bare(subject, (*ids, first))[-1].log_softmax(-1)
    assert abs(float(again[second]) - (reply.logprobs or ())[1]) < CLOSE
    assert float((again - once).abs().max()) > 10 * CLOSE


def left_padded(some: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(map(len, some))
    ids = [[0] * (width - len(r)) + list(r) for r in some]
    mask = [[0] * (width - len(r)) + [1] * len(r) for r in some]
    return tested_device.tensor(ids), tested_device.tensor(mask)


@pytest.mark.slow_on_real
@pytest.mark.parametrize("way", ["dynamic", "static", "chunk1", "chunk3", "beams", "returned"])
def test_generate_under_left_padding_caches_chunks_and_beams(subject: Local, way: str) -> None:
    """`injected` around transformers' own generate gives each row what it gets alone, whole and uncached."""
    if subject.engine.steps == "recomputed":
        pytest.skip("no cache")
    some = [rows(subject)[1], rows(subject)[3], rows(subject)[0]]
    acts = acts_for(subject, 3, "span")
    model, blocks = subject.engine.model, subject.engine.blocks
    assert blocks is not None
    ids_BT, mask_BT = left_padded(some)
    lengths = [len(r) for r in some]
    more: dict[str, Any] = {
        "dynamic": {}, "static": {"cache_implementation": "static"}, "chunk1": {"prefill_chunk_size": 1},
        "chunk3": {"prefill_chunk_size": 3}, "beams": {"num_beams": 2, "num_return_sequences": 2},
        "returned": {"do_sample": True, "num_return_sequences": 3, "top_k": 1},
    }[way]  # fmt: skip
    settings: dict[str, Any] = {
        "max_new_tokens": 3, "min_new_tokens": 3, "pad_token_id": 0, "eos_token_id": None, "do_sample": False,
        "output_scores": True, "return_dict_in_generate": True, **more,
    }  # fmt: skip
    try:
        with reading():
            model.generate(ids_BT, attention_mask=mask_BT, **settings)
    except Exception as error:
        pytest.skip(f"transformers itself cannot: {str(error)[:80]}")
    with reading(), injected(model, blocks, acts, lengths=lengths, width=ids_BT.shape[1]):
        got = model.generate(ids_BT, attention_mask=mask_BT, **settings)
    copies = len(got.sequences) // len(some)
    for b, row in enumerate(some):
        own = {**settings, "prefill_chunk_size": None} if "prefill_chunk_size" in settings else settings
        own = {k: v for k, v in own.items() if k not in ("prefill_chunk_size", "cache_implementation")}
        with reading(), injected(model, blocks, [acts[b]], lengths=[len(row)], width=len(row)):
            alone = model.generate(tensor(row), attention_mask=tested_device.tensor([[1] * len(row)]), **own)
        mine = got.sequences[b * copies : (b + 1) * copies, ids_BT.shape[1] :]
        assert torch.equal(mine, alone.sequences[:, len(row) :]), way
    first = by_hand(subject, some[0], acts[0])
    if way in ("dynamic", "static", "chunk1", "chunk3"):
        np.testing.assert_allclose(got.scores[0][0].float().cpu().log_softmax(-1)[:40], first[:40], atol=CLOSE)


def test_dropping_the_mask_or_counting_columns_in_the_chunk_shows(subject: Local) -> None:
    """Negative controls: what these laws are to find is large enough to be found."""
    some = [rows(subject)[1], rows(subject)[3]]
    ids_BT, mask_BT = left_padded(some)
    positions_BT = (mask_BT.cumsum(1) - 1).clamp(min=0)
    with reading():
        right = subject.engine.model(input_ids=ids_BT, attention_mask=mask_BT, position_ids=positions_BT).logits
        wrong = subject.engine.model(input_ids=ids_BT).logits
    np.testing.assert_allclose(right[1, -1].float().cpu(), bare(subject, some[1])[-1], atol=10 * CLOSE)
    assert float((right[1, -1] - wrong[1, -1]).abs().max()) > 0.01
    act = Injection(0, vector(subject, 3, 3.0), (5,))
    whole = by_hand(subject, some[0], [act])
    shifted = by_hand(subject, some[0], [replace(act, positions=(2,))])  # position 5 of chunks of three
    assert float((whole - shifted).abs().max()) > 0.001
