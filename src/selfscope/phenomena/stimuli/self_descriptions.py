"""How a subject is asked to describe itself, what each description is asked about, and texts that describe nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfscope.phenomena.counterbalance import generator, shuffled
from selfscope.phenomena.stimuli.inventory import Statement
from selfscope.quantities import load_table
from selfscope.records import Option

ASKS = (
    "Describe yourself in two sentences.", "What are you like? Answer in two sentences.",
    "Tell me in two sentences what you can do, and what you cannot.",
    "How do you usually reply? Say it in two sentences.", "What should I know about you? Two sentences, please.",
)  # fmt: skip
SAYS = (Option("so", "says so"), Option("opposite", "says the opposite"), Option("nothing", "says nothing of it"))
"""What a description says of a statement."""
LENGTH = 48
"""Tokens of a description."""
NEUTRAL = 2
"""Texts that describe nobody, of which each statement is asked too: what an answer is without a description."""
_SCRIPTED, _SENTENCES = 60, 12


def about_whom(text: str, you: str = "I", your: str = "my") -> str:
    """A wording of a statement, said by somebody."""
    return text.format(you=you, your=your, You=you[:1].upper() + you[1:], Your=your[:1].upper() + your[1:])


def arguments_of(statement: Statement) -> dict[str, Any]:
    """What the question of a statement needs: its first wording, and what a text shares words with."""
    signs: Sequence[Sequence[str]] = [[about_whom(t) for t in own] for own in (statement.plus, statement.minus)]
    return {"for": statement.plus[0], "signs": [*map(list, signs), []], "name": "the writer"}


def neutral(seed: int) -> list[str]:
    """Texts that describe nobody."""
    return [str(t) for t in shuffled(load_table("neutral")["texts"], "self neutral", seed)[:NEUTRAL]]


def dealt(names: Sequence[str], count: int, each: int, seed: int) -> list[list[str]]:
    """For each of so many descriptions the statements that it is asked about: all equally often, up to one."""
    out: list[list[str]] = []
    queue: list[str] = []
    for number in range(count):
        if len(queue) < each:
            queue += [*shuffled(names, "self dealt", seed, number), *shuffled(names, "self dealt", seed, number, 1)]
        chosen = list(dict.fromkeys(queue))[:each]
        for name in chosen:
            queue.remove(name)
        out.append(chosen)
    return out


def scripted(statements: Sequence[Statement], seed: int) -> Mapping[str, Any]:
    """What a scripted subject may say of itself: replies, and of each which statements it says, or their opposite."""
    rng, replies, says = generator("self scripted", seed), [], []
    for _ in range(_SCRIPTED):
        own = [statements[int(k)] for k in rng.permutation(len(statements))[:_SENTENCES]]
        senses = [bool(x) for x in rng.random(len(own)) < 0.5]
        replies.append(" ".join(about_whom((s.plus if so else s.minus)[0]) for s, so in zip(own, senses, strict=True)))
        says.append([[s.name, so] for s, so in zip(own, senses, strict=True)])
    return {"replies": replies, "says": says}
