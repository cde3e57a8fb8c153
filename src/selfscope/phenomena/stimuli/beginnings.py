"""Questions with several plausible short answers, each with the partial reply from which the branches go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from selfscope.phenomena.counterbalance import generator, shuffled
from selfscope.quantities import load_table

PLACES = (
    "market", "river", "library", "station", "theatre", "forest", "beach", "kitchen", "garden", "hospital", "school",
    "museum", "harbour", "bakery",
)  # fmt: skip
WHEN = ("in the morning", "at night", "after lunch", "last summer", "in the rain", "on Sunday")
MOODS = (
    ("happy", "sad"), ("young", "old"), ("tall", "short"), ("kind", "strict"), ("early", "late"), ("rich", "poor"),
    ("brave", "shy"), ("calm", "nervous"),
)  # fmt: skip
NUMBER_WHY = ("a number", "a lucky number", "a secret number", "a house number")
NO_FAVOURITES = ("thing", "word", "way", "reason", "gift", "name", "first name", "famous", "part", "piece")
SHOWN: Mapping[str, tuple[str, str]] = {
    "choose": ("Red, green or blue?", "I choose blue."),
    "either": ("Was the cake sweet or sour?", "The cake was sweet."),
    "place": ("Where did Tom go: cinema, lake or shop?", "Tom went to the shop."),
    "number": ("Pick a number from 1 to 5.", "I pick 3."),
    "favourite": ("What is your favourite smell?", "My favourite smell is coffee."),
}
"""The turn before: what an answer looks like."""


@dataclass(frozen=True)
class Beginning:
    """text: the user's message. prefix: the reply so far. outcomes: generic ends of it, likely or not."""

    cluster: str
    text: str
    prefix: str
    outcomes: tuple[str, ...]


def beginnings(seed: int) -> dict[str, list[Beginning]]:
    """Different beginnings of every source, in seeded order."""
    makers: dict[str, Callable[[int], list[Beginning]]] = {
        "choose": _choices, "either": _moods, "place": _places, "number": _numbers, "favourite": _favourites,
    }  # fmt: skip
    return {source: shuffled(make(seed), "beginnings", seed, source) for source, make in makers.items()}


def _choices(seed: int, count: int = 400) -> list[Beginning]:
    kinds = {kind: members for kind, members in load_table("words")["kinds"].items() if kind != "colour"}
    names = sorted(kinds)
    out: dict[str, Beginning] = {}
    for number in range(count):
        rng = generator("choose", seed, number)
        members = kinds[names[int(rng.integers(len(names)))]]
        sample = [members[int(i)] for i in rng.permutation(len(members))[:5]]
        a, b, c = sample[:3]
        text = f"{a.capitalize()}, {b} or {c}?"
        out.setdefault(text, Beginning(f"choose: {a}, {b}, {c}", text, "I choose", tuple(sample)))
    return list(out.values())


def _moods(seed: int) -> list[Beginning]:
    """Two words to choose from, and others that come to mind: the order in which they are offered is drawn."""
    out = []
    for job in load_table("words")["kinds"]["job"]:
        for pair in MOODS:
            cluster = f"either: {job}, {pair[0]}"
            one, two = shuffled(pair, "mood", seed, cluster)
            others = [word for other in MOODS for word in other if word not in pair]
            outcomes = (one, two, *shuffled(others, seed, cluster)[:3])
            out.append(Beginning(cluster, f"Was the {job} {one} or {two}?", f"The {job} was", outcomes))
    return out


def _places(seed: int) -> list[Beginning]:
    kinds = load_table("words")["kinds"]
    out = []
    for who in (*kinds["job"], *kinds["mammal"]):
        for when in WHEN:
            cluster = f"place: {who}, {when}"
            a, b, c, *others = shuffled(PLACES, seed, cluster)[:5]
            text = f"Where did the {who} go {when}: {a}, {b} or {c}?"
            out.append(Beginning(cluster, text, f"The {who} went to the", (a, b, c, *others)))
    return out


def _numbers(seed: int) -> list[Beginning]:
    out = []
    for high in range(4, 61):
        rng = generator("number", seed, high)
        low, why = int(rng.choice([1, 1, 1, 2, 3])), NUMBER_WHY[int(rng.integers(len(NUMBER_WHY)))]
        outcomes = tuple(str(n) for n in rng.permutation(range(low, high + 1))[:6])
        out.append(Beginning(f"number: {low} to {high}", f"Pick {why} from {low} to {high}.", "I pick", outcomes))
    return out


def _favourites(seed: int) -> list[Beginning]:
    table = load_table("words")
    things = [thing for thing in table["things"] if not thing.startswith(NO_FAVOURITES)]
    members = [word for kind in sorted(table["kinds"]) for word in table["kinds"][kind]]
    out = []
    for thing in dict.fromkeys([*(k for k in table["kinds"] if not k.startswith(NO_FAVOURITES)), *things]):
        outcomes = shuffled(table["kinds"].get(thing, members), "favourite", seed, thing)[:6]
        text = f"What is your favourite {thing}?"
        out.append(Beginning(f"favourite: {thing}", text, f"My favourite {thing} is", tuple(outcomes)))
    return out
