"""What small programs are made of: families of data, and the steps that can be done with each, in words and in Python.

Steps are written by hand (data/program_steps.json): nothing is taken from a published set of tasks, so no model has
seen them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from selfscope.quantities import load_table

Step = tuple[str, str]
"""(what is to be done, the statement on x that does it). {k} is a small number."""
WORDS = (
    "apple", "bridge", "cloud", "delta", "ember", "forest", "garden", "harbor", "island", "jacket", "kettle", "ladder",
    "market", "needle", "orange", "pepper", "quartz", "river", "saddle", "tunnel", "umbrella", "velvet", "window",
    "yellow", "zebra", "ant", "bee", "cat", "dog", "elk", "fox",
)  # fmt: skip


@dataclass(frozen=True)
class Family:
    """What the data of some tasks are.

    Attributes
    ----------
    about : str
        As a task says it.
    draw : callable
        One of them, from a generator.
    steps : tuple of (str, str)
        What may be done with it.
    start : str
        A statement before the first step.
    end : (str, str)
        What is done last. Both may be empty.
    """

    about: str
    draw: Callable[[np.random.Generator], Any]
    steps: tuple[Step, ...]
    start: str
    end: Step


def _ints(rng: np.random.Generator, low: int = -9, high: int = 30) -> list[int]:
    return [int(v) for v in rng.integers(low, high, size=int(rng.integers(5, 11)))]


def _words(rng: np.random.Generator) -> list[str]:
    return [WORDS[int(k)] for k in rng.integers(len(WORDS), size=int(rng.integers(4, 9)))]


def _text(rng: np.random.Generator) -> str:
    letters = "aAbBcdeEfgHijKlmnoOpqrStuUvwxyz0123456789 -_"
    return "".join(letters[int(k)] for k in rng.integers(len(letters), size=int(rng.integers(8, 18))))


def _grid(rng: np.random.Generator) -> list[list[int]]:
    rows, columns = (int(v) for v in rng.integers(2, 5, size=2))
    return [[int(v) for v in rng.integers(-5, 10, size=columns)] for _ in range(rows)]


def _pairs(rng: np.random.Generator) -> list[tuple[str, int]]:
    return [(word, int(rng.integers(1, 20))) for word in _words(rng)]


def _intervals(rng: np.random.Generator) -> list[tuple[int, int]]:
    starts = rng.integers(0, 40, size=int(rng.integers(4, 8)))
    return [(int(a), int(a) + int(rng.integers(1, 12))) for a in starts]


def _brackets(rng: np.random.Generator) -> str:
    return "".join("()[]ab"[int(k)] for k in rng.integers(6, size=int(rng.integers(8, 16))))


def _nested(rng: np.random.Generator, depth: int = 3) -> list[Any]:
    return [
        _nested(rng, depth - 1) if depth and rng.random() < 0.45 else int(rng.integers(0, 20))
        for _ in range(int(rng.integers(2, 5)))
    ]


def _settings(rng: np.random.Generator) -> str:
    return ";".join(f"{word}={int(rng.integers(0, 50))}" for word in _words(rng))


def _large(rng: np.random.Generator) -> int:
    return int(rng.integers(100, 10**7))


def _small(rng: np.random.Generator) -> int:
    return int(rng.integers(12, 4000))


DRAWS: Mapping[str, Callable[[np.random.Generator], Any]] = {
    "numbers": _ints,
    "running": _ints,
    "text": _text,
    "words": _words,
    "counts": _words,
    "digits": _large,
    "divisors": _small,
    "grid": _grid,
    "records": _pairs,
    "intervals": _intervals,
    "brackets": _brackets,
    "nested": _nested,
    "settings": _settings,
}
"""Of each family of the table."""


@cache
def families() -> Mapping[str, Family]:
    """The packaged families by name.

    Returns
    -------
    mapping
        In the order of the file.
    """
    return {
        name: Family(row["about"], DRAWS[name], tuple((a, b) for a, b in row["steps"]), row["start"], tuple(row["end"]))
        for name, row in load_table("program_steps").items()
    }
