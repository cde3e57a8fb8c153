"""Where an architecture keeps its decoder blocks: found by structure (`self_test` proves it on the loaded model).

Layer k is the output of block k, counted from 0, before any final norm; -1 is what enters block 0.
Axes: B rows, T tokens, D width, N rows of states.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import torch

from selfscope.errors import BadModel
from selfscope.subjects.places import existing_layer

Hook = Callable[[torch.Tensor], torch.Tensor | None]
"""Given the stream (B, T, D): a new one, or None to leave it."""


@dataclass(frozen=True)
class Blocks:
    """The residual stream of one model. decoder: the module that owns the list of blocks, at `path`. norm: what stands
    between the last block and the head (None: nothing). output: what a block returns, tensor or tuple."""

    decoder: Any
    blocks: Sequence[Any]
    path: str
    width: int
    norm: Any
    norm_path: str
    output: str = "tensor"

    @property
    def layers(self) -> range:
        """Numbers of the blocks."""
        return range(len(self.blocks))

    def layer(self, layer: int) -> int:
        """The layer, if it exists. Raises BadInput saying which do."""
        return existing_layer(layer, len(self.blocks))

    @contextmanager
    def hooked(self, hooks: Sequence[tuple[int, Hook]]) -> Iterator[None]:
        """Calls each (layer, hook) while the model runs in this block, in the order given. The hooks are gone
        afterwards, also after an exception."""
        handles = []
        try:
            for layer, hook in hooks:
                if layer == -1:
                    handles.append(self.blocks[0].register_forward_pre_hook(entering(hook), with_kwargs=True))
                else:
                    handles.append(self.blocks[layer].register_forward_hook(_leaving(hook)))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def normed(self, states_ND: torch.Tensor) -> torch.Tensor:
        """What the head is given: states through the model's own final norm."""
        return states_ND if self.norm is None else self.norm(states_ND)


def _leaving(hook: Hook) -> Any:
    def call(module: Any, inputs: Any, output: Any) -> Any:
        if isinstance(output, tuple):
            new = hook(output[0])
            return None if new is None else (new, *output[1:])
        return hook(output)

    return call


def entering(hook: Hook) -> Any:
    """A forward pre-hook (with keywords) of a block: the hook sees what enters it."""
    def call(module: Any, inputs: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if inputs:
            new = hook(inputs[0])
            return None if new is None else ((new, *inputs[1:]), named)
        new = hook(named["hidden_states"])
        return None if new is None else (inputs, {**named, "hidden_states": new})

    return call


@lru_cache(maxsize=64)
def _cache_word(forward: Any) -> str:
    return "cache" if "cache" in inspect.signature(forward).parameters else "past_key_values"


def cache_word(model: Any) -> str:
    """How the forward of this model calls its cache of keys and values: the name changed in transformers 5.24."""
    return _cache_word(type(model).forward)


_DECODERS: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
"""Where each model has its decoder."""


def decoder_of(model: Any) -> Any:
    """The model without its head. What a family calls its decoder may be the head (ModernBERT): then the base model."""
    if model not in _DECODERS:
        decoder = model.get_decoder() if hasattr(model, "get_decoder") else model
        found = decoder if _lists(decoder, 1, more=True) else getattr(model, "base_model", model)
        _DECODERS[model] = next((name for name, module in model.named_modules() if module is found), "")
    return model.get_submodule(_DECODERS[model])


def _lists(decoder: Any, count: int, *, more: bool = False) -> list[tuple[str, Any]]:
    """Lists of as many modules (or more) in a decoder, by name."""
    return [
        (name, module)
        for name, module in decoder.named_modules()
        if isinstance(module, torch.nn.ModuleList) and (len(module) == count or (more and len(module) > count))
    ]


def find(model: Any) -> Blocks:
    """The blocks of any causal language model: the list of as many modules as the text configuration has layers.

    Raises BadModel when there is no such list, or the model was compiled (hooks inside a compiled graph are not
    called).
    """
    if any(hasattr(m, "_orig_mod") or getattr(m, "_compiled_call_impl", None) is not None for m in model.modules()):
        raise BadModel("the model is compiled: its layers cannot be read or written. Load it without torch.compile.")
    config = model.config.get_text_config()
    count = int(config.num_hidden_layers)
    decoder = decoder_of(model)
    lists = _lists(decoder, count)
    if not lists:
        raise BadModel(f"the model has no list of {count} decoder blocks: its activations cannot be read")
    name, blocks = min(lists, key=lambda pair: pair[0].count("."))
    owner = decoder.get_submodule(name.rpartition(".")[0])
    path = next((n for n, module in model.named_modules() if module is blocks), name)
    return Blocks(owner, list(blocks), path, int(config.hidden_size), None, "")


def final_norms(blocks: Blocks) -> list[Blocks]:
    """The same blocks with each module that may be the final norm, the likeliest first: what the owner has beside its
    blocks with one weight a channel, nothing at all, and what has no weight (OLMo's norm). Which of them it is shows
    when its output gives the model's logits: names differ between families, and BLOOM has a norm of its embeddings.
    """
    weighted, bare, after = [], [], False
    above = blocks.path.rpartition(".")[0]
    for name, child in blocks.decoder.named_children():
        if isinstance(child, torch.nn.ModuleList):
            after = after or list(child) == list(blocks.blocks)
            continue
        weight = getattr(child, "weight", None)
        own = replace(blocks, norm=child, norm_path=f"{above}.{name}" if above else name)
        if weight is None:
            bare.append((after, own))
        elif tuple(weight.shape) == (blocks.width,):
            weighted.append((after, own))
    likely, unlikely = (
        [own for behind in (True, False) for after, own in reversed(found) if after == behind]
        for found in (weighted, bare)
    )
    return [*likely, blocks, *unlikely]
