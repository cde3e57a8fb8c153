"""What a command refuses before it works: one line that says what to do, no model loaded, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import selfscope
from selfscope.api import loading
from selfscope.api.audit import audit
from selfscope.api.awareness import awareness
from selfscope.api.elicit import elicit
from selfscope.api.read_state import reader_of_states
from selfscope.cli import main
from selfscope.errors import BadInput
from selfscope.phenomena.own_choice import OwnChoice
from selfscope.readers.ask import Ask
from selfscope.readers.patchscope import Patchscope
from selfscope.study import PhenomenonPlan, Study
from selfscope.subjects.adapter_files import save_adapter
from selfscope.subjects.live_adapters import LoraShape
from selfscope.subjects.local import Local, load
from selfscope.subjects.phantom import Phantom
from selfscope.subjects.weights import files_of
from selfscope.training.schedule import Schedule
from tiny import build

LOADED = "a model was loaded"


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of a command."""
    with pytest.raises(SystemExit) as end:
        main(words)
    told = capsys.readouterr().err
    assert end.value.code == 2, told
    assert told.count("\n") == 1, told
    return told


@pytest.fixture
def unloaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder to work in; who loads a model fails."""

    def loaded(*_: object, **__: object) -> None:
        raise AssertionError(LOADED)

    monkeypatch.setattr(loading, "_loader", loaded)
    monkeypatch.chdir(tmp_path)
    return tmp_path


STEER = ["steer", "topic=chess", "phantom", "--decoder", "reader"]
ASK = ["ask", "phantom", "Who?", "--about", "Hello."]


@pytest.mark.parametrize(("words", "named", "advice"), [
    (["elicit", "phantom", "--other-taught", "x"], "other_taught", "with other"),
    ([*ASK, "--layer", "2"], "--layer", "--reader"),
    ([*ASK, "--token", "2", "--layer", "1"], "--layer and --token", "--reader"),
    ([*ASK, "--reader", "patchscope", "--other", "phantom"], "--other", "leave out --reader"),
    ([*STEER, "--by", "adapter", "--layer", "2"], "layer", "all blocks"),
    ([*STEER, "--by", "adapter", "--limit", "2"], "limit", "all blocks"),
    ([*STEER, "--guard", "0", "--weight", "2"], "weight", "guard of 0"),
    (["fit", "states", "phantom", "--bias", "1", "--rank", "4"], "--rank", "one vector"),
    (["fit", "states", "phantom", "--bias", "1", "--layers", "0-1"], "--layers", "one vector"),
    (["fit", "decoder", "phantom", "--guard", "4"], "--guard", "settings of it"),
    (["fit", "decoder", "phantom", "--labels-of", "phantom"], "--labels-of", "packaged bank"),
    (["organism", "make", "vector_trait", "phantom", "--guard", "4"], "--guard", "nothing is trained"),
    (["organism", "make", "vector_trait", "phantom", "--epochs", "4"], "--epochs", "nothing is trained"),
    (["organism", "awareness", "x", "--mark", "upper", "--word", "Oh"], "--word", "without a word"),
])  # fmt: skip
def test_an_option_that_would_do_nothing_is_refused(
    words: list[str], named: str, advice: str, unloaded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = refused(words, capsys)
    assert f"{named} would do nothing: " in told
    assert advice in told.partition("nothing: ")[2]
    assert not list(unloaded.iterdir())


@pytest.mark.parametrize("words", [
    ["card", "phantom"], ["elicit", "phantom"], ["fit", "states", "phantom"], ["fit", "decoder", "phantom"], STEER,
    ["organism", "make", "habit", "phantom"], ["organism", "bank", "phantom"], ["organism", "awareness", "x"],
    ["audit", "x", "--phenomenon", "token_probability"], ["study", "phantom"],
])  # fmt: skip
def test_a_seed_below_nought_is_refused(words: list[str], unloaded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = refused([*words, "--seeds" if words[0] == "study" else "--seed", "-1"], capsys)
    assert "seed is a whole number from 0 on, not -1" in told
    assert not list(unloaded.iterdir())


@pytest.mark.parametrize("seed", [-1, 1 << 63, 0.5, "one"])
def test_every_entry_takes_the_same_seeds(seed: Any, tmp_path: Path) -> None:
    plan = PhenomenonPlan(OwnChoice(), (Ask(),))
    entries: list[Callable[[], object]] = [
        lambda: Schedule(seed=seed), lambda: Study(Phantom(), (plan,), seed),
        lambda: selfscope.card("phantom", tmp_path / "x", seed=seed),
        lambda: selfscope.cards(["nosuch"], tmp_path / "x", seeds=(0, seed)),
        lambda: elicit("nosuch", tmp_path / "x", seed=seed), lambda: audit(tmp_path, "own_choice", seed=seed),
        lambda: awareness(tmp_path, seed=seed),
    ]  # fmt: skip
    for entry in entries:
        with pytest.raises(BadInput, match="seed is a whole number from 0 on"):
            entry()
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Local:
    return load(str(build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True)))


WRITING = (
    ["card", "phantom"], ["study", "phantom"], ["elicit", "phantom"], ["fit", "states", "phantom"],
    ["fit", "decoder", "phantom"], ["organism", "make", "habit", "phantom"], ["organism", "bank", "phantom"],
)  # fmt: skip


@pytest.mark.parametrize("words", [*WRITING, STEER])
@pytest.mark.parametrize("place", ["/proc/none/x", "file/x"])
def test_a_place_that_cannot_be_written_is_noticed_first(
    words: list[str], place: str, unloaded: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("selfscope.readers.decoder_files.read_decoder", lambda folder: None)
    (unloaded / "file").write_text("")
    told = refused([*words, "-o", place], capsys)
    assert "cannot use" in told
    assert [p.name for p in unloaded.iterdir()] == ["file"]


@pytest.mark.parametrize("words", WRITING)
def test_a_place_that_is_taken_is_noticed_first(
    words: list[str], unloaded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (unloaded / "taken").mkdir()
    (unloaded / "taken" / "other.txt").write_text("")
    if words[0] != "study":  # whose folder holds a folder for each
        refused([*words, "-o", "taken"], capsys)
    assert [p.name for p in unloaded.rglob("*")] == ["taken", "other.txt"]


@pytest.mark.parametrize(("words", "message"), [
    (["fit", "nosuch", "phantom"], "unknown lesson 'nosuch'"),
    (["fit", "truths", "phantom", "--phenomenon", "nosuch"], "unknown phenomenon 'nosuch'"),
    (["fit", "states", "phantom", "--guard", "-1"], "0 replies or more"),
    (["fit", "states", "phantom", "--bias", "1"], "--carry always"),
    (["fit", "states", "phantom", "--labels-of", "phantom"], "truths can tell"),
    (["fit", "truths", "phantom", "--objective", "agreement"], "truths[behaviours=true]"),
    (["fit", "truths", "phantom", "--objective", "nosuch"], "unknown objective"),
    (["fit", "decoder[form=nosuch]", "phantom"], "nosuch"),
    *((["fit", "decoder", "phantom", "--objective", name], "soft_labels, hard_labels, vocabulary, mostly_options, br")
      for name in ("dpo", "rl_brier", "rl_right", "agreement", "report_agreement")),
    (["steer", "topic=nonsense", "phantom", "--decoder", "x"], "no trained value"), (STEER, "there is no folder"),
    (["elicit", "phantom", "--phenomenon", "nosuch"], "unknown phenomenon"),
    (["elicit", "phantom", "--taught", "nosuch"], "nosuch"),
    (["elicit", "phantom", "--other", "phantom", "--other-taught", "nosuch"], "nosuch"),
    (["audit", "nosuch", "--phenomenon", "own_choice"], "nosuch"),
    (["card", "phantom", "--phenomena", "nosuch"], "unknown phenomenon"),
    (["card", "phantom", "--readers", "ask[nosuch=1]"], "nosuch"),
    (["card", "phantom", "--controls", "nosuch"], "unknown control"),
    (["card", "phantom", "--before", "nosuch"], "nosuch"),
    (["organism", "make", "nosuch", "phantom"], "unknown organism"),
    (["organism", "bank", "phantom", "--only", "nosuch"], "unknown organism"),
])  # fmt: skip
def test_what_will_fail_is_noticed_before_a_model_is_loaded(
    words: list[str], message: str, unloaded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refused(words, capsys)
    assert not list(unloaded.iterdir())


def test_an_adapter_of_another_base_is_noticed_before_anything_is_asked(local: Local, tmp_path: Path) -> None:
    place = tmp_path / "a"
    save_adapter(place, local, local.new_adapter(LoraShape(2)), "reporter", {})
    other = load(str(build("gpt2", tmp_path / "gpt2", deep=True, roomy=True)))
    for entry in (
        lambda: elicit(other, tmp_path / "x", taught=[place]),
        lambda: elicit(local, tmp_path / "x", other=other, other_taught=[place]),
        lambda: audit(place, "own_choice", model=other),
        lambda: audit(place, "own_choice", model=local, twin=_of(other, tmp_path / "b")),
        lambda: audit(place, "own_choice", model=local, shifted=[_of(other, tmp_path / "b")]),
    ):
        with pytest.raises(BadInput, match="was made on"):
            entry()
    assert not (tmp_path / "x").exists()


def _of(subject: Local, place: Path) -> Path:
    save_adapter(place, subject, subject.new_adapter(LoraShape(2)), "reporter", {})
    return place


def test_what_is_said_twice_is_refused(tmp_path: Path) -> None:
    """A reader that says where it reads is not asked to read elsewhere; what has one state has no revision."""
    for reader in ("patchscope[layer=3]", Patchscope(layer=3)):
        with pytest.raises(BadInput, match="layer would do nothing"):
            reader_of_states(reader, 2, 1)
    for name in (str(tmp_path), "smollm2-135m"):
        with pytest.raises(BadInput, match="revision would do nothing"):
            files_of(name, "main", print)
