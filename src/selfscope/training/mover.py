"""Control through the decoder: a target is moved until the frozen decoder reads the wanted answer in its states.

What is trained is a low-rank adapter on the target's blocks, or one vector that is added to every token (Pan et al.
2024, LatentQA, section on control). Ordinary replies of the target itself hold it back. D width.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from selfscope.errors import BadInput
from selfscope.records import Evidence, Injection, Prompt, Vector, content_hash
from selfscope.subjects.live_adapters import Adapter, LoraShape
from selfscope.subjects.local_weights import LocalWeights
from selfscope.training.examples import Example
from selfscope.training.frozen_decoder import READ, FrozenDecoder
from selfscope.training.items import Item

BY = ("vector", "adapter")
GUARD = "guard"
"""Kind of the examples that hold ordinary replies where they are."""


@dataclass(eq=False)
class Mover:
    """What moves a target, while it is trained; see `Trainable` and `Scorer`. Make one with `new_mover`.

    Attributes
    ----------
    decoder : FrozenDecoder
        That is to read the wanted answer.
    sources : sequence of Evidence
        Contexts whose states are moved.
    layer : int
        Where the vector is added.
    limit : float
        The longest that the vector gets.
    free : Parameter or None
        (D,) the vector in parts of its limit over sqrt(D); what is longer than sqrt(D) is shortened.
    adapter : Adapter or None
        In its place.
    """

    decoder: FrozenDecoder
    sources: Sequence[Evidence]
    layer: int
    limit: float
    free: torch.nn.Parameter | None
    adapter: Adapter | None
    mark: Vector = field(repr=False)

    @property
    def configuration(self) -> Any:
        """See `Trainable`."""
        own = None if self.adapter is None else (self.adapter.shape, self.adapter.carry, self.adapter.targets)
        return ["mover", self.decoder.contract.content, content_hash(*self.sources), self.layer, self.limit, own]

    def parameters(self) -> list[torch.nn.Parameter]:
        """See `Trainable`."""
        return [self.free] if self.adapter is None and self.free is not None else self._of_adapter().parameters()

    def state(self) -> dict[str, torch.Tensor]:
        """See `Trainable`."""
        if self.free is not None:
            return {"free": self.free.detach().to("cpu", copy=True)}
        return self._of_adapter().state()

    def set_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """See `Trainable`."""
        if self.free is None:
            self._of_adapter().set_state(state)
            return
        if state.keys() != {"free"} or state["free"].shape != self.free.shape:
            raise BadInput("these weights are of another mover: it has one vector of the model's width")
        with torch.no_grad():
            self.free.copy_(state["free"])

    def adapters(self) -> list[Adapter]:
        """See `Trainable`: those of the target, and not the decoder's."""
        return [] if self.adapter is None else [self.adapter]

    def written(self, prompts: Sequence[Prompt]) -> Mapping[Vector, torch.Tensor]:
        """See `Trainable`."""
        return {} if self.free is None else {self.mark: self.vector()}

    def vector(self) -> torch.Tensor:
        """(D,) what is added to every token, never longer than the limit."""
        assert self.free is not None
        width = self.free.numel() ** 0.5
        length = (self.free.norm() / width).clamp(min=1)
        return self.free * (self.limit / width) / length

    def writes(self) -> tuple[Injection, ...]:
        """What stands in every row of the moved target; nothing where an adapter moves it."""
        if self.free is None:
            return ()
        vector = Vector.of(self.vector().detach().cpu().numpy())
        return (replace(self._injection(), vector=vector),)

    def moved(self, subject: LocalWeights) -> LocalWeights:
        """The target as it is moved now: another subject, with an identity of its own."""
        if self.adapter is not None:
            return subject.adapted(self.adapter)
        return subject.intervened(self.writes())

    def reads(self, items: Sequence[Item]) -> list[Example]:
        """Questions of the decoder about the moved target; the wanted answer is the items'."""
        return [self.decoder.example(item, self.sources[item.source]) for item in items]

    def guards(self, replies: Sequence[Example], weight: float) -> list[Example]:
        """What the target itself says to ordinary messages, to be said by the moved one."""
        return [replace(e, prompt=self._under(e.prompt), kind=GUARD, group="", weight=weight) for e in replies]

    def forwards(self, part: Sequence[Example]) -> list[list[Example]]:
        """See `Scorer`: the decoder's questions apart, other adapters act there."""
        kinds = [[e for e in part if (e.kind == READ) == read] for read in (True, False)]
        return [own for own in kinds if own]

    @contextmanager
    def scored(self, subject: LocalWeights, part: Sequence[Example]) -> Iterator[list[torch.Tensor]]:
        """See `Scorer`.

        Target and decoder are one model under two adapters, and only one of them can act. So the chain rule is cut at
        the states: they are read, the decoder's loss goes back to them, and from there on into what moved them."""
        if part[0].kind != READ:
            prompts = [e.prompt for e in part]
            with subject.candidate_logprobs(
                prompts, [e.candidates for e in part], adapters=self.adapters(), tensors=self.written(prompts)
            ) as found:
                yield found
            return
        sources = self.decoder.sources(part)
        places = [self.decoder.positions(self.sources[k]) for k in sources]
        prompts = [self._under(self.sources[k].prompt) for k in sources]

        def states() -> Any:
            return subject.capture_tensors(
                prompts, self.decoder.layers, places, adapters=self.adapters(), tensors=self.written(prompts)
            )  # fmt: skip

        with torch.no_grad(), states() as now:
            ends = {layer: own.clone() for layer, own in now.items()}
        for own in ends.values():
            own.requires_grad_(torch.is_grad_enabled())
        counts = dict(zip(sources, map(len, places), strict=True))
        with self.decoder.read(part, ends, counts) as shares:
            yield shares
        slopes = [own.grad for own in ends.values()]
        if any(slope is not None for slope in slopes):
            with states() as live:
                torch.autograd.backward([live[layer] for layer in ends], slopes)

    def _under(self, prompt: Prompt) -> Prompt:
        if self.free is None:
            return prompt
        return replace(prompt, interventions=(self._injection(), *prompt.interventions))

    def _injection(self) -> Injection:
        return Injection(self.layer, self.mark, operator="add", schedule="every")

    def _of_adapter(self) -> Adapter:
        assert self.adapter is not None
        return self.adapter


def new_mover(
    decoder: FrozenDecoder,
    sources: Sequence[Evidence],
    by: str = "vector",
    *,
    layer: int | None = None,
    limit: float = 1.0,
    shape: LoraShape | None = None,
    seed: int = 0,
) -> Mover:
    """A mover that moves nothing yet.

    Parameters
    ----------
    decoder : FrozenDecoder
        Through which the target is moved: the decoder's own subject.
    sources : sequence of Evidence
        Contexts whose states are moved.
    by : str
        vector, or adapter.
    layer : int, optional
        Where the vector is added (default: halfway to the layer that the decoder reads).
    limit : float
        The longest that the vector gets, in medians of the norms of ordinary tokens there.
    shape : LoraShape, optional
        Of the adapter (default: rank 8 in the blocks up to the layer that the decoder reads).
    seed : int
        Of the adapter.

    Raises
    ------
    BadInput
        Another way to move, or a layer above those that the decoder reads.
    """
    subject, deepest = decoder.subject, max(decoder.layers)
    mark = Vector.of(np.full(subject.width, -1.0, np.float32))
    if by not in BY:
        raise BadInput(f"a target is moved by {' or '.join(BY)}, not {by!r}")
    if not sources:
        raise BadInput("a mover needs contexts whose states are moved")
    if by == "adapter":
        own = shape or LoraShape(8, 16.0, tuple(range(deepest + 1)))
        adapter = subject.new_adapter(own, seed=seed)
        return Mover(decoder, sources, deepest, 0.0, None, adapter, mark)
    at = max(0, deepest // 2) if layer is None else layer
    if not (limit > 0 and np.isfinite(limit)):
        raise BadInput(f"the longest that a vector gets is a number above 0, in medians, not {limit}")
    if not 0 <= at <= deepest:
        raise BadInput(f"the decoder reads layer {deepest}: a vector is added at layers 0 to {deepest}, not {at}")
    free = torch.nn.Parameter(torch.zeros(subject.width, device=subject.engine.device), requires_grad=False)
    return Mover(decoder, sources, at, limit * subject.median_norm(at), free, None, mark)
