"""The tier `weights` of a model that runs here: adapters beside its weights, and scores with their gradients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Self

import torch

from selfscope.errors import BadInput, Unsupported
from selfscope.records import Cost, Injection, Prompt, Vector, content_hash
from selfscope.subjects.base import lacking
from selfscope.subjects.continuation import continuations
from selfscope.subjects.decode import Engine, Ids
from selfscope.subjects.gradients import candidate_logprobs
from selfscope.subjects.live_adapters import ALWAYS, Adapter, AdapterStack, LoraShape
from selfscope.subjects.live_states import live_states
from selfscope.subjects.local_model import LocalModel
from selfscope.subjects.places import columns_to_read
from selfscope.subjects.render import turn_end


@dataclass
class LocalWeights(LocalModel):
    """What can be trained of a loaded model; see `TrainableSubject`."""

    def new_adapter(self, shape: LoraShape | None = None, carry: str = ALWAYS, *, seed: int = 0) -> Adapter:
        """A low-rank adapter beside the weights, which changes nothing yet.

        Parameters
        ----------
        shape : LoraShape, optional
            Its rank and places.
        carry : str
            always, or switched: it acts from the question on (`Prompt.asked`).
        seed : int
            Of its first matrices; the second are 0.

        Returns
        -------
        Adapter
            To be trained, and put on with `adapted`.

        Raises
        ------
        Unsupported
            Below the tier weights.
        BadInput, BadModel
            For places that the model does not have, and linear layers that take none.
        """
        return self._stack().make(shape or LoraShape(), carry, seed=seed)

    @property
    def turn_end(self) -> str:
        """What ends a reply of this model, as text: a reply that is taught ends with it."""
        return turn_end(self.tokenizer, self.engine.stop_ids)

    def adapted(self, *adapters: Adapter) -> Self:
        """This model with adapters on, beside those that act already.

        Parameters
        ----------
        *adapters
            Of this very model, in the order in which they are stacked.

        Returns
        -------
        LocalWeights
            Another subject, whose identity is that of the weights that its adapters have now. The weights are shared;
            this model stays as it is, bit for bit.

        Raises
        ------
        BadInput
            For an adapter of another model.
        """
        stack = self._stack()
        for adapter in adapters:
            if stack.adapters.get(adapter.name) is not adapter:
                raise BadInput(f"{adapter.name} is an adapter of another loaded model: make or load it on this one")
        own = [adapter.identity for adapter in adapters]
        worn = ", ".join(filter(None, [str(self.environment.get("adapter") or ""), *own]))
        return replace(
            self,
            identity=content_hash(self.identity, own, size=len(self.identity)),
            environment={**self.environment, "adapter": worn},
            engine=replace(self.engine, active=self.engine.active + adapters),
            versions=self.versions + tuple(adapter.version for adapter in adapters),
            spent=Cost(), near_ties=0, idle=0, _norms={},
        )  # fmt: skip

    def made_adapters(self) -> list[Adapter]:
        """Every adapter that stands beside the weights, whether it acts or not."""
        return list(self._stack().adapters.values())

    def forget(self, adapter: Adapter) -> None:
        """Takes an adapter off the weights: it cannot act any more, on this model or on others that share them.

        Parameters
        ----------
        adapter : Adapter
            Made or loaded here. Whoever has it on has to be let go of.
        """
        self._stack().remove(adapter)

    def intervened(self, injections: Sequence[Injection]) -> Self:
        """This model with injections in every row, before the row's own.

        Parameters
        ----------
        injections : Sequence of Injection
            They follow those that stand already.

        Returns
        -------
        LocalWeights
            Another subject, with its own identity. The weights are shared and not touched.
        """
        self._inside()
        standing = self.standing + tuple(injections)
        identity = content_hash(self.identity, injections, size=len(self.identity))
        return replace(self, standing=standing, identity=identity, spent=Cost(), near_ties=0, idle=0)

    @contextmanager
    def training(self, adapter: Adapter) -> Iterator[None]:
        """While this block runs, the weights of an adapter get gradients in `candidate_logprobs`; nothing else does.

        Parameters
        ----------
        adapter : Adapter
            Of this model.
        """
        with self._stack().training(adapter):
            yield

    @contextmanager
    def candidate_logprobs(
        self,
        prompts: Sequence[Prompt],
        candidates: Sequence[Sequence[str]],
        *,
        adapters: Sequence[Adapter] = (),
        tensors: Mapping[Vector, torch.Tensor] | None = None,
    ) -> Iterator[list[torch.Tensor]]:
        """How likely the candidates follow the prompts, with gradients: one forward, which common beginnings share.

        Parameters
        ----------
        prompts : Sequence of Prompt
            N of them, with their injections; one batch.
        candidates : Sequence of Sequence of str
            Texts for each prompt, as in `score`.
        adapters : Sequence of Adapter
            That act in this forward, beside those of this subject.
        tensors : mapping of Vector to tensor of shape (D,), optional
            What is written in the place of a vector of the prompts: a trained map's output, with its gradient.

        Yields
        ------
        list of tensor
            (C,) log-probabilities (nats) of each prompt's candidates. Call backward within the block.

        Raises
        ------
        Unsupported
            Below the tier weights, and for masked prompts.
        PromptTooLong, BadInput
            As in `score`.
        """
        tokens = continuations(self.tokenizer, candidates)
        engine, rows = self._worn(prompts, [max(map(len, own), default=0) for own in tokens], adapters, tensors)
        if engine.marks is not None:
            tokens = [[tuple(engine.continues(r, t) for t in c) for c in own] for r, own in zip(rows, tokens)]
        with candidate_logprobs(engine, rows, tokens) as out:
            yield out

    @contextmanager
    def capture_tensors(
        self,
        prompts: Sequence[Prompt],
        layers: Sequence[int],
        positions: str | Sequence[Sequence[int]] = "last",
        *,
        adapters: Sequence[Adapter] = (),
        tensors: Mapping[Vector, torch.Tensor] | None = None,
    ) -> Iterator[dict[int, torch.Tensor]]:
        """States as `capture` reads them, as tensors with gradients: one forward, nothing above the deepest layer.

        Under `torch.no_grad()` they are those of `capture`, bit for bit, in as many batches as memory wants.

        Parameters
        ----------
        prompts : Sequence of Prompt
            N of them, with their injections.
        layers : Sequence of int
            -1 and the numbers of blocks.
        positions : str or Sequence of Sequence of int
            "last" | "every" | those of each prompt (negative from the end).
        adapters, tensors
            As in `candidate_logprobs`.

        Yields
        ------
        dict of int to tensor of shape (n, D)
            Layer -> states in fp32 over the n places, prompts in order. Call backward within the block.

        Raises
        ------
        Unsupported
            Below the tier weights, and for masked prompts.
        BadInput
            For a layer or position that does not exist, and for "all": which tokens are ordinary depends on the states.
        """
        if positions == "all":
            raise BadInput("states with gradients are read at last, every, or the positions of each prompt, not at all")
        engine, rows = self._worn(prompts, [0] * len(prompts), adapters, tensors)
        with live_states(engine, rows, columns_to_read(positions, [len(row) for row in rows]), layers) as out:
            yield out

    def _worn(
        self,
        prompts: Sequence[Prompt],
        more: Sequence[int],
        adapters: Sequence[Adapter],
        tensors: Mapping[Vector, torch.Tensor] | None,
    ) -> tuple[Engine, list[Ids]]:
        """The engine under which adapters act beside those of this subject, and the rows of prompts with tensors
        written in the place of vectors. more: tokens that will follow each."""
        self._stack()
        if any(prompt.masked for prompt in prompts):
            raise Unsupported("masked prompts cannot be trained on: leave Prompt.masked empty")
        engine = replace(self.engine, active=self.engine.active + tuple(adapters))
        worn = replace(self, engine=engine, versions=self.versions + tuple(a.version for a in adapters))
        written = {vector.data: tensor for vector, tensor in (tensors or {}).items()}
        return worn._marked(prompts, more, tensors=written)

    def _stack(self) -> AdapterStack:
        if self.tier != "weights" or self.engine.stack is None:
            raise lacking(self.name, self.tier, "weights")
        return self.engine.stack


def trainable(subject: Any) -> LocalWeights:
    """The subject, if it can be trained. Raises Unsupported."""
    if not isinstance(subject, LocalWeights):
        raise lacking(subject.name, subject.tier, "weights")
    return subject
