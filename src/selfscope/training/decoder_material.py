"""What a decoder is taught and tested with, from the packaged bank alone: contexts, questions about them, splits.

Dev is made of what the train split has most of and never learns from: messages, and values of the large families.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from selfscope.errors import BadInput, UnknownName
from selfscope.records import Decoding, Evidence, Prompt
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
    "own_token": ("Which word stands here?", "Which {k} tokens end here?", own_tokens),
    "previous_token": ("Which word stands before it?", "Which {k} tokens stand before it?", previous_tokens),
    "next_token": ("Which word comes next?", "Which {k} tokens come next?", next_tokens),
}
"""What may be asked of a token: the question about one and about several, and what makes its tasks."""
BANK, OWN = "bank", "own"
TEXTS = (BANK, OWN)
"""Whose tokens: of sentences of the bank, or of replies that the subject writes itself."""
BROKEN = "\ufffd"
WRITTEN = 24
"""Tokens of such a reply, at most."""
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
    subject: OpenSubject, about: Sequence[str], sizes: Mapping[str, int], seed: int, *, span: int = 1,
    texts: str = BANK,
) -> Material:  # fmt: skip
    """Which tokens stand at, before or after a position.

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
    span : int
        How many tokens are asked for.
    texts : str
        bank: its sentences. own: likeliest replies of the subject to the bank's conversations, whose tokens alone are
        asked for, so that what comes next is what it goes on to write.

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
    many = {side: max(8, 3 * count // PER_TEXT) if count else 0 for side, count in wanted.items()}
    spoken = [c for c in contexts(seed, many, nulls=0.0) if c.hidden]
    rows, begins = _rows(subject, spoken, texts, seed)
    learnt = [k for k, c in enumerate(spoken) if c.split == "train"]
    looked = set(evenly(learnt, len(learnt) // HELD, seed, "dev texts"))
    tokens = {token for row in rows for token in row}
    called = {token: subject.token_texts(Prompt(ids=(token,)))[0].strip() for token in sorted(tokens)}
    types = sorted({called[token] for k in learnt for token in rows[k]})
    never = set(evenly(types, len(types) // OTHERS, seed, "types"))
    known, first = set(types), {row[0] for row in rows}
    shared = first if len(first) == 1 else ()  # a beginning that all texts share is the tokenizer's own
    starts = [max(0, at - 1) for at in begins]
    side = {k: "dev" if k in looked else c.split for k, c in enumerate(spoken)}
    tasks: dict[str, list[TokenTask]] = {}
    split_of: dict[tuple[str, TokenTask], str] = {}
    for name in about:
        one, several, make = TOKENS[name]
        question = one if span == 1 else several.format(k=span)
        for found in make([row[at:] for row, at in zip(rows, starts, strict=True)], span, skip=shared, pool=8):
            at, split = starts[found.row], side[found.row]
            task = replace(found, position=found.position + at, start=found.start + at)
            new = any(called[i] in never or called[i] not in known for i in task.targets)
            if split == "t2" and not new:
                split = "t1"
            # The first position holds no token: it is where attention rests.
            if task.position == 0 or task.start < begins[task.row] or (new and split in ("train", "dev")):
                continue
            split_of[question, task] = split
            tasks.setdefault(question, []).append(task)
    return _drawn(subject, rows, tasks, split_of, {**sizes, "dev": LOOKED_AT}, seed)


def _rows(
    subject: OpenSubject, spoken: Sequence[Context], texts: str, seed: int
) -> tuple[list[tuple[int, ...]], list[int]]:
    """Token ids of the texts, and where in each begins what is asked for."""
    if texts == BANK:
        rows = [subject.encode(Prompt(text=f"{c.hidden} {c.message}")) for c in spoken]
        return [tuple(row) for row in rows], [0] * len(rows)
    said = [Prompt(messages=c.messages) for c in spoken]
    replies = subject.sample(said, 1, Decoding(WRITTEN, 0.0, seed))
    # A sign that is cut in two would be other tokens when it is read again.
    texts_of = [reply.text.partition(BROKEN)[0] for (reply,) in replies]
    whole = [replace(prompt, prefix=text) for prompt, text in zip(said, texts_of, strict=True)]
    return [tuple(subject.encode(prompt)) for prompt in whole], [len(subject.encode(prompt)) for prompt in said]


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
