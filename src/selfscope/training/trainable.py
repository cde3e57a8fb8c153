"""What the loop may train: an adapter, tensors that are written in the place of vectors, or both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch

from selfscope.records import Prompt, Vector
from selfscope.subjects.live_adapters import Adapter
from selfscope.subjects.local_weights import LocalWeights
from selfscope.training.examples import Example


@runtime_checkable
class Trainable(Protocol):
    """A handle on weights that are trained in place."""

    @property
    def configuration(self) -> Any:
        """All that decides what is trained, JSON-ready: two runs of one configuration and data are one run."""
        ...

    def parameters(self) -> list[torch.nn.Parameter]:
        """The weights, in a fixed order."""
        ...

    def state(self) -> dict[str, torch.Tensor]:
        """Copies of the weights by name."""
        ...

    def set_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Takes what `state` gave. Raises BadInput for other names or shapes."""
        ...

    def adapters(self) -> list[Adapter]:
        """Those that act while it is used, whether they are trained or not."""
        ...

    def written(self, prompts: Sequence[Prompt]) -> Mapping[Vector, torch.Tensor]:
        """What is written in the place of vectors of these prompts, with its gradient; others are written as they
        are."""
        ...


@runtime_checkable
class Scorer(Protocol):
    """What is trained and scores its examples in a way of its own, as where they are read through a decoder."""

    def forwards(self, part: Sequence[Example]) -> list[list[Example]]:
        """The examples in lists, each of which can be scored in one forward."""
        ...

    def scored(self, subject: LocalWeights, part: Sequence[Example]) -> AbstractContextManager[list[torch.Tensor]]:
        """(C,) log-probabilities of the candidates of each example. Backward is called within the block, and weights
        have their gradients when it is left."""
        ...


@dataclass(frozen=True)
class Worn:
    """An adapter that is trained, and what else acts."""

    trained: tuple[Adapter, ...]

    @property
    def configuration(self) -> Any:
        """Shape, carry and targets of each; of one adapter they stand bare."""
        each = [(a.shape, a.carry, a.targets) for a in self.trained]
        return each[0] if len(each) == 1 else each

    def parameters(self) -> list[torch.nn.Parameter]:
        """See `Trainable`."""
        return [p for adapter in self.trained for p in adapter.parameters()]

    def state(self) -> dict[str, torch.Tensor]:
        """As peft names them: of one adapter."""
        return {name: tensor for adapter in self.trained for name, tensor in adapter.state().items()}

    def set_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """See `Trainable`."""
        for adapter in self.trained:
            adapter.set_state(state)

    def adapters(self) -> list[Adapter]:
        """See `Trainable`."""
        return list(self.trained)

    def written(self, prompts: Sequence[Prompt]) -> Mapping[Vector, torch.Tensor]:
        """Nothing."""
        return {}


def trainable_of(what: Trainable | Adapter | Sequence[Adapter]) -> Trainable:
    """An adapter, or several that act together, as what the loop takes."""
    if isinstance(what, Adapter):
        return Worn((what,))
    return what if isinstance(what, Trainable) else Worn(tuple(what))


@contextmanager
def getting_gradients(subject: LocalWeights, what: Trainable) -> Iterator[None]:
    """While this block runs, its weights get gradients in `candidate_logprobs`; nothing else does."""
    own = {id(p) for p in what.parameters()}
    trained = [a for a in what.adapters() if any(id(p) in own for p in a.parameters())]
    others = [p for p in what.parameters() if not any(p is q for a in trained for q in a.parameters())]
    for p in others:
        p.requires_grad_(True)
    try:
        if trained:
            with subject.training(trained[0]):
                yield
        else:
            yield
    finally:
        for p in others:
            p.requires_grad_(False)
            p.grad = None
