"""`fit` for decoders, end to end on a tiny model: a folder that reads, an exact end after a stop, what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from decoder_runs import LESSON, QUICK, Told
from selfscope.api.artifacts import artifacts, check, export
from selfscope.api.decoders import FittedDecoder, fit_decoder
from selfscope.cli import main
from selfscope.errors import BadInput, BadModel, StoreError, UnknownName, Unsupported
from selfscope.readers.decoder import Decoder
from selfscope.records import Prompt
from selfscope.records.contracts import CONTRACT, TENSORS
from selfscope.subjects.local import Local, load
from selfscope.subjects.phantom import Phantom
from selfscope.training.bank import apart
from selfscope.training.control_vectors import load_control_vector
from selfscope.training.decoder_lesson import DecoderLesson
from selfscope.training.decoder_material import context_material, kept_values, token_material
from selfscope.training.decoder_trials import trials_of
from selfscope.training.families import bank, messages
from selfscope.training.features import features
from selfscope.training.live_decoder import new_decoder
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


@pytest.fixture(scope="module")
def made(tiny: Local, tmp_path_factory: pytest.TempPathFactory) -> FittedDecoder:
    return fit_decoder(tiny, tmp_path_factory.mktemp("out") / "oracle", LESSON, schedule=QUICK)


def test_a_run_that_was_stopped_ends_the_same(tiny: Local, made: FittedDecoder, tmp_path: Path) -> None:
    """Between two steps of the decoder, and between two of the rival beside it; what it says has loss and gap."""
    target = tmp_path / "again"
    for stop in ("step 2 ", "the rival tokens: step 1 "):
        with pytest.raises(InterruptedError):
            fit_decoder(tiny, target, LESSON, schedule=QUICK, resume=True, progress=Told(stop))
        assert not target.exists()
    with pytest.raises(StoreError, match="--resume"):
        fit_decoder(tiny, target, LESSON, schedule=QUICK)
    told = Told()
    done = fit_decoder(tiny, target, LESSON, schedule=QUICK, resume=True, progress=told)
    assert done.contract.content == made.contract.content
    assert "real less shuffled" in [what for what in told.said if "step" in what][-1]
    assert "loss" in [what for what in told.said if "step" in what][-1]
    assert not target.with_name("again.run").exists()
    for name in LESSON.twins:
        own, other = (Decoder(str(f / "rivals" / name)) for f in (target, made.folder))
        assert own._files().contract.content == other._files().contract.content
    with pytest.raises(StoreError, match="there already"):
        fit_decoder(tiny, target, LESSON, schedule=QUICK)


def test_a_run_of_other_states_is_not_gone_on_with(tiny: Local, tmp_path: Path) -> None:
    bare = replace(LESSON, twins=())
    with pytest.raises(InterruptedError):
        fit_decoder(tiny, tmp_path / "x", bare, schedule=QUICK, progress=Told("step 1 "))
    for other in (replace(bare, layers=(1,)), replace(bare, items=41), replace(bare, reads="others")):
        with pytest.raises(StoreError, match="another configuration"):
            fit_decoder(tiny, tmp_path / "x", other, schedule=QUICK, resume=True)


def test_states_are_read_once_for_several_decoders(
    tiny: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another form of the same layer, and a twin on shuffled states, read what is there; weights are those of a run of
    its own."""
    bare = replace(LESSON, twins=(), every=0)
    fit_decoder(tiny, tmp_path / "a", replace(bare, form="ridge"), schedule=QUICK, states=tmp_path / "kept")
    alone = fit_decoder(tiny, tmp_path / "b", bare, schedule=QUICK)
    monkeypatch.setattr(Local, "capture", None)
    done = fit_decoder(tiny, tmp_path / "c", bare, schedule=QUICK, states=tmp_path / "kept")
    assert done.contract.content == alone.contract.content


def test_what_is_made_is_told(made: FittedDecoder) -> None:
    assert "oracle of layers 2" in str(made)
    assert "real less shuffled" in str(made)
    assert made.contract.made["lesson"] == LESSON.id
    bounded(made)
    assert [look["step"] for look in made.contract.made["looks"]][-1] == made.contract.made["steps"]


def bounded(made: FittedDecoder) -> None:
    """What it makes of dev is told with intervals that are no point, and leave nothing that a share can be."""
    dev = made.contract.made["dev"]
    assert dev["told"] in str(made)
    for name, least in (("right", 0), ("shuffled", 0), ("gap", -1)):
        assert least <= dev[name]["low"] < dev[name]["high"] <= 1
    assert dev["gap"]["value"] == pytest.approx(dev["right"]["value"] - dev["shuffled"]["value"])


def test_a_map_in_closed_form_is_looked_at_too_and_older_folders_are_told(tiny: Local, tmp_path: Path) -> None:
    lesson = replace(LESSON, form="ridge", rank=0, twins=())
    done = fit_decoder(tiny, tmp_path / "x", lesson, schedule=QUICK)
    assert (done.contract.made["steps"], done.contract.made["looks"]) == (0, [])
    bounded(done)
    looks = [{"step": 4, "loss": 0.5, "gap": 0.25}]
    older = replace(done.contract, made={**done.contract.made, "dev": None, "looks": looks})
    assert "real less shuffled +25 points" in str(replace(done, contract=older))


@pytest.mark.parametrize("form", ["bias", "affine", "ridge", "joint", "steering", "rank1", "latentqa"])
def test_every_form_is_listed_checked_and_given_away(tiny: Local, folder: Path, tmp_path: Path, form: str) -> None:
    lesson = DecoderLesson(form, layers=(1, 2), items=16, families=("topic",), every=0, columns=(-1,))
    done = fit_decoder(tiny, tmp_path / form, lesson, schedule=QUICK)
    assert done.contract.combinations == ((1, 2),)
    (one,) = artifacts(tmp_path).items
    assert one.decoder is not None
    assert one.decoder.content == done.contract.content
    assert one.cells()[1] == f"decoder: {form}"
    assert "whole" in check(tmp_path / form, tiny)
    if form in ("bias", "affine", "ridge", "joint"):
        with pytest.raises(BadInput, match="no other program"):
            export(done.folder, tmp_path / "out")
        return
    given = export(done.folder, tmp_path / "out")
    assert (given / CONTRACT).exists()
    if form == "steering":
        vectors, _ = load_control_vector(given / "steering.gguf")
        held = Decoder(str(done.folder))._files().tensors
        assert all(np.array_equal(v, held[f"steer.{k}"]) for k, v in vectors.items())
        assert len(vectors) == len(tiny.layers)
    else:
        assert (given / "adapter_model.safetensors").exists()


def test_a_decoder_that_was_changed_is_told(tiny: Local, made: FittedDecoder, tmp_path: Path) -> None:
    shutil.copytree(made.folder, tmp_path / "one")
    held = bytearray((tmp_path / "one" / TENSORS).read_bytes())
    held[-1] ^= 64
    (tmp_path / "one" / TENSORS).write_bytes(bytes(held))
    with pytest.raises(BadModel, match="not those of its contract"):
        check(tmp_path / "one", tiny)
    (tmp_path / "one" / CONTRACT).write_text("{")
    assert "cannot be read" in artifacts(tmp_path).items[0].fault


def test_the_command_fits_and_says_so(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lesson = 'decoder[form=affine,layers=(2),items=64,about=(own_token),every=0]'
    main(["fit", lesson, str(folder), "-o", str(tmp_path / "a"), "--json", "--groups", "16"])
    said = json.loads(capsys.readouterr().out)
    assert said["form"] == "affine"
    assert said["made"]["schedule"]["groups"] == said["made"]["schedule"]["at_once"] == 16
    assert said["made"]["schedule"]["objective"] == "soft_labels"
    with pytest.raises(SystemExit):
        main(["fit", lesson, str(folder), "-o", str(tmp_path / "b"), "--layers", "1-2"])
    assert "decoder[layers=(7,15)" in capsys.readouterr().err
    for more in (["--labels-of", "x"], ["--phenomenon", "own_choice"], ["--bias", "1"]):
        with pytest.raises(SystemExit):
            main(["fit", lesson, str(folder), "-o", str(tmp_path / "c"), *more])
        assert "a decoder" in capsys.readouterr().err


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="tier weights"):
        fit_decoder(Phantom(), tmp_path / "x")
    with pytest.raises(BadInput, match="lesson decoder"):
        fit_decoder(Phantom(), tmp_path / "x", "states")
    with pytest.raises(UnknownName, match="form"):
        DecoderLesson("liner")
    for wrong in ({"about": ("contexts", "own_token")}, {"about": ()}, {"reads": "minds"}, {"twins": ("a",)},
                  {"items": 0}, {"span": 2}, {"texts": "own"}, {"about": ("own_token",), "texts": "web"}):  # fmt: skip
        with pytest.raises(BadInput):
            DecoderLesson(**wrong)


def test_dev_shares_no_message_or_value_with_what_is_learnt(tiny: Local) -> None:
    """Half of dev has messages that were never learnt from, half values; of a new value all options are new."""
    large = ("topic", "persona", "word", "goal", "trait")
    held = context_material(tiny, {"train": 400, "t1": 20, "t2": 20, "t3": 0}, 3, families=large)
    kept = {f"{family}: {value}" for family, value in kept_values(3)}
    learnt, dev = held.of("train"), held.of("dev")
    assert not {i.value for i in learnt} & kept
    messages_of = {i.message for i in learnt}
    assert all(i.message not in messages_of or i.value in kept for i in dev)
    new = [i for i in dev if i.value in kept]
    assert 10 < len(new) < len(dev)
    assert all({f"{i.kind}: {o}" for o in i.options if o != "nothing"} <= kept for i in new)
    assert all(apart(a, b) for i in new for a in i.options for b in i.options if a != b)
    assert {i.message for i in held.of("t2")} <= set(messages()["test"])
    values = {f"{n}: {v}" for n in large for v, _ in bank()[n].values["test"]} | {f"{n}: nothing" for n in large}
    assert {i.value for i in held.of("t2")} <= values
    assert len({v for f, v in kept_values(3) if f in large}) > 40


def test_token_questions_are_about_texts_and_types_that_were_held_out(tiny: Local) -> None:
    held = token_material(tiny, ("own_token", "previous_token"), {"train": 200, "t1": 40, "t2": 40}, 0)
    rows = {s: {held.sources[i.source].prompt.ids for i in held.of(s)} for s in ("train", "dev", "t1", "t2")}
    assert not rows["train"] & (rows["dev"] | rows["t1"] | rows["t2"])
    assert {s: len(held.of(s)) for s in ("train", "t1", "t2")} == {"train": 200, "t1": 40, "t2": 40}
    asked = {i.options[i.answer] for i in held.of("train")}
    assert not asked & {i.options[i.answer] for i in held.of("t2")}
    for item in held.items:
        source = held.sources[item.source]
        at = source.positions[0] - ("before" in item.question)
        assert tiny.token_texts(source.prompt)[at].strip() == item.options[item.answer]


def test_several_tokens_are_asked_for_beside_runs_of_as_many(tiny: Local) -> None:
    held = token_material(tiny, ("previous_token",), {"train": 60, "t1": 12, "t2": 12}, 0, span=3)
    assert len(held.of("train")) == 60
    for item in held.items:
        source = held.sources[item.source]
        at, texts = source.positions[0], tiny.token_texts(source.prompt)
        assert "".join(texts[at - 3 : at]).strip() == item.options[item.answer]
        assert item.question == "Which 3 tokens stand before it?"


def test_what_comes_next_in_its_own_replies_is_what_it_writes(tiny: Local) -> None:
    held = token_material(tiny, ("next_token",), {"train": 400, "t1": 12, "t2": 12}, 0, texts="own")
    ends = [(held.sources[i.source], i.options[i.answer]) for i in held.items]
    assert len(ends) > 8
    begun = [Prompt(ids=(source.prompt.ids or ())[: source.positions[0] + 1]) for source, _ in ends]
    said = [after.tokens[0].strip() for after in tiny.next_token(begun, top=1)]
    # A reply is kept as text, and random weights write what reads back as other tokens now and then.
    assert np.mean([a == b for a, (_, b) in zip(said, ends, strict=True)]) > 0.8
    asked = DecoderLesson(about=("next_token",), texts="own", span=2)
    assert asked.id != DecoderLesson(about=("next_token",)).id


def test_questions_need_not_show_their_options(tiny: Local) -> None:
    """Then they are asked as open questions are, and the same options are scored."""
    lesson = replace(LESSON, about=("own_token",), families=(), twins=())
    material = lesson.material(tiny, 0)
    of = features(tiny, material.sources, (2,), (-1,), train=[i.source for i in material.items])
    item = material.items[0]
    shown, hidden = (
        new_decoder(tiny, one.made_form(tiny), of).example(item, item.source)
        for one in (lesson, replace(lesson, listed=False))
    )
    said = ["".join(tiny.token_texts(e.prompt)) for e in (shown, hidden)]
    assert [f"One of {', '.join(item.options)}" in text for text in said] == [True, False]
    assert said[1].endswith("Answer:")
    assert len(hidden.prompt.ids or ()) < len(shown.prompt.ids or ())
    assert (hidden.candidates, hidden.target) == (shown.candidates, shown.target)


def test_what_was_taught_beside_it_is_read_with_it(tiny: Local, made: FittedDecoder) -> None:
    """Rivals are planned where they stand, and say the same of every state that shares its tokens."""
    readers = Decoder.planned(tiny, (), {"folder": str(made.folder)})
    assert [r.rival for r in readers] == ["", "neighbour", "inversion", "tokens", "bias"]
    held = context_material(tiny, {"train": 8, "t1": 6}, 0, families=("topic",))
    trials, _ = trials_of(held, held.of("t1"))
    said = {r.rival: [x.distribution for x in r.read(tiny, trials)] for r in readers if r.rival != "neighbour"}
    assert all(d is not None for own in said.values() for d in own)
    assert len({str(own) for own in said.values()}) == len(said)
    other = [replace(t, evidence=trials[k - 1].evidence) for k, t in enumerate(trials)]
    again = {r.rival: [x.distribution for x in r.read(tiny, other)] for r in readers if r.rival in said}
    for rival in ("tokens", "bias"):  # the last token of all these prompts is one
        np.testing.assert_allclose(again[rival], said[rival], atol=1e-5)
    for rival in ("", "inversion"):
        assert not np.allclose(again[rival], said[rival], atol=1e-4), rival
    with pytest.raises(BadInput, match="twins"):
        Decoder(str(made.folder / "rivals" / "tokens"), rival="tokens").read(tiny, trials)
