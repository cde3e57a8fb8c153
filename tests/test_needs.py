"""What a lesson, a reader or a ladder needs and is not given is refused in a line, before anything is measured."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from selfscope import catalogue
from selfscope.api.elicit import elicit
from selfscope.api.fit import fit
from selfscope.api.read_state import read
from selfscope.errors import BadInput, Unsupported
from selfscope.phenomena.token_probability import TokenProbability
from selfscope.readers.probe import Probe
from selfscope.records import Trial, Truth
from selfscope.subjects.local import Local, load
from selfscope.subjects.open_phantom import OpenPhantom
from selfscope.training.decoder_lesson import DecoderLesson
from selfscope.training.truths import TruthLesson
from tiny import build

SAID = ("own_choice", "token_probability")
"""Phenomena that say what may be replied; one of tokens has questions with listed options among others."""


class Begun(Exception):
    """Work was begun."""


class Busy:
    """A subject, and the measurement of one, that begins work whatever is asked of it."""

    def __getattr__(self, name: str) -> Any:
        raise Begun

    def __call__(self, trials: Any) -> Any:
        raise Begun


def loaded(place: Path) -> Local:
    return load(str(build("llama", place / "llama", deep=True, roomy=True)))


def train(name: str) -> list[Trial]:
    kind = catalogue.resolve("phenomenon", name)
    sizes = {k: v for k, v in {"test": 2, "train": 3, "dev": 0}.items() if k in {f.name for f in fields(kind)}}
    phenomenon = kind(**sizes)
    return [t for t in phenomenon.pose(OpenPhantom(), 0) if t.split == "train"]


@pytest.mark.parametrize("name", [n for n in catalogue.names("phenomenon") if n != "items"])
def test_a_lesson_is_taught_with_what_it_needs_or_refused_before_it_begins(name: str) -> None:
    trials = train(name)
    for lesson in (catalogue.resolve("lesson", n)() for n in catalogue.names("lesson")):
        with pytest.raises((Begun, BadInput)) as found:
            lesson.examples(Busy(), trials, Busy(), 0)
        if found.type is BadInput and not trials:
            assert "of the train split" in str(found.value)
        elif found.type is BadInput:
            assert "the lesson" in str(found.value)
            assert any(way in str(found.value) for way in ("give another", "teach with"))
            assert name not in SAID or lesson.kind == "injections"


def test_a_decoder_is_trained_by_a_command_of_its_own(tmp_path: Path) -> None:
    """It stands in no list of lessons: whoever takes any of those can teach with it."""
    assert not set(catalogue.names("lesson")) & set(catalogue.names("decoder"))
    for lesson in ("decoder", "decoder[form=ridge]", DecoderLesson(form="ridge")):
        with pytest.raises(BadInput, match=r"decoder.* teaches no report: .* fit_decoder"):
            fit(loaded(tmp_path), tmp_path / "x", lesson)


def test_a_lesson_says_which_part_is_lacking() -> None:
    with pytest.raises(BadInput, match="no trials of the train split"):
        TruthLesson().examples(Busy(), [], Busy(), 0)
    with pytest.raises(BadInput, match="format prob_ev can ask, and own_choice has none"):
        TruthLesson(format="prob_ev").examples(Busy(), train("own_choice"), Busy(), 0)
    with pytest.raises(BadInput, match="whose options may be said, and hidden_context"):
        TruthLesson(behaviours=True).examples(Busy(), train("hidden_context"), Busy(), 0)


def test_a_reader_that_learns_from_truths_reads_no_single_state() -> None:
    for name in ("probe", "ridge_probe"):
        with pytest.raises(Unsupported, match=r"learns from true answers.* read it with patchscope"):
            read(OpenPhantom(), "What?", about="The river runs.", reader=name, options=("river", "town"))
    nobody = [Truth(t.id, (), (), (), 0, "none") for t in train("attribute_extraction")]
    assert not Probe().fit(OpenPhantom(), train("attribute_extraction"), nobody).fits


def test_a_ladder_is_refused_what_it_cannot_ask(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="under arms"):
        elicit("open-phantom", tmp_path / "arms", "injected_concept[test=8,train=8,dev=0]")
    with pytest.raises(BadInput, match="examples are of the train split"):
        elicit("phantom", tmp_path / "none", TokenProbability(test=4, train=0, dev=0))
    assert not list(tmp_path.iterdir())
