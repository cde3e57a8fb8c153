"""A tiny model as a GGUF file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
}  # fmt: skip
WHOLE = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
         "lm_head.weight": "output.weight"}  # fmt: skip


def gguf_of(folder: Path, file: Path, **changed: Any) -> Path:
    """Writes the file of a tiny qwen2. changed: numbers of its header, `layers` and `architecture` among them."""
    from gguf import GGUFWriter

    config = json.loads((folder / "config.json").read_text())
    words = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = sorted(words["model"]["vocab"].items(), key=lambda pair: pair[1])
    special = {t["content"] for t in words["added_tokens"]}
    writer = GGUFWriter(file, changed.get("architecture", "qwen2"))
    writer.add_block_count(changed.get("layers", config["num_hidden_layers"]))
    writer.add_context_length(changed.get("context", config["max_position_embeddings"]))
    writer.add_embedding_length(changed.get("width", config["hidden_size"]))
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(10000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([token for token, _ in vocabulary])
    writer.add_token_types([3 if token in special else 1 for token, _ in vocabulary])
    writer.add_token_merges([" ".join(pair) for pair in words["model"]["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_chat_template((folder / "chat_template.jinja").read_text())
    for key, value in sorted(load_file(folder / "model.safetensors").items()):
        name = WHOLE.get(key, "")
        if not name:
            _, _, layer, *middle, last = key.split(".")
            name = f"blk.{layer}.{NAMES['.'.join(middle)]}.{last}"
        writer.add_tensor(name, value.float().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file
