"""Damaged models: a folder with one file that is cut, changed or of another kind is refused in one line."""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import refused_models
import tiny_llama
from refused_models import changed, refusal, sharded
from selfscope.api import loading as api_loading
from selfscope.errors import BadModel, SelfscopeError
from selfscope.subjects.fit import Sizes
from selfscope.subjects.local import load
from tiny import build

folder = tiny_llama.folder
place = refused_models.place
DEEP = "[" * 10_000 + "]" * 10_000
HUGE = 10**9
FUZZED = int(os.environ.get("SELFSCOPE_FUZZED", "25"))


NO_OBJECTS = {
    "a list": "[1, 2]", "a number": "7", "a string": '"model"', "nothing": "", "null": "null", "deep": DEEP,
    "deep inside": '{"model_type": "llama", "a": ' + DEEP + "}", "no JSON": "{'model_type': 'llama'",
    "cut": '{"model_t',
    "a long number": '{"hidden_size": 1' + "0" * 5000 + "}",
}  # fmt: skip


FILES = (
    "config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", "special_tokens_map.json",
    "added_tokens.json",
)  # fmt: skip


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("kind", NO_OBJECTS)
def test_a_file_that_holds_no_object(place: Path, file: str, kind: str) -> None:
    (place / file).write_text(NO_OBJECTS[kind])
    refusal(place)


@pytest.mark.parametrize("file", FILES)
def test_bytes_that_are_no_text(place: Path, file: str) -> None:
    (place / file).write_bytes(b"\xff\xfe\x00{}" + bytes(range(256)))
    refusal(place)


VALUES: dict[str, list[Any]] = {
    "model_type": [None, 7, "", "nothing-that-exists", ["llama"], "bert-large\n"],
    "num_hidden_layers": [-1, HUGE, "two", None, 2.5],
    "hidden_size": [0, -32, 10**12, 10**30, "wide", None, 33],
    "intermediate_size": [0, -1, 10**15, 47],
    "num_attention_heads": [0, -4, HUGE, 3, "four"],
    "num_key_value_heads": [0, -2, 3, HUGE],
    "head_dim": [0, -8, 7, HUGE],
    "vocab_size": [0, -1, 10**7, 10**13, 5],
    "max_position_embeddings": [0, -5, "long", 1e300, True, [256]],
    "hidden_act": ["nothing", 7, None],
    "rms_norm_eps": ["small", -1e30],
    "rope_parameters": [
        7, {"rope_type": "nothing"}, {"rope_type": "linear"}, {"rope_type": "default", "rope_theta": "x"},
    ],
    "dtype": ["float17"],
    "quantization_config": [7, {}],
    "transformers_weights": ["../model.safetensors", "model.bin", 7],
    "_attn_implementation": ["someone/attention"],
    "attn_implementation": ["someone/attention", "nothing"],
}  # fmt: skip


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, values in VALUES.items() for v in values])
def test_a_configuration_with_a_wrong_value(place: Path, key: str, value: Any) -> None:
    changed(place / "config.json", **{key: value})
    refusal(place)


@pytest.mark.parametrize("end", [float("nan"), "x", 10**40, -1, [[1]], 1.5, {"a": 1}, True, ["</s>"]])
def test_an_end_of_a_turn_that_is_no_token(place: Path, end: Any) -> None:
    changed(place / "generation_config.json", eos_token_id=end)
    refusal(place)


def test_a_configuration_without_its_keys(place: Path) -> None:
    (place / "config.json").write_text("{}")
    refusal(place)
    (place / "config.json").write_text('{"model_type": "llama"}')
    refusal(place)
    (place / "config.json").unlink()
    assert "config.json" in refusal(place)


@pytest.mark.parametrize("name", ["gpt2", "opt"])
def test_a_context_that_the_weights_have_no_positions_for_is_not_allocated(tmp_path: Path, name: str) -> None:
    place = build(name, tmp_path / "model")
    key = "n_positions" if name == "gpt2" else "max_position_embeddings"
    changed(place / "config.json", **{key: 1 << 20})
    assert "Embedding.weight of the shape (10485" in refusal(place)


@pytest.mark.parametrize("name", ["qwen2", "gemma3", "gpt2", "bloom", "mamba"])
def test_layers_without_end(tmp_path: Path, name: str) -> None:
    """Some configurations list the kinds of their layers as they are read, before a model is made."""
    place = build(name, tmp_path / "model")
    config = json.loads((place / "config.json").read_text())
    key = "num_hidden_layers" if "num_hidden_layers" in config else "n_layer"
    config.pop("layer_types", None)
    (place / "config.json").write_text(json.dumps({**config, key: HUGE}))
    assert f"{HUGE} layers for" in refusal(place)


def test_a_table_of_context_times_context_is_not_allocated() -> None:
    """GPT-Neo and its kin keep such a mask in each layer: 1 TiB for a context of 1,048,576."""
    sizes = Sizes("the model x cannot be loaded", 10, 1000, packed=False)
    small, large = (torch.empty((n, n), dtype=torch.bool, device="meta") for n in (2048, 1 << 20))
    with sizes.kept():
        torch.nn.Module().register_buffer("bias", small)
        with pytest.raises(BadModel, match=r"its table Module\.bias takes 1024 GiB"):
            torch.nn.Module().register_buffer("bias", large)
    torch.nn.Module().register_buffer("bias", large)


def test_a_long_context_costs_nothing_where_nothing_is_kept_of_it(place: Path) -> None:
    changed(place / "config.json", max_position_embeddings=1 << 20)
    assert load(str(place), device="cpu").context == 1 << 20


HEADERS: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda b: b"",
    "cut in the length": lambda b: b[:5],
    "cut in the header": lambda b: b[:100],
    "cut in the middle": lambda b: b[: len(b) // 2],
    "cut at the end": lambda b: b[:-1],
    "longer": lambda b: b + b"0000",
    "a header without end": lambda b: struct.pack("<Q", 1 << 62) + b[8:],
    "a header of the whole file": lambda b: struct.pack("<Q", len(b) - 8) + b[8:],
    "no JSON": lambda b: b[:8] + b"x" + b[9:],
    "other places": lambda b: b.replace(b'"data_offsets":[0,', b'"data_offsets":[8,', 1),
    "another type": lambda b: b.replace(b'"F32"', b'"F64"', 1),
    "no such type": lambda b: b.replace(b'"F32"', b'"Q99"', 1),
    "a pickle": lambda b: b"\x80\x04K\x01.",
}


@pytest.mark.parametrize("kind", HEADERS)
def test_weights_that_are_cut_or_lie(place: Path, kind: str) -> None:
    file = place / "model.safetensors"
    damaged = HEADERS[kind](file.read_bytes())
    assert damaged != file.read_bytes()
    file.write_bytes(damaged)
    refusal(place)


TOKENIZERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no model": lambda t: {k: v for k, v in t.items() if k != "model"},
    "another model": lambda t: {**t, "model": {"type": "nothing"}},
    "a vocabulary of lists": lambda t: {**t, "model": {**t["model"], "vocab": [1, 2]}},
    "negative ids": lambda t: {**t, "model": {**t["model"], "vocab": {"a": -1}}},
    "merges of nothing": lambda t: {**t, "model": {**t["model"], "merges": [["zz", "qq"]]}},
    "a step that does not exist": lambda t: {**t, "pre_tokenizer": {"type": "nothing"}},
    "a template without its token": lambda t: {
        **t, "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<q>", "type_id": 0}}],
                                "pair": [], "special_tokens": {}},
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_a_tokenizer_that_is_damaged(place: Path, kind: str) -> None:
    file = place / "tokenizer.json"
    file.write_text(json.dumps(TOKENIZERS[kind](json.loads(file.read_text()))))
    refusal(place)


def test_shards_load_and_an_index_that_is_wrong_is_refused(place: Path) -> None:
    index = sharded(place) / "model.safetensors.index.json"
    load(str(place), device="cpu")
    (place / "second.safetensors").rename(place / "third.safetensors")
    assert "second.safetensors, which is not there" in refusal(place)
    (place / "third.safetensors").rename(place / "second.safetensors")
    for wrong in ({}, {"weight_map": {}}, {"weight_map": ["first.safetensors"]}, {"weight_map": {"a": 7}}):
        index.write_text(json.dumps(wrong))
        assert "index.json" in refusal(place)
    for text in NO_OBJECTS.values():
        index.write_text(text)
        assert "index.json" in refusal(place)
    for far in ("../model/first.safetensors", str(place / "first.safetensors")):
        index.write_text(json.dumps({"weight_map": {"a": far}}))
        assert "not in the model's folder" in refusal(place)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "nothing" in refusal(tmp_path / "empty")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(Exception, match="unknown model"):
        load(str(tmp_path / "loop"))
    for file in ("config.json", "model.safetensors", "tokenizer.json"):
        place = build("llama", tmp_path / f"no-{file}")
        (place / file).unlink()
        (place / file).mkdir()
        refusal(place)
        (place / file).rmdir()
        (place / file).symlink_to(place / file)
        refusal(place)


def test_the_warnings_of_a_damaged_model_do_not_hide_the_line(place: Path) -> None:
    held = load_file(place / "model.safetensors")
    held["model.norm.weight"] = torch.zeros(7)
    save_file(held, place / "model.safetensors", {"format": "pt"})
    assert "model.norm.weight has the shape (7,), and (32,) is wanted" in refusal(place)


NOTHINGS = ("x" * 5000, "/" + "x/" * 2500, "~nobody-of-that-name/model", "a\0b", "./", "a/b/c", "a:b" * 2000)


@pytest.mark.parametrize("name", NOTHINGS)
def test_a_name_of_nothing(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SelfscopeError) as refused:
        api_loading.load(name)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error")])
def test_a_folder_that_cannot_be_read(
    place: Path, error: OSError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(self: Path, *args: Any, **kwargs: Any) -> Any:
        raise error

    for method in ("iterdir", "read_text", "open"):
        with monkeypatch.context() as broken:
            broken.setattr(Path, method, refuses)
            assert str(error.strerror) in refusal(place)


def test_random_damage_ends_in_one_line(folder: Path, tmp_path: Path) -> None:
    """Values of the configuration exchanged, bytes of every file changed or cut: a sound model, or one line."""
    draw = random.Random(11)
    values = [None, True, 0, -1, 1, 7, HUGE, 10**40, 1e300, 0.5, "", "x", [], [1], {}, {"a": 1}, float("nan")]
    refused = 0
    for k in range(FUZZED):
        place = Path(shutil.copytree(folder, tmp_path / str(k)))
        file = draw.choice(sorted(place.iterdir()))
        if k % 2:
            file = place / draw.choice(["config.json", "tokenizer_config.json", "generation_config.json"])
            held = json.loads(file.read_text())
            changed(file, **{draw.choice(sorted(held)): draw.choice(values)})
        else:
            data = bytearray(file.read_bytes())
            for _ in range(draw.choice([1, 4, 40])):
                data[draw.randrange(min(len(data), 4000))] = draw.randrange(256)
            file.write_bytes(data[: draw.choice([len(data), draw.randrange(len(data))])])
        try:
            load(str(place), device="cpu")
        except BadModel as error:
            refused += 1
            assert "\n" not in str(error), k  # noqa: PT017
        shutil.rmtree(place)
    assert refused > FUZZED // 3
