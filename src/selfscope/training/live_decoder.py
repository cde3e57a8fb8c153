"""A decoder while it is made: its tensors and its adapter, and the examples that it learns from.

D width, C columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np
import torch

from selfscope.directions import mapped, prepared
from selfscope.errors import BadInput
from selfscope.records import Injection, Prompt, Vector
from selfscope.records.contracts import JOINT, DecoderWords
from selfscope.subjects.live_adapters import Adapter
from selfscope.subjects.local_weights import LocalWeights
from selfscope.training.draws import generator
from selfscope.training.examples import Example
from selfscope.training.features import Features
from selfscope.training.forms import Form
from selfscope.training.items import Item
from selfscope.wording.decoder_prompts import SlottedPrompt, answers, decoder_prompt, usable_words

REAL, NONE = "real", "none"


@dataclass(eq=False)
class LiveDecoder:
    """A decoder of one loaded model; see `Trainable`. Make one with `new_decoder`.

    Attributes
    ----------
    form : Form
        What it is.
    subject : LocalWeights
        The model.
    features : Features
        States of the contexts that it is asked about.
    words : DecoderWords
        Those of the form, with a placeholder that the model's tokenizer knows.
    adapter : Adapter or None
        That is trained.
    tensors : mapping of str to Parameter
        That are trained: `NAME.PLACE`.
    fixed : mapping of str to tensor
        What is written with and was fitted in closed form.
    """

    form: Form
    subject: LocalWeights
    features: Features
    words: DecoderWords
    adapter: Adapter | None
    tensors: Mapping[str, torch.nn.Parameter]
    fixed: dict[str, torch.Tensor] = field(default_factory=dict)
    held_out: dict[tuple[Item, int, str], Any] = field(default_factory=dict, repr=False)
    _places: dict[Vector, str] = field(default_factory=dict, repr=False)
    _prompts: dict[Any, SlottedPrompt] = field(default_factory=dict, repr=False)
    _ready: dict[int, Any] = field(default_factory=dict, repr=False)

    @property
    def configuration(self) -> Any:
        """See `Trainable`."""
        fixed = {name: sha256(t.numpy().tobytes()).hexdigest()[:32] for name, t in sorted(self.fixed.items())}
        return [self.form, self.words, fixed]

    def parameters(self) -> list[torch.nn.Parameter]:
        """See `Trainable`."""
        own = [] if self.adapter is None else self.adapter.parameters()
        return [*own, *self.tensors.values()]

    def state(self) -> dict[str, torch.Tensor]:
        """See `Trainable`."""
        own = {} if self.adapter is None else {f"adapter.{k}": v for k, v in self.adapter.state().items()}
        return {**own, **{name: p.detach().to("cpu", copy=True) for name, p in self.tensors.items()}}

    def set_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """See `Trainable`."""
        if self.state().keys() != state.keys():
            odd = sorted(self.state().keys() ^ state.keys())[0]
            raise BadInput(f"these weights are of another decoder: {odd} is in one of the two only")
        if self.adapter is not None:
            own = {k.removeprefix("adapter."): v for k, v in state.items() if k.startswith("adapter.")}
            self.adapter.set_state(own)
        for name, p in self.tensors.items():
            if p.shape != state[name].shape:
                raise BadInput(f"{name} has the shape {tuple(state[name].shape)}, and {tuple(p.shape)} is wanted")
            with torch.no_grad():
                p.copy_(state[name])

    @property
    def version(self) -> int:
        """Grows whenever a weight is changed."""
        return sum(p._version for p in self.parameters())

    @property
    def identity(self) -> str:
        """Hash of its weights and of how it acts."""
        digest = sha256(self.form.id.encode())
        for name, tensor in sorted({**self.state(), **self.fixed}.items()):
            digest.update(name.encode())
            digest.update(tensor.float().contiguous().numpy().tobytes())
        return digest.hexdigest()[:32]

    def adapters(self) -> list[Adapter]:
        """See `Trainable`."""
        return [] if self.adapter is None else [self.adapter]

    def written(self, prompts: Sequence[Prompt]) -> Mapping[Vector, torch.Tensor]:
        """See `Trainable`."""
        if not self.tensors:
            return {}
        vectors = dict.fromkeys(
            i.vector for p in prompts for i in p.interventions if isinstance(i, Injection) and i.vector in self._places
        )  # fmt: skip
        device = self.subject.engine.device
        out = {}
        for vector in vectors:
            place = self._places[vector]
            own = self.tensors.get(f"steer.{place}")
            out[vector] = mapped(torch.from_numpy(vector.array).to(device), self.tensors, place) if own is None else own
        return out

    def combination(self, item: Item) -> tuple[int, ...]:
        """The layers that an item is read at: of several combinations one that follows from the item."""
        every = self.form.combinations
        if len(every) == 1:
            return every[0]
        rng = generator("combination", item.source, item.question, item.options)
        return every[int(rng.integers(len(every)))]

    def example(self, item: Item, source: int | None, *, fresh: bool = False) -> Example:
        """The item with the states of a source written in.

        Parameters
        ----------
        item : Item
            Is asked.
        source : int or None
            Whose states are written; None: nothing is written.
        fresh : bool
            What is fitted in closed form is what later states will get, not what was held out for training.

        Returns
        -------
        Example
            Right where the item's answer is said.
        """
        layers = self.combination(item)
        rows = self.features.rows[item.source if source is None else source]
        copies = self.form.copies
        runs = [(layers[0], copies)] if copies else [(layer, len(rows)) for layer in layers]
        slotted = self._slotted(item, runs)
        writes = [] if source is None else self._writes(slotted, layers, rows, None if fresh else item)
        prompt = Prompt(ids=slotted.ids, interventions=(*writes, *self._steered()))
        target = tuple(float(k == item.answer) for k in range(len(item.options)))
        texts = answers(self.words, item.options)
        return Example(prompt, texts, tuple(range(len(texts))), target, kind=item.kind or "decoder")

    def _slotted(self, item: Item, runs: Sequence[tuple[int, int]]) -> SlottedPrompt:
        key = (item.question, item.options, tuple(runs))
        if key not in self._prompts:
            shown = item.options if len(item.options) > 1 else ()  # the answer of an open question is not shown
            self._prompts[key] = decoder_prompt(self.subject, self.words, item.question, shown, runs)
        return self._prompts[key]

    def _writes(
        self, slotted: SlottedPrompt, layers: Sequence[int], rows: Sequence[int], item: Item | None
    ) -> list[Injection]:
        out = []
        if self.form.joint:
            token = self._joined(layers, rows, item)
            return [self._written_at(position, token) for position in slotted.slots[0]]
        for layer, slot in zip(layers, slotted.slots, strict=True):
            for row, position in zip(rows, slot, strict=True):
                place = f"{layer}.{self.features.column[row]}"
                vector = self._vector(layer, row, place, item)
                if vector is not None:
                    out.append(self._written_at(position, vector))
        return out

    def _written_at(self, position: int, vector: Vector) -> Injection:
        return Injection(self.form.layer, vector, (position,), self.form.operator, self.form.strength)

    def _joined(self, layers: Sequence[int], rows: Sequence[int], item: Item | None) -> Vector:
        """What is made of all states of a context."""
        known = None if item is None else self.held_out.get((item, rows[0], JOINT))
        if known is not None:
            return Vector.of(known)
        numbers = {name: tensor.numpy() for name, tensor in self.fixed.items()}
        return Vector.of(mapped(self.together(layers, [rows])[0], numbers, JOINT))

    def together(self, layers: Sequence[int], rows: Sequence[Sequence[int]]) -> Any:
        """(n, states x D) prepared states of n contexts, of each one row. rows: of each context its own."""
        each = [self.prepared(layer)[[list(own) for own in rows]] for layer in layers]
        return np.concatenate([own.reshape(len(rows), -1) for own in each], axis=1)

    def _vector(self, layer: int, row: int, place: str, item: Item | None) -> Vector | None:
        """What is written of one row; None for a direction that there is none of. item: for which it was held out."""
        names = {name.partition(".")[2] for name in self.tensors}
        if place in names and f"scale.{place}" not in self.tensors and f"map.{place}" not in self.tensors:
            return self._marker(place)  # a bias alone: the state is not used
        state_D = self.prepared(layer)[row]
        if f"map.{place}" in self.fixed:
            known = None if item is None else self.held_out.get((item, row, place))
            numbers = {name: tensor.numpy() for name, tensor in self.fixed.items()}
            return Vector.of(mapped(state_D, numbers, place) if known is None else known)
        if self.form.operator.startswith("norm_") and not state_D.any():
            return None
        vector = Vector.of(state_D)
        if place in names:
            self._places[vector] = place
        return vector

    def _marker(self, place: str) -> Vector:
        every = [*self.form.places, *(str(layer) for layer in self.subject.layers)]
        marker = np.zeros(self.subject.width, np.float32)
        marker[every.index(place) % len(marker)] = 1.0 + every.index(place)
        vector = Vector.of(marker)
        self._places[vector] = place
        return vector

    def _steered(self) -> list[Injection]:
        """A vector for each layer, added to every token."""
        layers = [layer for layer in self.subject.layers if f"steer.{layer}" in self.tensors]
        return [Injection(k, self._marker(str(k)), operator="add", schedule="every") for k in layers]

    def prepared(self, layer: int) -> Any:
        """(n, D) states of a layer as they are given to the decoder."""
        if layer not in self._ready:
            every = range(len(self.features.column))
            at = list(self.features.column)
            mean, scale = (of[layer][at] for of in (self.features.means, self.features.scales))
            self._ready[layer] = prepared(self.features.raw(layer, every), self.form.prepared, mean, scale)
        return self._ready[layer]


def new_decoder(subject: LocalWeights, form: Form, features: Features, *, seed: int = 0) -> LiveDecoder:
    """A decoder that has learnt nothing yet.

    Parameters
    ----------
    subject : LocalWeights
        Whose states the features are.
    form : Form
        What it is.
    features : Features
        Of every context that it will be asked about.
    seed : int
        Of its adapter.

    Raises
    ------
    BadInput
        Features of another subject, or without a layer or column that the form reads.
    Unsupported
        A subject that cannot be trained.
    """
    if features.states.record.get("subject") != subject.identity:
        raise BadInput(f"these features are states of another subject than {subject.name}: capture them again")
    missing = [layer for layer in form.layers if layer not in features.layers]
    if missing or features.columns != form.columns:
        raise BadInput(
            f"the form reads layers {form.layers} at columns {form.columns or 'all'}, and the features have "
            f"{features.layers} at {features.columns or 'all'}"
        )
    words = usable_words(subject, form.words, form.combinations[0])
    adapter = None if form.lora is None else subject.new_adapter(form.lora, seed=seed)
    return LiveDecoder(form, subject, features, words, adapter, _first_tensors(subject, form))


def _first_tensors(subject: LocalWeights, form: Form) -> dict[str, torch.nn.Parameter]:
    """Tensors before training: a soft token of the size of an embedding, and no steering at all."""
    width, device = subject.width, subject.engine.device
    out: dict[str, torch.Tensor] = {}
    size = subject.median_norm(form.layer) / width**0.5 if form.trained else 1.0
    if "steer" in form.trained:
        out |= {f"steer.{layer}": torch.zeros(width) for layer in subject.layers}
    for place in form.places:
        if "scale" in form.trained:
            out[f"scale.{place}"] = torch.full((width,), size)
        if "bias" in form.trained:
            out[f"bias.{place}"] = torch.zeros(width)
    return {name: torch.nn.Parameter(t.to(device), requires_grad=False) for name, t in out.items()}
