"""Questions with several plausible short answers, each with the partial reply from which the branches go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from selfscope.phenomena.crossing import generator, shuffled
from selfscope.phenomena.objects import article
from selfscope.quantities import packaged

OCCASIONS = (
    "for a rainy day", "for a child", "to remember easily", "for a story", "to show a visitor", "for a hot summer",
    "to paint on a wall", "for an old friend", "to put on a stamp", "for a long journey",
)  # fmt: skip
PLACES = ("box", "drawer", "bag", "suitcase", "cellar", "car", "tent", "letter")
FINDS = (
    "key", "letter", "map", "book", "snake", "ring", "photo", "knife", "mouse", "note", "cat", "coin", "doll", "bottle",
    "diamond", "sandwich", "clock", "ghost",
)  # fmt: skip
ROOMS = (
    "kitchen",
    "garden",
    "street",
    "library",
    "station",
    "bathroom",
    "park",
    "market",
    "office",
    "forest",
    "cellar",
    "theatre",
)


@dataclass(frozen=True)
class Beginning:
    """text: the user's message. prefix: the reply so far. outcomes: generic ends of it, likely or not."""

    cluster: str
    text: str
    prefix: str
    outcomes: tuple[str, ...]


def beginnings(seed: int) -> dict[str, list[Beginning]]:
    """Different beginnings of every source, in seeded order."""
    made: dict[str, Callable[[int], list[Beginning]]] = {
        "favourite": _favourites, "choose": _choices, "find": _finds, "place": _places, "number": _numbers,
    }  # fmt: skip
    return {source: shuffled(make(seed), "beginnings", seed, source) for source, make in made.items()}


def _favourites(seed: int) -> list[Beginning]:
    """One in which most of the text is a kind of thing: the reply so far has committed to naming one."""
    table = packaged("words")
    rest = [
        t for t in table["things"] if not t.startswith(("thing", "word", "way", "reason", "gift", "name", "first name"))
    ]
    members = [word for kind in sorted(table["kinds"]) for word in table["kinds"][kind]]
    out = []
    for thing in list(dict.fromkeys([*table["kinds"], *rest])):
        outcomes = shuffled(table["kinds"].get(thing, members), "favourite", seed, thing)[:6]
        text = f"What is your favourite {thing}? Answer in one sentence."
        out.append(Beginning(f"favourite: {thing}", text, f"My favourite {thing} is", tuple(outcomes)))
    return out


def _choices(seed: int) -> list[Beginning]:
    out = []
    for kind, members in packaged("words")["kinds"].items():
        for occasion in OCCASIONS:
            outcomes = shuffled(members, "choose", seed, kind, occasion)[:6]
            text = f"Choose {article(kind)} {occasion}."
            out.append(Beginning(f"choose: {kind} {occasion}", text, "I choose the", tuple(outcomes)))
    return out


def _finds(seed: int) -> list[Beginning]:
    out = []
    for job in packaged("words")["kinds"]["job"]:
        for place in PLACES:
            cluster = f"find: {job}, {place}"
            text = f"{article(job).capitalize()} opened an old {place}. What was inside? Answer in one sentence."
            out.append(Beginning(cluster, text, "Inside was a", tuple(shuffled(FINDS, seed, cluster)[:6])))
    return out


def _places(seed: int) -> list[Beginning]:
    table = packaged("words")["kinds"]
    out = []
    for job in table["job"]:
        for lost in ("hat", "coat", "dog", "key", "phone", "ring"):
            cluster = f"place: {job}, {lost}"
            text = f"Where did the {job} lose the {lost}? Invent an answer, one sentence."
            out.append(
                Beginning(cluster, text, f"The {job} lost the {lost} in the", tuple(shuffled(ROOMS, seed, cluster)[:6]))
            )
    return out


def _numbers(seed: int) -> list[Beginning]:
    out = []
    for high in (4, 5, 6, 8, 9, 10, 12, 15, 20, 30, 50, 100):
        for why in (
            "a lucky number",
            "a number",
            "a secret number",
            "a shirt number",
            "a house number",
            "a random number",
        ):
            cluster = f"number: {why} to {high}"
            some = generator(seed, cluster).permutation(range(1, high + 1))[:6]
            text = f"Choose {why} from 1 to {high}."
            out.append(Beginning(cluster, text, "My choice is", tuple(str(n) for n in some)))
    return out
