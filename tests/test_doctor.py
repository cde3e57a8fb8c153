"""The checkup of a model: what it says is what was built into the model, and every check of the self-test can fail."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast

import selfscope
from selfscope.api.doctor import examine
from selfscope.cli import main
from selfscope.errors import Unsupported
from selfscope.subjects.blocks import find
from selfscope.subjects.local import Local, load
from selfscope.subjects.model_report import checkup, sinks_of
from selfscope.subjects.self_test import CHECKS, self_test
from selfscope.subjects.tokenizer_checks import bos_of, placeholder, template_of
from tiny import TEMPLATE, build, tokenizer


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Any:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Local:
    return load(str(build("llama", tmp_path_factory.mktemp("llama"), deep=True)), device="cpu")


def tiny(name: str, folder: Path) -> Local:
    return load(str(build(name, folder / name, deep=True)), device="cpu")


def test_it_says_where_the_stream_is_and_how_large(subject: Local) -> None:
    found = checkup(subject)
    stream = found.stream
    assert stream is not None
    assert (stream.path, stream.output, stream.layers, stream.width, stream.norm) == (
        "model.layers", "tensor", 4, 32, "model.norm"
    )  # fmt: skip
    assert stream.norms == tuple(subject.median_norm(layer) for layer in range(-1, 4))
    assert math.isclose(stream.embedding, 1.0, rel_tol=1e-5)
    assert [c.outcome for c in found.checks] == ["passed"] * len(CHECKS)
    assert not found.factors
    assert not found.caps
    assert found.refused == ""


def test_what_was_built_into_a_model_is_found(tmp_path: Path) -> None:
    falcon = checkup(tiny("falcon", tmp_path))
    assert falcon.stream is not None
    assert (falcon.stream.path, falcon.stream.output) == ("transformer.h", "tuple")
    gemma = checkup(tiny("gemma2", tmp_path))
    assert gemma.stream is not None
    assert math.isclose(gemma.stream.root, 1.0, rel_tol=1e-3), "what enters is the embedding times the root of D"
    assert gemma.caps["final_logit_softcapping"] == 3.0
    assert gemma.windows["sliding_window"] == 512
    assert gemma.seeing == (1, 3)
    granite = checkup(tiny("granite", tmp_path))
    assert granite.factors == {
        "embedding_multiplier": 1.0, "residual_multiplier": 0.5, "attention_multiplier": pytest.approx(0.3),
        "logits_scaling": 3.0,
    }  # fmt: skip
    assert checkup(tiny("cohere", tmp_path)).factors["logit_scale"] == 0.25
    text = str(examine(tiny("gemma2", tmp_path)))
    assert "final logit softcapping 3" in text
    assert "layers that see all: 1, 3" in " ".join(text.split())
    assert "the root of the width" in text


def test_a_sink_is_found_where_it_was_planted_and_none_elsewhere() -> None:
    noise = np.random.default_rng(0)
    times_LN = 1 + 0.1 * noise.random((5, 8))
    places = [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2), (1, 3)]
    tokens = ["<s>", "a", ",", "b", "<s>", ",", "c", "d"]
    assert sinks_of(times_LN, places, tokens) == ()
    times_LN[2:4, [0, 4]] = 50.0
    times_LN[3, 2] = times_LN[4, 5] = 12.0
    first, second = sinks_of(times_LN, places, tokens)
    assert (first.token, first.position, first.texts, first.first, first.last, first.times) == ("<s>", 0, 2, 1, 2, 50.0)
    assert (second.token, second.position, second.texts, second.first, second.last) == (",", None, 2, 2, 3)


def test_a_large_embedding_is_a_sink_of_the_real_stream(tmp_path: Path) -> None:
    loud = tiny("llama", tmp_path)
    with torch.no_grad():
        loud.engine.model.get_input_embeddings().weight[loud.tokenizer.convert_tokens_to_ids("<|user|>")] *= 300
    stream = checkup(loud).stream
    assert stream is not None
    assert (stream.sinks[0].token, stream.sinks[0].position, stream.sinks[0].first) == ("<|user|>", 0, -1)
    assert "'<|user|>', position 0, in 8 of 8 texts" in str(examine(loud))


def outcomes(model: Any, head: Any) -> dict[str, str]:
    return {c.name: c.outcome for c in self_test(model, find(model), head, 1e-4).checks}


def failed(found: dict[str, str]) -> list[str]:
    return [name for name, outcome in found.items() if outcome == "failed"]


def test_each_check_fails_alone_and_the_others_are_still_run(tmp_path: Path) -> None:
    """One broken thing at a time, on a model that passes."""
    subject = tiny("llama", tmp_path)
    model, engine = subject.engine.model, replace(subject.engine, blocks=None)
    blocks = find(model)
    assert failed(outcomes(model, engine.head)) == []
    assert failed(outcomes(model, lambda h: engine.head(1.1 * h + 1))) == [CHECKS[5]]
    assert failed(outcomes(model, None)) == [CHECKS[5]]
    shifted = blocks.blocks[2].register_forward_pre_hook(lambda module, given: (given[0] + 1, *given[1:]))
    assert CHECKS[2] in failed(outcomes(model, engine.head))
    shifted.remove()
    loose = torch.Generator().manual_seed(0)
    hidden = blocks.blocks[3].register_forward_hook(
        lambda module, given, out: out + torch.randn(out.shape, generator=loose)
    )
    assert CHECKS[3] in failed(outcomes(model, engine.head)), "a model that draws is not the same after a write"
    hidden.remove()
    tokens: dict[str, torch.Tensor] = {}
    seen = model.model.embed_tokens.register_forward_hook(lambda module, given, out: tokens.update(own=out))
    second = blocks.blocks[3].register_forward_hook(lambda module, given, out: out + 0.5 * tokens["own"])
    assert failed(outcomes(model, engine.head)) == [CHECKS[4]], "the tokens reach a later block: a second stream"
    seen.remove()
    second.remove()
    narrow = blocks.blocks[1].register_forward_hook(lambda module, given, out: out[0])
    assert outcomes(model, engine.head)[CHECKS[1]] == "failed"
    narrow.remove()
    assert failed(outcomes(model, engine.head)) == []


def test_a_model_that_is_refused_is_shown_and_ends_in_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    folder = str(build("llama4", tmp_path / "llama4"))
    for options in ([], ["--json"]):
        with pytest.raises(SystemExit) as end:
            main(["doctor", folder, "--device", "cpu", *options])
        assert end.value.code == 2
        said = capsys.readouterr()
        assert said.err.count("\n") == 1
        assert "its logits are not its output embedding" in said.err
        if options:
            found = json.loads(said.out)
            assert found["stream"] is None
            assert found["checks"][-1]["outcome"] == "failed"
            assert [c["outcome"] for c in found["checks"][:3]] == ["passed"] * 3
        else:
            assert "failed: its logits" in said.out


def test_a_checkup_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(build("qwen3", tmp_path / "qwen3"))
    main(["doctor", folder, "--device", "cpu", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["stream"]["path"] == "model.layers"
    assert len(found["stream"]["norms"]) == 3
    assert found["attention"] == "sdpa"
    assert found["bos"]["token"] == "<s>"
    main(["doctor", folder, "--device", "cpu"])
    table = capsys.readouterr().out
    for word in ("model.layers[0] to [1]", "norms by layer", "placeholders", "self-test", "passed"):
        assert word in table
    assert "failed" not in table


def test_what_has_no_activations_says_which_tier_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["doctor", "phantom"])
    assert end.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "selfscope: phantom offers the tier logprobs; this needs the tier activations: a model that runs here, "
        "as smollm2-135m\n"
    )
    with pytest.raises(Unsupported, match="offers the tier logprobs"):
        selfscope.doctor("phantom")


def with_template(text: str, *, bos: bool = True) -> PreTrainedTokenizerFast:
    words = tokenizer(bos=bos)
    words.chat_template = text
    return words


def test_bos_is_counted_where_it_is_written() -> None:
    plain = bos_of(tokenizer())
    assert (plain.by_tokenizer, plain.by_template, plain.twice, plain.found) == (True, False, False, 0)
    both = bos_of(with_template("<s>" + TEMPLATE))
    assert (both.by_tokenizer, both.by_template, both.twice, both.found) == (True, True, True, 1)
    doubled = bos_of(with_template("<s><s>" + TEMPLATE, bos=False))
    assert (doubled.by_tokenizer, doubled.by_template, doubled.found) == (False, True, 2)
    base = bos_of(tokenizer(chat=False))
    assert (base.by_tokenizer, base.by_template, base.twice, base.found) == (True, False, False, 1)
    nothing = tokenizer(bos=False)
    nothing.bos_token = None
    assert bos_of(nothing).token is None


def test_quirks_of_templates() -> None:
    assert template_of(tokenizer(chat=False)) is None
    usual = template_of(tokenizer())
    assert usual is not None
    assert (usual.system, usual.thinking, usual.generation, usual.trims, usual.dated) == (True, False, 1, False, False)
    assert usual.empty_system == 3, "the marks of an empty turn: <|system|>, <|end|>, a line break"
    refusing = template_of(
        with_template("{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}" + TEMPLATE)
    )
    assert refusing is not None
    assert (refusing.system, refusing.empty_system) == (False, None)
    ignoring = template_of(with_template(TEMPLATE.replace("messages %}", "messages if m.role != 'system' %}")))
    assert ignoring is not None
    assert (ignoring.system, ignoring.empty_system) == (False, 0)
    default = "{% if messages[0].role != 'system' %}<|system|>Be good.<|end|>\n{% endif %}" + TEMPLATE
    own = template_of(with_template(default))
    assert own is not None
    assert (own.empty_system or 0) < 0
    odd = template_of(with_template(TEMPLATE.replace("m.content", "m.content | trim") + "{# enable_thinking #}"))
    assert odd is not None
    assert odd.thinking
    assert odd.trims


def test_a_placeholder_is_one_token_in_context_and_stays_one_when_repeated() -> None:
    words = tokenizer()
    assert placeholder(words, "_").usable
    assert placeholder(words, "the").id is None or placeholder(words, "the").repeats
    assert placeholder(words, "🔲").id is None, "four bytes"
    words.add_tokens(["__"])
    merging = placeholder(words, "_")
    assert merging.id is not None
    assert not merging.usable
    assert placeholder(words, "Is").usable == (len(words("Is", add_special_tokens=False)["input_ids"]) == 1)


@pytest.mark.slow
def test_real_models_have_their_known_quirks() -> None:
    smol, gemma = checkup(load("smollm2-135m")), checkup(load("gemma3-270m"))
    assert smol.stream is not None
    assert gemma.stream is not None
    assert (smol.stream.layers, smol.stream.width) == (30, 576)
    assert (smol.stream.sinks[0].token, smol.stream.sinks[0].position) == ("<|im_start|>", 0)
    assert (gemma.stream.sinks[0].token, gemma.stream.sinks[0].position) == ("<bos>", 0)
    assert math.isclose(gemma.stream.root, 1.0, rel_tol=1e-3)
    assert gemma.seeing == (5, 11, 17)
    assert (smol.template is None, gemma.template is None) == (False, True)
    assert smol.template is not None
    assert (smol.template.empty_system or 0) < 0
    assert (smol.bos.found, gemma.bos.found) == (1, 1)


def test_the_laws_of_access_hold_and_a_fast_way_that_lies_is_seen(tmp_path: Path) -> None:
    local = tiny("mistral-window", tmp_path)
    whole = examine(local)
    assert whole.passed
    laws = {law.name: law for law in whole.data.laws}
    assert "rows of 3 to 19 tokens" in laws["a row has the numbers that it has alone"].note, "both sides of the window"
    assert not whole.broken
    assert {law.name for law in whole.data.laws if law.outcome == "not run"} <= {way.what for way in local.engine.ways}
    norm = local.engine.blocks.norm  # type: ignore[union-attr]
    wrong = replace(local.engine, blocks=replace(local.engine.blocks, norm=lambda states: norm(states) * 1.01))  # type: ignore[type-var]
    found = examine(replace(local, engine=wrong))
    assert found.broken == ("the last states give the next token",)
    assert not found.passed


def test_why_a_fast_way_was_refused_is_told(tmp_path: Path) -> None:
    ways = {law.name: law for law in examine(tiny("bloom", tmp_path)).data.laws}
    assert ways["token trees"].outcome == "not run"
    assert ways["token trees"].note.startswith("refused (")
    assert ways["keys and values cached"].note.endswith("taken")
