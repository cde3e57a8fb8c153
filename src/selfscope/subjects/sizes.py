"""How large a model may become: what its configuration asks for is held against what its checkpoint has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from selfscope.errors import BadModel


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
