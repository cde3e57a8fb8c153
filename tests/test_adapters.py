"""Adapters: every tensor of one has a place in its base and moves that place alone, or it is refused by name."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import refused_models
import tiny_llama
from refused_models import changed, refusal
from selfscope.records import Prompt
from selfscope.subjects.local import Local, load
from tiny_adapter import adapter_of

folder = tiny_llama.folder
place = refused_models.place
subject = tiny_llama.subject
IDS = (9, 30, 12, 40)
Tensors = dict[str, torch.Tensor]


@pytest.fixture
def adapter(folder: Path, tmp_path: Path) -> Path:
    return adapter_of(folder, tmp_path / "adapter")


def rewritten(adapter: Path, change: Callable[[Tensors], Tensors]) -> None:
    file = adapter / "adapter_model.safetensors"
    save_file(change(load_file(file)), file, {"format": "pt"})


def logprobs(subject: Local) -> tuple[float, ...]:
    return subject.next_token([Prompt(ids=IDS)], ids=range(320))[0].logprobs


CHANGES: dict[str, tuple[Callable[[Tensors], Tensors], str]] = {
    "match nothing": (lambda t: {k.replace(".model.layers", ".net.blocks"): v for k, v in t.items()}, "net.blocks.0"),
    "match half": (lambda t: {k.replace("layers.1", "layers.7"): v for k, v in t.items()}, "layers.7."),
    "one too many": (lambda t: {**t, "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight": torch.ones(2, 32)},
                     "up_proj.lora_A"),
    "without A": (lambda t: {k: v for k, v in t.items() if "lora_A" not in k}, "layers.0.mlp.down_proj.lora_A"),
    "without one": (lambda t: dict(sorted(t.items())[:-1]), "layers.1.self_attn.q_proj.lora_B"),
    "none": (lambda t: {}, "layers.0.mlp.down_proj.lora_A"),
    "wide": (lambda t: {k: torch.cat([v, v], 1) if "q_proj.lora_A" in k else v for k, v in t.items()},
             "layers.0.self_attn.q_proj.lora_A"),
    "another rank": (lambda t: {k: v.repeat(2, 1) if "lora_A" in k else v.repeat(1, 2) for k, v in t.items()},
                     "lora_A"),
    "nan": (lambda t: {k: v * float("nan") if "layers.1.mlp" in k else v for k, v in t.items()},
            "layers.1.mlp.down_proj.lora_A"),
    "infinite": (lambda t: {k: v * float("inf") if "lora_B" in k else v for k, v in t.items()}, "lora_B"),
    "flat": (lambda t: {k: v.flatten() for k, v in t.items()}, "lora_A"),
}  # fmt: skip


@pytest.mark.parametrize("kind", CHANGES)
def test_an_adapter_that_does_not_fit(folder: Path, adapter: Path, kind: str) -> None:
    change, tensor = CHANGES[kind]
    rewritten(adapter, change)
    line = refusal(folder, adapter=str(adapter))
    assert tensor in line
    assert "adapter" in line


def test_an_adapter_of_another_base(folder: Path, adapter: Path) -> None:
    for values in ({"target_modules": ["nothing"]}, {"r": 4}, {"r": 0}, {"r": -2}, {"r": "two"}, {"lora_alpha": "x"}):
        saved = (adapter / "adapter_config.json").read_text()
        changed(adapter / "adapter_config.json", **values)
        refusal(folder, adapter=str(adapter))
        (adapter / "adapter_config.json").write_text(saved)


@pytest.mark.parametrize("text", ["[]", "7", "", "{}", '{"peft_type": "NOTHING"}', '{"peft_type": 7}', "[" * 10_000])
def test_a_damaged_configuration(folder: Path, adapter: Path, text: str) -> None:
    (adapter / "adapter_config.json").write_text(text)
    refusal(folder, adapter=str(adapter))


TIED: dict[str, dict[str, Any]] = {
    "the embeddings": {"target_modules": ["q_proj", "embed_tokens"]},
    "the head": {"target_modules": ["q_proj", "lm_head"]},
    "the embeddings, kept whole": {"modules_to_save": ["embed_tokens"]},
    "the head, kept whole": {"modules_to_save": ["lm_head"]},
    "some tokens": {"trainable_token_indices": [5, 6]},
}


@pytest.mark.parametrize("kind", TIED)
def test_what_the_base_has_tied_is_not_moved(place: Path, tmp_path: Path, kind: str) -> None:
    """Merged into the one, it would change the other: what is loaded would not be what was trained."""
    adapted = adapter_of(place, tmp_path / "loose", **TIED[kind])  # a base whose two are apart takes it
    load(str(place), adapter=str(adapted), device="cpu")
    held = load_file(place / "model.safetensors")
    del held["lm_head.weight"]
    save_file(held, place / "model.safetensors", {"format": "pt"})
    changed(place / "config.json", tie_word_embeddings=True)
    load(str(place), device="cpu")
    adapted = adapter_of(place, tmp_path / "tied", **TIED[kind])
    line = refusal(place, adapter=str(adapted))
    assert "tied to" in line
    assert ("lm_head" if "head" in kind else "embed_tokens") in line.split(" changes ")[0]


def test_merged_and_unmerged_agree(folder: Path, subject: Local, tmp_path: Path) -> None:
    """Of each kind that is taken: LoRA, with scales, with decomposition, with modules kept whole, and IA3."""
    from peft import IA3Config, PeftModel, get_peft_model
    from transformers import AutoModelForCausalLM

    kinds: dict[str, Any] = {
        "lora": {}, "rslora": {"use_rslora": True}, "dora": {"use_dora": True},
        "head": {"r": 3, "modules_to_save": ["lm_head"]},
        "embeddings": {"target_modules": ["embed_tokens", "lm_head"]}, "all": {"target_modules": "all-linear"},
    }  # fmt: skip
    made = {kind: adapter_of(folder, tmp_path / kind, **settings) for kind, settings in kinds.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings = IA3Config(
            task_type="CAUSAL_LM", target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"]
        )
        made["ia3"] = tmp_path / "ia3"
        get_peft_model(AutoModelForCausalLM.from_pretrained(folder), settings).save_pretrained(made["ia3"])
        for kind in ("dora", "ia3"):  # what they scale by begins as no change
            rewritten(made[kind], lambda t: {k: v * torch.linspace(0.5, 2, len(v))[(...,) + (None,) * (v.ndim - 1)]
                                             for k, v in t.items()})  # fmt: skip
        seen = {"none": logprobs(subject)}
        for kind, adapted in made.items():
            model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder), adapted).eval()
            with torch.inference_mode():
                wanted_V = model(torch.tensor([IDS])).logits[0, -1].log_softmax(-1)
            got = logprobs(load(str(folder), adapter=str(adapted), device="cpu"))
            assert got == pytest.approx(wanted_V.tolist(), abs=1e-4), kind
            seen[kind] = got
    assert len(set(seen.values())) == len(seen), "each of them changes something"


def test_an_adapter_that_is_not_there(folder: Path, tmp_path: Path) -> None:
    assert "there is no folder" in refusal(folder, adapter=str(tmp_path / "nowhere"))
    (tmp_path / "file").write_text("x")
    refusal(folder, adapter=str(tmp_path / "file"))
    (tmp_path / "empty").mkdir()
    assert "is empty" in refusal(folder, adapter=str(tmp_path / "empty"))


def test_an_adapter_reads_no_file_but_its_own(folder: Path, adapter: Path, subject: Local) -> None:
    (adapter / "README.md").write_text("words")
    (adapter / "config.json").write_text(json.dumps([]))
    load(str(folder), adapter=str(adapter), device="cpu")
