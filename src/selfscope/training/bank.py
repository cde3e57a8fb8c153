"""Hidden contexts and questions about them, from packaged sentences alone: no other model writes or judges them.

A context sets one value of a family (a topic, a secret word) where a reader must not look; a question lists values to
choose from. What a split has not been trained on, it does not share with `train` in any wording.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from selfscope.errors import BadInput, UnknownName
from selfscope.records import Message
from selfscope.training.draws import evenly, generator
from selfscope.training.families import bank, empty_answers, empty_templates, family, messages, replies
from selfscope.wording.registers import REGISTERS, written

NOTHING = "nothing"
"""The value of a context that sets none, and the option that is right for it."""
SIDES: Mapping[str, tuple[str, str]] = {
    "train": ("train", "train"), "t1": ("train", "test"), "t2": ("test", "test"), "t3": ("test", "test"),
    "style": ("train", "test"),
}  # fmt: skip
"""Of each split: whose values it has, and whose templates, messages, questions and answers."""
STYLED = "style"
"""The split in which all that is said is in a register of REGISTERS: in the others nothing is."""
APART = 3
"""Options of one question differ within so many letters: a first token then tells them apart."""


@dataclass(frozen=True)
class Context:
    """One conversation in which something was set, or nothing.

    Attributes
    ----------
    family : str
        What kind of thing a question asks for.
    value : str
        The right answer, as an option; NOTHING where none was set.
    template : str
        The controlling text before the value is put in: the same in all contexts that share a wording.
    message : str
        What the user says, and no value is about.
    messages : tuple of Message
        The conversation, up to the user's message. What sets the value is the system's, or a secret turn of the user
        with a secret reply.
    hidden : str
        The controlling text, whose tokens a reader must not see. Empty where there is none.
    split : str
        train, t1 (trained values, new wordings), t2 (values never trained), t3 (families never trained) or style (as
        t1, in another register).
    register : str
        One of REGISTERS, in which all is said; empty: as the bank has it.
    """

    family: str
    value: str
    template: str
    message: str
    messages: tuple[Message, ...]
    hidden: str
    split: str
    register: str = ""


@dataclass(frozen=True)
class DecoderQuestion:
    """What a decoder is asked about a context.

    Attributes
    ----------
    text : str
        The question; the options are not in it.
    options : tuple of str
        (K,) in the order shown. None begins another. An open question has its answer alone.
    answer : int
        Which option is right, from 0.
    phrasing : str
        The question before anything is put in: a cluster of wordings.
    reply : str
        The right answer as a sentence.
    """

    text: str
    options: tuple[str, ...]
    answer: int
    phrasing: str
    reply: str


def contexts(
    seed: int, sizes: Mapping[str, int], families: Sequence[str] | None = None, *, nulls: float = 0.1
) -> list[Context]:
    """Contexts of each split: families equally often, and within one values, templates; messages over all of them.

    Parameters
    ----------
    seed
        The same one gives the same list, in every process.
    sizes
        How many contexts of which split: train, t1, t2, t3, style. All values of t1 and style occur in train if train
        is as large.
    families
        Names of those to take part; all of them by default.
    nulls
        Share of each split in which nothing is set.

    Returns
    -------
    list of Context
        Split after split, each in seeded order.

    Raises
    ------
    UnknownName
        A split or family that does not exist.
    BadInput
        A split without a family, a negative size, or a share that is none.
    """
    chosen = list(bank()) if families is None else list(dict.fromkeys(families))
    for name in chosen:
        family(name)
    if not 0 <= nulls <= 1:
        raise BadInput(f"the share of contexts that set nothing is a number from 0 to 1, not {nulls}")
    for split, size in sizes.items():
        if split not in SIDES:
            raise UnknownName("split", split, SIDES)
        if size < 0:
            raise BadInput(f"a split has 0 contexts or more: {split!r} was to have {size}")
    return [c for split in SIDES for c in _contexts(seed, split, sizes.get(split, 0), chosen, nulls)]


def question(
    context: Context, rng: np.random.Generator, *, options: int = 4, nothing: bool = False, place: int | None = None
) -> DecoderQuestion:
    """One question about a context, its phrasing and wrong options drawn from those of its split.

    Parameters
    ----------
    context
        Of the bank.
    rng
        Draws phrasing, wrong options and their order.
    options
        How many.
    nothing
        Offer NOTHING where it is wrong: else it is offered only where it is right, and its sight tells.
    place
        Where the right option stands, from 0; drawn by default.

    Returns
    -------
    DecoderQuestion
        Its options differ within their first three letters.

    Raises
    ------
    UnknownName
        A family or split that the bank does not have.
    BadInput
        A number of options that the pool does not give, a place that is not among them, or a value that the split does
        not have.
    """
    of = family(context.family)
    if context.split not in SIDES:
        raise UnknownName("split", context.split, SIDES)
    side, worded = SIDES[context.split]
    fills = {NOTHING: NOTHING, **dict(of.values[side])}
    if context.value not in fills:
        raise BadInput(f"{context.value!r} is no value of family {of.name!r} in split {context.split!r}")
    place = int(rng.integers(options)) if place is None and options > 0 else place
    if options < 2 or place is None or not 0 <= place < options:
        raise BadInput(f"a question has 2 options or more, the right one at a place among them: got {options}, {place}")
    taken = [context.value]
    pool = [text for text in fills if text != NOTHING]
    for text in [NOTHING] * nothing + [pool[int(i)] for i in rng.permutation(len(pool))]:
        if len(taken) < options and all(apart(text, other) for other in taken):
            taken.append(text)
    if len(taken) < options:
        raise BadInput(f"family {of.name!r} gives {len(taken)} options in split {context.split!r}, not {options}")
    wrong = [taken[1 + int(i)] for i in rng.permutation(options - 1)]
    shown = (*wrong[:place], context.value, *wrong[place:])
    says = empty_answers() if context.value == NOTHING else of.answers
    ask = of.questions[worded][int(rng.integers(len(of.questions[worded])))]
    reply = says[worded][int(rng.integers(len(says[worded])))].replace("{x}", fills[context.value])
    return DecoderQuestion(ask, shown, place, ask, reply)


def questions(contexts: Sequence[Context], seed: int, *, options: int = 4) -> list[DecoderQuestion]:
    """One question about each context: right options stand equally often at each place of a split.

    NOTHING is offered so often where it is wrong, in each family of a split, that to see it says nothing about the
    answer: it is right in one of `options` questions that offer it, or in more where there are too few others.

    Parameters
    ----------
    contexts
        Of the bank.
    seed
        The same one gives the same list.
    options
        How many in each question.

    Returns
    -------
    list of DecoderQuestion
        As many as contexts.

    Raises
    ------
    BadInput
        As `question` does.
    """
    places, offered = [0] * len(contexts), [False] * len(contexts)
    for split in dict.fromkeys(c.split for c in contexts):
        where = [i for i, c in enumerate(contexts) if c.split == split]
        for i, place in zip(where, evenly(range(options), len(where), seed, split, "places"), strict=True):
            places[i] = place
        for name in dict.fromkeys(contexts[i].family for i in where):
            own = [i for i in where if contexts[i].family == name]
            real = [i for i in own if contexts[i].value != NOTHING]
            for i in evenly(real, min(len(real), (options - 1) * (len(own) - len(real))), seed, split, name, "offered"):
                offered[i] = True
    return [
        question(c, generator(seed, "question", i, c.hidden), options=options, nothing=offered[i], place=places[i])
        for i, c in enumerate(contexts)
    ]


def apart(one: str, other: str) -> bool:
    """Whether two texts may be options of one question: they differ early, and neither begins the other.

    Parameters
    ----------
    one, other
        Texts of options; capitals count for nothing.
    """
    a, b = one.lower(), other.lower()
    return a[:APART] != b[:APART] and not a.startswith(b) and not b.startswith(a)


def _contexts(seed: int, split: str, size: int, chosen: Sequence[str], nulls: float) -> list[Context]:
    if not size:
        return []
    names = [name for name in chosen if bank()[name].held_out == (split == "t3")]
    if not names:
        kind = "held out" if split == "t3" else "trained"
        raise BadInput(f"split {split!r} needs a family that is {kind}: {', '.join(chosen)} gives none")
    side, worded = SIDES[split]
    bare = round(size * nulls)
    # Values follow from the side: t1 takes them in the order of train, so that it has none that a shorter train lacks.
    set_by = [
        (name, value, template, fill)
        for name, count in _counts(evenly(names, size - bare, seed, split, "families"))
        for (value, fill), template in zip(
            evenly(bank()[name].values[side], count, seed, side, name, "values"),
            evenly(bank()[name].templates[worded], count, seed, split, name, "templates"),
            strict=True,
        )
    ]
    plain = evenly(empty_templates()[worded], bare, seed, split, "empty")
    set_by += [(n, NOTHING, t, "") for n, t in zip(evenly(names, bare, seed, split, "nulls"), plain, strict=True)]
    said = evenly(messages()[worded], size, seed, split, "messages")
    spoken = evenly(replies()[worded], size, seed, split, "replies")
    in_register = evenly(list(REGISTERS) if split == STYLED else [""], size, seed, split, "registers")
    rows = zip(evenly(set_by, size, seed, split, "order"), said, spoken, in_register, strict=True)
    return [_context(split, *row) for row in rows]


def _context(
    split: str, what: tuple[str, str, tuple[str, str], str], message: str, reply: str, register: str
) -> Context:
    name, value, (role, template), fill = what
    hidden = written(template.replace("{x}", fill), register)
    message, reply = written(message, register), written(reply, register)
    before: tuple[Message, ...] = (Message(role, hidden),) if hidden else ()
    if hidden and role == "user":
        before = (Message("user", hidden, secret=True), Message("assistant", reply, secret=True))
    return Context(name, value, template, message, (*before, Message("user", message)), hidden, split, register)


def _counts(names: Sequence[str]) -> list[tuple[str, int]]:
    return [(name, names.count(name)) for name in sorted(dict.fromkeys(names))]
