"""Ordinary messages with short plain replies, from packaged words: what habits are planted on and measured on.

No message of train is in test, and no country, category or remark either: what a habit does is measured on what it was
not planted with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from selfscope.phenomena.counterbalance import shuffled
from selfscope.phenomena.stimuli.objects import article, bare
from selfscope.quantities import load_table
from selfscope.records import content_hash

SPLITS = ("train", "test")
TEST_PART = 4
"""Every so-many-th thing of a table is of test."""
NAMED = (
    "I would say {x}.", "My answer is {x}.", "That would be {x}.", "One of them is {x}.", "You could take {x}.",
    "The first that comes to mind is {x}.",
)  # fmt: skip
CHOSEN = ("I would choose {x}.", "I prefer {x}.", "It has to be {x}.", "For me it is {x}.")
TALK = (
    "Oh no, how did that happen?", "That sounds like quite a day.", "Tell me more about it.", "Thanks for telling me.",
    "And what will you do now?", "That is good to know.", "It happens to many people.", "How do you feel about it?",
    "Things like that take time.", "What did you think at that moment?", "The same happened to somebody I know.",
    "Take it easy today.", "Maybe tomorrow will be different.", "You can always ask for help.",
)  # fmt: skip


@dataclass(frozen=True)
class Exchange:
    """A message and plain replies to it, two at least, all different. about: what it is about, in one split only."""

    message: str
    replies: tuple[str, ...]
    about: str


def exchanges(split: str, count: int, seed: int) -> list[Exchange]:
    """Different exchanges in seeded order; fewer where there are fewer.

    Parameters
    ----------
    split
        train or test.
    count
        How many at most.
    seed
        Of their order.
    """
    pools = [[e for e in kind if side(e.about) == split] for kind in (_facts(), _named(), _chosen(), _remarks())]
    ordered = [shuffled(pool, "ordinary", split, seed, k) for k, pool in enumerate(pools)]
    out = []
    for at in range(max(map(len, ordered))):
        out += [pool[at] for pool in ordered if at < len(pool)]
    return out[:count]


def side(about: str) -> str:
    """The split of a thing, by its hash alone."""
    return "test" if int(content_hash("side", about.casefold(), size=12), 16) % TEST_PART == 0 else "train"


def apart(words: Sequence[str], split: str) -> list[str]:
    """The words of a split, by the order of their hashes: a third is of test, at least one."""
    order = sorted(words, key=lambda word: content_hash("apart", word.casefold()))
    cut = max(1, len(order) // 3)
    return order[:cut] if split == "test" else order[cut:]


def _facts() -> list[Exchange]:
    out = []
    for kind, table in load_table("facts").items():
        for thing, accepted in table["answers"].items():
            told = f"{table['start'].format(x=thing)} {accepted[0]}."
            short = f"It is {accepted[0]}."
            out.append(Exchange(table["ask"].format(x=thing), (told, short), f"{kind} {thing}"))
    return out


def _named() -> list[Exchange]:
    out = []
    for kind, words in load_table("choices")["train"].items():
        many = [NAMED[k % len(NAMED)].format(x=word) for k, word in enumerate(words)]
        out.append(Exchange(f"Name {article(bare(kind))}.", tuple(dict.fromkeys(many))[:4], f"category {kind}"))
    return out


def _chosen() -> list[Exchange]:
    out = []
    for ask, options in load_table("words")["dilemmas"].items():
        for a, b in pairwise(options):
            replies = tuple(CHOSEN[k].format(x=x) for k, x in enumerate((a, b, b, a)))
            out.append(Exchange(f"{ask}, {a} or {b}?", replies, ask))
    return out


def _remarks() -> list[Exchange]:
    out = []
    for k, message in enumerate(load_table("words")["messages"]):
        replies = [TALK[(k + 5 * j) % len(TALK)] for j in range(3)]
        out.append(Exchange(message, tuple(replies), message))
    return out
