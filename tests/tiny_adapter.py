"""Small adapters of a tiny model, as peft saves them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any


def adapter_of(model: Path, folder: Path, **settings: Any) -> Path:
    """Saves a LoRA of random numbers. settings: of peft's LoraConfig."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    chosen = {"r": 2, "target_modules": ["q_proj", "down_proj"], "init_lora_weights": False, **settings}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        base = AutoModelForCausalLM.from_pretrained(model)
        get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", **chosen)).save_pretrained(folder)
    return folder
