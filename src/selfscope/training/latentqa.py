"""Contexts and questions from the published LatentQA files (Pan et al. 2024), as the records of our own bank."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from selfscope.errors import BadInput, UnknownName, reaching
from selfscope.records import Message
from selfscope.training.bank import SIDES, Context, DecoderQuestion

VIEWS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "control": (("control_user", "user"),),
    "stimulus": (("control_user", "user"), ("control_model", "assistant"), ("stimulus_user", "user")),
    "stimulus_completion": (
        ("control_user", "user"), ("control_model", "assistant"), ("stimulus_user", "user"),
        ("stimulus_model", "assistant"),
    ),
    "system": (("system", "system"), ("stimulus_user", "user")),
}  # fmt: skip
"""Of each file (field, role) of the conversation. The first field controls; other fields (thoughts) are left out."""
PLACEHOLDER = re.compile(r"\{\w*\}|\[(?:insert|your|placeholder)\b[^\]]*\]|<(?:insert|your|placeholder)\b[^>]*>", re.I)
"""What is left of a template that nobody filled in. What a model replied may hold any of it."""


def from_latentqa(path: Path | str, *, split: str = "train") -> list[tuple[Context, DecoderQuestion]]:
    """Every conversation of a folder with every question about its label.

    Parameters
    ----------
    path
        A folder with `qa.json` ({label: [[question, answer], ...]}) and at least one of `control.json`,
        `stimulus.json`, `stimulus_completion.json` and `system.json` (each a list of rows with a label and the turns).
    split
        What the contexts are noted as.

    Returns
    -------
    list of (Context, DecoderQuestion)
        File after file, row after row. The family is `latentqa-` and the label's first word (goal, persona), the value
        is the label, the template is the name of the file. `hidden` is the controlling text, which the questions are
        about. Questions are open: the answer is their one option.

    Raises
    ------
    FileError
        A file that cannot be read.
    BadInput
        No JSON, a row of another layout, a text that is missing, empty or has a placeholder, a label without
        questions: the message names file and row.
    UnknownName
        A split that does not exist.
    """
    if split not in SIDES:
        raise UnknownName("split", split, SIDES)
    folder = Path(path)
    asked = _asked(folder / "qa.json")
    there = {view: folder / f"{view}.json" for view in VIEWS if (folder / f"{view}.json").exists()}
    if not there:
        raise BadInput(f"{folder} has no conversations: expected one of {', '.join(f'{view}.json' for view in VIEWS)}")
    return [
        (context, question)
        for view, file in there.items()
        for where, context in _contexts(file, view, split)
        for question in _of_label(asked, context.value, where)
    ]


def _contexts(file: Path, view: str, split: str) -> Iterator[tuple[str, Context]]:
    rows = _read(file)
    if not isinstance(rows, list):
        raise BadInput(f"{file} is a list of rows, not {type(rows).__name__}")
    for number, row in enumerate(rows):
        where = f"{file}, row {number}"
        if not isinstance(row, dict):
            raise BadInput(f"{where} is an object with a label and turns, not {type(row).__name__}")
        label = _text(row.get("label"), f"{where}: label")
        texts = [_text(row.get(key), f"{where} ({label}): {key}", role) for key, role in VIEWS[view]]
        # The control and the reply to it are the hidden state; what follows is what anybody may see.
        secret = 0 if view == "system" else min(2, len(texts))
        said = tuple(
            Message(role, text, secret=i < secret)
            for i, ((_, role), text) in enumerate(zip(VIEWS[view], texts, strict=True))
        )
        shown = dict(zip((key for key, _ in VIEWS[view]), texts, strict=True))
        family = f"latentqa-{label.split('-')[0]}"
        yield where, Context(family, label, view, shown.get("stimulus_user", ""), said, texts[0], split)


def _asked(file: Path) -> dict[str, list[DecoderQuestion]]:
    table = _read(file)
    if not isinstance(table, dict):
        raise BadInput(f"{file} is an object of labels, not {type(table).__name__}")
    out: dict[str, list[DecoderQuestion]] = {}
    for label, pairs in table.items():
        if not isinstance(pairs, list) or not pairs:
            raise BadInput(f"{file}, row {label!r}: a label has a list of [question, answer] pairs, and this has none")
        out[label] = []
        for number, pair in enumerate(pairs):
            where = f"{file}, row {label!r}, pair {number}"
            if not isinstance(pair, list) or len(pair) != 2:
                raise BadInput(f"{where} is [question, answer], two texts")
            question, answer = _text(pair[0], f"{where}: question"), _text(pair[1], f"{where}: answer")
            out[label].append(DecoderQuestion(question, (answer,), 0, question, answer))
    return out


def _of_label(asked: Mapping[str, list[DecoderQuestion]], label: str, where: str) -> list[DecoderQuestion]:
    if label not in asked:
        raise BadInput(f"{where}: no questions about its label {label!r} in qa.json")
    return asked[label]


def _text(value: Any, where: str, role: str = "") -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadInput(f"{where} is missing or empty: a text is expected")
    left = PLACEHOLDER.search(value)
    if left and role != "assistant":
        raise BadInput(f"{where} has the placeholder {left.group()!r}: fill it in, or take the row out")
    return value


def _read(file: Path) -> Any:
    with reaching(file):
        raw = file.read_bytes()
    try:
        return json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{file} is no JSON: {error}") from error
