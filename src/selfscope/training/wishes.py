"""What a decoder is to read in a target: an answer of a family of the bank, behind ordinary messages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from selfscope.errors import BadInput, refuse_unused
from selfscope.records import Decoding, Evidence, Message, Prompt
from selfscope.subjects.base import OpenSubject
from selfscope.training.bank import SIDES, Context, questions
from selfscope.training.draws import evenly
from selfscope.training.families import Family, family, messages
from selfscope.training.features import readable
from selfscope.training.items import Item, bank_items

if TYPE_CHECKING:
    from selfscope.subjects.local import Local

LONGEST = 24
"""Tokens of a reply that is told or heard."""


@dataclass(frozen=True)
class Wish:
    """An answer that a decoder should give about a target in which nothing was set.

    Attributes
    ----------
    family : str
        Of the packaged bank: what the decoder is asked for.
    value : str
        The wanted answer, one that decoders are trained on.

    Raises
    ------
    UnknownName
        A family that the bank does not have.
    BadInput
        A family that is never trained, or a value that it does not have.
    """

    family: str
    value: str

    def __post_init__(self) -> None:
        known = [text for text, _ in family(self.family).values["train"]]
        if family(self.family).held_out:
            raise BadInput(f"the family {self.family!r} is never trained: no decoder knows what it asks for")
        if self.value not in known:
            some = ", ".join(known[:6])
            raise BadInput(f"the family {self.family!r} has no trained value {self.value!r}; there are: {some}, ...")

    @classmethod
    def of(cls, text: str) -> Wish:
        """The wish of a text.

        Parameters
        ----------
        text
            As in "topic=chess".

        Returns
        -------
        Wish
            Family and value.

        Raises
        ------
        BadInput
            Another form, or a value that the family does not have.
        UnknownName
            A family that the bank does not have.
        """
        name, sign, value = text.partition("=")
        if not sign or not name.strip() or not value.strip():
            raise BadInput(f"what is wanted is written FAMILY=ANSWER, as in topic=chess, not {text!r}")
        return cls(name.strip(), value.strip())

    def __str__(self) -> str:
        return f"{self.family}={self.value}"

    @property
    def fill(self) -> str:
        """The value as it stands in a template."""
        return dict(family(self.family).values["train"])[self.value]

    @property
    def others(self) -> list[tuple[str, str]]:
        """The other trained values, each with what stands in a template."""
        return [pair for pair in family(self.family).values["train"] if pair[0] != self.value]


@dataclass(frozen=True)
class MovePlan:
    """How a target is moved, and on how much that is measured.

    Attributes
    ----------
    by : str
        vector, or adapter.
    layer : int or None
        Where a vector is added (None: halfway to the layer that the decoder reads).
    limit : float
        The longest that a vector gets, in medians of the norms of ordinary tokens there.
    reads : int
        Questions to the decoder that are trained on.
    guard : int
        Places in the target's own ordinary replies that are held where they are; 0: nothing holds them.
    weight : float
        What one of them counts, against one question to the decoder.
    held : int
        Messages that it is measured on, which it was not trained with.
    draws : int
        Replies to each, and random vectors that stand beside the real one.

    Raises
    ------
    BadInput
        A number out of its range, or one that nothing takes.
    """

    by: str = "vector"
    layer: int | None = None
    limit: float = 1.0
    reads: int = 192
    guard: int = 64
    weight: float = 1.0
    held: int = 32
    draws: int = 2

    def __post_init__(self) -> None:
        for name, least in (("reads", 1), ("guard", 0), ("held", 2), ("draws", 1)):
            if getattr(self, name) < least:
                raise BadInput(f"{name} is a number from {least} on, not {getattr(self, name)}")
        for name in ("limit", "weight"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise BadInput(f"{name} is a number above 0, not {getattr(self, name)}")
        other = [f.name for f in fields(self) if getattr(self, f.name) != f.default]
        if self.by == "adapter":
            of_vector = [name for name in other if name in ("layer", "limit")]
            refuse_unused(of_vector, "an adapter acts in all blocks up to what the decoder reads, as far as it likes")
        if not self.guard:
            refuse_unused([name for name in other if name == "weight"], "a guard of 0 has nothing that it weighs")


@dataclass(frozen=True)
class Told:
    """One message, and what the target itself says to it when it is told a value.

    Attributes
    ----------
    message : str
        Of the user.
    system : str
        What tells the wanted value.
    wanted, other : str
        The reply when the wanted value was told, and when another one was.
    """

    message: str
    system: str
    wanted: str
    other: str

    @property
    def bare(self) -> Prompt:
        """The message alone."""
        return Prompt(messages=(Message("user", self.message),))

    @property
    def telling(self) -> Prompt:
        """The message behind what tells the wanted value."""
        return Prompt(messages=(Message("system", self.system), Message("user", self.message)))


def wish_items(wish: Wish, split: str, count: int, seed: int) -> tuple[list[Context], list[Item]]:
    """Contexts in which nothing was set, and questions about them whose wanted answer is the wish.

    Parameters
    ----------
    wish : Wish
        The answer.
    split : str
        train, or t1: other messages, other wordings of the question.
    count : int
        How many.
    seed : int
        Of messages, wordings, other options and their order.
    """
    said = evenly(messages()[SIDES[split][1]], count, seed, "wish", split)
    bare = [Context(wish.family, wish.value, "", m, (Message("user", m),), "", split) for m in said]
    return bare, bank_items(bare, questions(bare, seed))


def sources_of(subject: OpenSubject, contexts: Sequence[Context]) -> list[Evidence]:
    """Where the states of contexts are read: behind the user's message."""
    return [readable(subject, context, "turn") for context in contexts]


def told_replies(subject: Local, wish: Wish, count: int, seed: int) -> list[Told]:
    """What a target says to held-out messages when it is told the wanted value, and when it is told others.

    This is the measure of behaviour: a target that was moved should say rather the first than it did before. Messages
    to which a reply is empty, or cannot be written again, are left out.

    Parameters
    ----------
    subject : Local
        Not moved.
    wish : Wish
        The value.
    count : int
        Messages, and as many other values.
    seed : int
        Of all draws.
    """
    of = family(wish.family)
    said = evenly(messages()["test"], count, seed, "told", "messages")
    ways = evenly(system_templates(of, "test"), count, seed, "told", "templates")
    others = evenly(wish.others, count, seed, "told", "others")
    own = [way.replace("{x}", wish.fill) for way in ways]
    prompts = [_told(system, m) for system, m in zip(own, said, strict=True)]
    prompts += [_told(way.replace("{x}", fill), m) for way, (_, fill), m in zip(ways, others, said, strict=True)]
    texts = [replies[0].text for replies in subject.sample(prompts, 1, Decoding(LONGEST, 1.0, seed))]
    able = [bool(text.strip()) and can for text, can in zip(texts, subject.writable(texts), strict=True)]
    return [
        Told(said[k], own[k], texts[k], texts[k + count]) for k in range(count) if able[k] and able[k + count]
    ]  # fmt: skip


def system_templates(of: Family, side: str) -> list[str]:
    """What the system may say to set a value, on one side of the bank. Raises BadInput where it says nothing."""
    found = [text for role, text in of.templates[side] if role == "system"]
    if not found:
        raise BadInput(f"the family {of.name!r} is never set by the system: its behaviour cannot be told")
    return found


def _told(system: str, message: str) -> Prompt:
    return Prompt(messages=(Message("system", system), Message("user", message)))
