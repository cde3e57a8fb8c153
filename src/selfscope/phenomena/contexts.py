"""Unfinished texts, each with words that could come next: sentences, facts, lists and starts of a reply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from selfscope.phenomena.crossing import generator, shuffled
from selfscope.phenomena.objects import article
from selfscope.quantities import packaged

GO_ON = "Go on with this text."


@dataclass(frozen=True)
class Context:
    """text: the user's message. prefix: the unfinished text. candidates: next words, likely and not, all different."""

    cluster: str
    text: str
    prefix: str
    candidates: tuple[str, ...]


def contexts(seed: int) -> dict[str, list[Context]]:
    """Different contexts of every source, in seeded order."""
    made: dict[str, Callable[[int], list[Context]]] = {
        "sentence": _sentences, "fact": _facts, "list": _lists, "chat": _chats,
    }  # fmt: skip
    return {source: shuffled(make(seed), "contexts", seed, source) for source, make in made.items()}


def _sentences(seed: int) -> list[Context]:
    kinds = packaged("words")["kinds"]
    return [
        Context(text, GO_ON, text, tuple(row["words"]))
        for row in packaged("contexts")["sentences"]
        for member in kinds[row["kind"]]
        for text in [row["text"].format(x=member)]
    ]


def _facts(seed: int) -> list[Context]:
    out = []
    for row in packaged("contexts")["facts"]:
        table = packaged("facts")[row["table"]]["answers"]
        single = {x: right[0] for x, right in table.items() if " " not in right[0]}
        for x, right in single.items():
            text = row["text"].format(x=x)
            others = [w for w in dict.fromkeys(single.values()) if w not in table[x]]
            rng = generator("fact", seed, text)
            wrong = [others[int(i)] for i in rng.permutation(len(others))[:4]]
            out.append(Context(text, GO_ON, text, (right, *wrong, "not")))
    return out


def _lists(seed: int) -> list[Context]:
    kinds = packaged("words")["kinds"]
    out = []
    for kind, members in kinds.items():
        for number in range(6):
            rng = generator("list", seed, kind, number)
            drawn = [members[int(i)] for i in rng.permutation(len(members))]
            text = ", ".join(drawn[:3]) + ","
            far = kinds[sorted(kinds)[int(rng.integers(len(kinds)))]]
            candidates = dict.fromkeys([*drawn[3:7], "and", far[int(rng.integers(len(far)))]])
            out.append(Context(f"{article(kind)}: {text}", GO_ON, text, tuple(candidates)))
    return list({context.prefix: context for context in out}.values())


def _chats(seed: int) -> list[Context]:
    rows = packaged("contexts")["chats"]
    return [
        Context(f"{message} {row['ask']}", f"{message} {row['ask']}", row["start"], tuple(row["words"]))
        for message in packaged("words")["messages"]
        for row in rows
    ]
