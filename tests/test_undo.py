"""What was planted is undone, and it is measured what that took; the folder and the base stay as they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from own_organism import Opens
from selfscope.api.organisms import make
from selfscope.api.undo import UndoLook, Undone, undo
from selfscope.catalogue import CATALOGUE
from selfscope.errors import BadInput
from selfscope.organisms.vector_trait import VectorTrait
from selfscope.statistics import Estimate
from selfscope.subjects.local import Local, load
from selfscope.training.schedule import Schedule
from tiny import build

QUICK = Schedule(epochs=6, groups=16, at_once=16, rate=2e-2, objective="vocabulary")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Local:
    return load(str(build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True)))


@pytest.fixture(scope="module", autouse=True)
def known() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(CATALOGUE["organism"], "opens", "own_organism:Opens")
        yield


@pytest.fixture(scope="module")
def made(base: Local, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("organisms") / "habit"
    make(Opens(), base, folder, schedule=QUICK, guard=4, twin=False)
    return folder


def test_a_planted_habit_is_undone_and_the_folder_stays(base: Local, made: Path) -> None:
    before = {file.name: file.read_bytes() for file in made.iterdir()}
    identity = base.identity
    found = undo(made, base, every=3, most=24, guard=4)
    assert [look.steps for look in found.looks][:2] == [0, 3]
    assert found.looks[0].value.value > found.base.high, "it was planted"
    assert found.looks[-1].value.value < found.looks[0].value.value
    assert found.taught > 0
    assert found.halved is not None
    assert found.steps is not None
    assert found.loss is not None
    assert all(look.loss is not None and look.loss > 0 for look in found.looks[1:])
    assert {file.name: file.read_bytes() for file in made.iterdir()} == before
    assert base.identity == identity
    assert not base.made_adapters()
    assert "planted in" in str(found)


def look(steps: int, value: float, loss: float | None = 0.5) -> UndoLook:
    return UndoLook(steps, loss if steps else None, Estimate(value, value - 0.1, value + 0.1))


def test_steps_and_loss_are_those_of_the_first_look_within_the_base() -> None:
    base = Estimate(0.1, 0.05, 0.2)
    found = Undone(Path("x"), "habit", "replies", base, (look(0, 0.9), look(4, 0.45), look(8, 0.15), look(12, 0.1)), 30)
    assert (found.halved, found.steps, found.loss) == (4, 8, 4.0)
    never = Undone(Path("x"), "habit", "replies", base, (look(0, 0.9), look(4, 0.8)), 0)
    assert (never.halved, never.steps, never.loss) == (None, None, None)
    assert str(never).count("not known") == 3
    below = Undone(Path("x"), "habit", "replies", base, (look(0, 0.9), look(4, 0.0)), 30)
    assert (below.halved, below.steps, below.loss) == (4, 4, 2.0)
    looks = (look(0, 0.1), look(4, 0.6), look(8, 0.85))
    fewer = Undone(Path("x"), "habit", "replies", Estimate(0.9, 0.8, 1.0), looks, 9)
    assert (fewer.halved, fewer.steps) == (4, 8)
    nothing = Undone(Path("x"), "habit", "replies", base, (look(0, 0.1),), 30)
    assert (nothing.halved, nothing.steps, nothing.loss) == (None, None, None)
    assert "nothing to undo" in str(nothing)


def test_what_cannot_be_undone_is_told(base: Local, made: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="every is a number of steps"):
        undo(made, base, every=0)
    with pytest.raises(BadInput, match="guard"):
        undo(made, base, guard=-1)
    make(VectorTrait(prompts=4, draws=1), base, tmp_path / "vector", twin=False)
    with pytest.raises(BadInput, match="written, not taught"):
        undo(tmp_path / "vector", base)
