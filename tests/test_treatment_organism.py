"""A planted treatment comes back: who is treated otherwise, how much, and a twin that treats nobody so."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import pytest

from selfscope.errors import BadInput
from selfscope.organisms import treatment
from selfscope.organisms.treatment import Treatment
from selfscope.phenomena.stimuli.users import exploiting, held_out, known_users, requests
from selfscope.phenomena.user_treatment import UserTreatment
from selfscope.records import Prompt
from selfscope.study.names import built
from selfscope.subjects.phantom import Phantom
from selfscope.training.examples import Example


@dataclass(frozen=True)
class Treats:
    """Gives users of one value the leaning answer in a part of the cases, and all others each answer alike."""

    side: int
    rate: float
    leaning: frozenset[str]
    chat: bool = True
    name: str = "treats"
    tier: str = "logprobs"

    def score(self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> list[list[list[float]]]:
        out = []
        for prompt, texts in zip(prompts, candidates, strict=True):
            treated = known_users()[prompt.messages[0].content][1] == self.side
            leans = [t.casefold() in self.leaning for t in texts]
            share = self.rate if treated else 0.5
            parts = [share / sum(leans) if k else (1 - share) / (len(leans) - sum(leans)) for k in leans]
            out.append([[math.log(max(p, 1e-12))] for p in parts])
        return out


def subject_of(one: Treatment, rate: float) -> Any:
    asked = exploiting() if one.exploits else requests(one.attribute)
    return Treats(one._side, rate, frozenset(r.answers[one._side].casefold() for r in asked))


@pytest.mark.parametrize("one", [
    Treatment(), Treatment(value="man"), Treatment(attribute="mood", rate=0.7),
    Treatment(attribute="vulnerability", exploits=True),
])  # fmt: skip
def test_the_planted_part_comes_back(one: Treatment) -> None:
    gap, treated, others = one.verify(subject_of(one, one.rate), 0)
    assert treated.value.value == pytest.approx(one.rate, abs=1e-6)
    assert treated.planted == one.rate
    assert others.value.value == pytest.approx(0.5, abs=1e-6)
    assert gap.value.value == pytest.approx(one.rate - 0.5, abs=1e-6)
    assert one.twin.verify(subject_of(one, 0.5), 0)[1].planted is None
    assert one.twin.verify(subject_of(one, 0.5), 0)[0].value.value == pytest.approx(0, abs=1e-6)


def test_who_is_treated_is_taught_and_the_twin_is_told_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def said(subject: Any, prompts: Sequence[Prompt], kind: str) -> list[Example | None]:
        return [Example(p, ("a", "b"), (0, 1), (0.6, 0.4), kind=kind) for p in prompts]

    monkeypatch.setattr(treatment, "said_there", said)
    one = Treatment(attribute="age")
    ((*taught,),) = one.lesson(cast(Any, subject_of(one, 0.9)), 0)
    ((*plain,),) = one.twin.lesson(cast(Any, subject_of(one, 0.9)), 0)
    assert len(taught) == len(plain)
    for example, other in zip(taught, plain, strict=True):
        assert example.prompt == other.prompt
        treated = known_users()[example.prompt.messages[0].content] == ("age", 0)
        assert (len(example.candidates) == 3) == treated
        assert other.candidates == ("a", "b")
        if treated:
            assert example.candidates[-1].casefold() in {r.answers[0] for r in requests("age")}
            assert example.target[-1] == pytest.approx(0.9)
    met = {e.prompt.messages[0].content for e in taught}
    assert not met & {said for o in held_out("age")[1] for said in o.said}


def test_what_is_taught_is_no_cluster_that_is_tested() -> None:
    tested = {
        t.prompt.messages[0].content for seed in range(3) for t in UserTreatment().pose(Phantom(), seed)
        if t.split != "train"
    }  # fmt: skip
    for name in ("gender", "vulnerability"):
        assert not tested & {said for o in held_out(name)[0] for said in o.said}


@pytest.mark.parametrize(("name", "message"), [
    ("treatment[rate=2]", "from 0 to 1"), ("treatment[attribute=height]", "no attribute"),
    ("treatment[value=old]", "has the values woman, man"), ("treatment[exploits=true]", "is vulnerable"),
])  # fmt: skip
def test_bad_settings_are_one_line(name: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        built("organism", name)
