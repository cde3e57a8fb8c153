"""Weights and configuration fit each other tensor by tensor, and every number of them is finite."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import refused_models
import tiny_llama
from refused_models import changed, refusal, sharded
from selfscope.records import Prompt
from selfscope.subjects.local import Local, load
from tiny import SAMPLE, build

folder = tiny_llama.folder
place = refused_models.place
subject = tiny_llama.subject
PROMPT = Prompt(ids=(9, 30, 12, 40))
Tensors = dict[str, torch.Tensor]


def rewritten(place: Path, change: Callable[[Tensors], Tensors]) -> None:
    file = place / "model.safetensors"
    save_file({k: v.contiguous() for k, v in change(load_file(file)).items()}, file, {"format": "pt"})


def logprobs(subject: Local) -> tuple[float, ...]:
    return subject.next_token([PROMPT], ids=range(300))[0].logprobs


UNEXPECTED = {
    "a layer": "model.layers.2.mlp.down_proj.weight", "a bias": "model.layers.0.self_attn.q_proj.bias",
    "a norm": "model.layers.1.self_attn.q_norm.weight", "a scale": "model.layers.0.mlp.up_proj.weight_scale",
    "a value head": "v_head.summary.weight", "another name": "transformer.h.0.attn.c_attn.weight",
}  # fmt: skip


@pytest.mark.parametrize("kind", UNEXPECTED)
def test_a_tensor_without_a_place(place: Path, kind: str) -> None:
    rewritten(place, lambda t: {**t, UNEXPECTED[kind]: torch.ones(4)})
    assert f"no place for ({UNEXPECTED[kind]})" in refusal(place)


@pytest.mark.parametrize("name", ["llama", "gpt2", "gpt-neox", "opt", "bloom", "mamba", "qwen3-moe"])
def test_a_configuration_of_fewer_layers(tmp_path: Path, name: str) -> None:
    """Four layers under a configuration of two: the other two would be left out."""
    place = build(name, tmp_path / "model", deep=True)
    load(str(place), device="cpu")
    config = json.loads((place / "config.json").read_text())
    fewer = {k: 2 for k in ("num_hidden_layers", "n_layer") if k in config}
    kinds = {"layer_types": config["layer_types"][:2]} if "layer_types" in config else {}
    changed(place / "config.json", **fewer, **kinds)
    line = refusal(place)
    assert "no place for" in line
    assert ".2." in line


def test_a_configuration_of_more_layers(place: Path) -> None:
    changed(place / "config.json", num_hidden_layers=3)
    assert "lack" in (line := refusal(place))
    assert "model.layers.2." in line


@pytest.mark.parametrize(
    ("key", "value", "tensor"),
    [("hidden_size", 40, "lm_head.weight"), ("intermediate_size", 40, "mlp"), ("vocab_size", 400, "lm_head.weight"),
     ("num_key_value_heads", 4, "k_proj"), ("head_dim", 4, "self_attn")],
)  # fmt: skip
def test_another_shape(place: Path, key: str, value: int, tensor: str) -> None:
    changed(place / "config.json", **{key: value})
    line = refusal(place)
    assert tensor in line
    assert "is wanted" in line


def test_what_transformers_leaves_out_is_left_out(place: Path, subject: Local) -> None:
    """Tables that are computed now and were saved once, a head that is tied and saved all the same."""
    rewritten(place, lambda t: {**t, "model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)})
    assert logprobs(load(str(place), device="cpu")) == pytest.approx(logprobs(subject), abs=1e-5)


@pytest.mark.parametrize("name", ["gpt2", "gemma3", "bloom", "falcon"])
def test_a_tied_head_that_was_saved(tmp_path: Path, name: str) -> None:
    place = build(name, tmp_path / "model")
    wanted = logprobs(load(str(place), device="cpu"))
    embedding = next(k for k in load_file(place / "model.safetensors") if "embed" in k or "wte" in k)
    rewritten(place, lambda t: {**t, "lm_head.weight": t[embedding].clone()})
    assert logprobs(load(str(place), device="cpu")) == pytest.approx(wanted, abs=1e-5)


def test_towers_that_a_language_model_drops(tmp_path: Path) -> None:
    """A checkpoint of text and images, read as a language model: the class says what it leaves out."""
    from transformers import AutoConfig, AutoModelForImageTextToText

    place = build("llama", tmp_path / "model")
    text = {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
        "intermediate_size": 48, "vocab_size": 320, "max_position_embeddings": 64, "linear_num_key_heads": 2,
        "linear_num_value_heads": 2, "linear_key_head_dim": 8, "linear_value_head_dim": 8,
        "layer_types": ["full_attention", "full_attention"],
    }  # fmt: skip
    vision = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 32}
    config = AutoConfig.for_model("qwen3_5", text_config=text, vision_config=vision)
    AutoModelForImageTextToText.from_config(config).save_pretrained(place)
    assert any("visual" in k for k in load_file(place / "model.safetensors"))
    assert load(str(place), device="cpu").next_token([PROMPT], top=1)
    rewritten(place, lambda t: {**t, "model.language_model.layers.2.mlp.up_proj.weight": torch.ones(48, 32)})
    assert "layers.2.mlp.up_proj" in refusal(place)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("tensor", ["model.embed_tokens", "model.layers.1.mlp.up_proj", "model.norm"])
def test_a_weight_that_is_no_number(place: Path, tensor: str, bad: float) -> None:
    tensor = f"{tensor}.weight"

    def spoil(held: Tensors) -> Tensors:
        held[tensor].view(-1)[-1] = bad
        return held

    rewritten(place, spoil)
    for options in ({}, {"dtype": "bfloat16"}):
        line = refusal(place, **options)
        assert f"1 of {load_file(place / 'model.safetensors')[tensor].numel()} in {tensor}" in line


def test_a_weight_that_a_cast_makes_infinite(place: Path) -> None:
    def grow(held: Tensors) -> Tensors:
        held["model.layers.0.mlp.up_proj.weight"][0, 0] = 1e5  # of a row that is scaled down again
        return held

    rewritten(place, grow)
    load(str(place), device="cpu")
    load(str(place), device="cpu", dtype="bfloat16")
    line = refusal(place, dtype="float16")
    assert "1 of 1536 in model.layers.0.mlp.up_proj.weight, as float16" in line
    assert "--dtype float32" in line
    changed(place / "config.json", dtype="float16")  # what the file says of itself
    assert "up_proj" in refusal(place)
    load(str(place), device="cpu", dtype="float32")
    changed(place / "config.json", dtype="bfloat16")
    rewritten(place, lambda t: {**t, "model.norm.weight": torch.full((32,), 3.4e38)})
    assert "model.norm.weight, as bfloat16" in refusal(place, dtype="bfloat16")


def test_a_model_that_computes_no_numbers(place: Path) -> None:
    rewritten(place, lambda t: {k: v * 1e30 if "mlp" in k else v for k, v in t.items()})
    assert "log-probabilities that are no numbers" in refusal(place)


def test_a_weight_in_a_shard(place: Path) -> None:
    sharded(place)
    held = load_file(place / "second.safetensors")
    save_file({k: v * float("nan") for k, v in held.items()}, place / "second.safetensors", {"format": "pt"})
    assert min(held) in refusal(place)


@pytest.mark.parametrize("name", SAMPLE)
def test_no_sound_architecture_is_refused(tmp_path: Path, name: str) -> None:
    place = build(name, tmp_path / "model")
    for options in ({}, {"dtype": "bfloat16"}):
        assert load(str(place), device="cpu", **options).environment["parameters"] > 1000


def test_what_is_refused_is_said_on_one_line_for_many_tensors(place: Path) -> None:
    extra = {f"model.layers.{k}.mlp.up_proj.weight": torch.ones(4) for k in range(2, 900)}
    rewritten(place, lambda t: {**t, **extra})
    line = refusal(place)
    assert "hold 898 tensors" in line
    assert line.endswith("Is config.json that of another model?")
