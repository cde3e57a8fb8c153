"""A tiny llama in a folder, the subject that it is, and a question to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfscope.records import Message, Prompt
from selfscope.subjects.local import Local, load
from tiny import build

ASKED = Prompt(messages=(Message("user", "Name a colour."),))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("llama", tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="module")
def subject(folder: Path) -> Local:
    return load(str(folder), device="cpu")
