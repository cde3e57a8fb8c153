"""A decoder as a command names it: what is trained, where it reads, what it is asked about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from selfscope.errors import BadInput
from selfscope.records import Identified
from selfscope.subjects.base import OpenSubject
from selfscope.training.decoder_material import BANK, TEXTS, TOKENS, Material, context_material, token_material

if TYPE_CHECKING:
    from selfscope.training.forms import Form

CONTEXTS = "contexts"
READS = ("states", "others", "tokens")
"""What stands in the places of the states. others: those of other items. tokens: embeddings of the read tokens."""
EMBEDDED = -1


@dataclass(frozen=True)
class DecoderLesson(Identified):
    """A reader of activations, taught with the packaged bank: hidden contexts, or tokens of its sentences.

    Parameters
    ----------
    form
        One of the forms of decoders: bias, affine, ridge, joint, steering, rank1, oracle, latentqa.
    layers
        Where it reads (none: the last block).
    together
        All layers in one prompt; else each item is asked about one of them.
    columns
        Which of the positions that may be read, as indices; () is all of them (None: as the form has it).
    prepared
        raw, unit or standard (empty: as the form has it).
    rank
        Of its adapter; 0: it has none (None: as the form has it).
    copies
        Places in which what is read together is written (None: as the form has it).
    about
        contexts, or what is asked of a token: own_token, previous_token, next_token.
    families
        Of contexts (none: all that are not held out).
    window
        turn: from the end of the user's message on. visible: all behind the controlling text.
    span
        How many tokens a question about tokens asks for.
    texts
        Of tokens: bank (its sentences), or own (the subject's own replies to its conversations, so that what comes next
        is what it writes).
    items
        Contexts, or questions about tokens, that are drawn for training and dev.
    rounds
        Questions about each context, with other options each time.
    listed
        Whether a question shows its options. Without them it is shorter; what is scored is the same.
    blanks
        So many more examples, as a part of the items, without a state: no option is likelier there.
    reads
        states; others: a twin that learns from states of other items; tokens: a rival that learns from the embeddings
        of the read tokens, so that what it knows is in the text.
    twins
        Rivals that are taught beside it and stand in its folder: tokens, bias.
    every
        Steps between two looks at dev (0: none).
    patience
        Looks without a lower loss after which it ends (0: it never ends early).

    Raises
    ------
    BadInput
        A value that does not exist, or a number out of its range.
    """

    kind: ClassVar[str] = "decoder"
    title: ClassVar[str] = "a trained reader of activations"
    form: str = "oracle"
    layers: tuple[int, ...] = ()
    together: bool = True
    columns: tuple[int, ...] | None = None
    prepared: str = ""
    rank: int | None = None
    copies: int | None = None
    about: tuple[str, ...] = (CONTEXTS,)
    families: tuple[str, ...] = ()
    window: str = "turn"
    span: int = 1
    texts: str = BANK
    items: int = 3400
    rounds: int = 1
    listed: bool = True
    blanks: float = 0.1
    reads: str = "states"
    twins: tuple[str, ...] = ()
    every: int = 20
    patience: int = 0

    def __post_init__(self) -> None:
        from selfscope.training.forms import form_of

        form_of(self.form)
        known = (CONTEXTS, *TOKENS)
        for name in self.about:
            if name not in known:
                raise BadInput(f"a decoder is asked about {', '.join(known)}, not {name!r}")
        if not self.about or (CONTEXTS in self.about and len(self.about) > 1):
            raise BadInput("a decoder is asked about contexts, or about one or more things of a token")
        if self.reads not in READS:
            raise BadInput(f"a decoder reads {', '.join(READS)}, not {self.reads!r}")
        for twin in self.twins:
            if twin not in ("tokens", "bias"):
                raise BadInput(f"beside a decoder tokens and bias are taught, not {twin!r}")
        if self.texts not in TEXTS:
            raise BadInput(f"tokens are of the texts {' or '.join(TEXTS)}, not {self.texts!r}")
        if not self.hears_tokens and (self.texts != BANK or self.span != 1):
            raise BadInput("span and texts are of questions about tokens: give about=(next_token) or another of them")
        for name, low in (("items", 1), ("rounds", 1), ("every", 0), ("patience", 0), ("span", 1)):
            if getattr(self, name) < low:
                raise BadInput(f"{name} is a whole number from {low} on, not {getattr(self, name)}")

    @property
    def hears_tokens(self) -> bool:
        """Whether its questions are about tokens."""
        return CONTEXTS not in self.about

    def made_form(self, subject: OpenSubject) -> Form:
        """What is trained on a subject.

        Parameters
        ----------
        subject
            Who is read, and reads.

        Returns
        -------
        Form
            With the layers and columns that are read.

        Raises
        ------
        BadInput
            A layer that it does not have.
        """
        from selfscope.subjects.live_adapters import LoraShape
        from selfscope.training.forms import form_of

        layers = self.layers or (subject.layers[-1],)
        for layer in layers:
            if layer not in (*subject.layers, EMBEDDED):
                raise BadInput(f"{subject.name} has the layers 0 to {subject.layers[-1]}, not {layer}")
        combinations = (layers,) if self.together else tuple((layer,) for layer in layers)
        if self.reads == "tokens":
            combinations = ((EMBEDDED,),)
        given: dict[str, Any] = {}
        if self.hears_tokens:
            given["columns"] = (-1,)
        if self.columns is not None:
            given["columns"] = self.columns
        if self.prepared:
            given["prepared"] = self.prepared
        if self.rank is not None:
            given["lora"] = LoraShape(self.rank, 2.0 * self.rank) if self.rank else None
        if self.copies is not None:
            given["copies"] = self.copies
        form = form_of(self.form)(combinations, **given)
        return form if self.listed else replace(form, words=form.words.unlisted)

    def material(self, subject: OpenSubject, seed: int, sizes: Mapping[str, int] | None = None) -> Material:
        """What it is taught with, and tested with where other splits are asked for.

        Parameters
        ----------
        subject
            Who is read.
        seed
            Of all that is drawn.
        sizes
            Contexts or questions of other splits: t1, t2, and of contexts t3 and style.

        Returns
        -------
        Material
            Sources and items.
        """
        every = {"train": self.items, **(sizes or {})}
        if self.hears_tokens:
            return token_material(subject, self.about, every, seed, span=self.span, texts=self.texts)
        return context_material(
            subject, every, seed, families=self.families, window=self.window, rounds=self.rounds
        )  # fmt: skip

    def twin(self, name: str) -> DecoderLesson:
        """One of its rivals: the same questions as often, with nothing but the text, or without any state.

        Parameters
        ----------
        name
            tokens or bias.

        Returns
        -------
        DecoderLesson
            That has no rivals.
        """
        if name == "bias":
            plain = replace(self, rank=None, copies=None, prepared="", columns=self.columns or (-1,))
            return replace(plain, form="bias", twins=())
        return replace(self, reads="tokens", twins=())
