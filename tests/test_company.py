"""Which models are scored, and which rows are computed together: by what they do, whatever their configuration says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

import architectures
import tiny
from architectures import GQA
from selfscope.errors import BadModel, PromptTooLong
from selfscope.records import Decoding, Prompt
from selfscope.subjects.company import Company, company_of
from selfscope.subjects.local import Local, load

LONGROPE = {
    **GQA, "original_max_position_embeddings": 64,
    "rope_parameters": {**architectures.LONGROPE, "original_max_position_embeddings": 64},
}  # fmt: skip
ODD: dict[str, tuple[str, dict[str, Any]]] = {
    "longrope": ("phi3", LONGROPE),
    "selecting": ("deepseek_v32", {**tiny.ARCHITECTURES["deepseek-v32"][1], "index_topk": 16, "index_n_heads": 2}),
    "windowed": tiny.ARCHITECTURES["gemma3-window"],
}
ENCODERS = ("bert", "roberta", "electra", "xlnet")


@pytest.fixture(autouse=True)
def _odd(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, sizes in ODD.items():
        monkeypatch.setitem(tiny.ARCHITECTURES, name, sizes)


def loaded(name: str, folder: Path) -> Local:
    return load(str(tiny.build(name, folder)), device="cpu")


@pytest.mark.parametrize("name", ENCODERS)
def test_a_model_that_sees_later_tokens_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="not causal"):
        loaded(name, tmp_path)


HALF = ("bfloat16", "float16")


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("name", ["bert", "roberta", "electra"])
def test_half_precision_hides_no_later_token(name: str, dtype: str, tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="not causal"):
        load(str(tiny.build(name, tmp_path)), device="cpu", dtype=dtype)


@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_hides_no_rule(dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that moves a row by less than the rounding between shapes, and a selection of one key too many."""
    weak = {**LONGROPE["rope_parameters"], "short_factor": [1.0] * 4, "long_factor": [1.1] * 4}
    monkeypatch.setitem(tiny.ARCHITECTURES, "weak", ("phi3", {**LONGROPE, "rope_parameters": weak}))
    found = load(str(tiny.build("weak", tmp_path / "weak")), device="cpu", dtype=dtype).engine.company
    assert (found.bound, found.equal_from, found.longest) == (64, None, None)
    found = load(str(tiny.build("selecting", tmp_path / "selecting")), device="cpu", dtype=dtype).engine.company
    assert (found.bound, found.equal_from) == (None, 16)


def bare(local: Local, ids: Sequence[int]) -> torch.Tensor:
    """Log-probabilities (T, V) of a row alone, as the bare model gives them."""
    with torch.inference_mode():
        return local.engine.model(torch.tensor([list(ids)]), use_cache=False).logits[0].float().log_softmax(-1)


def rows(local: Local, lengths: Sequence[int]) -> list[Prompt]:
    size = local.engine.vocabulary - 10
    return [Prompt(ids=tuple((5 * k * (j + 1) + 3 * j) % size + 8 for k in range(n))) for j, n in enumerate(lengths)]


@pytest.mark.parametrize("name", ODD)
def test_every_row_has_the_numbers_that_it_has_alone(name: str, tmp_path: Path) -> None:
    local = loaded(name, tmp_path)
    prompts = rows(local, (3, 15, 16, 17, 23, 24, 25, 40, 62, 63, 64, 65, 66, 90))
    found = local.next_token(prompts, ids=list(range(local.engine.vocabulary)))
    for prompt, distribution in zip(prompts, found, strict=True):
        assert prompt.ids is not None
        alone_V = bare(local, prompt.ids)[-1]
        assert float((torch.tensor(distribution.logprobs) - alone_V).abs().max()) < 1e-4, len(prompt.ids)


@pytest.mark.parametrize("name", ODD)
def test_a_score_is_the_sum_of_its_steps_on_both_sides_of_a_rule(name: str, tmp_path: Path) -> None:
    local = loaded(name, tmp_path)
    option = " The river runs"
    for prompt in rows(local, (10, 20, 55, 60, 64, 70)):
        assert prompt.ids is not None
        ids = list(prompt.ids)
        (scores,) = local.score([prompt], [[option]])
        tokens = local.tokenizer(option, add_special_tokens=False)["input_ids"]
        for token, logprob in zip(tokens, scores[0], strict=True):
            assert float(bare(local, ids)[-1, token]) == pytest.approx(logprob, abs=1e-4), len(ids)
            ids.append(token)


@pytest.mark.parametrize("name", ODD)
def test_a_reply_that_crosses_a_rule_is_that_of_whole_rows(name: str, tmp_path: Path) -> None:
    local = loaded(name, tmp_path)
    prompts = rows(local, (12, 14, 60, 62, 70))
    decoding = Decoding(temperature=1.0, max_tokens=12, seed=3)
    for prompt, replies in zip(prompts, local.sample(prompts, 2, decoding), strict=True):
        assert prompt.ids is not None
        for reply in replies:
            ids = list(prompt.ids)
            assert len(reply.ids) == len(reply.logprobs)
            for token, logprob in zip(reply.ids, reply.logprobs, strict=True):
                assert float(bare(local, ids)[-1, token]) == pytest.approx(logprob, abs=1e-4), len(ids)
                ids.append(token)


def test_where_a_rule_changes_is_found_by_trying(tmp_path: Path) -> None:
    assert loaded("longrope", tmp_path / "a").engine.company.bound == 64
    found = loaded("selecting", tmp_path / "b").engine.company
    assert (found.bound, found.equal_from) == (None, 16)
    found = loaded("windowed", tmp_path / "c").engine.company
    assert (found.bound, found.equal_from, found.longest) == (None, None, None)
    assert all(t.gap is not None for t in found.tried)


def test_rows_whose_numbers_depend_on_what_came_before_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dynamic = {**GQA, "rope_parameters": {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 4.0}}
    monkeypatch.setitem(tiny.ARCHITECTURES, "dynamic", ("llama", {**dynamic, "max_position_embeddings": 64}))
    local = loaded("dynamic", tmp_path)
    with pytest.raises(PromptTooLong):
        local.next_token(rows(local, (65,)))
    with torch.inference_mode():
        beyond = company_of(local.engine.model, 512)  # as if its context were longer than its rule
    assert (beyond.bound, beyond.equal_from, beyond.longest) == (64, 64, 64)


def test_rows_are_parted_where_they_disturb_each_other() -> None:
    free, two, apart = Company(), Company(bound=64), Company(bound=64, equal_from=64)
    assert {free.side(n) for n in (1, 64, 65, 4000)} == {0}
    assert [two.side(n) for n in (1, 64, 65, 4000)] == [0, 0, 1, 1]
    assert [apart.side(n) for n in (1, 64, 65, 66)] == [0, 0, 65, 66]
    assert free.one_rule(4000)
    assert two.one_rule(64)
    assert not two.one_rule(65)
