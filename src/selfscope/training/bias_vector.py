"""One trained vector, added to the residual stream behind one block: how much of a gain was mere willingness.

It has D numbers and cannot compute anything of a state that the model does not compute already. What it reaches with
the same lesson is what a push in one direction reaches (Macar et al. 2026 train such vectors for injected thoughts).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from selfscope.errors import BadInput
from selfscope.records import Injection, Prompt, Vector
from selfscope.subjects.live_adapters import ALWAYS, CARRIES, SWITCHED, Adapter
from selfscope.subjects.local_weights import LocalWeights
from selfscope.training.examples import Example


@dataclass(frozen=True)
class BiasShape:
    """Where the vector is added.

    Attributes
    ----------
    layer : int
        Behind which block, from 0.
    """

    layer: int


@dataclass(eq=False)
class BiasVector:
    """A vector that is trained; see `Trainable`. Make one with `new_bias`.

    Attributes
    ----------
    shape : BiasShape
        Where it is added.
    carry : str
        always: to every token; switched: from the question on.
    size : float
        Numbers of the vector are this times what is trained, so that one rate suits every model.
    trained : Parameter
        (D,) at first 0.
    """

    shape: BiasShape
    carry: str
    size: float
    trained: torch.nn.Parameter
    marker: Vector = field(repr=False)

    @property
    def configuration(self) -> Any:
        """See `Trainable`."""
        return ["bias vector", self.shape.layer, self.carry, self.size]

    def parameters(self) -> list[torch.nn.Parameter]:
        """See `Trainable`."""
        return [self.trained]

    def state(self) -> dict[str, torch.Tensor]:
        """See `Trainable`."""
        return {"bias": self.trained.detach().to("cpu", copy=True)}

    def set_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """See `Trainable`."""
        if list(state) != ["bias"] or state["bias"].shape != self.trained.shape:
            raise BadInput(f"these weights are of something else than a bias vector of {len(self.trained)} numbers")
        with torch.no_grad():
            self.trained.copy_(state["bias"])

    def adapters(self) -> list[Adapter]:
        """None."""
        return []

    def written(self, prompts: Sequence[Prompt]) -> Mapping[Vector, torch.Tensor]:
        """See `Trainable`."""
        return {self.marker: self.trained * self.size}

    def on(self, examples: Sequence[Example]) -> list[Example]:
        """The examples with the vector where it acts: to be trained on, or measured.

        Parameters
        ----------
        examples : sequence of Example
            Of any lesson.
        """
        return [replace(e, prompt=self._in(e.prompt)) for e in examples]

    def _in(self, prompt: Prompt) -> Prompt:
        if self.carry == ALWAYS:
            own = [_added(self.shape, self.marker)]
        elif prompt.asked:
            place = {"schedule": "span", "span_text": prompt.asked}
            own = [Injection(self.shape.layer, self.marker, operator="add", **place)]  # type: ignore[arg-type]
        else:
            own = []
        return replace(prompt, interventions=(*prompt.interventions, *own))

    def injections(self) -> tuple[Injection, ...]:
        """As it is now, for `intervened` and on disk. Raises BadInput for one that is switched: its place is another in
        every prompt."""
        if self.carry == SWITCHED:
            raise BadInput("a bias vector from the question on stands in no row by itself: carry it always")
        return (_added(self.shape, Vector.of((self.trained.detach() * self.size).cpu().numpy())),)


def _added(shape: BiasShape, vector: Vector) -> Injection:
    return Injection(shape.layer, vector, operator="add", schedule="every")


def new_bias(subject: LocalWeights, shape: BiasShape, carry: str = ALWAYS) -> BiasVector:
    """A vector that changes nothing yet.

    Parameters
    ----------
    subject : LocalWeights
        To which it is added.
    shape : BiasShape
        Where.
    carry : str
        always, or switched.

    Raises
    ------
    BadInput
        A layer that the model does not have, or another carry.
    """
    if shape.layer not in subject.layers:
        raise BadInput(f"there is no block {shape.layer}; there are: {subject.layers[0]} to {subject.layers[-1]}")
    if carry not in CARRIES:
        raise BadInput(f"a bias vector is carried {' or '.join(CARRIES)}, not {carry!r}")
    # Rounded: measured by another number of threads it is the same, and a stopped run goes on.
    size = float(f"{subject.median_norm(shape.layer) / subject.width**0.5:.3g}")
    start = torch.zeros(subject.width, device=subject.engine.device)
    ramp = Vector.of(np.linspace(1.0, 2.0, subject.width) * (1 + shape.layer))  # stands for it in prompts
    return BiasVector(shape, carry, size, torch.nn.Parameter(start, requires_grad=False), ramp)
