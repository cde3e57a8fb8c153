"""Outcomes to choose between: short events, some about the model itself, none about a real person; dealt out in threes.

Three outcomes make three pairs and one triad, which is cyclic or not. Threes that share no outcome are independent, so
they are the clusters; further threes across them link all outcomes on one scale.
"""

from __future__ import annotations

from collections.abc import Sequence

from selfscope.phenomena.counterbalance import shuffled
from selfscope.quantities import load_table

TABLE = "outcomes"
TESTED, LEARNT = "test", "learnt"
Three = tuple[str, str, str]
TRIES = 200
"""Dealings of a round of links before one is taken that repeats a pair."""


def outcomes(half: str) -> dict[str, str]:
    """Outcome -> its kind. half: TESTED or LEARNT: whatever the seed, an outcome stays what it is, so that nothing is
    taught with what is asked."""
    return {text: kind for kind, halves in load_table(TABLE).items() for text in halves[half]}


def kinds() -> tuple[str, ...]:
    """Kinds of outcomes, by name."""
    return tuple(load_table(TABLE))


def threes(texts: Sequence[str], count: int, *key: object) -> list[Three]:
    """So many threes that share no outcome, at most as many as there are.

    Parameters
    ----------
    texts
        Outcomes.
    count
        How many.
    key
        What the dealing depends on.
    """
    dealt = shuffled(texts, "threes", *key)
    found = [(dealt[k], dealt[k + 1], dealt[k + 2]) for k in range(0, len(dealt) - 2, 3)]
    return found[:count]


def links(clusters: Sequence[Three], rounds: int, *key: object) -> list[Three]:
    """Threes across the clusters: in every round each outcome is in one, with two that it has not met, so that after
    one round or more all outcomes hang together. Fewer than three clusters have no such threes.

    Parameters
    ----------
    clusters
        Threes that share no outcome.
    rounds
        How often each outcome is linked.
    key
        What the dealing depends on.
    """
    if len(clusters) < 3:
        return []
    met = {frozenset(pair) for three in clusters for pair in pairs(three)}
    every = [text for three in clusters for text in three]
    out: list[Three] = []
    for number in range(rounds):
        for turn in range(TRIES):
            found = threes(every, len(every), "links", number, turn, *key)
            if not any(frozenset(pair) in met for three in found for pair in pairs(three)):
                break
        new = [three for three in found if not any(frozenset(pair) in met for pair in pairs(three))]
        met |= {frozenset(pair) for three in new for pair in pairs(three)}
        out += new
    return out


def pairs(three: Three) -> tuple[tuple[str, str], ...]:
    """(3, 2) its pairs, in a circle: the first of each is the second of the one before."""
    a, b, c = three
    return (a, b), (b, c), (c, a)
