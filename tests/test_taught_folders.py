"""What was taught is known by its folder's content, counted in verified answers, and never asked about."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from knower import make
from selfscope.api.cards import planned
from selfscope.api.elicit import labels_of
from selfscope.api.fit import Fitted, fit
from selfscope.errors import BadInput
from selfscope.phenomena.token_probability import TokenProbability
from selfscope.readers.other_model import OtherModel
from selfscope.subjects.local import Local, load
from selfscope.subjects.phantom import Phantom
from selfscope.subjects.written_files import put_on
from selfscope.training.schedule import Schedule
from selfscope.training.states import StateLesson
from selfscope.training.truths import TruthLesson
from tiny import build

ABOUT = TokenProbability(test=5, train=8, dev=0)
QUICK = Schedule(groups=4, at_once=4, rate=1e-2)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Local:
    return load(str(build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True)))


@pytest.fixture(scope="module")
def made(local: Local, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Fitted]:
    place = tmp_path_factory.mktemp("made")
    more = TruthLesson(labels=12)
    lessons = {"few": TruthLesson(labels=6), "more": more, "twin": replace(more, shuffled=True)}
    return {k: fit(local, place / k, one, phenomenon=ABOUT, schedule=QUICK) for k, one in lessons.items()}


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
