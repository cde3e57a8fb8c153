"""Where an architecture keeps its decoder blocks: found by structure, proved by a self-test on the loaded model.

Layer k is the output of block k, counted from 0, before any final norm; -1 is what enters block 0.
Axes: B rows, T tokens, D width, V vocabulary, N rows of states.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from selfscope.errors import BadInput, BadModel

Hook = Callable[[torch.Tensor], torch.Tensor | None]
"""Given the stream (B, T, D): a new one, or None to leave it."""
Head = Callable[[torch.Tensor], torch.Tensor]
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
        """The layer, if it exists. Raises BadInput saying which do."""
        if not -1 <= layer < len(self.blocks):
            raise BadInput(
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


@lru_cache(maxsize=64)
def _cache_word(forward: Any) -> str:
    return "cache" if "cache" in inspect.signature(forward).parameters else "past_key_values"


def cache_word(model: Any) -> str:
    """How the forward of this model calls its cache of keys and values: the name changed in transformers 5.24."""
    return _cache_word(type(model).forward)


def find(model: Any) -> Blocks:
    """The blocks of any causal language model: the list of as many modules as the text configuration has layers.

    Raises BadModel when there is no such list, or the model was compiled (hooks inside a compiled graph are not
    called).
    """
    if any(hasattr(m, "_orig_mod") or getattr(m, "_compiled_call_impl", None) is not None for m in model.modules()):
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


CHECKS = (
    "its list of decoder blocks is found",
    "every block runs and gives one stream",
    "a block's output is what enters the next",
    "writing a state back changes nothing",
    "the states of a prompt carry all of it",
    "the last layer's lens gives the logits",
)
"""What the self-test checks, in order."""


@dataclass(frozen=True)
class Check:
    """One check of the self-test. outcome: passed | failed | not run (an earlier one failed). note: why it failed, in
    one clear line, or what was measured."""

    name: str
    outcome: str = "passed"
    note: str = ""


@dataclass(frozen=True)
class SelfTest:
    """What the self-test of a model found. output: what a block returns, tensor or tuple."""

    checks: tuple[Check, ...]
    output: str = "tensor"

    @property
    def failure(self) -> str:
        """Why the first check failed; empty when all is well."""
        return next((c.note for c in self.checks if c.outcome == "failed"), "")


def stopped(passed: int, why: str) -> SelfTest:
    """A self-test that could not go on after so many checks."""
    outcomes = ["passed"] * passed + ["failed"] + ["not run"] * (len(CHECKS) - passed - 1)
    notes = [""] * passed + [why] + [""] * (len(CHECKS) - passed - 1)
    return SelfTest(tuple(map(Check, CHECKS, outcomes, notes)))


def self_test(model: Any, blocks: Blocks, head: Head | None, tolerance: float) -> SelfTest:
    """Checks on the user's own model that each block's output is what enters the next, that writing a state back
    changes nothing, that states written over another prompt go on as their own, and that the final norm and `head` on
    the last block's output give the model's logits. A check that failed does not stop those that can still be run.

    head: normed states (N, D) -> log-probabilities (N, V); None where no head gives the model's logits.
    """
    probe = _Probe(model, blocks, tolerance)
    with torch.inference_mode():
        why = probe.run()
        if why:
            return stopped(1, why)
        unlike, gap = probe.lens(head)
        found = ("", "", probe.handed_on(), probe.written_back(), probe.carried(), unlike)
    checks = [Check(name, "failed" if why else "passed", why) for name, why in zip(CHECKS, found, strict=True)]
    if not unlike:
        checks[-1] = Check(CHECKS[-1], note=f"within {gap:.1g} nats" if gap else "exactly")
    return SelfTest(tuple(checks), probe.output)


class _Probe:
    """A short prompt, what each block was given and gave for it, and the logits. Its checks return why they failed."""

    def __init__(self, model: Any, blocks: Blocks, tolerance: float) -> None:
        self.model, self.blocks, self.tolerance = model, blocks, tolerance
        self.leaving: dict[int, torch.Tensor] = {}
        self.entering: dict[int, torch.Tensor] = {}
        self.output = "tensor"

    def logits(self, hooks: Sequence[tuple[int, Hook]] = (), step: int = 7, first: int = 11) -> torch.Tensor:
        """Logits (T, V) of one of the probe's prompts."""
        vocabulary = int(self.model.config.get_text_config().vocab_size)
        ids = torch.tensor([[(step * k + first) % vocabulary for k in range(PROBE)]], device=self.model.device)
        with self.blocks.hooked(hooks):
            logits_TV: torch.Tensor = self.model(input_ids=ids, use_cache=False).logits[0].float()
        return logits_TV

    def run(self) -> str:
        blocks = self.blocks.blocks
        handles = [blocks[0].register_forward_hook(self._note)]
        for layer, block in enumerate(blocks):
            before = _entering(_keep(self.entering, layer - 1))
            handles.append(block.register_forward_pre_hook(before, with_kwargs=True))
        try:
            self.clean_TV = self.logits([(layer, _keep(self.leaving, layer)) for layer in self.blocks.layers])
        except (TypeError, ValueError, KeyError, AttributeError, IndexError, RuntimeError) as error:
            return f"its blocks do not take or give a residual stream ({' '.join(str(error).split())})"
        finally:
            for handle in handles:
                handle.remove()
        if len(self.leaving) != len(blocks):
            return f"{len(blocks) - len(self.leaving)} of its blocks did not run in a plain forward"
        shape = (1, PROBE, self.blocks.width)
        for k in self.blocks.layers:
            if tuple(self.leaving[k].shape) != shape:
                return f"block {k} gives {tuple(self.leaving[k].shape)}, not one stream of {shape}"
        return ""

    def _note(self, module: Any, inputs: Any, output: Any) -> None:
        self.output = "tuple" if isinstance(output, tuple) else "tensor"

    def handed_on(self) -> str:
        for k in self.blocks.layers[:-1]:
            if not torch.equal(self.leaving[k], self.entering[k]):
                return f"the output of block {k} is not what enters block {k + 1}"
        return ""

    def written_back(self) -> str:
        for layer in (-1, len(self.blocks.blocks) // 2):
            state_D = (self.entering if layer < 0 else self.leaving)[layer][0, 2]

            def back(stream_BTD: torch.Tensor, state_D: torch.Tensor = state_D) -> torch.Tensor:
                new = stream_BTD.clone()
                new[0, 2] = state_D
                return new

            if not torch.equal(self.logits([(layer, back)]), self.clean_TV):
                return f"writing a state back at layer {layer} changes the logits"
        return ""

    def carried(self) -> str:
        """Another prompt with all states of this one from a layer on must go on as this one, or there is a second
        stream."""
        middle = len(self.blocks.blocks) // 2
        moved_TV = self.logits([(middle, lambda stream_BTD: self.leaving[middle].clone())], step=5, first=2)
        if float((moved_TV - self.clean_TV).abs().max()) < self.tolerance:
            return ""
        return "what its blocks compute depends on more than one stream (the tokens reach later blocks)"

    def lens(self, head: Head | None) -> tuple[str, float]:
        """Why it failed, and the largest difference to the logits in nats."""
        if head is None:
            return "its logits are not its output embedding on its last states", 0.0
        try:
            lens_TV = head(self.blocks.normed(self.leaving[len(self.blocks.blocks) - 1][0]))
        except (TypeError, ValueError, RuntimeError, AttributeError) as error:
            return f"its head does not take what its final norm gives ({error})", 0.0
        if lens_TV.shape != self.clean_TV.shape:
            return "its head does not take what its final norm gives", 0.0
        gap = float((lens_TV - self.clean_TV.log_softmax(-1)).abs().max())
        if gap < self.tolerance:
            return "", gap
        return f"final norm and head on the last block differ from its logits by {gap:.2g} nats", gap


def _keep(into: dict[int, torch.Tensor], layer: int) -> Hook:
    def hook(stream_BTD: torch.Tensor) -> None:
        into[layer] = stream_BTD.detach().clone()

    return hook
