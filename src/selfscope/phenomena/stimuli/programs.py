"""Small programming tasks whose answers are known: as many as wanted, in families and five difficulties.

A task of difficulty d asks for d steps, one after the other. Every step shows on some of its calls: without it one
answer would be another, so a program that leaves it out fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from selfscope.errors import BadInput, UnknownName
from selfscope.phenomena.counterbalance import generator
from selfscope.phenomena.stimuli.program_steps import Family, Step, families
from selfscope.records import content_hash

DIFFICULTIES = (1, 2, 3, 4, 5)
CALLS = 8
SHOWN = 2
"""Calls that the statement shows with their answers; the others are kept for the test."""
TRIES = 60
MOST = 40
"""Turns for each task that is wanted, after which no more are found."""
ENTRY = "transform"


@dataclass(frozen=True)
class Task:
    """A function to be written.

    Attributes
    ----------
    id : str
        Of its statement.
    family : str
        What its data are.
    difficulty : int
        Steps that it asks for.
    statement : str
        What is to be written, with examples.
    entry : str
        The function's name.
    reference : str
        A program that is right.
    calls : tuple of (tuple, object)
        Arguments and the right value; those that the statement shows are not among them.
    wrong : str
        The reference with another last step, so that it is neither shorter nor longer as a rule: it fails.
    tests : str
        In the place of calls: a program that defines `check(candidate)`.
    before : str
        What stands before a program that is tested: imports and functions that the statement gives.
    """

    id: str
    family: str
    difficulty: int
    statement: str
    entry: str
    reference: str
    calls: tuple[tuple[tuple[Any, ...], Any], ...]
    wrong: str
    tests: str = ""
    before: str = ""


def tasks(count: int, seed: int, kinds: tuple[str, ...] = ()) -> list[Task]:
    """So many tasks, families and difficulties equally often, no statement twice.

    Parameters
    ----------
    count
        How many.
    seed
        The same one gives the same list; a longer list begins with a shorter one.
    kinds
        Names of families (none: all).

    Returns
    -------
    list of Task
        In turn of families, and within one from easy to hard.

    Raises
    ------
    UnknownName
        A family that does not exist.
    BadInput
        More than there are.
    """
    kinds = kinds or tuple(families())
    for name in kinds:
        if name not in families():
            raise UnknownName("family of programs", name, families())
    out: list[Task] = []
    known: set[tuple[Step, ...]] = set()
    turn = 0
    while len(out) < count:
        difficulty = DIFFICULTIES[turn // len(kinds) % len(DIFFICULTIES)]
        task = _task(kinds[turn % len(kinds)], difficulty, known, generator("program", seed, turn))
        turn += 1
        if task is not None:
            out.append(task)
        elif turn > MOST * (count + len(DIFFICULTIES)):
            raise BadInput(f"{', '.join(kinds)} give {len(out)} tasks, not {count}: ask for more families")
    return out


def program(family: Family, steps: Sequence[Step]) -> str:
    """The function that does some steps.

    Parameters
    ----------
    family
        What its data are.
    steps
        In order.
    """
    done = [family.start, *(statement for _, statement in steps), family.end[1]]
    lines = [line for statement in done if statement for line in statement.split("\n")]
    return "\n".join([f"def {ENTRY}(x):", *(f"    {line}" for line in lines), "    return x", ""])


def answers(text: str, inputs: Sequence[Any]) -> list[Any]:
    """What a program of `program` answers. It is ours, and runs here."""
    space: dict[str, Any] = {}
    exec(compile(text, "reference", "exec"), space)
    return [space[ENTRY](x) for x in inputs]


def _task(name: str, difficulty: int, known: set[tuple[Step, ...]], rng: np.random.Generator) -> Task | None:
    """A task whose steps all show and are not known, which they are then; None where none was found."""
    family = families()[name]
    for _ in range(TRIES):
        steps = [_filled(family.steps[int(k)], rng) for k in rng.permutation(len(family.steps))[:difficulty]]
        if tuple(steps) in known:
            continue
        inputs = [family.draw(rng) for _ in range(SHOWN + CALLS)]
        try:
            right = answers(program(family, steps), inputs)
            less = [answers(program(family, steps[:k] + steps[k + 1 :]), inputs) for k in range(difficulty)]
        except (ValueError, IndexError):
            continue  # a step met what another had left nothing of
        told = {repr(value) for value in right[SHOWN:]}
        if len(told) < CALLS // 2 or any(other[SHOWN:] == right[SHOWN:] for other in less):
            continue
        known.add(tuple(steps))
        pairs = [((x,), value) for x, value in zip(inputs, right, strict=True)]
        statement = _statement(family, [words for words, _ in steps], pairs[:SHOWN])
        where = f"{name}-{difficulty}-{content_hash(statement, size=8)}"
        wrong = _wrong(family, steps, (inputs[SHOWN:], right[SHOWN:]), rng)
        return Task(where, name, difficulty, statement, ENTRY, program(family, steps), tuple(pairs[SHOWN:]), wrong)
    return None


def _wrong(
    family: Family, steps: Sequence[Step], known: tuple[Sequence[Any], Sequence[Any]], rng: np.random.Generator
) -> str:
    """A program of as many steps whose last one is another, and that answers something else; where the family has
    none, one without it."""
    inputs, right = known
    for k in rng.permutation(len(family.steps)):
        last = _filled(family.steps[int(k)], rng)
        text = program(family, [*steps[:-1], last])
        try:
            if last not in steps and answers(text, inputs) != right:
                return text
        except (ValueError, IndexError):
            continue
    return program(family, steps[:-1])


def _filled(step: Step, rng: np.random.Generator) -> Step:
    number = str(int(rng.integers(2, 6)))
    return step[0].replace("{k}", number), step[1].replace("{k}", number)


def _statement(family: Family, steps: Sequence[str], shown: Sequence[tuple[tuple[Any, ...], Any]]) -> str:
    does = [*steps, *filter(None, [family.end[0]])]
    listed = f" {does[0]}." if len(does) == 1 else "\n" + "\n".join(f"{k}. {words}" for k, words in enumerate(does, 1))
    examples = "\n".join(f"{ENTRY}({args[0]!r}) == {value!r}" for args, value in shown)
    order = f"Do this with it{', in this order' * (len(does) > 1)}:"
    about = f"Write a Python function {ENTRY}(x). x is {family.about}. {order}"
    return f"{about}{listed}\nReturn what you get.\n{examples}"
