"""Local subjects: what a folder or a name must hold to be loaded, and in which words it is refused."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import pytest
import torch

import tiny_llama
from selfscope.errors import BadModel, UnknownName
from selfscope.records import Prompt
from selfscope.subjects import bundled_models
from selfscope.subjects.local import Local, load
from tiny import build
from tiny_llama import ASKED

folder = tiny_llama.folder
subject = tiny_llama.subject


def test_unknown_names_list_what_exists(tmp_path: Path) -> None:
    for name in ("smollm2-135", "./nowhere", str(tmp_path / "gone")):
        with pytest.raises(UnknownName, match="smollm2-135m"):
            load(name)
    with pytest.raises(UnknownName, match="Did you mean 'smollm2-135m'"):
        load("smollm2-135")


def test_a_folder_without_tokenizer_or_weights_is_refused(folder: Path, tmp_path: Path) -> None:
    bare = build("llama", tmp_path / "bare", with_tokenizer=False)
    with pytest.raises(BadModel, match="no tokenizer"):
        load(str(bare))
    pickled = tmp_path / "pickled"
    shutil.copytree(folder, pickled)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(BadModel, match=r"no safetensors weights.*pytorch_model.bin"):
        load(str(pickled))
    with pytest.raises(BadModel, match=r"not \.gguf"):
        load(str(pickled / "pytorch_model.bin"))


def test_broken_weights_are_refused_not_invented(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    for case in ("cut", "missing", "config"):
        shutil.copytree(folder, tmp_path / case)
    weights = tmp_path / "cut" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(BadModel, match="cannot be loaded"):
        load(str(tmp_path / "cut"))
    # transformers fills in random numbers for what a file lacks; a subject must not be made of them
    held = load_file(tmp_path / "missing" / "model.safetensors")
    gone = sorted(k for k in held if "layers.1" in k)[0]
    kept = {k: v for k, v in held.items() if k != gone}
    save_file(kept, tmp_path / "missing" / "model.safetensors", {"format": "pt"})
    with pytest.raises(BadModel, match=gone):
        load(str(tmp_path / "missing"))
    (tmp_path / "config" / "config.json").write_text(json.dumps({"model_type": "nothing-that-exists"}))
    with pytest.raises(BadModel):
        load(str(tmp_path / "config"))


def test_unknown_dtype_and_device(folder: Path) -> None:
    with pytest.raises(UnknownName, match="float32"):
        load(str(folder), dtype="fp32")
    with pytest.raises(BadModel, match="device 'gpu7'"):
        load(str(folder), device="gpu7")


def test_an_adapter_changes_the_subject_and_its_identity(folder: Path, subject: Local, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    settings = LoraConfig(r=2, target_modules=["q_proj", "down_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    with warnings.catch_warnings():  # peft asks transformers for names that it is about to drop
        warnings.simplefilter("ignore", FutureWarning)
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(folder), settings)
    model.save_pretrained(tmp_path)
    adapted = load(str(folder), adapter=str(tmp_path), device="cpu")
    assert adapted.identity != subject.identity
    assert adapted.environment["adapter"] == str(tmp_path)
    ids = (9, 30, 12, 40)
    with torch.inference_mode():
        wanted_V = model(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
    got = adapted.next_token([Prompt(ids=ids)], ids=[5, 50])[0].logprobs
    assert got == pytest.approx(wanted_V[[5, 50]].tolist(), abs=1e-4)
    assert got != pytest.approx(subject.next_token([Prompt(ids=ids)], ids=[5, 50])[0].logprobs, abs=1e-2)
    with pytest.raises(BadModel, match="adapter"):
        load(str(folder), adapter=str(tmp_path / "nowhere"))


@pytest.mark.slow
def test_the_packaged_gguf_file_loads_as_its_converted_copy() -> None:
    converted = load("smollm2-135m", device="cpu")
    direct = load(str(bundled_models.gguf("smollm2-135m")), device="cpu")
    assert direct.chat
    assert direct.encode(ASKED) == converted.encode(ASKED)
    one, other = (s.next_token([ASKED], top=20)[0] for s in (converted, direct))
    assert one.ids == other.ids
    assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)
