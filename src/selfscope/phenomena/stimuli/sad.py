"""Questions of the Situational Awareness Dataset, read from where a user has them. None is shipped: its authors ask
that no item be published.

A file is JSON (one question, a list, or a mapping whose values are lists) or JSON Lines; a folder is every such file in
it, each a task by its name. A question has its text ("text" or "question") and "choices": a mapping from text to
a score or to {"score": ...}, or a list of {"text": ..., "score": ...}. One choice has the highest score.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfscope.errors import BadInput

ENDINGS = (".json", ".jsonl")
LEAST = 2


@dataclass(frozen=True)
class SadItem:
    """A question. task: the file that it comes from. options: in the file's order. right: the text of the right one."""

    task: str
    ask: str
    options: tuple[str, ...]
    right: str


def read_sad(path: str) -> list[SadItem]:
    """The questions of a file or a folder, in order.

    Raises
    ------
    BadInput
        No such file, a packed one, or a question that has not this layout.
    """
    where = Path(path)
    files = sorted(f for f in where.rglob("*") if f.suffix in ENDINGS) if where.is_dir() else [where]
    if not files or not files[0].is_file():
        raise BadInput(f"no questions in {path!r}: unpack the dataset first, and give a .json or .jsonl file of it")
    return [
        _item(one, f"{file.name}, question {n}", file.stem) for file in files for n, one in enumerate(_read(file), 1)
    ]


def _read(file: Path) -> list[Any]:
    try:
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".jsonl":
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        found = json.loads(text)
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot read {file.name!r} as JSON ({error}): unpack the dataset, and give its .json") from None
    if isinstance(found, Mapping) and "choices" not in found:
        return [one for own in found.values() if isinstance(own, list) for one in own]
    return found if isinstance(found, list) else [found]


def _item(one: Any, where: str, task: str) -> SadItem:
    ask = one.get("text", one.get("question")) if isinstance(one, Mapping) else None
    choices = one.get("choices") if isinstance(one, Mapping) else None
    if not isinstance(ask, str) or not isinstance(choices, Mapping | list) or len(choices) < LEAST:
        raise BadInput(f"{where} has not the layout: a text, and choices with their scores")
    pairs = choices.items() if isinstance(choices, Mapping) else [(c.get("text"), c.get("score")) for c in choices]
    scores = {str(text): _score(score, where) for text, score in pairs}
    right = [text for text, score in scores.items() if score == max(scores.values())]
    if len(right) != 1:
        raise BadInput(f"{where} has {len(right)} choices with the highest score: one is asked for")
    return SadItem(task, ask, tuple(scores), right[0])


def _score(score: Any, where: str) -> float:
    value = score.get("score") if isinstance(score, Mapping) else score
    if not isinstance(value, int | float):
        raise BadInput(f"{where}: the score of a choice is {value!r}, no number")
    return float(value)
