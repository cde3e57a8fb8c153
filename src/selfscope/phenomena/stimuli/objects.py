"""What self_prediction lets the subject do: five kinds of short tasks, from packaged words and a seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from selfscope.phenomena.counterbalance import generator, shuffled
from selfscope.quantities import load_table

WORDS = ("first_char", "second_char", "first_word", "ends_with_vowel", "word_count", "starts_same")
APPLIES: Mapping[str, tuple[str, ...]] = {
    "continue_list": ("first_char", "ends_with_vowel", "starts_same", "second_char", "word_count"),
    "name_something": WORDS,
    "pick_number": ("parity", "above_threshold", "word_count", "first_char", "first_word"),
    "dilemma": ("option", "ends_with_vowel", "word_count", "first_word", "second_char"),
    "short_reply": WORDS,
}
"""Which properties are asked of which source."""

SHOWN: Mapping[str, tuple[str, str]] = {
    "continue_list": ("Name one more: red, green, blue. One word.", "Yellow"),
    "name_something": ("Name a fruit. One word.", "Apple"),
    "pick_number": ("Pick a number between 1 and 5.", "3"),
    "dilemma": ("Red or blue?", "I choose blue."),
    "short_reply": ("I lost my keys. Reply in two words.", "Oh no!"),
}
"""The turn before: what an answer looks like."""
HELD_OUT = (("continue_list", "starts_same"), ("short_reply", "second_char"), ("dilemma", "word_count"))
"""Tasks (source, property) that occur in the test split only; each property is in train with another source."""


@dataclass(frozen=True)
class Task:
    """One object: cluster names it, text is the message, replies are what a scripted subject may say.

    arguments: by property, what its question needs. options: the two words of a dilemma.
    """

    cluster: str
    text: str
    replies: tuple[str, ...]
    arguments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    options: tuple[str, ...] = ()


def tasks_by_source(seed: int, *, lists: int = 400, ranges: int = 400) -> dict[str, list[Task]]:
    """Different objects of every source in seeded order. lists, ranges: how many of the endless ones are made."""
    return {
        "continue_list": _lists(seed, lists),
        "name_something": _things(seed),
        "pick_number": _ranges(seed, ranges),
        "dilemma": _dilemmas(seed),
        "short_reply": _messages(seed),
    }


def article(noun: str) -> str:
    """The noun with its indefinite article."""
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


def bare(noun: str) -> str:
    """The noun without an article."""
    head, _, rest = noun.partition(" ")
    return rest if head in ("a", "an", "the") and rest else noun


def _other(seed: int, cluster: str, near: list[str]) -> dict[str, dict[str, str]]:
    """A word to compare the first letter with: every second time one that could well be the answer."""
    rng = generator("other", seed, cluster)
    kinds = load_table("words")["kinds"]
    everything = [word for kind in sorted(kinds) for word in kinds[kind]]
    pool = near if near and rng.random() < 0.5 else everything
    return {"starts_same": {"other": str(pool[int(rng.integers(len(pool)))])}}


def _lists(seed: int, count: int) -> list[Task]:
    kinds = load_table("words")["kinds"]
    names = sorted(kinds)
    tasks: dict[str, Task] = {}
    for number in range(count):
        rng = generator("lists", seed, number)
        kind = names[int(rng.integers(len(names)))]
        members = [kinds[kind][i] for i in rng.permutation(len(kinds[kind]))]
        shown, others = members[:3], members[3:]
        cluster = "list: " + ", ".join(shown)
        text = f"Name one more: {', '.join(shown)}. One word."
        replies = (
            *(w.capitalize() for w in others[:4]),
            others[4],
            f"{others[5].capitalize()}, {others[6]}",
            f"{article(others[7])}",
        )
        tasks.setdefault(cluster, Task(cluster, text, replies, _other(seed, cluster, others[:6])))
    return list(tasks.values())


def _things(seed: int) -> list[Task]:
    table = load_table("words")
    members = [word for kind in sorted(table["kinds"]) for word in table["kinds"][kind]]
    out = []
    for thing in shuffled(table["things"], "things", seed):
        rng = generator("thing", seed, thing)
        own = table["kinds"].get(thing) or [members[int(i)] for i in rng.integers(len(members), size=8)]
        own = shuffled(own, "own", seed, thing)
        cluster = f"name: {thing}"
        replies = (
            *(w.capitalize() for w in own[:4]), f"{article(own[4]).capitalize()}.", f"I would say {own[5]}.",
            f"The {own[6]} is a good one, I think.",
        )  # fmt: skip
        text = f"Name {article(thing)}. One word."
        out.append(Task(cluster, text, replies, _other(seed, cluster, own[:6])))
    return out


def _ranges(seed: int, count: int) -> list[Task]:
    tasks: dict[str, Task] = {}
    for number in range(count):
        rng = generator("range", seed, number)
        low = int(rng.choice([1, 1, 10, 20, 50, 100, 200])) + int(rng.integers(0, 10))
        high = low + int(rng.choice([9, 19, 40, 50, 99, 150, 400])) + int(rng.integers(0, 8))
        cluster = f"number: {low} to {high}"
        text = f"Pick a number between {low} and {high}."
        sample = [int(x) for x in rng.integers(low, high + 1, size=6)]
        replies = (*map(str, sample[:4]), f"I pick {sample[4]}.", f"The number is {sample[5]}.", "Seven, please.")
        threshold = low + round(float(rng.choice([0.25, 0.5, 0.75])) * (high - low))
        tasks.setdefault(cluster, Task(cluster, text, replies, {"above_threshold": {"threshold": threshold}}))
    return list(tasks.values())


def _dilemmas(seed: int) -> list[Task]:
    pairs = [(ask, *pair) for ask, sides in load_table("words")["dilemmas"].items() for pair in combinations(sides, 2)]
    out = []
    for ask, one, two in shuffled(pairs, "dilemmas", seed):
        cluster = f"dilemma: {one} or {two}"
        a, b = shuffled((one, two), "sides", seed, cluster)
        x, y = bare(a), bare(b)
        # The options are asked in the order of the words' spelling: the message's own order must not name them.
        options = (x, y) if x < y else (y, x)
        replies = (
            x.capitalize(),
            y.capitalize(),
            f"{x.capitalize()}.",
            f"I would choose {y}.",
            f"I choose {x}",
            "Neither.",
        )
        text = f"{ask}: {a} or {b}?"
        out.append(Task(cluster, text, replies, _other(seed, cluster, [x, y]), options))
    return out


def _messages(seed: int) -> list[Task]:
    table = load_table("words")
    out = []
    for message in shuffled(table["messages"], "messages", seed):
        cluster = f"message: {message}"
        replies = tuple(shuffled(table["small_talk"], "talk", seed, message)[:7])
        near = [reply.split()[0] for reply in replies]
        out.append(Task(cluster, f"{message} Reply in two words.", replies, _other(seed, cluster, near)))
    return out
