"""Architectures that `make laws` is run over: tiny configurations, and what is expected of each.

An outcome is what the laws found on the loaded model: ACTIVATIONS (all hold), WORDS (its stream is not offered; the
laws of words hold), REFUSED (not loaded) or FAILS (a law is broken: a fault that is known and not yet mended). An
expected reason is a part of what the run says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

ACTIVATIONS, WORDS, REFUSED, FAILS = "activations", "words only", "refused", "laws fail"


@dataclass(frozen=True)
class Architecture:
    """kind: model_type; sizes: of its configuration; outcome, reason: what the run is expected to find."""

    kind: str
    sizes: dict[str, Any] = field(default_factory=dict)
    outcome: str = ACTIVATIONS
    reason: str = ""


BASE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 256}
WIDE = {**BASE, "intermediate_size": 48}
GQA = {**WIDE, "num_key_value_heads": 2}
HEADS = {**GQA, "head_dim": 8}
FULL = {**HEADS, "num_key_value_heads": 4}
OLD = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256}
TWO = {"layer_types": ["sliding_attention", "full_attention"]}
SHORT, LONG = {**TWO, "sliding_window": 16}, {**TWO, "sliding_window": 512}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24}
LOCAL = {"num_local_experts": 4, "num_experts_per_tok": 2}
LATENT = {
    **FULL, "q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 4, "qk_nope_head_dim": 8, "v_head_dim": 8,
    "head_dim": 4,
}  # fmt: skip
ROUTED = {
    "n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1, "moe_intermediate_size": 24, "n_group": 2,
    "topk_group": 1, "first_k_dense_replace": 1,
}  # fmt: skip
LONGROPE = {
    "rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0] * 4, "long_factor": [4.0] * 4,
    "original_max_position_embeddings": 32,
}  # fmt: skip
DYNAMIC = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 32}
LINEAR = {
    "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 8,
    "layer_types": ["linear_attention", "full_attention"],
}  # fmt: skip
SSM = {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 8}
MAMBA = {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_d_state": 8, "mamba_n_groups": 1, "mamba_chunk_size": 8}
A = Architecture

ARCHITECTURES: dict[str, Architecture] = {
    "afmoe": A("afmoe", {**HEADS, **LONG, **EXPERTS, "num_dense_layers": 1}),
    "apertus": A("apertus", GQA),
    "arcee": A("arcee", GQA),
    "bamba": A("bamba", {**GQA, **MAMBA, "attn_layer_indices": [1]}),
    "bart": A("bart", {"d_model": 32, "decoder_layers": 2, "decoder_attention_heads": 4, "decoder_ffn_dim": 48,
                      "encoder_layers": 2}),
    "bert": A("bert", WIDE, REFUSED, "the model is not causal"),
    "bert-decoder": A("bert", {**WIDE, "is_decoder": True}, WORDS, "its logits are not its output embedding"),
    "big-bird": A("big_bird", WIDE, REFUSED, "the model is not causal"),
    "biogpt": A("biogpt", WIDE),
    "bitnet": A("bitnet", GQA),
    "bloom": A("bloom", {"hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "camembert": A("camembert", WIDE, REFUSED, "the model is not causal"),
    "codegen": A("codegen", {**OLD, "rotary_dim": 4}),
    "cohere": A("cohere", {**GQA, "logit_scale": 0.25}),
    "cohere2": A("cohere2", {**HEADS, **LONG, "logit_scale": 0.25}),
    "cpmant": A("cpmant", {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "dim_head": 8,
                           "dim_ff": 48}, REFUSED, "the model is not causal"),
    "ctrl": A("ctrl", {**OLD, "dff": 48}),
    "cwm": A("cwm", {**HEADS, **LONG}),
    "data2vec-text": A("data2vec-text", WIDE, REFUSED, "the model is not causal"),
    "dbrx": A("dbrx", {
        "d_model": 32, "n_heads": 4, "n_layers": 2, "max_seq_len": 256,
        "attn_config": {"kv_n_heads": 2, "clip_qkv": 8.0, "rope_theta": 10000.0},
        "ffn_config": {"ffn_hidden_size": 48, "moe_num_experts": 4, "moe_top_k": 2, "hidden_size": 32},
    }),
    "deepseek-v2": A("deepseek_v2", {**LATENT, **ROUTED}),
    "deepseek-v3": A("deepseek_v3", {**LATENT, **ROUTED}),
    # Many heads of the index: with few, tokens tie at zero, and which of them is chosen depends on the row's length.
    "deepseek-v32": A("deepseek_v32", {
        **LATENT, **ROUTED, "index_topk": 8, "index_head_dim": 8, "index_n_heads": 16, "mlp_layer_types": None,
    }),
    "diffllama": A("diffllama", GQA),
    "doge": A("doge", {**HEADS, "keep_window_size": 512}),
    "dots1": A("dots1", {**HEADS, **ROUTED}),
    "electra": A("electra", {**WIDE, "embedding_size": 32}, REFUSED, "the model is not causal"),
    "ernie": A("ernie", WIDE, REFUSED, "the model is not causal"),
    "ernie4.5": A("ernie4_5", HEADS),
    "ernie4.5-moe": A("ernie4_5_moe", {
        **HEADS, "moe_num_experts": 4, "moe_k": 2, "moe_intermediate_size": 24, "moe_layer_start_index": 1,
        "moe_num_shared_experts": 1,
    }),
    "exaone4": A("exaone4", {**HEADS, **LONG}),
    "exaone-moe": A("exaone_moe", {**HEADS, **LONG, **EXPERTS, "first_k_dense_replace": 1}),
    "falcon": A("falcon", {**BASE, "new_decoder_architecture": False, "multi_query": True}),
    "falcon-new": A("falcon", {**BASE, "new_decoder_architecture": True, "num_kv_heads": 2}),
    "falcon-alibi": A("falcon", {**BASE, "new_decoder_architecture": False, "multi_query": False, "alibi": True}),
    "falcon-h1": A("falcon_h1", {**HEADS, **MAMBA, "mamba_d_ssm": 64}),
    "falcon-mamba": A("falcon_mamba", SSM),
    "flex-olmo": A("flex_olmo", {**GQA, "num_experts": 4, "num_experts_per_tok": 2}),
    "gemma": A("gemma", HEADS),
    "gemma2": A("gemma2", {**HEADS, **LONG, "final_logit_softcapping": 3.0}),
    "gemma3": A("gemma3_text", {**HEADS, **LONG}),
    "gemma3-window": A("gemma3_text", {**HEADS, **TWO, "sliding_window": 24}),
    "gemma3n": A("gemma3n_text", {
        **HEADS, **LONG, "vocab_size_per_layer_input": 320, "hidden_size_per_layer_input": 8, "laurel_rank": 8,
        "num_kv_shared_layers": 0, "activation_sparsity_pattern": [0.0, 0.0],
    }, WORDS, "block 0 gives"),
    "gemma4": A("gemma4_text", {
        **HEADS, **LONG, "vocab_size_per_layer_input": 320, "hidden_size_per_layer_input": 8, "global_head_dim": 8,
        "num_kv_shared_layers": 0,
    }, WORDS, "what its blocks compute depends on more than one stream"),
    "glm": A("glm", HEADS),
    "glm4": A("glm4", HEADS),
    "glm4-moe": A("glm4_moe", {**HEADS, **ROUTED}),
    "glm4-moe-lite": A("glm4_moe_lite", {**LATENT, **ROUTED}),
    "gpt2": A("gpt2", OLD),
    "gpt2-scaled": A("gpt2", {**OLD, "scale_attn_by_inverse_layer_idx": True, "reorder_and_upcast_attn": True}),
    "gpt-bigcode": A("gpt_bigcode", OLD),
    "gpt-neo": A("gpt_neo", {
        "hidden_size": 32, "num_layers": 2, "num_heads": 4, "max_position_embeddings": 256, "window_size": 16,
        "attention_types": [[["global", "local"], 1]],
    }),
    "gpt-neox": A("gpt_neox", WIDE),
    "gpt-neox-japanese": A("gpt_neox_japanese", WIDE),
    "gpt-oss": A("gpt_oss", {**HEADS, **LONG, **LOCAL}),
    "gptj": A("gptj", {**OLD, "rotary_dim": 4}),
    "granite": A("granite", {**GQA, "logits_scaling": 3.0, "residual_multiplier": 0.5, "attention_multiplier": 0.3}),
    "granite-moe": A("granitemoe", {**GQA, **LOCAL, "logits_scaling": 3.0}),
    "granite-moe-hybrid": A("granitemoehybrid", {
        **GQA, **MAMBA, **LOCAL, "layer_types": ["mamba", "attention"], "shared_intermediate_size": 24,
    }),
    "granite-moe-shared": A("granitemoeshared", {**GQA, **LOCAL, "shared_intermediate_size": 24}),
    "helium": A("helium", HEADS),
    "hunyuan": A("hunyuan_v1_dense", HEADS),
    "hunyuan-moe": A("hunyuan_v1_moe", {**HEADS, "num_experts": 4, "moe_topk": 2}),
    "jamba": A("jamba", {
        **GQA, "num_experts": 2, "num_experts_per_tok": 1, "attn_layer_offset": 1, "attn_layer_period": 2,
        "expert_layer_offset": 1, "expert_layer_period": 2, "mamba_d_state": 8, "use_mamba_kernels": False,
    }),
    "jetmoe": A("jetmoe", {
        "hidden_size": 32, "num_hidden_layers": 2, "num_key_value_heads": 2, "kv_channels": 8, "intermediate_size": 48,
        "num_local_experts": 4, "num_experts_per_tok": 2, "max_position_embeddings": 256,
    }),
    "lfm2": A("lfm2", {**GQA, "layer_types": ["conv", "full_attention"]}),
    "lfm2-moe": A("lfm2_moe", {**GQA, **EXPERTS, "layer_types": ["conv", "full_attention"], "num_dense_layers": 1}),
    "llama": A("llama", GQA),
    "llama-dynamic": A("llama", {**GQA, "rope_parameters": DYNAMIC}),
    "llama4": A("llama4_text", {
        **HEADS, "intermediate_size_mlp": 48, "num_local_experts": 2, "attention_chunk_size": 16,
        "no_rope_layers": [1, 0],
    }, WORDS, "its logits are not its output embedding"),
    "longcat-flash": A("longcat_flash", {
        **LATENT, "num_layers": 2, "ffn_hidden_size": 48, "expert_ffn_hidden_size": 24, "n_routed_experts": 4,
        "moe_topk": 2, "zero_expert_num": 2,
    }, WORDS, "the model has no list of"),
    "mamba": A("mamba", SSM),
    "mamba2": A("mamba2", {**SSM, "num_heads": 8, "head_dim": 8, "n_groups": 1, "chunk_size": 8}),
    "minicpm3": A("minicpm3", LATENT),
    "minimax": A("minimax", {**HEADS, **LOCAL, "layer_types": ["linear_attention", "full_attention"],
                             "block_size": 8}),
    "minimax-m2": A("minimax_m2", {**HEADS, **LOCAL, "rotary_dim": 4}),
    "ministral": A("ministral", {**HEADS, **LONG}),
    "ministral3": A("ministral3", HEADS),
    "mistral": A("mistral", {**HEADS, "sliding_window": None}),
    "mistral-window": A("mistral", {**HEADS, "sliding_window": 16}),
    "mixtral": A("mixtral", {**HEADS, **LOCAL}),
    "modernbert-decoder": A("modernbert-decoder", {
        **WIDE, "global_attn_every_n_layers": 2,
    }, WORDS, "its logits are not its output embedding"),
    "mpt": A("mpt", {"d_model": 32, "n_heads": 4, "n_layers": 2, "max_seq_len": 256, "expansion_ratio": 2}),
    "nanochat": A("nanochat", HEADS),
    "nemotron": A("nemotron", GQA),
    "nemotron-h": A("nemotron_h", {
        **HEADS, "layers_block_type": ["mamba", "attention"], "mamba_num_heads": 8, "mamba_head_dim": 8,
        "ssm_state_size": 8, "n_groups": 1, "chunk_size": 8,
    }),
    "olmo": A("olmo", GQA),
    "olmo2": A("olmo2", GQA),
    "olmo3": A("olmo3", {**GQA, **LONG}),
    "olmoe": A("olmoe", {**GQA, "num_experts": 4, "num_experts_per_tok": 2}),
    "openai-gpt": A("openai-gpt", OLD, WORDS, "its blocks do not take or give a residual stream"),
    "opt": A("opt", {**BASE, "ffn_dim": 48, "word_embed_proj_dim": 32}),
    "opt-projected": A("opt", {
        **BASE, "ffn_dim": 48, "word_embed_proj_dim": 16, "do_layer_norm_before": False,
    }, WORDS, "its head does not take what its final norm gives"),
    "persimmon": A("persimmon", WIDE),
    "phi": A("phi", GQA),
    "phi3": A("phi3", GQA),
    "phi3-longrope": A("phi3", {**GQA, "rope_parameters": LONGROPE, "original_max_position_embeddings": 32}),
    "phimoe": A("phimoe", {**GQA, **LOCAL}),
    "qwen2": A("qwen2", GQA),
    "qwen2-moe": A("qwen2_moe", {**GQA, **EXPERTS, "shared_expert_intermediate_size": 24}),
    "qwen3": A("qwen3", HEADS),
    "qwen3-moe": A("qwen3_moe", {**HEADS, **EXPERTS, "decoder_sparse_step": 1}),
    "qwen3-next": A("qwen3_next", {**HEADS, **EXPERTS, **LINEAR, "shared_expert_intermediate_size": 24}),
    "qwen3.5": A("qwen3_5_text", {**HEADS, **LINEAR}),
    "recurrent-gemma": A("recurrent_gemma", {
        **GQA, "lru_width": 32, "attention_window_size": 64, "block_types": ["recurrent", "attention"],
        "num_key_value_heads": 1,
    }, WORDS, "its logits are not its output embedding"),
    "rembert": A("rembert", {
        **WIDE, "input_embedding_size": 16, "output_embedding_size": 16,
    }, REFUSED, "the model is not causal"),
    "roberta": A("roberta", WIDE, REFUSED, "the model is not causal"),
    "roformer": A("roformer", {**WIDE, "embedding_size": 32}, REFUSED, "the model is not causal"),
    "rwkv": A("rwkv", {"hidden_size": 32, "num_hidden_layers": 2, "context_length": 256, "intermediate_size": 48}),
    "seed-oss": A("seed_oss", HEADS),
    "smollm3": A("smollm3", {**HEADS, "no_rope_layers": [1, 0]}),
    "solar-open": A("solar_open", {**HEADS, **ROUTED}),
    "stablelm": A("stablelm", GQA),
    "starcoder2": A("starcoder2", GQA),
    "vaultgemma": A("vaultgemma", {**HEADS, **LONG}),
    "xglm": A("xglm", {
        "d_model": 32, "num_layers": 2, "attention_heads": 4, "ffn_dim": 48, "max_position_embeddings": 256,
    }),
    "xlm-roberta": A("xlm-roberta", WIDE, REFUSED, "the model is not causal"),
    "xlnet": A("xlnet", {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 48}, REFUSED, "the model is not causal"),
    "xlstm": A("xlstm", {
        "hidden_size": 32, "num_hidden_layers": 2, "num_blocks": 2, "num_heads": 4, "chunk_size": 8,
    }, WORDS, "its logits are not its output embedding"),
    "youtu": A("youtu", LATENT),
    "zamba": A("zamba", {
        **WIDE, "num_key_value_heads": 4, "attention_hidden_size": 64, "attention_head_dim": 16, "mamba_d_state": 8,
        "n_mamba_heads": 2,
        "layers_block_type": ["mamba", "mamba", "hybrid"], "use_mamba_kernels": False, "num_hidden_layers": 3,
    }, WORDS, "what its blocks compute depends on more than one stream"),
    "zamba2": A("zamba2", {
        **WIDE, "mamba_d_state": 8, "mamba_headdim": 8, "n_mamba_heads": 8, "mamba_ngroups": 1, "chunk_size": 8,
        "layers_block_type": ["mamba", "hybrid"], "num_mem_blocks": 1, "adapter_rank": 8,
    }, WORDS, "what its blocks compute depends on more than one stream"),
}  # fmt: skip
