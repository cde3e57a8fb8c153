"""Tiny random models of many architectures, saved as folders that `load` reads: weights large enough that a wrong mask,
position or cache changes the log-probabilities, norm weights perturbed (the default of one hides a missing norm)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
TEXTS = [
    "The river runs through the old town and under the stone bridge.",
    "Name a colour. Blue is a colour, and so is red.",
    "Which of the two numbers is larger, seven or eleven?", "A short answer is enough: yes, no, or perhaps later.",
]  # fmt: skip
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 256}
GQA = {**SIZES, "intermediate_size": 48, "num_key_value_heads": 2}
HEADS = {**GQA, "head_dim": 8}
SHORT = {"layer_types": ["sliding_attention", "full_attention"], "sliding_window": 16}
ARCHITECTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", GQA),
    "qwen2": ("qwen2", GQA),
    "gemma3": ("gemma3_text", {**HEADS, **SHORT, "sliding_window": 512}),
    "gemma3-window": ("gemma3_text", {**HEADS, **SHORT, "sliding_window": 24}),
    "mistral-window": ("mistral", {**HEADS, "sliding_window": 16}),
    "gpt2": ("gpt2", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256}),
    "gpt-neox": ("gpt_neox", {**SIZES, "intermediate_size": 48}),
    "opt": ("opt", {**SIZES, "ffn_dim": 48, "word_embed_proj_dim": 32}),
    "bloom": ("bloom", {"hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "phi3": ("phi3", GQA),
    "cohere": ("cohere", {**GQA, "logit_scale": 0.25}),
    "granite": ("granite", {**GQA, "logits_scaling": 3.0, "residual_multiplier": 0.5, "attention_multiplier": 0.3}),
    "gemma2": ("gemma2", {**HEADS, **SHORT, "sliding_window": 512, "final_logit_softcapping": 3.0}),
    "gptj": ("gptj", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256, "rotary_dim": 4}),
    "llama4": ("llama4_text", {
        **HEADS, "intermediate_size_mlp": 48, "num_local_experts": 2, "attention_chunk_size": 16,
        "no_rope_layers": [1, 0],
    }),
    "qwen3": ("qwen3", HEADS),
    "mistral": ("mistral", {**HEADS, "sliding_window": None}),
    "olmo2": ("olmo2", GQA),
    "falcon": ("falcon", {**SIZES, "new_decoder_architecture": False, "multi_query": True}),
    "qwen3-moe": ("qwen3_moe", {
        **HEADS, "moe_intermediate_size": 24, "num_experts": 4, "num_experts_per_tok": 2, "decoder_sparse_step": 1,
    }),
    "mamba": ("mamba", {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 8}),
}


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
    twice = {k: 2 * v for k, v in sizes.items() if k in ("num_hidden_layers", "n_layer")}
    kinds = {k: v * 2 for k, v in sizes.items() if k in ("layer_types", "no_rope_layers")}
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
