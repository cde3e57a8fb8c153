"""Prompts of trained decoders: placeholders for states, written as exact token ids, and a question about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from selfscope.errors import BadInput
from selfscope.records import Message, Prompt
from selfscope.records.contracts import DecoderWords
from selfscope.wording.answers import told_apart

PLACEHOLDERS = (" ?", " x", " X", " _", " #", " ~", "?", "_", "#", "~")
"""Tried in this order."""
EXAMPLE = ("Which of these is it?", ("red", "blue"), 2)
"""Question, options and states of the prompt that a contract keeps."""


class Tokenizing(Protocol):
    """What is needed of a subject: its token ids, and where a text stands in them."""

    def encode(self, prompt: Prompt) -> tuple[int, ...]:
        """See `ScoringSubject`."""
        ...

    def positions(self, prompt: Prompt, text: str, occurrence: int = -1) -> tuple[int, ...]:
        """See `OpenSubject`."""
        ...


@dataclass(frozen=True)
class SlottedPrompt:
    """A prompt with places for states.

    Attributes
    ----------
    ids : tuple of int
        (T,) its tokens.
    slots : tuple of tuple of int
        Of each run the positions of its places.
    """

    ids: tuple[int, ...]
    slots: tuple[tuple[int, ...], ...]

    def filled(self, ids: Sequence[Sequence[int]]) -> Prompt:
        """The prompt with other tokens in the places of each run, as many as there are: nothing is written into it."""
        row = list(self.ids)
        for own, slot in sorted(zip(ids, self.slots, strict=True), key=lambda pair: -min(pair[1], default=0)):
            if slot:
                row[slot[0] : slot[-1] + 1] = own
        return Prompt(ids=tuple(row))


def decoder_prompt(
    subject: Tokenizing, words: DecoderWords, question: str, options: Sequence[str], runs: Sequence[tuple[int, int]]
) -> SlottedPrompt:
    """The prompt of a question about states.

    Parameters
    ----------
    subject : Tokenizing
        Whose tokens these are.
    words : DecoderWords
        Around the states.
    question : str
        As it is asked.
    options : sequence of str
        In the order shown; none: the question is open.
    runs : sequence of (int, int)
        Of each run its layer and how many states it has, from 1.

    Raises
    ------
    BadInput
        The placeholder is not one token of its own there.
    """
    block = "".join(words.run.format(layer=layer, slot=words.placeholder) for layer, _ in runs)
    prompt = _prompt(words, block, question, options)
    ids = subject.encode(prompt)
    mark = _placeholder_id(subject, words)
    found = [p for p in subject.positions(prompt, block.strip("\n"), 0) if ids[p] == mark]
    if mark is None or len(found) != len(runs):
        raise BadInput(f"the placeholder {words.placeholder!r} is not one token of its own in the prompt of a decoder")
    row, slots = list(ids), []
    for place, (_, count) in sorted(zip(found, runs, strict=True), reverse=True):
        row[place : place + 1] = [mark] * count
    shift = 0
    for place, (_, count) in zip(found, runs, strict=True):
        slots.append(tuple(range(place + shift, place + shift + count)))
        shift += count - 1
    return SlottedPrompt(tuple(row), tuple(slots))


def filled_prompt(words: DecoderWords, filling: str, question: str, options: Sequence[str]) -> Prompt:
    """The same question about a text in the place of the states.

    Parameters
    ----------
    words : DecoderWords
        Around it.
    filling : str
        Stands there once, whatever layers are read.
    question, options
        As in `decoder_prompt`.
    """
    block = words.run.replace("{layer}", "0").replace("{slot}", f" {filling.strip()}")
    return _prompt(words, block, question, options)


def _prompt(words: DecoderWords, block: str, question: str, options: Sequence[str]) -> Prompt:
    asked = words.ask.replace("{question}", question)
    asked += words.choice.replace("{options}", ", ".join(options)) if options else ("" if words.chat else words.free)
    if words.lead and words.chat:
        turns = (Message("user", block), Message("assistant", words.lead), Message("user", asked))
        return Prompt(messages=turns)
    if words.lead:
        return Prompt(text=f"{block}{words.lead}\n{asked}")
    return Prompt(messages=(Message("user", block + asked),)) if words.chat else Prompt(text=block + asked)


def answers(words: DecoderWords, options: Sequence[str]) -> tuple[str, ...]:
    """What is scored behind the prompt for each option, in their order: behind a template's own opening there is no
    space."""
    texts = told_apart(options)
    return tuple(text[1:] for text in texts) if words.chat else texts


def usable_words(subject: Tokenizing, words: DecoderWords, layers: Sequence[int]) -> DecoderWords:
    """The words with the first placeholder that is one token of its own among them; their own one is tried first.

    Raises BadInput where none is."""
    question, options, count = EXAMPLE
    for mark in dict.fromkeys((words.placeholder, *PLACEHOLDERS)):
        tried = replace(words, placeholder=mark)
        try:
            decoder_prompt(subject, tried, question, options, [(layer, count) for layer in layers])
        except BadInput:
            continue
        return tried
    raise BadInput(f"none of the placeholders {', '.join(map(repr, PLACEHOLDERS))} is one token in this prompt")


def example_ids(subject: Tokenizing, words: DecoderWords, layers: Sequence[int]) -> tuple[int, ...]:
    """Token ids of the example's prompt: what a contract keeps, and what is made anew to check it."""
    question, options, count = EXAMPLE
    return decoder_prompt(subject, words, question, options, [(layer, count) for layer in layers]).ids


def _placeholder_id(subject: Tokenizing, words: DecoderWords) -> int | None:
    """The one token that the placeholder is behind a text; None where it is several."""
    before, with_mark = (subject.encode(Prompt(text=text)) for text in ("x", f"x{words.placeholder}"))
    return with_mark[-1] if with_mark[:-1] == before else None
