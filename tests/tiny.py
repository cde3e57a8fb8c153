"""Tiny random models of many architectures, saved as folders that `load` reads: weights large enough that a wrong mask,
position or cache changes the log-probabilities, norm weights perturbed (the default of one hides a missing norm)."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

import architectures
from architectures import BASE, GQA, HEADS
from selfscope.records import Cost
from selfscope.subjects.local import Local, load
from tested_device import HERE

__all__ = ["ARCHITECTURES", "GQA", "HEADS", "SAMPLE", "SIZES", "build", "loaded", "tokenizer"]
SIZES = BASE
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
TEXTS = [
    "The river runs through the old town and under the stone bridge.",
    "Name a colour. Blue is a colour, and so is red.",
    "Which of the two numbers is larger, seven or eleven?", "A short answer is enough: yes, no, or perhaps later.",
]  # fmt: skip
SAMPLE = (
    "llama", "qwen2", "gemma3", "gemma3-window", "mistral-window", "gpt2", "gpt-neox", "opt", "bloom", "phi3", "cohere",
    "granite", "gemma2", "gptj", "llama4", "qwen3", "mistral", "olmo2", "falcon", "qwen3-moe", "mamba",
)  # fmt: skip
"""Those that the default tests take; `make laws` takes the whole table."""
ARCHITECTURES = {name: (one.kind, one.sizes) for name, one in architectures.ARCHITECTURES.items()}
COUNTS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers", "decoder_layers", "encoder_layers", "num_blocks")
KINDS = (
    "activation_sparsity_pattern", "attention_types", "layer_types", "no_rope_layers", "layers_block_type",
    "block_types",
)  # fmt: skip


def tokenizer(*, chat: bool = True, bos: bool = True) -> PreTrainedTokenizerFast:
    """A byte-level BPE of about 300 tokens; with `bos` it puts <s> before a text, as Llama's and Gemma's do."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    special = ["<s>", "</s>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )  # fmt: skip
    made.train_from_iterator(TEXTS, trainer)
    if bos:
        made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    found = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", pad_token="</s>")
    if chat:
        found.chat_template = TEMPLATE
    return found


def deeper(sizes: dict[str, Any]) -> dict[str, Any]:
    """The same with twice as many layers."""
    twice = {k: 2 * v for k, v in sizes.items() if k in COUNTS}
    kinds = {k: v * 2 for k, v in sizes.items() if k in KINDS}
    return {**sizes, **twice, **kinds}


def build(
    name: str,
    folder: Path,
    *,
    chat: bool = True,
    with_tokenizer: bool = True,
    deep: bool = False,
    roomy: bool = False,
    vocabulary: int | None = None,
) -> Path:
    """Saves the architecture's tiny model with its tokenizer; the same weights every time. deep: four layers. roomy:
    a context of 4096 tokens (a tokenizer of 300 tokens spells nearly every letter). vocabulary: ids that it knows,
    for other tokenizers than its own."""
    kind, sizes = ARCHITECTURES[name]
    sizes = deeper(sizes) if deep else sizes
    sizes = {**sizes, "max_position_embeddings": 4096} if roomy else sizes
    words = tokenizer(chat=chat)
    marks = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    config = AutoConfig.for_model(kind, vocab_size=vocabulary or len(words), **marks, **sizes)
    torch.manual_seed(7)
    model = AutoModelForCausalLM.from_config(config).float()
    with torch.no_grad():
        for weight in model.parameters():
            noise = torch.randn_like(weight)
            if weight.ndim >= 2:
                weight.copy_(0.25 * noise)
            else:  # norms are near one (or near zero where the family adds one), biases near zero
                weight.add_(0.2 * noise)
    model.save_pretrained(folder)
    if with_tokenizer:
        words.save_pretrained(folder)
    return folder


_folders = TemporaryDirectory()


@cache
def _kept(name: str) -> Local:
    return load(str(build(name, Path(_folders.name) / name, deep=True)), **HERE)


def loaded(name: str) -> Local:
    """The deep model, loaded once a process, where SELFSCOPE_TEST_DEVICE says; what was spent on it is forgotten."""
    return replace(_kept(name), spent=Cost(), near_ties=0, idle=0)
