"""Whether a configuration fits its checkpoint: in its size before a model is made, and tensor by tensor then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from selfscope.errors import BadModel

FP32_UP_TO = 2_000_000_000
"""Parameters of models that are made fp32: its log-probabilities do not change with the shape of a batch."""


class Sizes:
    """What a configuration may make of a checkpoint, counted while torch builds the model from it.

    A configuration can ask for any number of layers and any width. What it makes has to be filled from the
    checkpoint, so that a model with far more modules or numbers than that holds is refused before it is made.
    """

    MODULES = 64
    """Modules for each tensor, with containers, activations and dropouts."""
    TABLES = 2 << 30
    """Bytes that a model may compute for itself: masks and position tables, whose size follows the context."""
    SLACK = 1 << 20

    def __init__(self, what: str, tensors: int, values: int, *, packed: bool) -> None:
        self.what, self.tensors, self.values = what, tensors, values
        # Tied parameters are made twice and kept once; up to eight packed values stand in one.
        self.most = values * (16 if packed else 2) + self.SLACK
        self.modules, self.parameters, self.tables = 0, 0, 0
        self._seen: dict[tuple[int, str], int] = {}

    def check_layers(self, layers: Any) -> None:
        """Raises BadModel for more layers than tensors: configurations make lists of them before any part is built."""
        if isinstance(layers, int) and layers > self.tensors:
            self._refuse(f"{layers} layers for {self.tensors} tensors of weights")

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Raises BadModel from within the building of a model that is too large."""
        from torch.nn.modules import module

        handles = [
            module.register_module_module_registration_hook(self._module),
            module.register_module_parameter_registration_hook(self._parameter),
            module.register_module_buffer_registration_hook(self._buffer),
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _module(self, owner: Any, name: str, module: Any) -> None:
        self.modules += 1
        if self.modules > self.MODULES * self.tensors + 1000:
            self._refuse(f"more than {self.modules - 1} parts of a network for {self.tensors} tensors of weights")

    def _parameter(self, owner: Any, name: str, parameter: Any) -> None:
        self.parameters += self._grown(owner, name, 0 if parameter is None else parameter.numel())
        if self.parameters > self.most:
            made = f"{type(owner).__name__}.{name} of the shape {tuple(parameter.shape)}"
            self._refuse(f"with {made} it has {self.parameters} parameters, and the weights hold {self.values}")

    def _buffer(self, owner: Any, name: str, buffer: Any) -> None:
        size = 0 if buffer is None else buffer.numel() * buffer.element_size()
        self.tables += self._grown(owner, name, size)
        if self.tables > self.TABLES:
            size = self.tables / 2**30
            table = f"{type(owner).__name__}.{name}"
            self._refuse(f"its table {table} takes {size:.0f} GiB: the context (max_position_embeddings) is too long")

    def _grown(self, owner: Any, name: str, size: int) -> int:
        before = self._seen.get((id(owner), name), 0)
        self._seen[id(owner), name] = max(before, size)
        return max(size - before, 0)

    def _refuse(self, why: str) -> None:
        raise BadModel(f"{self.what}: the configuration does not fit the weights: {why}")


def check_fit(name: str, info: dict[str, Any]) -> None:
    """Raises BadModel for a tensor that only one of weights and configuration knows, or that has two shapes.

    transformers leaves out what its classes say may be left out (towers of other tasks, tables that are computed now),
    ties what is tied, and fills what is missing with random numbers.
    """
    mismatched = sorted(info["mismatched_keys"])
    if mismatched:
        tensor, held, wanted = mismatched[0]
        raise BadModel(
            f"the weights of {name} do not fit its configuration: {tensor} has the shape {tuple(held)}, and "
            f"{tuple(wanted)} is wanted{_more(len(mismatched))}: not loaded"
        )
    missing = sorted(info["missing_keys"])
    if missing:
        raise BadModel(
            f"the weights of {name} lack {len(missing)} of the model's tensors ({_first(missing)}): not loaded"
        )
    unexpected = sorted(info["unexpected_keys"])
    if unexpected:
        raise BadModel(
            f"the weights of {name} hold {len(unexpected)} tensors that its configuration has no place for "
            f"({_first(unexpected)}): not loaded. Is config.json that of another model?"
        )


def _more(count: int) -> str:
    return f" (and {count - 1} more)" if count > 1 else ""


def _first(names: list[str]) -> str:
    return ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
