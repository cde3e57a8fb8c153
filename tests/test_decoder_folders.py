"""What stands in a decoder's folder and its run's is known by its whole configuration, on a tiny model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from decoder_runs import LESSON, QUICK, Told
from selfscope.api.decoders import fit_decoder
from selfscope.errors import BadInput, StoreError
from selfscope.readers.decoder import Decoder
from selfscope.readers.decoder_states import states_of
from selfscope.records import Option
from selfscope.subjects.local import Local, load
from selfscope.training import fit_decoder as taught
from selfscope.training.decoder_lesson import DecoderLesson
from selfscope.training.decoder_trials import trials_of
from tiny import build


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True)


@pytest.fixture(scope="module")
def tiny(folder: Path) -> Iterator[Local]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield replace(load(str(folder), device="cpu"), context=4096)
    torch.set_num_threads(threads)


def test_a_run_that_has_its_decoder_already_is_still_that_run(tiny: Local, tmp_path: Path) -> None:
    """Stopped while a rival is taught: of another lesson or seed nothing that is there is given back."""
    lesson = replace(LESSON, twins=("bias",))
    with pytest.raises(InterruptedError):
        fit_decoder(tiny, tmp_path / "x", lesson, schedule=QUICK, progress=Told("the rival bias: step 1 "))
    for other, schedule in ((replace(lesson, layers=(1,)), QUICK), (lesson, replace(QUICK, seed=5))):
        with pytest.raises(StoreError, match="another configuration"):
            fit_decoder(tiny, tmp_path / "x", other, schedule=schedule, resume=True)


def test_kept_states_are_those_of_what_is_read(
    tiny: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contexts in other words are read anew, though every setting is what it was."""
    bare = replace(LESSON, twins=(), every=0, form="ridge", rank=0)
    fit_decoder(tiny, tmp_path / "a", bare, schedule=QUICK, states=tmp_path / "kept")
    made = DecoderLesson.material

    def reworded(self: DecoderLesson, *args: object, **more: object) -> object:
        found = made(self, *args, **more)  # type: ignore[arg-type]
        sources = [replace(s, prompt=replace(s.prompt, prefix="Well,")) for s in found.sources]
        return replace(found, sources=tuple(sources))

    monkeypatch.setattr(DecoderLesson, "material", reworded)
    there = fit_decoder(tiny, tmp_path / "b", bare, schedule=QUICK, states=tmp_path / "kept")
    alone = fit_decoder(tiny, tmp_path / "c", bare, schedule=QUICK)
    assert there.contract.content == alone.contract.content
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_every_kind_of_question_has_neighbours_of_its_own(tiny: Local, tmp_path: Path) -> None:
    """Asked for the token before, the nearest state does not tell the token itself."""
    about = ("own_token", "previous_token")
    lesson = DecoderLesson("affine", (2,), about=about, items=64, every=0, listed=False)
    done = fit_decoder(tiny, tmp_path / "x", lesson, schedule=QUICK)
    reader = Decoder(str(done.folder), rival="neighbour")
    labels = reader._files().labels
    assert len({kind for kind, _ in labels}) == 2
    material = lesson.material(tiny, 0)
    items = material.of("train")
    assert len(labels) == len({(item.kind, item.source) for item in items})
    trial = trials_of(material, items)[0][0]
    options = tuple(Option(word, word) for word in ("cat", "dog"))
    asked = replace(trial, question=replace(trial.question, options=options, order=(0, 1)))
    near = np.array([[1.0, 1.0], [1.0, -1.0], [1.0, 0.9], [1.0, -0.9]])
    known = (("here?", "cat"), ("here?", "dog"), ("before?", "dog"), ("before?", "cat"))
    files = replace(reader._files(), tensors={"near": near}, labels=known)
    state = cast(Any, SimpleNamespace(joined=lambda columns: np.ones(2), where=dict))
    for task, best in (("here?", 0), ("before?", 1), ("a kind of a study's own", 0)):
        found = reader._neighbour(files, replace(asked, task=task), state)
        assert np.argmax(found.distribution or ()) == best


def test_the_map_of_a_run_is_kept_to_the_last_bit(
    tiny: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Computed anew by other threads it would differ by rounding, and the run would be another."""
    lesson = replace(LESSON, form="ridge", twins=(), every=0)
    with pytest.raises(InterruptedError):
        fit_decoder(tiny, tmp_path / "x", lesson, schedule=QUICK, progress=Told("step 1 "))
    monkeypatch.setattr(taught, "cross_fit", None)
    monkeypatch.setattr(taught, "answer_embeddings", None)
    assert fit_decoder(tiny, tmp_path / "x", lesson, schedule=QUICK, resume=True).contract.form == "ridge"


def test_places_of_what_is_read_together_are_in_the_contract(tiny: Local, tmp_path: Path) -> None:
    """A decoder that was taught with so many is read with as many, whatever the form's own number is now."""
    lesson = DecoderLesson("joint", (1, 2), items=16, families=("topic",), every=0, columns=(0, -1))
    material = lesson.material(tiny, 0, {"t1": 4})
    trial, *_ = trials_of(material, material.of("t1"))[0]
    for copies in (1, 3):
        done = fit_decoder(tiny, tmp_path / str(copies), replace(lesson, copies=copies), schedule=QUICK)
        contract = Decoder(str(done.folder))._files().contract
        assert contract.copies == copies
        where = states_of(trial, contract, None, contract.columns)
        assert where is not None
        assert where.runs == [(1, copies)]
        (reading,) = Decoder(str(done.folder)).read(tiny, [trial])
        assert reading.distribution is not None
    with pytest.raises(BadInput, match="1 place or more"):
        fit_decoder(tiny, tmp_path / "x", replace(lesson, copies=0), schedule=QUICK)
    with pytest.raises(BadInput, match="a place of its own"):
        fit_decoder(tiny, tmp_path / "x", replace(lesson, form="ridge", copies=2), schedule=QUICK)
