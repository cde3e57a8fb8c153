"""The examples of a run, kept beside its checkpoints.

What a subject does is measured in numbers that another sitting may round otherwise, and a run that goes on has to go on
with the very same examples; measuring them again would take minutes, too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from selfscope.errors import StoreError, reaching
from selfscope.records import from_json, to_json
from selfscope.training.examples import Example

FILE = "examples.jsonl"


def kept_examples(folder: Path, key: str, make: Callable[[], list[Example]]) -> list[Example]:
    """The examples that a folder holds; made and written first where it holds none.

    Parameters
    ----------
    folder : Path
        Of the run.
    key : str
        Hash of all that decides what they are.
    make : callable
        Makes them.

    Returns
    -------
    list of Example
        The same after a stop as before.

    Raises
    ------
    StoreError
        The folder holds those of another run, or damaged ones.
    """
    file = folder / FILE
    with reaching(file):
        if file.exists():
            return _read(file, key)
        examples = make()
        folder.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"{FILE}.{os.getpid()}.tmp")
        try:
            with draft.open("w", encoding="utf-8") as lines:
                lines.write(json.dumps({"run": key}) + "\n")
                lines.writelines(to_json(example) + "\n" for example in examples)
            draft.replace(file)
        finally:
            draft.unlink(missing_ok=True)
    return examples


def _read(file: Path, key: str) -> list[Example]:
    try:
        first, *lines = file.read_text(encoding="utf-8").split("\n")[:-1]
        if json.loads(first)["run"] != key:
            raise StoreError(
                f"{file.parent} holds a run of another configuration, model or data: give another folder, or delete it"
            )
        return [from_json(Example, line) for line in lines]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(f"{file} cannot be read ({error}): delete its folder to begin anew") from error
