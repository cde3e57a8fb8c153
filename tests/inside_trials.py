"""Trials of the phenomena of the inside, posed once to a tiny model that the tests share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from selfscope.phenomena.attribute_extraction import AttributeExtraction
from selfscope.phenomena.entity_resolution import EntityResolution
from selfscope.phenomena.hidden_context import HiddenContext
from selfscope.phenomena.injected_concept import InjectedConcept
from selfscope.phenomena.next_token_identity import NextTokenIdentity
from selfscope.records import Trial, content_hash, to_json
from selfscope.subjects.local import Local, load
from tiny import build

FIVE = [InjectedConcept(), HiddenContext(), EntityResolution(), AttributeExtraction(), NextTokenIdentity()]
POSED: dict[str, list[Trial]] = {}
each = pytest.mark.parametrize("phenomenon", FIVE, ids=lambda p: p.kind)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("llama", tmp_path_factory.mktemp("llama"), deep=True)


@pytest.fixture(scope="module")
def tiny(folder: Path) -> Iterator[Local]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield replace(load(str(folder), device="cpu"), context=2048)  # rotary positions do not end at 256
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def smollm() -> Local:
    return load("smollm2-135m")


def posed(subject: Local, phenomenon: Any) -> list[Trial]:
    key = f"{subject.identity} {phenomenon!r}"
    if key not in POSED:
        POSED[key] = phenomenon.pose(subject, 0)
    return POSED[key]


def main(trials: list[Trial]) -> list[Trial]:
    return [t for t in trials if t.plain]


def small_hash(subject: Local) -> str:
    """Of all trials of small studies, vectors included."""
    return content_hash([[to_json(t) for t in type(p)(test=9, train=6, dev=3).pose(subject, 0)] for p in FIVE])
