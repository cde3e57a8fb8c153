"""A study of one item, run in a folder that is gone afterwards: what `ask` and `read` are made of."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from selfscope.api.executing import execute
from selfscope.api.loading import load
from selfscope.errors import BadInput
from selfscope.phenomena.one_state import OneState
from selfscope.store import Contents, read
from selfscope.study import Progress, Study
from selfscope.subjects.base import OpenSubject, Subject, lacking, reaches


def options_of(options: Sequence[str]) -> tuple[str, ...]:
    """The options without the spaces around them. Raises BadInput for a text, one option, or the same twice."""
    if isinstance(options, str):
        raise BadInput(f'options is a list of texts, as in options=["{options}", ...]')
    trimmed = tuple(option.strip() for option in options)
    if len(trimmed) == 1 or len(set(trimmed)) < len(trimmed):
        raise BadInput("give at least two different options, as in --options tea,coffee")
    return trimmed


def state_of(
    model: str | Subject, question: str, about: str, tokens: Sequence[int], options: Sequence[str]
) -> tuple[OpenSubject, OneState]:
    """The subject and the item of a question about states of a text. Raises BadInput for what cannot be asked, and
    Unsupported for a subject whose activations cannot be reached."""
    choices = options_of(options)
    if not question.strip() or not about.strip():
        raise BadInput("give a question, and with --about the text whose token is read")
    subject = load(model) if isinstance(model, str) else model
    if not reaches(subject, "activations"):
        raise lacking(subject.name, subject.tier, "activations")
    return cast(OpenSubject, subject), OneState(question, about, tuple(tokens), choices)


def run_once(study: Study, progress: Progress | None = None) -> Contents:
    """All that the study's folder held."""
    with tempfile.TemporaryDirectory(prefix="selfscope-") as folder:
        execute(study, Path(folder) / "one", progress=progress)
        return read(Path(folder) / "one")
