"""Where an architecture keeps its decoder blocks: found by structure, proved by a self-test on the loaded model.

Layer k is the output of block k, counted from 0, before any final norm; -1 is what enters block 0.
Axes: B rows, T tokens, D width, V vocabulary, N rows of states.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from selfscope.errors import BadModel

Hook = Callable[[torch.Tensor], torch.Tensor | None]
"""Given the stream (B, T, D): a new one, or None to leave it."""
PROBE = 5  # tokens of the self-test


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
        """The layer, if it exists. Raises ValueError saying which do."""
        if not -1 <= layer < len(self.blocks):
            raise ValueError(
                f"there is no layer {layer}: this model has 0 to {len(self.blocks) - 1} (outputs of its blocks) "
                "and -1 (what enters the first)"
            )
        return layer

    @contextmanager
    def hooked(self, hooks: Sequence[tuple[int, Hook]]) -> Iterator[None]:
        """Calls each (layer, hook) while the model runs in this block, in the order given. The hooks are gone
        afterwards, also after an exception."""
        handles = []
        try:
            for layer, hook in hooks:
                if layer == -1:
                    handles.append(self.blocks[0].register_forward_pre_hook(_entering(hook), with_kwargs=True))
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


def _entering(hook: Hook) -> Any:
    def call(module: Any, inputs: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if inputs:
            new = hook(inputs[0])
            return None if new is None else ((new, *inputs[1:]), named)
        new = hook(named["hidden_states"])
        return None if new is None else (inputs, {**named, "hidden_states": new})

    return call


def find(model: Any) -> Blocks:
    """The blocks of any causal language model: the list of as many modules as the text configuration has layers.

    Raises BadModel when there is no such list, or the model was compiled (hooks inside a compiled graph are not
    called).
    """
    if hasattr(model, "_orig_mod"):
        raise BadModel("the model is compiled: its layers cannot be read or written. Load it without torch.compile.")
    config = model.config.get_text_config()
    count = int(config.num_hidden_layers)
    decoder = model.get_decoder() if hasattr(model, "get_decoder") else model
    lists = [
        (name, module)
        for name, module in decoder.named_modules()
        if isinstance(module, torch.nn.ModuleList) and len(module) == count
    ]
    if not lists:
        raise BadModel(f"the model has no list of {count} decoder blocks: its activations cannot be read")
    name, blocks = min(lists, key=lambda pair: pair[0].count("."))
    owner = decoder.get_submodule(name.rpartition(".")[0])
    found = next((n for n, module in model.named_modules() if module is blocks), name)
    norm_name, norm = _final_norm(owner, blocks, int(config.hidden_size))
    above = found.rpartition(".")[0]
    return Blocks(
        owner, list(blocks), found, int(config.hidden_size), norm, f"{above}.{norm_name}" if norm is not None else ""
    )


def _final_norm(owner: Any, blocks: Any, width: int) -> tuple[str, Any]:
    """The last module of the owner behind its blocks that has one weight a channel (or none, as OLMo's)."""
    behind, after = [], False
    for name, child in owner.named_children():
        after = after or child is blocks
        if child is blocks or "norm" not in f"{name} {type(child).__name__}".lower():
            continue
        if name.startswith(("embed", "word_embed", "emb")):  # BLOOM's norm of the embeddings
            continue
        weight = getattr(child, "weight", None)
        if weight is None or tuple(weight.shape) == (width,):
            behind.append((after, name, child))
    if not behind:
        return "", None
    _, name, child = max(enumerate(behind), key=lambda pair: (pair[1][0], pair[0]))[1]
    return name, child


@dataclass(frozen=True)
class SelfTest:
    """What the self-test of a model found. failure: empty when all is well, else one clear line."""

    failure: str = ""
    lens_gap: float = 0.0
    output: str = "tensor"


def self_test(model: Any, blocks: Blocks, head: Callable[[torch.Tensor], torch.Tensor], tolerance: float) -> SelfTest:
    """Checks on the user's own model that each block's output is what enters the next, that writing a state back
    changes nothing, and that the final norm and `head` on the last block's output give the model's logits.

    head: normed states (N, D) -> log-probabilities (N, V).
    """
    vocabulary = int(model.config.get_text_config().vocab_size)
    ids = torch.tensor([[(7 * k + 11) % vocabulary for k in range(PROBE)]], device=model.device)
    leaving: dict[int, torch.Tensor] = {}
    entering: dict[int, torch.Tensor] = {}
    kinds: list[str] = []

    def keep(into: dict[int, torch.Tensor], layer: int) -> Hook:
        def hook(stream_BTD: torch.Tensor) -> None:
            into[layer] = stream_BTD.detach().clone()

        return hook

    handles = [
        blocks.blocks[0].register_forward_hook(
            lambda module, inputs, output: kinds.append("tuple" if isinstance(output, tuple) else "tensor")
        )
    ]
    for layer in blocks.layers:
        before = _entering(keep(entering, layer - 1))
        handles.append(blocks.blocks[layer].register_forward_pre_hook(before, with_kwargs=True))
    try:
        with torch.inference_mode(), blocks.hooked([(layer, keep(leaving, layer)) for layer in blocks.layers]):
            clean_TV = model(input_ids=ids, use_cache=False).logits[0].float()
    except (TypeError, KeyError, AttributeError, IndexError) as error:
        return SelfTest(f"its blocks do not take or give a residual stream ({error})")
    finally:
        for handle in handles:
            handle.remove()
    if len(leaving) != len(blocks.blocks):
        return SelfTest(f"{len(blocks.blocks) - len(leaving)} of its blocks did not run in a plain forward")
    shape = (1, PROBE, blocks.width)
    wrong = next((k for k in blocks.layers if tuple(leaving[k].shape) != shape), None)
    if wrong is not None:
        return SelfTest(f"block {wrong} gives {tuple(leaving[wrong].shape)}, not one stream of {shape}")
    broken = next((k for k in blocks.layers[:-1] if not torch.equal(leaving[k], entering[k])), None)
    if broken is not None:
        return SelfTest(f"the output of block {broken} is not what enters block {broken + 1}")
    for layer in (-1, len(blocks.blocks) // 2):
        state_D = (entering if layer < 0 else leaving)[layer][0, 2]

        def back(stream_BTD: torch.Tensor, state_D: torch.Tensor = state_D) -> torch.Tensor:
            new = stream_BTD.clone()
            new[0, 2] = state_D
            return new

        with torch.inference_mode(), blocks.hooked([(layer, back)]):
            again_TV = model(input_ids=ids, use_cache=False).logits[0].float()
        if not torch.equal(again_TV, clean_TV):
            return SelfTest(f"writing a state back at layer {layer} changes the logits")
    # Another prompt with all states of this one from here on must go on as this one: else there is a second stream.
    middle = len(blocks.blocks) // 2
    others = torch.tensor([[(5 * k + 2) % vocabulary for k in range(PROBE)]], device=model.device)
    with torch.inference_mode(), blocks.hooked([(middle, lambda stream_BTD: leaving[middle].clone())]):
        moved_TV = model(input_ids=others, use_cache=False).logits[0].float()
    if not float((moved_TV - clean_TV).abs().max()) < tolerance:
        return SelfTest("what its blocks compute depends on more than one stream (the tokens reach later blocks)")
    with torch.inference_mode():
        lens_TV = head(blocks.normed(leaving[len(blocks.blocks) - 1][0]))
    if lens_TV.shape != clean_TV.shape:
        return SelfTest("its head does not take what its final norm gives")
    gap = float((lens_TV - clean_TV.log_softmax(-1)).abs().max())
    if not gap < tolerance:
        return SelfTest(f"final norm and head on the last block differ from its logits by {gap:.2g} nats", gap)
    return SelfTest("", gap, kinds[0])
