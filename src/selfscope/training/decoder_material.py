"""What a decoder is taught and tested with, from the packaged bank alone: contexts, questions about them, splits.

Dev is made of what the train split has most of and never learns from: messages, and values of the large families.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from selfscope.errors import BadInput, UnknownName
from selfscope.records import Evidence, Prompt
from selfscope.subjects.base import OpenSubject
from selfscope.training.bank import NOTHING, Context, apart, contexts, questions
from selfscope.training.draws import evenly, generator
from selfscope.training.families import bank, messages
from selfscope.training.features import readable
from selfscope.training.items import Item, bank_items, token_items
from selfscope.training.token_tasks import TokenTask, next_tokens, own_tokens, previous_tokens

HELD = 8
"""One of so many messages of the train split, and values of a large family, is kept for dev."""
LARGE = 40
"""Values of the train split from which on some are kept for dev."""
LOOKED_AT = 96
"""Items of dev at most."""
TOKENS = {
    "own_token": ("Which word stands here?", own_tokens),
    "previous_token": ("Which word stands before it?", previous_tokens),
    "next_token": ("Which word comes next?", next_tokens),
}
"""What may be asked of a token: the question, and what makes its tasks."""
PER_TEXT = 12
"""Positions that are read of one text, at most."""
OTHERS = 10
"""One of so many token types of the train split is never asked for in training."""


@dataclass(frozen=True)
class Material:
    """sources: of each context what may be read. items: questions about them, of every split."""

    sources: tuple[Evidence, ...]
    items: tuple[Item, ...]

    def of(self, split: str) -> list[Item]:
        """Those of one split."""
        return [item for item in self.items if item.split == split]


def context_material(
    subject: OpenSubject,
    sizes: Mapping[str, int],
    seed: int,
    *,
    families: Sequence[str] = (),
    window: str = "turn",
    rounds: int = 1,
) -> Material:
    """Hidden contexts of the bank.

    Parameters
    ----------
    subject : OpenSubject
        Who reads them.
    sizes : mapping of str to int
        Contexts of each split of the bank. Of train, those with a message or a value that is kept for dev are dev's.
    seed : int
        Of all that is drawn.
    families : sequence of str
        Names; none: all.
    window : str
        See `readable`.
    rounds : int
        Questions about each context of train, with other options each time.

    Raises
    ------
    BadInput
        No round.
    UnknownName
        A family, a split or a window that does not exist.
    """
    if rounds < 1:
        raise BadInput(f"every context is asked about once or more, not {rounds} times")
    # Families that are held out are those of t3 alone, whatever is trained.
    chosen = [*families, *(name for name, of in bank().items() if of.held_out)] if families else None
    every = contexts(seed, sizes, chosen)
    kept = kept_values(seed)
    heard = set(evenly(messages()["train"], len(messages()["train"]) // HELD, seed, "dev messages"))
    dev = {k for k, c in enumerate(every) if c.split == "train" and (c.message in heard or (c.family, c.value) in kept)}
    out: list[Item] = []
    for turn in range(rounds):
        asked = questions(every, seed + 1_000_003 * turn)
        out += [item for item in bank_items(every, asked) if not turn or item.split == "train"]
    learnt = [item for item in out if item.source not in dev]
    looked = [replace(_among(item, every[item.source], kept, seed), split="dev") for item in out[: len(every)]
              if item.source in dev]  # fmt: skip
    some = evenly(looked, min(LOOKED_AT, len(looked)), seed, "dev")
    sources = tuple(readable(subject, context, window) for context in every)
    return Material(sources, tuple(learnt + some))


def kept_values(seed: int) -> set[tuple[str, str]]:
    """(family, value) that the train split has, and no decoder learns from."""
    out = set()
    for name, family in bank().items():
        values = [value for value, _ in family.values["train"]]
        if len(values) >= LARGE:
            out |= {(name, value) for value in evenly(values, len(values) // HELD, seed, "dev values", name)}
    return out


def _among(item: Item, context: Context, kept: set[tuple[str, str]], seed: int) -> Item:
    """Where its value was never learnt, its options are such values too: to be new tells nothing then."""
    if (context.family, context.value) not in kept:
        return item
    right, shown = item.options[item.answer], list(item.options)
    pool = sorted(value for family, value in kept if family == context.family)
    order = generator(seed, "dev options", item.source).permutation(len(pool))
    taken = [right]
    for value in (pool[int(i)] for i in order):
        if len(taken) < len(shown) and all(apart(value, other) for other in taken):
            taken.append(value)
    wrong = iter(taken[1:])
    fresh = [text if k == item.answer or text == NOTHING else next(wrong, text) for k, text in enumerate(shown)]
    return replace(item, options=tuple(fresh))


def token_material(
    subject: OpenSubject, about: Sequence[str], sizes: Mapping[str, int], seed: int
) -> Material:
    """Which token stands at, before or after a position of the bank's sentences.

    Test texts have templates, values and messages of the test side: t1 asks for tokens that were asked for in training,
    t2 for others, among them all types that training never asks for.

    Parameters
    ----------
    subject : OpenSubject
        Whose tokens these are.
    about : sequence of str
        Names of TOKENS.
    sizes : mapping of str to int
        Items of train (dev's among them), t1 and t2.
    seed : int
        Of all that is drawn.

    Raises
    ------
    UnknownName
        There is no such question, or no such split.
    """
    for name in about:
        if name not in TOKENS:
            raise UnknownName("question about a token", name, TOKENS)
    for split in sizes:
        if split not in ("train", "t1", "t2"):
            raise UnknownName("split of token tasks", split, ("train", "t1", "t2"))
    wanted = {"train": sizes.get("train", 0), "t2": sizes.get("t1", 0) + sizes.get("t2", 0)}
    texts = {side: max(8, 3 * count // PER_TEXT) if count else 0 for side, count in wanted.items()}
    spoken = [c for c in contexts(seed, texts, nulls=0.0) if c.hidden]
    rows = [subject.encode(Prompt(text=f"{c.hidden} {c.message}")) for c in spoken]
    learnt = [k for k, c in enumerate(spoken) if c.split == "train"]
    looked = set(evenly(learnt, len(learnt) // HELD, seed, "dev texts"))
    called = {token: subject.token_texts(Prompt(ids=(token,)))[0].strip() for row in rows for token in row}
    types = sorted({called[token] for k in learnt for token in rows[k]})
    never = set(evenly(types, len(types) // OTHERS, seed, "types"))
    known, first = set(types), {row[0] for row in rows}
    side = {k: "dev" if k in looked else c.split for k, c in enumerate(spoken)}
    tasks: dict[str, list[TokenTask]] = {}
    split_of: dict[tuple[str, TokenTask], str] = {}
    for name in about:
        question, make = TOKENS[name]
        # A beginning that all texts share is the tokenizer's own.
        for task in make(rows, skip=first if len(first) == 1 else (), pool=8):
            split, target = side[task.row], called[task.targets[0]]
            new = target in never or target not in known
            if split == "t2" and not new:
                split = "t1"
            if task.position == 0 or (new and split in ("train", "dev")):
                continue  # the first position holds no token: it is where attention rests
            split_of[question, task] = split
            tasks.setdefault(question, []).append(task)
    return _drawn(subject, rows, tasks, split_of, {**sizes, "dev": LOOKED_AT}, seed)


def _drawn(
    subject: OpenSubject,
    rows: Sequence[Sequence[int]],
    tasks: Mapping[str, Sequence[TokenTask]],
    split_of: Mapping[tuple[str, TokenTask], str],
    sizes: Mapping[str, int],
    seed: int,
) -> Material:
    """As many of each split as are wanted, questions equally often; a text gives only so many positions."""
    sources: list[Evidence] = []
    items: list[Item] = []
    for split, size in sizes.items():
        for k, (question, own) in enumerate(tasks.items()):
            there = [task for task in own if split_of[question, task] == split]
            mixed = evenly(there, len(there), seed, split, question)
            near: dict[int, int] = {}
            some = []
            for task in mixed:
                near[task.row] = near.get(task.row, 0) + 1
                if near[task.row] <= PER_TEXT:
                    some.append(task)
            count = size // len(tasks) + (k < size % len(tasks))
            found, asked = token_items(
                subject, rows, {question: some[: 2 * count]}, split_of=dict.fromkeys(range(len(rows)), split), seed=seed
            )
            asked = asked[:count]
            used = sorted({item.source for item in asked})
            place = {old: len(sources) + new for new, old in enumerate(used)}
            sources += [found[old] for old in used]
            items += [replace(item, source=place[item.source]) for item in asked]
    return Material(tuple(sources), tuple(items))
