"""A question as data, and the facts that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from selfscope.errors import BadInput
from selfscope.records.formats import format_of

TEMPLATES = 3
"""Wordings of every question, numbered from 0: trials are balanced over them."""


@dataclass(frozen=True)
class Option:
    """One possible answer.

    Attributes
    ----------
    key : str
        Its meaning: shared labels carry over between items.
    text : str
        What is shown.
    """

    key: str
    text: str


@dataclass(frozen=True)
class Question:
    """A question as data; the room `wording` alone makes text of it.

    Attributes
    ----------
    quantity : str
        What is asked for, by its name in `quantities`; "custom" where ``arguments["ask"]`` are a user's own words.
    options : tuple of Option
        (K,) possible answers in canonical order; every distribution of the project is in this order. Empty: the
        question is open.
    arguments : mapping
        What its phrase needs.
    shared : bool
        Option keys mean the same in every item of this quantity. False: private lists, e.g. branch outcomes.
    order : tuple of int
        (K,) the permutation in which options are shown (indices into ``options``). Empty: canonical.
    template : int
        Which of the TEMPLATES wordings; from that number on those that reports are trained in, which no shipped
        question has.
    negated : bool
        The negated wording is shown (yes/no questions), or the scale runs downwards; readings are mapped back.
    person : str
        self, typical, named, target (another model, named in ``arguments["target"]``), or other (whoever
        ``arguments["name"]`` is).
    tense : str
        hypothetical: what the subject would do.
    placement : str
        fresh (told about the prompt in a new thread) or same (asked downstream of the conversation).
    framing : str
        plain, introspective or accurate.
    given_text : str or None
        The string to which the property is to be applied (competence questions). None: a self-report.

    Raises
    ------
    BadInput
        The options are no options.
    """

    quantity: str
    options: tuple[Option, ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    shared: bool = True
    order: tuple[int, ...] = ()
    template: int = 0
    negated: bool = False
    person: str = "self"
    tense: str = "hypothetical"
    placement: str = "fresh"
    framing: str = "plain"
    given_text: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.options, (tuple, list)):
            raise _no_options(self.options)
        for option in self.options:
            if not isinstance(option, Option):
                raise _no_options(option)

    @property
    def binary(self) -> bool:
        """A yes/no question: a probability answers it, the probability of yes."""
        return tuple(o.key for o in self.options) == ("yes", "no")

    @property
    def open(self) -> bool:
        """No options: it is answered in its own words, and no distribution answers it."""
        return not self.options

    @property
    def shown(self) -> tuple[int, ...]:
        """(K,) indices of the options in the order in which they are shown."""
        return self.order or tuple(range(len(self.options)))

    @property
    def shown_texts(self) -> tuple[str, ...]:
        """(K,) what each option, in canonical order, is called in the wording that is shown.

        A negated yes/no question means by "no" what the plain one means by "yes": its texts change places.
        """
        texts = tuple(o.text for o in self.options)
        return texts[::-1] if self.negated and self.binary else texts

    def first_option(self, format: str) -> int:
        """The canonical index of the option that stands first, or that "yes" means: the format direction.

        Parameters
        ----------
        format : str
            A name of ``FORMATS``: where it asks yes/no questions alone no options are shown, and "yes" leads.

        Returns
        -------
        int
            From 0.

        Raises
        ------
        BadInput
            The question is open: nothing stands first.
        UnknownName
            There is no such format.
        """
        if format_of(format).binary:
            return 1 if self.negated else 0
        if self.open:
            raise BadInput(f"no option of an open question ({self.quantity!r}) stands first")
        return self.shown[0]


def _no_options(value: Any) -> BadInput:
    if isinstance(value, Option):
        return BadInput("a question's options are a tuple: write options=(option,), with the comma, for one Option")
    instead = f"Option({value!r}, {value!r})" if isinstance(value, str) and len(value) <= 40 else "Option(key, text)"
    return BadInput(f"a question's options are Options, not {type(value).__name__}: write options=({instead}, ...)")
