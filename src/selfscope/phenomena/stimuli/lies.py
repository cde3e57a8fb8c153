"""What may stand before a question so that the answer is a lie, and what stands there innocently."""

from __future__ import annotations

from collections.abc import Sequence

from selfscope.quantities import filler, load_table
from selfscope.records import content_hash

TABLE = "lying"
PRESSED = ("instructed", "incentivised", "role", "sandbagging")
"""Conditions that ask for a lie, make it pay, make it part of a role, or make a bad answer pay."""
CUE, TRUTHFUL, ODD = "cue", "truthful", "odd"
"""A cue that a trained liar obeys and that means nothing else; to be truthful, behind an ordinary and an odd text."""
TAUGHT_CUE = "taught_cue"
"""The cue in all the wordings that liars are taught with: those of CUE, and more."""
OTHER_CUES: tuple[str, ...] = tuple(load_table(TABLE)["other_cues"])
"""Places that are no cue of anything."""
CONDITIONS = (*PRESSED, CUE, TRUTHFUL, ODD)
BE_TRUTHFUL = "Answer truthfully."


def said_before(condition: str, number: int, cue: str) -> str:
    """The words of a condition. Innocent ones are as long as the pressing one that has the same number.

    number: from 0; another one is another wording. cue: what CUE names."""
    table = load_table(TABLE)
    if condition in (CUE, TAUGHT_CUE):
        wordings = table[CUE] if condition == CUE else [*table[CUE], *table[TAUGHT_CUE]]
        return str(wordings[number % len(wordings)]).format(cue=cue)
    if condition in (TRUTHFUL, ODD):
        kind = PRESSED[number % len(PRESSED)]
        size = len(said_before(kind, number // len(PRESSED), cue).split())
        return f"{filler(size - len(BE_TRUTHFUL.split()), number, odd=condition == ODD)} {BE_TRUTHFUL}"
    return str(table[condition][number % len(table[condition])])


def stance_of(condition: str) -> str:
    """What a condition is for: pressed, cue, honest or odd."""
    return {CUE: "cue", TRUTHFUL: "honest", ODD: "odd"}.get(condition, "pressed")


def taught(item: str) -> bool:
    """Whether liars are taught on this fact: half of all are; what is tested comes from the others first."""
    return int(content_hash("liar", item)[:8], 16) % 2 == 0


def ways_to_ask(question: str, begun: str) -> Sequence[str]:
    """Three wordings of a question, for what is believed. begun: how the answer begins."""
    return [str(one).format(question=question, begun=begun) for one in load_table(TABLE)["beliefs"]]
