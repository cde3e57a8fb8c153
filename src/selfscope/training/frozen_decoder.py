"""A trained decoder as what a target is moved through: states come in with their gradients, and nothing of it learns.

D width, N places that are read, S states of a context, K options.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from selfscope.directions import mapped
from selfscope.errors import BadInput
from selfscope.records import Evidence, Injection, Prompt, Vector
from selfscope.records.contracts import JOINT, DecoderContract
from selfscope.subjects.live_adapters import Adapter
from selfscope.subjects.local_weights import LocalWeights
from selfscope.training.examples import Example
from selfscope.training.items import Item
from selfscope.wording.decoder_prompts import SlottedPrompt, answers, decoder_prompt

READ = "read"
"""Kind of the examples that ask a decoder."""
MOST = 4096
"""States of one context at one layer, and layers times that: numbers of placeholders are apart by as much."""


@dataclass(eq=False)
class FrozenDecoder:
    """A decoder of one loaded model, done.

    Attributes
    ----------
    subject : LocalWeights
        That it was trained on, and that answers.
    contract : DecoderContract
        Where it reads and writes, and in which words.
    tensors : mapping of str to array
        Units of its train split, and the form's own.
    adapter : Adapter or None
        On the subject.
    """

    subject: LocalWeights
    contract: DecoderContract
    tensors: Mapping[str, Any]
    adapter: Adapter | None
    _own: dict[str, torch.Tensor] = field(default_factory=dict, repr=False)
    _slotted: dict[Any, SlottedPrompt] = field(default_factory=dict, repr=False)
    _places: dict[Vector, tuple[int, int, int]] = field(default_factory=dict, repr=False)
    _bases: dict[Any, torch.Tensor] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        device = self.subject.engine.device
        needed = {name: np.array(v) for name, v in self.tensors.items() if name != "near"}
        self._own = {name: torch.from_numpy(v).float().to(device) for name, v in needed.items()}

    @property
    def layers(self) -> tuple[int, ...]:
        """That are read together."""
        return self.contract.combinations[0]

    def adapters(self) -> list[Adapter]:
        """That act while it answers."""
        return [] if self.adapter is None else [self.adapter]

    def positions(self, evidence: Evidence) -> list[int]:
        """Tokens of a context that are read, in the order of the columns."""
        return [evidence.positions[c] for c in self.contract.columns] or list(evidence.positions)

    def example(self, item: Item, evidence: Evidence) -> Example:
        """A question about the states of a context, right where the item's answer is said.

        Parameters
        ----------
        item : Item
            Its source numbers the context: contexts of one training have numbers of their own.
        evidence : Evidence
            The context.

        Raises
        ------
        BadInput
            More states than a decoder takes.
        """
        count = len(self.positions(evidence))
        if count * len(self.layers) > MOST:
            raise BadInput(f"a context has {count} states to read: a decoder takes {MOST // len(self.layers)} at most")
        slot, joint = self._prompt(item, count), self.contract.joint
        writes = [
            Injection(self.contract.layer, self._marker(item.source, i, 0 if joint else j), (position,),
                      self.contract.operator, self.contract.strength)
            for i, run in enumerate(slot.slots) for j, position in enumerate(run)
        ]  # fmt: skip
        prompt = Prompt(ids=slot.ids, interventions=(*writes, *self._steered()))
        texts = answers(self.contract.words, item.options)
        target = tuple(float(k == item.answer) for k in range(len(texts)))
        return Example(prompt, texts, tuple(range(len(texts))), target, kind=READ)

    def sources(self, examples: Sequence[Example]) -> list[int]:
        """Contexts that these examples are about, each once."""
        vectors = [i.vector for e in examples for i in e.prompt.interventions if isinstance(i, Injection)]
        return list(dict.fromkeys(self._places[v][0] for v in vectors if v in self._places))

    @contextmanager
    def read(
        self, examples: Sequence[Example], states: Mapping[int, torch.Tensor], counts: Mapping[int, int]
    ) -> Iterator[list[torch.Tensor]]:
        """(K,) log-shares of the options of each example: by what a state adds to nothing, as the reader ranks them.

        Parameters
        ----------
        examples : sequence of Example
            That `example` made.
        states : mapping of int to tensor of shape (N, D)
            Layer -> states as they were captured, contexts in the order of `sources`.
        counts : mapping of int to int
            Of each context how many states it has, in that order.

        Yields
        ------
        list of tensor
            Differentiable in the states. Call backward within the block.
        """
        bases = self._without(examples)
        written = self._written(states, counts)
        with self.subject.candidate_logprobs(
            [e.prompt for e in examples], [e.candidates for e in examples], adapters=self.adapters(), tensors=written
        ) as found:
            yield [(own - base).log_softmax(0) for own, base in zip(found, bases, strict=True)]

    def _written(self, states: Mapping[int, torch.Tensor], counts: Mapping[int, int]) -> dict[Vector, torch.Tensor]:
        columns = self.contract.columns
        out: dict[Vector, torch.Tensor] = {}
        if self.contract.joint:
            units = list(range(len(columns))) * len(counts)
            each = [self._prepared(states[layer], layer, units).reshape(len(counts), -1) for layer in self.layers]
            return {
                self._marker(source, 0, 0): mapped(row, self._own, JOINT)
                for source, row in zip(counts, torch.cat(each, dim=1), strict=True)
            }
        for i, layer in enumerate(self.layers):
            units = [j if columns else 0 for count in counts.values() for j in range(count)]
            ready_ND = self._prepared(states[layer], layer, units)
            row = 0
            for source, count in counts.items():
                for j in range(count):
                    out[self._marker(source, i, j)] = mapped(ready_ND[row], self._own, f"{layer}.{units[row]}")
                    row += 1
        return out

    def _prepared(self, states_ND: torch.Tensor, layer: int, units: Sequence[int]) -> torch.Tensor:
        """`directions.prepared` on tensors: that one is for arrays, and has no gradient."""
        how, mean = self.contract.prepared, self._own.get(f"unit.mean.{layer}")
        if how == "raw":
            return states_ND
        if how == "standard" and mean is not None:
            at = list(units)
            states_ND = (states_ND - mean[at]) / self._own[f"unit.scale.{layer}"][at]
        norms_N1 = states_ND.norm(dim=-1, keepdim=True)
        return states_ND / norms_N1.clamp(min=1e-12) * states_ND.shape[-1] ** 0.5

    def _without(self, examples: Sequence[Example]) -> list[torch.Tensor]:
        """Log-probabilities of the options where nothing is written."""
        keys = [(e.prompt.ids, e.candidates) for e in examples]
        new = [key for key in dict.fromkeys(keys) if key not in self._bases]
        if new:
            steered = tuple(self._steered())
            prompts = [Prompt(ids=ids, interventions=steered) for ids, _ in new]
            with torch.no_grad(), self.subject.candidate_logprobs(
                prompts, [texts for _, texts in new], adapters=self.adapters()
            ) as found:  # fmt: skip
                self._bases.update(zip(new, (own.clone() for own in found), strict=True))
        return [self._bases[key] for key in keys]

    def _prompt(self, item: Item, count: int) -> SlottedPrompt:
        key = (item.question, item.options, count)
        if key not in self._slotted:
            copies = self.contract.copies
            runs = [(self.layers[0], copies)] if copies else [(layer, count) for layer in self.layers]
            self._slotted[key] = decoder_prompt(self.subject, self.contract.words, item.question, item.options, runs)
        return self._slotted[key]

    def _marker(self, source: int, layer: int, place: int) -> Vector:
        """What stands for a state in a prompt until it is known."""
        number = source * MOST + layer * (MOST // len(self.layers)) + place
        marker_D = np.zeros(self.subject.width, np.float32)
        marker_D[number % len(marker_D)] = 1 + number // len(marker_D)
        vector = Vector.of(marker_D)
        self._places[vector] = (source, layer, place)
        return vector

    def _steered(self) -> list[Injection]:
        known = [layer for layer in self.subject.layers if f"steer.{layer}" in self.tensors]
        return [
            Injection(k, Vector.of(self.tensors[f"steer.{k}"]), operator="add", schedule="every") for k in known
        ]  # fmt: skip
