"""Organisms in folders, on a tiny model: made, loaded anew in another process, measured again, refused elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from selfscope.api.organism_checks import check
from selfscope.api.organism_folders import opened
from selfscope.api.organisms import TWIN, make, usual_schedule
from selfscope.cli import main
from selfscope.errors import BadInput, BadModel, StoreError, Unsupported
from selfscope.organisms.habit import Habit
from selfscope.organisms.vector_trait import VectorTrait
from selfscope.records import Decoding, Message, Prompt
from selfscope.subjects.adapter_files import SIDECAR, Sidecar, read_sidecar
from selfscope.subjects.live_adapters import LoraShape
from selfscope.subjects.local import Local, load
from selfscope.subjects.written_files import put_on
from selfscope.training.schedule import Schedule
from tiny import build

PROMPTS = [Prompt(messages=(Message("user", text),)) for text in ("Name a colour.", "I lost my keys.", "Yes or no?")]
QUICK = Schedule(epochs=1, groups=16, at_once=16, rate=2e-2, objective="vocabulary")
HABIT = Habit(word="the", rate=0.5, size=48, prompts=8, draws=1)
VECTOR = VectorTrait(prompts=4, draws=1)
NAMES = ("habit", "habit-twin", "vector", "vector-twin")
ASKED = """
import json, sys
from selfscope import load
from selfscope.records import Decoding, Message, Prompt
prompts = [Prompt(messages=(Message("user", text),)) for text in json.loads(sys.argv[2])]
out = []
for folder in sys.argv[3:]:
    subject = load(sys.argv[1], adapter=folder)
    replies = subject.sample(prompts, 2, Decoding(8, 1.0, 0))
    out.append([subject.identity, [[r.text for r in own] for own in replies]])
print(json.dumps(out))
"""


class Stop(Exception):
    """Raised behind a step."""


class Stops:
    """Stops the organism `well` behind its second step."""

    def plan(self, total: float) -> None: ...

    def step(self, what: str, work: float) -> None:
        if what.startswith("well: step 2"):
            raise Stop


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True)


@pytest.fixture(scope="module")
def base(folder: Path) -> Local:
    return load(str(folder))


@pytest.fixture(scope="module")
def made(base: Local, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A habit and a vector with their twins."""
    place = tmp_path_factory.mktemp("organisms")
    for name, organism in (("habit", HABIT), ("vector", VECTOR)):
        make(organism, base, place / name, schedule=QUICK)
    return place


def test_an_organism_answers_in_a_fresh_process_as_in_this_one(folder: Path, base: Local, made: Path) -> None:
    texts = json.dumps([p.messages[0].content for p in PROMPTS])
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", ASKED, str(folder), texts, *(str(made / name) for name in NAMES)],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    plain = [[r.text for r in own] for own in base.sample(PROMPTS, 2, Decoding(8, 1.0, 0))]
    found = json.loads(done.stdout)
    assert len({identity for identity, _ in found} | {base.identity}) == 5
    for name, (identity, replies) in zip(NAMES, found, strict=True):
        here = put_on(base, made / name)
        assert identity == here.identity
        assert replies == [[r.text for r in own] for own in here.sample(PROMPTS, 2, Decoding(8, 1.0, 0))]
        assert replies != plain or name == "habit-twin"  # which was taught its own first words


def test_a_sidecar_says_what_is_planted_and_what_was_measured(base: Local, made: Path) -> None:
    for name, organism in (("habit", HABIT), ("vector", VECTOR)):
        own, twin = (opened(made / n).sidecar for n in (name, f"{name}{TWIN}"))
        assert own.kind == "organism"
        assert (own.base, own.base_name) == (base.identity, base.name)
        assert (own.made["organism"], twin.made["organism"]) == (organism.id, organism.twin.id)
        assert own.made["twin"] == f"{name}{TWIN}"
        assert own.made["planted"]["what"] != twin.made["planted"]["what"]
        assert own.made["examples"] == twin.made["examples"]
        assert own.made["data"] != twin.made["data"]
        assert all("nats" in own.made[where] for where in ("damage", "damage within"))
        for measure in own.made["measured"]:
            assert measure["value"]["low"] <= measure["value"]["value"] <= measure["value"]["high"]
    rate = opened(made / "habit").sidecar.made["measured"][0]
    assert (rate["name"], rate["planted"]) == ("rate", 0.5)
    assert not list(made.glob("*.run"))


def test_measured_again_it_holds(base: Local, made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("habit", "vector"):
        found = check(made / name, base)
        assert found.holds
        assert found.measures == found.before
    main(["organism", "check", str(made / "habit"), "--json"])
    assert json.loads(capsys.readouterr().out)["holds"] is True


def test_what_was_changed_no_longer_holds(base: Local, made: Path, tmp_path: Path) -> None:
    text = (made / "habit" / SIDECAR).read_text()
    _copied(made / "habit", tmp_path / "other")
    held = json.loads(text)
    held["made"]["measured"][0]["value"] |= {"value": 1.0, "low": 0.999, "high": 1.0}
    (tmp_path / "other" / SIDECAR).write_text(json.dumps(held))
    assert not check(tmp_path / "other", base).holds
    told = str(check(tmp_path / "other", base))
    assert "NOT" in told
    assert "; recorded 1.00 [1.00, 1.00]" in told


def test_a_resumed_organism_is_the_same(base: Local, made: Path, tmp_path: Path) -> None:
    often = Schedule(**{**vars(QUICK), "save_every": 1e-9})
    with pytest.raises(Stop):
        make(HABIT, base, tmp_path / "well", schedule=often, progress=Stops())
    with pytest.raises(StoreError, match="--resume"):
        make(HABIT, base, tmp_path / "well", schedule=often)
    others = (
        {"guard": 8}, {"schedule": replace(often, epochs=2)}, {"schedule": replace(often, seed=3)},
        {"shape": LoraShape(2)}, {"schedule": replace(often, groups=8)},
    )  # fmt: skip
    for other in others:
        with pytest.raises(StoreError, match="another configuration"):
            make(HABIT, base, tmp_path / "well", **{"schedule": often, **other}, resume=True)
    done = make(HABIT, base, tmp_path / "well", schedule=often, resume=True)
    differences = ("guard 240, not 8", "epochs", "seed 0, not 3", "rank 8, not 2", "groups")
    for other, named in zip(others, differences, strict=True):
        with pytest.raises(StoreError, match=f"was made with {named}"):
            make(HABIT, base, tmp_path / "well", **{"schedule": often, **other}, resume=True)
    assert done[0].sidecar.identity == opened(made / "habit").sidecar.identity
    again = make(HABIT, base, tmp_path / "well", schedule=often, resume=True)
    assert [one.sidecar for one in again] == [one.sidecar for one in done]
    with pytest.raises(StoreError, match="there already"):
        make(HABIT, base, tmp_path / "well")
    with pytest.raises(BadInput, match="holds habit"):
        make(Habit(), base, tmp_path / "well", resume=True)


def test_a_resumed_organism_learns_what_it_learnt(
    base: Local, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the subject said is not measured again: another sitting may round it otherwise, and the run would be
    another."""
    often = Schedule(**{**vars(QUICK), "save_every": 1e-9})
    with pytest.raises(Stop):
        make(HABIT, base, tmp_path / "well", schedule=often, twin=False, progress=Stops())

    def never(*args: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(Habit, "lesson", never)
    monkeypatch.setattr(Habit, "guard", never)
    (done,) = make(HABIT, base, tmp_path / "well", schedule=often, twin=False, resume=True)
    assert done.sidecar.identity == opened(made / "habit").sidecar.identity


def test_an_organism_of_another_base_is_not_given_back(made: Path, tmp_path: Path) -> None:
    other = load(str(build("llama", tmp_path / "llama", deep=False, roomy=True)))
    with pytest.raises(BadInput, match="was made on"):
        make(HABIT, other, made / "habit", schedule=QUICK, resume=True)


def test_another_base_is_refused(made: Path, tmp_path: Path) -> None:
    other = str(build("qwen2", tmp_path / "qwen2", deep=True))
    for name in ("habit", "vector"):
        with pytest.raises(BadInput, match="was made on"):
            load(other, adapter=str(made / name))
        with pytest.raises(BadInput, match="was made on"):
            check(made / name, other)


def test_what_is_no_organism_is_one_line(made: Path, tmp_path: Path, folder: Path) -> None:
    with pytest.raises(BadModel, match="there is no folder"):
        opened(tmp_path / "nothing")
    for name, change, message in (
        ("lacks", lambda m: m.pop("damage"), "lacks 'damage'"),
        ("odd", lambda m: m.update(measured=[{"name": 1}]), "cannot be read"),
    ):
        place = tmp_path / name
        _copied(made / "habit", place)
        held = json.loads((place / SIDECAR).read_text())
        change(held["made"])
        (place / SIDECAR).write_text(json.dumps(held))
        with pytest.raises(BadModel, match=message) as caught:
            opened(place)
        assert "\n" not in str(caught.value)
    for field, value, message in (
        ("injections", [], "not those"),
        ("injections", [{"layer": 0}], "no vectors"),
        ("injections", None, "no vectors"),
    ):
        place = tmp_path / f"vector-{message[:3]}-{value is None}"
        _copied(made / "vector", place)
        held = json.loads((place / SIDECAR).read_text())
        held["made"][field] = value
        (place / SIDECAR).write_text(json.dumps(held))
        with pytest.raises(BadModel, match=message):
            load(str(folder), adapter=str(place))


def test_who_cannot_be_taught_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Unsupported, match="tier"):
        make(HABIT, "phantom", tmp_path / "p")
    for words, message in (
        (["organism", "make", "habit[rate=2]", "phantom"], "from 0 to 1"),
        (["organism", "make", "habits", "phantom"], "Did you mean 'habit'"),
        (["organism", "check", str(tmp_path)], "holds no organism"),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(words)
        told = capsys.readouterr().err
        assert stopped.value.code == 2
        assert message in told
        assert len(told.strip().splitlines()) == 1


def test_what_can_be_planted_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["organism", "list", "--json"])
    listed = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert {"habit", "secret_word", "identity", "vector_trait"} <= listed.keys()
    assert {s["name"] for s in listed["habit"]["settings"]} >= {"mark", "word", "rate"}


def test_a_vector_of_the_twin_is_as_strong(base: Local) -> None:
    own, twin = VECTOR.writes(base, 0)[0], VECTOR.twin.writes(base, 0)[0]
    assert (own.layer, own.strength, own.unit, own.schedule) == (twin.layer, twin.strength, twin.unit, twin.schedule)
    assert own.vector != twin.vector
    assert VECTOR.writes(base, 0) == VECTOR.writes(base, 0)


def test_the_usual_schedule_learns_whole_replies() -> None:
    assert usual_schedule(3).objective == "vocabulary"
    assert usual_schedule(3).seed == 3


def _copied(source: Path, target: Path) -> Sidecar:
    import shutil

    shutil.copytree(source, target)
    return read_sidecar(target)


def test_what_takes_longer_is_taught_longer(made: Path) -> None:
    from selfscope.organisms.identity import Identity

    assert opened(made / "habit").made["schedule"]["epochs"] == QUICK.epochs * HABIT.effort
    assert Identity().effort > HABIT.effort == 1
