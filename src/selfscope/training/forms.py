"""Forms of decoders: how a state is read, what is made of it, where it is written, and what is trained of all that.

From the cheapest on. What is trained of a form are tensors (a soft token's bias, scale or map, a vector for each layer)
or an adapter, and nothing else: the model stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from selfscope.errors import BadInput, UnknownName
from selfscope.records import Identified
from selfscope.records.contracts import JOINT, DecoderWords
from selfscope.subjects.live_adapters import LoraShape

EMBEDDING = -1
TOKEN = DecoderWords()
"""Around a soft token."""
LABELLED = DecoderWords(run="Layer: {layer}\n{slot} \n")
"""As published activation oracles are asked (Karvonen et al. 2025)."""
ANALYSED = DecoderWords(lead="Sure, I've analyzed the assistant.")
"""As LatentQA asks (Pan et al. 2024)."""
RANK = LoraShape(16, 32.0)


@dataclass(frozen=True)
class Form(Identified):
    """What all forms have.

    Attributes
    ----------
    combinations : tuple of tuple of int
        Layers that are read together, in one prompt. Of several, every item gets one.
    columns : tuple of int
        Which of the positions that may be read, as indices; empty: all of them.
    prepared : str
        raw, unit (directions) or standard (centred and scaled by the train split, then directions).
    layer : int
        Where it is written; -1: in the place of the token's embedding.
    operator : str
        How; see `Injection`.
    strength : float
        How strongly.
    words : DecoderWords
        Around the states.
    lora : LoraShape or None
        The adapter that is trained; None: there is none.
    copies : int
        All states of a context are one row, and the one thing that is made of them is written in so many places, all
        alike. 0: each state is written in a place of its own.
    """

    kind: ClassVar[str] = "form"
    title: ClassVar[str] = ""
    trained: ClassVar[tuple[str, ...]] = ()
    """Names of the tensors that are trained, a set for each place."""
    combinations: tuple[tuple[int, ...], ...]
    columns: tuple[int, ...] = (-1,)
    prepared: str = "standard"
    layer: int = EMBEDDING
    operator: str = "replace"
    strength: float = 1.0
    words: DecoderWords = TOKEN
    lora: LoraShape | None = None
    copies: int = 0

    def __post_init__(self) -> None:
        if self.copies and not self.joint:
            raise BadInput(f"a decoder of the form {self.kind} has no copies: each state has a place of its own")
        if not self.combinations or not all(self.combinations):
            raise BadInput("a decoder reads at least one layer: give combinations=((LAYER,),)")

    @property
    def joint(self) -> bool:
        """All states of a context are one row, and one thing is made of them."""
        return False

    @property
    def layers(self) -> tuple[int, ...]:
        """Every layer that is read in some combination, in order."""
        return tuple(sorted({layer for own in self.combinations for layer in own}))

    @property
    def places(self) -> tuple[str, ...]:
        """What has tensors of its own: every layer and column that is read. All positions of a layer are one."""
        if self.joint:
            return (JOINT,)
        return tuple(f"{layer}.{c}" for layer in self.layers for c in range(max(1, len(self.columns))))


@dataclass(frozen=True)
class Bias(Form):
    """One trained vector in the place of the state: what a decoder can know without one."""

    kind: ClassVar[str] = "bias"
    title: ClassVar[str] = "one trained vector, no state"
    trained: ClassVar[tuple[str, ...]] = ("bias",)


@dataclass(frozen=True)
class Affine(Form):
    """A soft token: the state times a trained scale of each channel, plus a trained bias."""

    kind: ClassVar[str] = "affine"
    title: ClassVar[str] = "scale and bias of a soft token"
    trained: ClassVar[tuple[str, ...]] = ("scale", "bias")


@dataclass(frozen=True)
class Ridge(Form):
    """A soft token by a linear map from the state to the embedding of the answer, in closed form.

    What is trained on top of it sees tokens that were fitted without the item's message, and for half of the items
    without its value: fitted on the item itself they would look better than any will later.

    Attributes
    ----------
    penalty : float
        Of the ridge, in mean eigenvalues of the states' products.
    folds : int
        Of messages, and of values.
    """

    kind: ClassVar[str] = "ridge"
    title: ClassVar[str] = "ridge map to a soft token"
    penalty: float = 0.03
    folds: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.penalty <= 0 or self.folds < 2:
            raise BadInput(f"a ridge has a penalty above 0 and folds from 2 on, not {self.penalty} and {self.folds}")


@dataclass(frozen=True)
class Joint(Ridge):
    """One soft token of all states together: the map is fitted on all layers and columns as one row, so that what they
    tell twice counts once."""

    kind: ClassVar[str] = "joint"
    title: ClassVar[str] = "ridge map from all states to one soft token"
    copies: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.copies < 1:
            raise BadInput(f"what is read together is written in 1 place or more, not {self.copies}")
        if not self.columns or len(self.combinations) > 1:
            raise BadInput("what is read together has as many states everywhere: give columns, and layers together")

    @property
    def joint(self) -> bool:
        """All states of a context are one row, and one thing is made of them."""
        return True


@dataclass(frozen=True)
class Steering(Form):
    """The state added to a placeholder, and one trained vector for each layer, added everywhere."""

    kind: ClassVar[str] = "steering"
    title: ClassVar[str] = "a trained vector for each layer"
    trained: ClassVar[tuple[str, ...]] = ("steer",)
    layer: int = 1
    operator: str = "norm_add"
    words: DecoderWords = LABELLED


@dataclass(frozen=True)
class Oracle(Form):
    """A low-rank adapter that reads states added to placeholders, in proportion to what stands there.

    References
    ----------
    Karvonen et al. 2025, Activation Oracles.
    """

    kind: ClassVar[str] = "oracle"
    title: ClassVar[str] = "activation oracle"
    layer: int = 1
    operator: str = "norm_add"
    words: DecoderWords = LABELLED
    lora: LoraShape | None = RANK


@dataclass(frozen=True)
class RankOne(Oracle):
    """An oracle whose adapter has rank 1."""

    kind: ClassVar[str] = "rank1"
    title: ClassVar[str] = "activation oracle of rank 1"
    lora: LoraShape | None = field(default=LoraShape(1, 2.0))


@dataclass(frozen=True)
class LatentQA(Form):
    """A low-rank adapter that reads states in the place of placeholders behind block 0: all that may be read.

    References
    ----------
    Pan et al. 2024, LatentQA: Teaching LLMs to Decode Activations Into Natural Language.
    """

    kind: ClassVar[str] = "latentqa"
    title: ClassVar[str] = "LatentQA"
    columns: tuple[int, ...] = ()
    prepared: str = "raw"
    layer: int = 0
    words: DecoderWords = ANALYSED
    lora: LoraShape | None = RANK


FORMS: Mapping[str, type[Form]] = {
    form.kind: form for form in (Bias, Affine, Ridge, Joint, Steering, RankOne, Oracle, LatentQA)
}  # fmt: skip
"""By name."""


def form_of(name: str) -> type[Form]:
    """The form of a name. Raises UnknownName."""
    if name not in FORMS:
        raise UnknownName("form of a decoder", name, FORMS)
    return FORMS[name]
