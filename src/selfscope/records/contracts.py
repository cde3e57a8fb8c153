"""What a trained reader of activations was trained on, as data: where it reads and writes, and in which words."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from selfscope.errors import BadInput
from selfscope.records.injections import OPERATORS

SCHEMA = 1
"""The layout of a decoder's folder."""
CONTRACT, TENSORS, LABELS = "reader.json", "reader.safetensors", "neighbours.json"
"""Its files, beside those of its adapter."""
JOINT = "joint"
"""Place of what is made of all states together: its map is `map.joint`."""
PREPARED = ("raw", "unit", "standard")
"""How a state is given to a decoder. raw: as it is. unit: its direction. standard: less the mean of the train split, in
deviations of each channel, and then its direction. Directions have the length sqrt(D)."""


def refuse_decoder(folder: Path | str) -> None:
    """Raises BadInput for a folder of a decoder where a taught model is wanted: what is in it answers about states."""
    if (Path(os.path.expanduser(folder)) / CONTRACT).is_file():
        raise BadInput(
            f"{folder} is a decoder, which reads states and is no taught model: read with it as the reader "
            f"decoder[folder={folder}]"
        )


@dataclass(frozen=True)
class DecoderWords:
    """The words around the states.

    Attributes
    ----------
    run : str
        What stands for the states of one layer: {layer} is its number, {slot} its placeholders.
    ask, choice, free : str
        Behind the runs: the {question}, then the {options}, or the end of an open question.
    chat : bool
        It is a message of the user. False: one running text.
    lead : str
        What the assistant says to the states before it is asked, in a turn of its own. Empty: there is no such turn.
    placeholder : str
        One token wherever it stands.
    """

    run: str = "{slot} \n"
    ask: str = "{question}"
    choice: str = " One of {options}:"
    free: str = "\nAnswer:"
    chat: bool = False
    lead: str = ""
    placeholder: str = " ?"

    def __post_init__(self) -> None:
        if self.run.count("{slot}") != 1:
            raise BadInput(f"the run of a decoder has {{slot}} once, where its states stand; this is {self.run!r}")

    @property
    def unlisted(self) -> DecoderWords:
        """The same words for questions that do not show their options: they are asked as open ones are."""
        return replace(self, choice="" if self.chat else self.free)


@dataclass(frozen=True)
class DecoderContract:
    """What has to be as it was when a decoder was trained.

    Attributes
    ----------
    form : str
        How states are turned into what is written.
    base, base_name, tokenizer : str
        Identity, name and hash of the vocabulary of the subject that it was trained on.
    combinations : tuple of tuple of int
        Layers that are read together, as they were trained; the first is read unless another is asked for.
    columns : tuple of int
        Which of the evidence's positions are read, as indices; empty: all.
    prepared : str
        One of PREPARED.
    layer : int
        Where it is written.
    operator : str
        How; see `Injection`.
    strength : float
        How strongly.
    words : DecoderWords
        Around the states.
    copies : int
        All states of a context are one row, and what is made of them is written in so many places. 0: each state is
        written in a place of its own.
    example : tuple of int
        Token ids of the example's prompt: the same words have to give them again.
    adapter : str
        Identity of its adapter; empty: it has none.
    content : str
        Hash of its tensors and of its adapter.
    made : mapping
        How it was trained.
    published : mapping
        What the file that it was imported from said, whole.
    """

    form: str
    base: str
    base_name: str
    tokenizer: str
    combinations: tuple[tuple[int, ...], ...]
    columns: tuple[int, ...] = (-1,)
    prepared: str = "standard"
    layer: int = 1
    operator: str = "norm_add"
    strength: float = 1.0
    words: DecoderWords = DecoderWords()
    copies: int = 0
    example: tuple[int, ...] = ()
    adapter: str = ""
    content: str = ""
    made: Mapping[str, Any] = field(default_factory=dict)
    published: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.combinations or not all(self.combinations):
            raise BadInput("a decoder reads at least one layer")
        for name, value, known in (("preparation", self.prepared, PREPARED), ("operator", self.operator, OPERATORS)):
            if value not in known:
                raise BadInput(f"there is no {name} {value!r}; there are: {', '.join(known)}")

    @property
    def joint(self) -> bool:
        """All states of a context are one row."""
        return self.copies > 0

    @property
    def layers(self) -> tuple[int, ...]:
        """Every layer that it reads in some combination, in order."""
        return tuple(sorted({layer for own in self.combinations for layer in own}))

    def combination(self, layer: int | None) -> tuple[int, ...] | None:
        """The layers that are read together where a layer was asked for; None where it was not trained there."""
        if layer is None:
            return self.combinations[0]
        alone = (layer,)
        if alone in self.combinations:
            return alone
        return next((own for own in self.combinations if layer in own), None)
