"""What is put on a model is a taught model of that very one: decoders, adapters of others and stacks are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from decoder_runs import LESSON
from decoder_runs import QUICK as BRIEF
from selfscope.api.artifacts import check, export
from selfscope.api.audit import audit
from selfscope.api.decoders import fit_decoder
from selfscope.api.elicit import elicit
from selfscope.api.fit import fit
from selfscope.api.handle import able, apart
from selfscope.api.organism_bank import bank
from selfscope.api.organism_checks import check as check_organism
from selfscope.api.organisms import make
from selfscope.api.steer import opened_decoder, steer
from selfscope.errors import BadInput, BadModel, SelfscopeError, StoreError
from selfscope.readers.decoder import Decoder
from selfscope.readers.taught import Taught
from selfscope.records.contracts import DecoderContract
from selfscope.report import said_in
from selfscope.subjects.adapter_files import read_sidecar, save_adapter
from selfscope.subjects.local import Local, load
from selfscope.subjects.written_files import put_on
from selfscope.training.wishes import Wish
from taught_runs import ABOUT
from tiny import build
from worn_adapters import noisy

WISH = Wish("topic", "chess")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True)


@pytest.fixture(scope="module")
def local(folder: Path) -> Local:
    return load(str(folder))


@pytest.fixture(scope="module")
def worn(local: Local, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter that always acts."""
    place = tmp_path_factory.mktemp("worn") / "reporter"
    save_adapter(place, local, noisy(local.new_adapter()), "reporter", {})
    return place


@pytest.fixture(scope="module")
def decoder(local: Local, tmp_path_factory: pytest.TempPathFactory) -> Path:
    lesson = replace(LESSON, items=16, every=0, twins=("bias",))
    return fit_decoder(local, tmp_path_factory.mktemp("decoder") / "oracle", lesson, schedule=BRIEF).folder


def test_a_decoder_is_no_taught_model(local: Local, folder: Path, worn: Path, decoder: Path, tmp_path: Path) -> None:
    """Nor is a rival without an adapter, nor what is given to others. Its reader still puts its adapter on."""
    for place in (decoder, decoder / "rivals" / "bias", export(decoder, tmp_path / "plain")):
        for put in (
            lambda p: load(str(folder), adapter=str(p)),
            lambda p: put_on(local, p),
            lambda p: audit(p, ABOUT, model=local),
            lambda p: audit(worn, ABOUT, model=local, twin=p),
            lambda p: audit(worn, ABOUT, model=local, shifted=[p]),
            lambda p: elicit(local, tmp_path / "ladder", ABOUT, taught=[p]),
            lambda p: Taught(str(p)).read(local, []),
        ):
            with pytest.raises(BadInput, match=r"reads states and is no taught model.* decoder\[folder="):
                put(place)
    assert not (tmp_path / "ladder").exists()
    assert local.with_adapter(str(decoder)).identity != local.identity


def test_what_is_trained_is_trained_on_the_model_alone(
    local: Local, folder: Path, worn: Path, decoder: Path, tmp_path: Path
) -> None:
    """Beside the weights, merged into them or written: nothing could put on both. Decoders are read on such a model."""
    merged = load(str(folder), adapter=str(export(worn, tmp_path / "plain")))
    for subject in (put_on(local, worn), merged):
        for train in (
            lambda s: fit(s, tmp_path / "x"),
            lambda s: make("habit", s, tmp_path / "x"),
            lambda s: bank(s, tmp_path / "x"),
            lambda s: steer(s, decoder, WISH, tmp_path / "x"),
        ):
            with pytest.raises(BadInput, match="leave out --adapter, or merge"):
                train(subject)
    assert not (tmp_path / "x").exists()
    assert not (tmp_path / "x.run").exists()
    top = put_on(local, worn)
    made = {"environment": dict(top.environment)}
    save_adapter(tmp_path / "top", top, top.new_adapter(), "reporter", made)
    with pytest.raises(BadInput, match="with another adapter on"):
        put_on(local, tmp_path / "top")


def test_no_twin_is_the_adapter_itself_or_was_made_on_another_model(
    local: Local, worn: Path, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=r"is what .* is: give an adapter that was taught something else"):
        audit(worn, ABOUT, model=local, twin=worn)
    other = load(str(build("gpt2", tmp_path / "gpt2", deep=True, roomy=True)))
    save_adapter(tmp_path / "foreign", other, other.new_adapter(), "reporter", {})
    for wrong in (
        lambda p: audit(worn, ABOUT, model=local, twin=p),
        lambda p: audit(p, ABOUT, model=local),
        lambda p: elicit(local, tmp_path / "ladder", ABOUT, taught=[p]),
    ):
        with pytest.raises(BadInput, match="was made on"):
            wrong(tmp_path / "foreign")
    assert not (tmp_path / "ladder").exists()


def test_an_adapter_of_peft_says_on_what_it_was_made(worn: Path, tmp_path: Path) -> None:
    """Where it does not load that is told; where it does, nobody can tell whether it was that model."""
    plain, told = export(worn, tmp_path / "plain"), list[str]()
    with pytest.raises(BadModel, match="says that it was made on"):
        load(str(build("gpt2", tmp_path / "gpt2", deep=True, roomy=True)), adapter=str(plain))
    load(str(build("qwen2", tmp_path / "qwen2", deep=True, roomy=True)), adapter=str(plain), say=told.append)
    base = read_sidecar(worn).base_name
    assert [f"was made on {base}" in line for line in told] == [True]
    load(base, adapter=str(plain), say=told.append)
    assert len(told) == 1


FOLDERS: dict[str, Callable[[str, str], Any]] = {
    "load": lambda model, p: load(model, adapter=p), "put on": lambda model, p: audit(p, ABOUT, model=model),
    "ladder": lambda model, p: elicit(model, None, ABOUT, taught=[p]), "reader": lambda model, p: Taught.planned(
        load(model), (), {"folder": p}), "decoder": lambda model, p: Decoder.planned(load(model), (), {"folder": p}),
    "steer": lambda model, p: opened_decoder(load(model), p), "check": lambda model, p: check(p),
    "export": lambda model, p: export(p, f"{p}-x"), "organism": lambda model, p: check_organism(p),
    "before": lambda model, p: said_in(p),
}  # fmt: skip


@pytest.mark.parametrize("of", list(FOLDERS))
def test_a_folder_that_is_not_there_or_empty_is_told_to_be_so(of: str, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("x")
    for name, says in (
        ("gone", "there is no folder"), ("empty", "is empty: it holds no"), ("file", "is no folder"),
        ("other", r"holds no .*: there is no \w+\.json in it"),
    ):  # fmt: skip
        with pytest.raises((BadModel, StoreError), match=says):
            FOLDERS[of](str(folder), str(tmp_path / name))


def contract(lesson: str = "", form: str = "oracle", layers: tuple[int, ...] = (2,), content: str = "a") -> Any:
    return DecoderContract(form, "base", "tiny", "", (layers,), content=content, made={"lesson": lesson})


def test_a_model_is_moved_through_a_decoder_that_reads_such_states_beside_a_twin_of_it() -> None:
    for lesson in ("", "decoder", "decoder[families=(topic,word)]"):
        able(contract(lesson), WISH, "D")
    for wrong, why in (
        (contract(form="bias"), "reads no state"), (contract(layers=(-1,)), "embeddings of tokens"),
        (contract("decoder[about=(own_token)]"), "taught about own_token"),
        (contract("decoder[reads=others]"), "it is a twin"), (contract("decoder[families=(word)]"), "not about topic"),
    ):  # fmt: skip
        with pytest.raises(BadInput, match=f"the decoder D .*{why}.*: give one that"):
            able(wrong, WISH, "D")
    own = contract("decoder")
    for twin in ("", "decoder[reads=others]"):
        apart(own, contract(twin, content="b"), "T")
    with pytest.raises(BadInput, match="is the decoder itself"):
        apart(own, own, "T")
    with pytest.raises(BadInput, match="is no twin"):
        apart(own, contract("decoder", content="b"), "T")


def test_steer_looks_before_it_moves(local: Local, decoder: Path, tmp_path: Path) -> None:
    for given, why in (
        ({"decoder": decoder / "rivals" / "bias"}, "reads no state"), ({"wish": "persona=clown"}, "not about persona"),
        ({"twin": decoder}, "is the decoder itself"),
    ):  # fmt: skip
        asked: dict[str, Any] = {"decoder": decoder, "wish": "topic=chess", **given}
        with pytest.raises(SelfscopeError, match=why):
            steer(local, asked.pop("decoder"), asked.pop("wish"), tmp_path / "x", **asked)
    assert not (tmp_path / "x.run").exists()
