"""What a dry run says a study takes is what the study then takes."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

import selfscope
import tiny
from selfscope.api.cards import planned, run
from selfscope.api.cost_estimate import forecast
from selfscope.api.dry_run_subject import Counting, OpenCounting, counting, distinct
from selfscope.catalogue import INSIDE
from selfscope.records import Message, Prompt
from selfscope.store import read
from selfscope.study import Study
from selfscope.subjects.base import Subject, depths, middle


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return selfscope.load(str(tiny.build("llama", tmp_path_factory.mktemp("model"), roomy=True)))


CASES = [
    ("hidden_context", ("probe",)),
    ("next_token_identity", ("logit_lens", "patchscope[template=identity]")),
    ("self_prediction", ()),
]


def small(subject: Subject, *phenomena: str, **more: Any) -> Study:
    """A full study of few clusters."""
    study = planned(subject, profile="full", phenomena=phenomena, **more)
    sizes = {"test": 3, "train": 4, "dev": 2, "rollouts": 2}
    plans = tuple(replace(plan, phenomenon=_smaller(plan.phenomenon, sizes)) for plan in study.plans)
    return replace(study, plans=plans)


def _smaller(phenomenon: Any, sizes: dict[str, int]) -> Any:
    own = {f.name for f in fields(phenomenon)}
    return replace(phenomenon, **{name: size for name, size in sizes.items() if name in own})


def test_a_full_study_with_its_look_inside_can_be_counted(subject: Subject) -> None:
    study = small(subject)
    assert {plan.phenomenon.kind for plan in study.plans} > set(INSIDE)
    found = forecast(study)
    assert {"probe", "patchscope", "behaviour_ceiling", "observe confidence"} <= set(found.steps)
    assert found.calls > 1000
    assert found.minutes > 0


@pytest.mark.parametrize(("name", "readers"), CASES)
def test_counted_is_what_is_asked(subject: Subject, name: str, readers: tuple[str, ...], tmp_path: Path) -> None:
    study = small(subject, name, readers=readers)
    told = forecast(study).steps
    run(study, tmp_path / "s")
    asked = read(tmp_path / "s").costs
    # Examples are chosen by what the subject gets right, and sentences by where its next token can be shown.
    steps = [s for s in asked if not s.startswith(("few_shot", "pose next"))]
    assert set(steps) <= set(told)
    for step in steps:
        assert told[step].calls == asked[step].calls, step
        if name != "next_token_identity":  # which word a sentence is cut at depends on the subject
            assert told[step].prompt_tokens == pytest.approx(asked[step].prompt_tokens, rel=0.1), step


def test_another_model_is_counted_and_its_cost_is_kept(tmp_path: Path) -> None:
    study = small(selfscope.load("phantom"), "confidence", other="phantom:seed=1")
    told = forecast(study).steps
    run(study, tmp_path / "s")
    asked = read(tmp_path / "s").costs
    others = [name for name, part in study.parts().readers.items() if part.observer]
    assert len(others) == 2
    for step in others:
        assert asked[step].calls == told[step].calls > 0


def test_common_beginnings_are_computed_once(subject: Subject) -> None:
    assert distinct([(1, 2, 3), (1, 2, 4, 5), (1, 2, 3), (7,)]) == 6
    assert distinct([]) == 0
    alike = [Prompt(messages=(Message("user", f"{'Say a word. ' * 20}{i}"),)) for i in range(10)]
    made = counting(subject)
    assert isinstance(made, OpenCounting)
    made.score(alike, [[" a", " b"]] * 10)
    assert made.spent.prompt_tokens > 4 * made.computed
    assert not isinstance(counting(selfscope.load("phantom")), OpenCounting)
    assert isinstance(counting(selfscope.load("phantom")), Counting)


@pytest.mark.parametrize("count", [1, 2, 3, 6, 30, 80])
def test_a_model_of_any_depth_has_a_middle(count: int) -> None:
    class Deep:
        layers = range(count)

    assert middle(Deep()) in depths(Deep())  # type: ignore[arg-type]
    assert abs(middle(Deep()) - (count - 1) / 2) <= max(1, 0.06 * count)  # type: ignore[arg-type]
