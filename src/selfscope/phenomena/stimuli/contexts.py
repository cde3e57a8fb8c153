"""Unfinished texts, each with words that could come next: sentences, facts, patterns, lists and starts of a reply.

They range from decided (a repeated pattern) to wide open (the middle of a story).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from selfscope.phenomena.counterbalance import generator, shuffled
from selfscope.phenomena.stimuli.objects import article
from selfscope.quantities import load_table

GO_ON = "Go on with this text."


@dataclass(frozen=True)
class Context:
    """text: the user's message. prefix: the unfinished text. candidates: different next words, likely ones first."""

    cluster: str
    text: str
    prefix: str
    candidates: tuple[str, ...]


def contexts(seed: int) -> dict[str, list[Context]]:
    """Different contexts of every source, in seeded order."""
    makers: dict[str, Callable[[int], list[Context]]] = {
        "sentence": _sentences, "fact": _facts, "pattern": _patterns, "list": _lists, "chat": _chats,
    }  # fmt: skip
    return {source: shuffled(make(seed), "contexts", seed, source) for source, make in makers.items()}


def _sentences(seed: int) -> list[Context]:
    kinds = load_table("words")["kinds"]
    return [
        Context(text, GO_ON, text, tuple(row["words"]))
        for row in load_table("contexts")["sentences"]
        for member in kinds[row["kind"]]
        for text in [row["text"].format(x=member)]
    ]


def _facts(seed: int) -> list[Context]:
    out = []
    for row in load_table("facts").values():
        table = row["answers"]
        single = {x: right[0] for x, right in table.items() if " " not in right[0]}
        for x, right in single.items():
            others = [w for w in dict.fromkeys(single.values()) if w not in table[x]]
            rng = generator("fact", seed, row["ask"], x)
            wrong = [others[int(i)] for i in rng.permutation(len(others))[:4]]
            ask, start = row["ask"].format(x=x), row["start"].format(x=x)
            out.append(Context(start, ask, start, (right, *wrong, "not")))
    return out


def _patterns(seed: int, count: int = 120) -> list[Context]:
    """Two words in turn, and sayings: what comes next is nearly fixed."""
    kinds = load_table("words")["kinds"]
    members = [word for kind in sorted(kinds) for word in kinds[kind]]
    out = {}
    for number in range(count):
        rng = generator("pattern", seed, number)
        a, b, c, d, e = (members[int(i)] for i in rng.permutation(len(members))[:5])
        turns = int(rng.integers(1, 4))
        text = ", ".join([a, b] * turns + [a]) + ","
        out[text] = Context(text, GO_ON, text, tuple(dict.fromkeys([b, a, c, d, e, "and"])))
    for start, end in load_table("contexts")["proverbs"]:
        others = [members[int(i)] for i in generator("proverb", seed, start).permutation(len(members))[:4]]
        out[start] = Context(start, GO_ON, start, tuple(dict.fromkeys([end, *others, "the"])))
    return list(out.values())


def _lists(seed: int) -> list[Context]:
    kinds = load_table("words")["kinds"]
    out = []
    for kind, members in kinds.items():
        for number in range(6):
            rng = generator("list", seed, kind, number)
            sample = [members[int(i)] for i in rng.permutation(len(members))]
            text = ", ".join(sample[:3]) + ","
            far = kinds[sorted(kinds)[int(rng.integers(len(kinds)))]]
            candidates = dict.fromkeys([sample[3], "and", *sample[4:7], far[int(rng.integers(len(far)))]])
            out.append(Context(f"{article(kind)}: {text}", GO_ON, text, tuple(candidates)))
    return list({context.prefix: context for context in out}.values())


def _chats(seed: int) -> list[Context]:
    rows = load_table("contexts")["chats"]
    return [
        Context(f"{message} {row['ask']}", f"{message} {row['ask']}", row["start"], tuple(row["words"]))
        for message in load_table("words")["messages"]
        for row in rows
    ]
