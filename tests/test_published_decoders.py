"""What others published, read as decoders of our own, and vectors that others read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from decoder_items import QUESTION, contexts
from selfscope.errors import BadInput, BadModel
from selfscope.readers.decoder import Decoder
from selfscope.readers.decoder_files import read_decoder
from selfscope.records import Injection, Option, Outcome, Prompt, Question, Trial, Vector
from selfscope.subjects.local import Local, load
from selfscope.training.control_vectors import load_control_vector, save_control_vector
from selfscope.training.published_oracles import import_oracle
from tiny import build
from tiny_adapter import adapter_of

PUBLISHED: dict[str, Any] = {
    "schema_version": 1, "model_name": "tiny", "hook_onto_layer": 1, "special_token": "?", "steering_coefficient": 1.5,
    "prefix_template": "Layer: {layer}\\n{special_token} * {num_positions} \\n",
    "layer_combinations": [[25], [50], [75]], "act_layer_combinations": [[1], [2], [3]], "lora_r": 2, "seed": 42,
    "a_key_of_tomorrow": {"deep": [1, 2]},
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True)


@pytest.fixture(scope="module")
def tiny(place: Path) -> Iterator[Local]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load(str(place), device="cpu")
    torch.set_num_threads(threads)


@pytest.fixture
def source(place: Path, tmp_path: Path) -> Path:
    folder = adapter_of(place, tmp_path / "published")
    (folder / "ao_config.json").write_text(json.dumps(PUBLISHED))
    return folder


def changed(source: Path, **values: Any) -> Path:
    (source / "ao_config.json").write_text(json.dumps({**PUBLISHED, **values}))
    return source


def trial(subject: Local) -> Trial:
    (evidence,), _ = contexts(subject, 1, seed=3)
    options = (Option("a", "colour"), Option("b", "town"))
    asked = Question("custom", options, {"ask": QUESTION})
    return Trial("t", "p", "s", "c", "k", "test", asked, evidence.prompt, "", "o", base="t", evidence=evidence)


def test_a_published_oracle_is_read_as_it_says(tiny: Local, source: Path, place: Path, tmp_path: Path) -> None:
    contract = import_oracle(tiny, source, tmp_path / "ours")
    assert (contract.form, contract.layer, contract.operator, contract.strength) == ("oracle", 1, "norm_add", 1.5)
    assert (contract.prepared, contract.words.placeholder, contract.words.chat) == ("unit", "?", True)
    assert contract.words.run == "Layer: {layer}\n{slot} \n"
    assert contract.combinations == ((2,), (1,), (3,)), "the middle one is read unless told else"
    kept = read_decoder(str(tmp_path / "ours")).contract
    assert kept == contract
    assert kept.published == PUBLISHED, "whole, keys that nobody knows included"
    one = trial(tiny)
    (found,) = Decoder(str(tmp_path / "ours")).read(tiny, [one])
    assert found.outcome == Outcome.ANSWERED
    # by hand: their prompt, their adapter merged by peft, the direction added in proportion
    merged = load(str(place), adapter=str(source), device="cpu")
    assert one.evidence is not None
    vector = tiny.capture([one.evidence.prompt], [2], [[one.evidence.positions[-1]]]).at(2)[0]
    text = f"<|user|>Layer: 2\n? \n{QUESTION} One of colour, town.<|end|>\n<|assistant|>"
    ids = tuple(tiny.tokenizer(text, add_special_tokens=False)["input_ids"])
    at = tiny.tokenizer.decode(ids[: ids.index(tiny.tokenizer("?", add_special_tokens=False)["input_ids"][0])])
    assert at == "<|user|>Layer: 2\n"
    mark = ids.index(tiny.tokenizer("?", add_special_tokens=False)["input_ids"][0])
    write = Injection(1, Vector.of(vector), (mark,), "norm_add", 1.5)
    scores = merged.score([Prompt(ids=ids, interventions=(write,)), Prompt(ids=ids)], [("colour", "town")] * 2)
    gain = np.array([sum(a) - sum(b) for a, b in zip(*scores, strict=True)])
    wanted = np.exp(gain - gain.max()) / np.exp(gain - gain.max()).sum()
    np.testing.assert_allclose(found.distribution, wanted, atol=1e-4)
    assert Decoder(str(tmp_path / "ours"), layer=3).read(tiny, [one])[0].extra["layer"] == 3
    assert Decoder(str(tmp_path / "ours"), layer=0).read(tiny, [one])[0].outcome == Outcome.UNSUPPORTED


def test_layers_in_one_prompt_and_in_per_cent(tiny: Local, source: Path, tmp_path: Path) -> None:
    contract = import_oracle(tiny, changed(source, act_layer_combinations=[[1, 2]]), tmp_path / "together")
    assert contract.combinations == ((1, 2),)
    (found,) = Decoder(str(tmp_path / "together")).read(tiny, [trial(tiny)])
    assert found.extra["layers"] == [1, 2]
    contract = import_oracle(tiny, changed(source, act_layer_combinations=[]), tmp_path / "depths")
    assert contract.combinations == ((2,), (1,), (3,))


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "layers": ({"act_layer_combinations": [[99]]}, "has 0 to 3"),
    "no layers": ({"act_layer_combinations": [], "layer_combinations": []}, "reads the layers"),
    "text layers": ({"act_layer_combinations": [["x"]]}, "layer combinations are none"),
    "template": ({"prefix_template": "{special_token} and {special_token}"}, "prefix template"),
    "write layer": ({"hook_onto_layer": "1"}, "whole number"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_oracle_is_refused(tiny: Local, source: Path, tmp_path: Path, kind: str) -> None:
    values, line = BAD[kind]
    with pytest.raises(BadModel, match=line):
        import_oracle(tiny, changed(source, **values), tmp_path / "ours")
    assert not (tmp_path / "ours").exists()


def test_an_adapter_of_another_model_or_kind_is_refused(tiny: Local, source: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not one token"):
        import_oracle(tiny, changed(source, special_token=" river"), tmp_path / "ours")
    changed(source)
    file = source / "adapter_model.safetensors"
    held = load_file(file)
    save_file({k.replace("layers.1.", "layers.7."): v for k, v in held.items()}, file)
    with pytest.raises(BadModel, match="is none of"):
        import_oracle(tiny, source, tmp_path / "ours")
    save_file({k.replace(".model.layers", ".net.blocks"): v for k, v in held.items()}, file)
    with pytest.raises(BadModel, match="no linear layer of its blocks"):
        import_oracle(tiny, source, tmp_path / "ours")
    config = json.loads((source / "adapter_config.json").read_text())
    (source / "adapter_config.json").write_text(json.dumps({**config, "use_dora": True}))
    with pytest.raises(BadModel, match="plain LoRA"):
        import_oracle(tiny, source, tmp_path / "ours")
    (source / "ao_config.json").unlink()
    with pytest.raises(BadModel, match="cannot be read"):
        import_oracle(tiny, source, tmp_path / "ours")


def test_vectors_for_layers_go_to_gguf_and_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vectors = {layer: rng.standard_normal(32).astype(np.float32) for layer in (3, 1, 2)}
    file = tmp_path / "vector.gguf"
    save_control_vector(file, vectors, "llama")
    found, hint = load_control_vector(file)
    assert hint == "llama"
    assert list(found) == [1, 2, 3]
    for layer, vector in vectors.items():
        np.testing.assert_array_equal(found[layer], vector)
    with pytest.raises(BadInput, match="one width"):
        save_control_vector(file, {1: np.zeros(3), 2: np.zeros(4)}, "llama")
    with pytest.raises(BadInput, match="from 0 on"):
        save_control_vector(file, {}, "llama")
    file.write_bytes(b"GGUF nothing")
    with pytest.raises(BadModel, match="cannot be read"):
        load_control_vector(file)


def test_a_gguf_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    from gguf import GGUFWriter

    writer = GGUFWriter(tmp_path / "model.gguf", "llama")
    writer.add_tensor("direction.1", np.zeros(4, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(BadModel, match="no control vector"):
        load_control_vector(tmp_path / "model.gguf")
