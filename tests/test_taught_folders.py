"""What was taught is known by its folder's content, counted in verified answers, and never asked about."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from knower import make
from selfscope.api.cards import planned
from selfscope.api.elicit import ALL, elicit, labels_of, unlike
from selfscope.api.fit import Fitted, fit
from selfscope.errors import BadInput
from selfscope.phenomena.own_choice import OwnChoice
from selfscope.readers.other_model import OtherModel
from selfscope.subjects.local import Local
from selfscope.subjects.phantom import Phantom
from selfscope.subjects.written_files import put_on
from selfscope.training.states import StateLesson
from selfscope.training.truths import TruthLesson
from taught_runs import ABOUT, LESSONS, QUICK, adapters, model


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Local:
    return model(tmp_path_factory)


@pytest.fixture(scope="module")
def made(local: Local, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Fitted]:
    return adapters(local, tmp_path_factory)


def test_a_rival_is_known_by_what_its_folder_holds(
    local: Local, made: dict[str, Fitted], tmp_path: Path
) -> None:
    """Taught anew in the same folder it is another reader, and the one that was meant is refused."""
    folder = tmp_path / "one"
    shutil.copytree(made["more"].folder, folder)
    first = OtherModel(local, adapter=str(folder))
    shutil.rmtree(folder)
    shutil.copytree(made["few"].folder, folder)
    assert OtherModel(local, adapter=str(folder)).id != first.id
    trials, _ = make(2, "test")
    with pytest.raises(BadInput, match="holds another adapter"):
        first.read(Phantom(), trials)


def test_a_card_asks_about_nothing_that_was_taught(local: Local, made: dict[str, Fitted], tmp_path: Path) -> None:
    """Of more texts than were kept apart some were taught: that is refused, and those that were kept are asked."""
    worn = put_on(local, made["few"].folder)
    about = replace(ABOUT, test=ABOUT.test + 4)
    with pytest.raises(BadInput, match="was taught 4 of the"):
        planned(worn, phenomena=[about])
    assert planned(worn, phenomena=[ABOUT]).plans
    assert planned(local, phenomena=[about]).plans


@pytest.mark.parametrize(("lesson", "more", "labels"), [
    (TruthLesson(labels=6, wordings=3), {"guard": 5}, 6),
    (TruthLesson(labels=6, wordings=1), {}, 6),
    (StateLesson(objects=4), {}, None),
])  # fmt: skip
def test_labels_are_verified_answers_and_no_guard(
    local: Local, tmp_path: Path, lesson: Any, more: dict[str, int], labels: int | None
) -> None:
    about = None if isinstance(lesson, StateLesson) else ABOUT
    carry = "always" if more else "switched"
    done = fit(local, tmp_path / "x", lesson, phenomenon=about, schedule=QUICK, carry=carry, **more)
    assert labels_of(done.sidecar) == labels


def test_a_ladder_compares_with_a_linear_model_of_the_same_labels_of_the_same_texts_alone(
    local: Local, made: dict[str, Fitted], tmp_path: Path
) -> None:
    """A lesson of another phenomenon, size, seed, or of other labels counts labels too, that no linear model had."""

    def changed(**more: Any) -> str:
        side = made["few"].sidecar
        return unlike(replace(side, made={**side.made, **more}), ABOUT, 0)

    assert changed() == ""
    assert "was taught with own_choice" in changed(phenomenon="own_choice")
    assert "train=9" in changed(phenomenon=replace(ABOUT, train=9).id)
    assert changed(schedule={"seed": 3}) == "was taught with the seed 3, and this is 0"
    assert "what gpt2 (abc123) does" in changed(labels_of="gpt2 (abc123)")
    for lesson in ("truths[format=prob_ev,labels=6]", "truths[behaviours=true,labels=6]", "states", "turns"):
        assert f"was taught {lesson}" in changed(lesson=lesson)
    other = fit(local, tmp_path / "other", LESSONS["few"], phenomenon=OwnChoice(4, 4, 0), schedule=QUICK)
    folders = [other.folder, *(made[k].folder for k in ("few", "twin"))]
    found = elicit(local, tmp_path / "study", ABOUT, taught=folders, counts=(0,))
    rungs = {r.name.partition(" ")[0]: r for r in found.rungs[ALL] if r.kind in ("taught", "twin")}
    assert {name: r.same is None for name, r in rungs.items()} == {"few": False, "other": True, "twin": True}
    shown = " ".join(str(found).split())
    assert "other (switched) was taught with own_choice" in shown
    assert "twin (switched) was taught truths[labels=12,shuffled=true]" in shown
    assert "few (switched) was" not in shown
