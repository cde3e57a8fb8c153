"""What a decoder is asked while it learns: a question about the states of one context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from selfscope.errors import BadInput
from selfscope.records import Evidence, Prompt
from selfscope.subjects.base import OpenSubject
from selfscope.training.bank import Context, DecoderQuestion
from selfscope.training.draws import generator
from selfscope.training.token_tasks import TokenTask


@dataclass(frozen=True)
class Item:
    """One question about one context.

    Attributes
    ----------
    source : int
        Whose states are read: a context of the features.
    question : str
        As it is asked.
    options : tuple of str
        (K,) in the order shown; of an open question its answer alone.
    answer : int
        Which is right.
    value : str
        What the right answer names: items of one value are held out together.
    message : str
        What the context says besides: items of one message are held out together.
    split : str
        train, dev, or one that is tested on.
    kind : str
        What is asked for.

    Raises
    ------
    BadInput
        An answer that is none of the options.
    """

    source: int
    question: str
    options: tuple[str, ...]
    answer: int
    value: str
    message: str
    split: str = "train"
    kind: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.answer < len(self.options):
            raise BadInput(f"an item's answer is one of its {len(self.options)} options, not number {self.answer}")


def bank_items(contexts: Sequence[Context], questions: Sequence[DecoderQuestion]) -> list[Item]:
    """One item for each context, with the question at its place."""
    return [
        Item(k, q.text, q.options, q.answer, f"{c.family}: {c.value}", c.message, c.split, c.family)
        for k, (c, q) in enumerate(zip(contexts, questions, strict=True))
    ]


def token_items(
    subject: OpenSubject,
    rows: Sequence[Sequence[int]],
    tasks: Mapping[str, Sequence[TokenTask]],
    *,
    split_of: Mapping[int, str],
    options: int = 4,
    seed: int = 0,
) -> tuple[list[Evidence], list[Item]]:
    """Which tokens stand at or around a position, as items: the options are tokens of the same text.

    Parameters
    ----------
    subject : OpenSubject
        Whose tokens these are.
    rows : sequence of sequence of int
        Token ids of the texts.
    tasks : mapping of str to sequence of TokenTask
        Under the question that is asked.
    split_of : mapping of int to str
        Of each row its split.
    options : int
        How many.
    seed : int
        Of their order.

    Returns
    -------
    (list of Evidence, list of Item)
        Contexts, one for each position that is read, and items. Tasks whose words cannot be told apart are left out.
    """
    texts: dict[tuple[int, ...], str] = {}

    def text(run: tuple[int, ...]) -> str:
        if run not in texts:
            texts[run] = "".join(subject.token_texts(Prompt(ids=run))).strip()
        return texts[run]

    sources: list[Evidence] = []
    known: dict[tuple[int, int], int] = {}
    items = []
    for question, own in tasks.items():
        for task in own:
            right, others = text(task.targets), dict.fromkeys(map(text, task.distractors))
            wrong = [word for word in others if word and word.casefold() != right.casefold()][: options - 1]
            folded = {word.casefold() for word in (right, *wrong)}
            if not right or len(wrong) < options - 1 or len(folded) < options or "\ufffd" in "".join((right, *wrong)):
                continue
            place = (task.row, task.position)
            if place not in known:
                known[place] = len(sources)
                prompt = Prompt(ids=tuple(rows[task.row]))
                sources.append(Evidence(prompt, (task.position,), text((rows[task.row][task.position],))))
            order = generator(seed, "options", question, place).permutation(options)
            shown = tuple((right, *wrong)[int(i)] for i in order)
            items.append(Item(known[place], question, shown, int(np.argmin(order)), right, f"row {task.row}",
                              split_of[task.row], question))  # fmt: skip
    return sources, items


def partners(items: Sequence[Item], seed: int) -> list[int]:
    """For each item the source of another, of the same split and kind where there is one, never of the same value: what
    a shuffled arm reads. The same in every process; an item that has no such other keeps its own."""
    pools: dict[tuple[str, ...], list[Item]] = {}
    for item in items:
        for key in ((item.split, item.kind), (item.split,)):
            pools.setdefault(key, []).append(item)
    out = []
    for k, item in enumerate(items):
        rng = generator(seed, "partner", k, item.source, item.value)
        near = _other(pools[item.split, item.kind], item, int(rng.integers(1 << 30)))
        near = _other(pools[item.split,], item, int(rng.integers(1 << 30))) if near is None else near
        out.append(item.source if near is None else near)
    return out


def _other(pool: Sequence[Item], item: Item, start: int) -> int | None:
    """The source of the first item of another value from a place on."""
    for step in range(len(pool)):
        other = pool[(start + step) % len(pool)]
        if other.value != item.value:
            return other.source
    return None
