"""Adapters that stand beside the weights of a loaded model: made, switched, stacked and told apart, never merged.

The layers are those of peft (Hu et al. 2021, LoRA). Between two calls none of them acts, so the model is its base, bit
for bit. An *always* adapter acts on every token. A *switched* one acts from the question on (Greenewald et al. 2025,
activated LoRA): what stands before, keys and values included, is the base's own, so a report reads the base's states.

Axes: B rows, T tokens.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import torch

from selfscope.errors import BadInput, BadModel
from selfscope.subjects.blocks import Blocks

ALWAYS, SWITCHED = "always", "switched"
CARRIES = (ALWAYS, SWITCHED)
PREFIX = "base_model.model."
"""What peft puts before the names of the base's modules in its files."""


@dataclass(frozen=True)
class LoraShape:
    """What a low-rank adapter is made of.

    Attributes
    ----------
    rank : int
        Of the product that is added to each weight.
    alpha : float
        The product counts alpha / rank times.
    layers : tuple of int
        Blocks whose linear layers get one, from 0; empty: all of them.
    modules : tuple of str
        Last parts of the names of those linear layers ("q_proj"); empty: all of a block's.

    Raises
    ------
    BadInput
        A rank below 1, or an alpha that is not a finite number above 0.
    """

    rank: int = 8
    alpha: float = 16.0
    layers: tuple[int, ...] = ()
    modules: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise BadInput(f"the rank of an adapter is a number from 1 on, not {self.rank}")
        if not (math.isfinite(self.alpha) and self.alpha > 0):
            raise BadInput(f"the alpha of an adapter is a finite number above 0, not {self.alpha}")


class _Switch:
    """(B, T, 1) where a switched adapter acts in this forward; None: everywhere."""

    gate_BT1: torch.Tensor | None = None


class _SwitchedLinear(torch.nn.Linear):
    """The second matrix of a switched adapter: what it adds is 0 before the question."""

    switch: _Switch

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        out, gate = super().forward(input), self.switch.gate_BT1
        return out if gate is None else out * gate.to(out.dtype)


@dataclass(eq=False)
class Adapter:
    """One adapter of one loaded model. Its weights are trained in place; what it is called counts for nothing.

    Attributes
    ----------
    name : str
        Under which peft has it, unique within the model.
    shape : LoraShape
    carry : str
        always, or switched: from the question on (`Prompt.asked`).
    targets : tuple of str
        Paths of the linear layers that it changes.
    """

    name: str
    shape: LoraShape
    carry: str
    targets: tuple[str, ...]
    layers: list[Any] = field(repr=False)
    switch: _Switch = field(repr=False, default_factory=_Switch)

    def parameters(self) -> list[torch.nn.Parameter]:
        """Its weights, in a fixed order: of each layer in and out."""
        return [module[self.name].weight for layer in self.layers for module in (layer.lora_A, layer.lora_B)]

    @property
    def version(self) -> int:
        """Grows whenever a weight is changed."""
        return sum(p._version for p in self.parameters())

    def state(self) -> dict[str, torch.Tensor]:
        """Copies of its weights, by the names that they have in the files of peft."""
        pairs = zip(names_of(self.targets), self.parameters(), strict=True)
        return {name: p.detach().to("cpu", copy=True) for name, p in pairs}

    def set_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Takes weights that `state` gave. Raises BadInput for other names or shapes."""
        own = self.state()
        if own.keys() != state.keys():
            odd = sorted(own.keys() ^ state.keys())[0]
            raise BadInput(f"these weights are of another adapter: {odd} is in one of the two only")
        for name, p in zip(own, self.parameters(), strict=True):
            if p.shape != state[name].shape:
                raise BadInput(f"{name} has the shape {tuple(state[name].shape)}, and {tuple(p.shape)} is wanted")
            with torch.no_grad():
                p.copy_(state[name])

    @property
    def identity(self) -> str:
        """Hash of its weights and of how it acts."""
        return identity_of(self.carry, self.shape, self.targets, self.state())


def names_of(targets: Sequence[str]) -> list[str]:
    """What the weights of an adapter are called in the files of peft, in the order of `Adapter.parameters`."""
    return [f"{PREFIX}{path}.{part}.weight" for path in targets for part in ("lora_A", "lora_B")]


def identity_of(carry: str, shape: LoraShape, targets: Sequence[str], state: Mapping[str, torch.Tensor]) -> str:
    """Hash of an adapter's weights and of how it acts. state: by `names_of`; raises KeyError where one is not there."""
    digest = sha256(json.dumps([carry, shape.rank, shape.alpha, list(targets)]).encode())
    for name in names_of(targets):
        digest.update(name.encode())
        digest.update(state[name].float().contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]


class AdapterStack:
    """The adapters of one loaded model."""

    def __init__(self, model: Any, blocks: Blocks) -> None:
        self.model, self.blocks = model, blocks
        self.adapters: dict[str, Adapter] = {}
        self.trained: set[str] = set()
        self.made = 0

    def make(self, shape: LoraShape, carry: str = ALWAYS, *, seed: int = 0) -> Adapter:
        """A new adapter, which changes nothing yet: its second matrices are 0.

        Raises BadInput for layers or modules that the model does not have, and BadModel for a model whose linear layers
        peft or the switch cannot take."""
        if carry not in CARRIES:
            raise BadInput(f"an adapter is carried {' or '.join(CARRIES)}, not {carry!r}")
        targets = self._targets(shape)
        name = f"adapter{self.made}"
        layers = self._injected(name, shape, targets, seed)
        adapter = Adapter(name, shape, carry, tuple(targets), layers)
        self.made += 1
        if carry == SWITCHED:
            for layer in layers:
                layer.lora_B[name].__class__ = _SwitchedLinear
                layer.lora_B[name].switch = adapter.switch
        self.adapters[name] = adapter
        self._rest()
        if carry == SWITCHED:
            self._check_switch(adapter)
        return adapter

    def _check_switch(self, adapter: Adapter) -> None:
        """Raises BadModel for a model whose layers do not see the tokens as rows and columns (some experts do not)."""
        kept = adapter.state()
        ids_BT = torch.arange(6, device=self.model.device)[None].repeat(2, 1)  # of one row, a list of tokens passes
        asked_BT = ids_BT >= 3
        with torch.no_grad():
            for p in adapter.parameters():
                p.fill_(0.01)
            base = self.model(input_ids=ids_BT, use_cache=False).logits
            why = ""
            try:
                with self.acting([adapter], asked_BT):
                    on = self.model(input_ids=ids_BT, use_cache=False).logits
                same = torch.equal(on[:, :3], base[:, :3])
                why = "" if same else "what stands before the question is changed"
            except RuntimeError as error:
                why = " ".join(str(error).split())[:200]
        adapter.set_state(kept)
        if why:
            self.remove(adapter)
            raise BadModel(f"this model takes no switched adapter ({why}): carry it always")

    def remove(self, adapter: Adapter) -> None:
        """Takes an adapter off the model; it cannot be put on again."""
        del self.adapters[adapter.name]
        for layer in adapter.layers:
            _switched(layer, [name for name in layer.active_adapters if name != adapter.name],
                      disabled=layer._disable_adapters)  # fmt: skip
            layer.delete_adapter(adapter.name)

    def _targets(self, shape: LoraShape) -> list[str]:
        from transformers.pytorch_utils import Conv1D  # GPT-2's linear layers

        linear = (torch.nn.Linear, Conv1D)
        path = self.blocks.path
        found = []
        for layer in shape.layers or self.blocks.layers:
            block = self.blocks.blocks[self.blocks.layer(layer)]
            names = [n for n, m in block.named_modules() if isinstance(m, linear) or hasattr(m, "base_layer")]
            own = [n for n in names if not shape.modules or n.rpartition(".")[2] in shape.modules]
            own = [n for n in own if not any(part in n.split(".") for part in ("base_layer", "lora_A", "lora_B"))]
            found += [f"{path}.{layer}.{n}" for n in own]
        if not found:
            what = f" called {', '.join(shape.modules)}" if shape.modules else ""
            raise BadInput(f"the model has no linear layers{what} in these blocks: an adapter has nothing to change")
        return found

    def _injected(self, name: str, shape: LoraShape, targets: list[str], seed: int) -> list[Any]:
        from peft import LoraConfig, inject_adapter_in_model

        config = LoraConfig(r=shape.rank, lora_alpha=shape.alpha, target_modules=targets)
        self.model.requires_grad_(False)
        try:
            with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of GPT-2's transposed layers, which peft finds out by itself
                torch.manual_seed(seed)
                inject_adapter_in_model(config, self.model, name)
        except ValueError as error:
            raise BadModel(f"this model's linear layers take no adapter: {error}") from error
        layers = [self.model.get_submodule(path) for path in targets]
        for layer in layers:
            for module in (layer.lora_A, layer.lora_B):
                module[name].float()
        return layers

    def _rest(self) -> None:
        """No adapter acts; those that are trained keep their gradients."""
        for adapter in self.adapters.values():
            for layer in adapter.layers:
                _switched(layer, layer._active_adapter, disabled=True)
            for p in adapter.parameters():
                p.requires_grad_(adapter.name in self.trained)

    @contextmanager
    def training(self, adapter: Adapter) -> Iterator[None]:
        """While this block runs, the adapter's weights get gradients."""
        self.trained.add(adapter.name)
        self._rest()
        try:
            yield
        finally:
            self.trained.discard(adapter.name)
            self._rest()
            for p in adapter.parameters():
                p.grad = None

    @contextmanager
    def acting(self, active: Sequence[Adapter], asked_BT: torch.Tensor | None) -> Iterator[None]:
        """While this block runs, these adapters act: switched ones where asked_BT is true, nowhere where it is None."""
        anywhere = asked_BT is not None and bool(asked_BT.any())
        on = [a for a in active if a.carry == ALWAYS or anywhere]
        if not on:
            yield
            return
        names = [a.name for a in on]
        layers = {id(layer): layer for a in on for layer in a.layers}.values()
        before = [(layer, layer._active_adapter, layer._disable_adapters) for layer in layers]
        try:
            for a in on:
                a.switch.gate_BT1 = asked_BT[..., None] if a.carry == SWITCHED and asked_BT is not None else None
            for layer in layers:
                _switched(layer, [n for n in names if n in layer.lora_A], disabled=False)
            yield
        finally:
            for a in on:
                a.switch.gate_BT1 = None
            for layer, acted, disabled in before:
                _switched(layer, acted, disabled=disabled)


def _switched(layer: Any, active: list[str] | str, *, disabled: bool) -> None:
    """Which adapters of a layer act. peft's own methods also walk over all weights to say which of them get gradients:
    of a token that is sampled that took longer than the adapter itself."""
    layer._active_adapter, layer._disable_adapters = active, disabled
