"""The rival `inversion`: the words of a planted state are found; those of another's or of noise are not its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from decoder_items import LAYER, WORDS, contexts, echo, world
from selfscope.readers.decoder import Decoder
from selfscope.records import Outcome, Trial
from selfscope.subjects.local import Local, load
from selfscope.training.decoder_files import save_decoder
from selfscope.training.decoder_material import Material
from selfscope.training.decoder_trials import shuffled, trials_of
from selfscope.training.fit_decoder import fit_decoder
from selfscope.training.forms import Ridge
from tiny import build


@pytest.fixture(scope="module")
def echoes(tmp_path_factory: pytest.TempPathFactory) -> Local:
    """Its head is its embedding, so that a planted word can be read off a state."""
    return load(str(echo(build("llama", tmp_path_factory.mktemp("echo"), deep=True, roomy=True))), device="cpu")


@pytest.fixture(scope="module")
def folder(echoes: Local, tmp_path_factory: pytest.TempPathFactory) -> Path:
    of, items = world(echoes, contexts(echoes, 48, seed=1, ways="words"))
    live, _ = fit_decoder(echoes, Ridge(((LAYER,),)), of, items)
    target = tmp_path_factory.mktemp("ridge") / "kept"
    save_decoder(target, live, {})
    return target


def planted(subject: Local, n: int) -> tuple[Material, list[Trial], list[str]]:
    sources, items = contexts(subject, n, seed=7, split="t1", ways="words")
    material = Material(tuple(sources), tuple(items))
    return material, trials_of(material, items)[0], [item.value for item in items]


def named(reader: Decoder, subject: Local, trials: list[Trial], values: list[str]) -> float:
    """How often the planted word is the first of WORDS among those that were found."""
    found = [r.extra["words"] for r in reader.read(subject, trials)]
    first = [next((w for w in words if w in WORDS), "") for words in found]
    return float(np.mean([a == b for a, b in zip(first, values, strict=True)]))


def test_the_words_of_a_state_are_found_and_of_no_other(echoes: Local, folder: Path) -> None:
    material, trials, values = planted(echoes, 40)
    reader = Decoder(str(folder), rival="inversion")
    assert named(reader, echoes, trials, values) > 0.9
    other = shuffled(material, list(material.items), trials, 0)
    assert named(reader, echoes, other, values) < 0.1, "those are never of the same value"
    assert named(reader, echoes, [replace(t, arm="random") for t in trials], values) < 0.5


def test_what_it_cannot_put_into_words_is_unsupported(echoes: Local, folder: Path) -> None:
    _, trials, _ = planted(echoes, 3)
    reader = Decoder(str(folder), rival="inversion")
    for arm in ("none", "text", "full"):
        found = reader.read(echoes, [replace(t, arm=arm) for t in trials])
        assert {r.outcome for r in found} == {Outcome.UNSUPPORTED}
    together = reader.read(echoes, trials)
    for trial, one in zip(trials, together, strict=True):
        np.testing.assert_allclose(reader.read(echoes, [trial])[0].distribution, one.distribution, atol=1e-4)
