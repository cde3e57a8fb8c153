"""The ladder of elicitation as it is shown, and the words that its rungs are taught in."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from selfscope.cli import main
from selfscope.phenomena.base import Phenomenon
from selfscope.phenomena.self_prediction import SelfPrediction
from selfscope.phenomena.token_probability import OF_NEXT, TokenProbability
from selfscope.records import TEMPLATES
from selfscope.report.rungs import COLOURS, Mark, figure
from selfscope.statistics import Estimate
from selfscope.subjects.phantom import Phantom
from selfscope.wording import phrase


@pytest.mark.parametrize("about", [TokenProbability(12, 12, 0, properties=OF_NEXT), SelfPrediction(12, 12, 0)])
def test_what_is_taught_is_worded_as_no_card_is(about: Phenomenon) -> None:
    """Neither the carrier nor the question; the negated wording still means the other option."""
    shipped, seen = set(), set()
    trials = about.pose(Phantom(), 0)
    for trial, template in itertools.product(trials, range(TEMPLATES)):
        asked = phrase(replace(trial, question=replace(trial.question, template=template)), "choice_lp")
        shipped |= set(asked.prompt.messages[-1].content.split("\n"))
    for trial, k in itertools.product(trials, range(0, 48, 3)):
        question = replace(trial.question, template=TEMPLATES + k)
        words = phrase(replace(trial, question=question), "choice_lp").prompt.messages[-1].content
        assert "{" not in words
        behind = words.split(f'"""{trial.public}"""')[1].strip().split("\n")[0]
        assert behind not in shipped
        assert not any(one.endswith(behind.partition(". ")[2] or behind) for one in shipped)
        seen.add(question.quantity)
        if question.binary:
            other = phrase(replace(trial, question=replace(question, negated=not question.negated)), "choice_lp")
            assert other.prompt.messages[-1].content != words
    assert seen == {t.question.quantity for t in trials}


def test_the_figure_has_a_point_for_every_rung_and_no_markup_from_outside() -> None:
    def mark(name: str, kind: str, value: float) -> Mark:
        return Mark(name, kind, Estimate(value, value - 0.2, value + 0.2))

    panels = {"all <b>": [mark("a&b", "asked", 0.2), mark("deep", "rival", -7.0), mark("c", "taught", 0.9)], "none": []}
    text = figure("t <script>", panels)
    root = ElementTree.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    titles = [t.text for t in root.iter(f"{space}title")]
    assert [t.split(":")[0] for t in titles] == ["a&b", "deep", "c"]
    assert len(list(root.iter(f"{space}circle"))) == 2, "what lies below is an arrow"
    assert len(list(root.iter(f"{space}path"))) == 1
    assert COLOURS["taught"] in text
    assert "<script>" not in text
    assert "none" not in text


def test_the_command_prints_the_ladder_and_draws_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = tmp_path / "ladder"
    words = ["elicit", "phantom", "--phenomenon", "token_probability[test=8,train=8,dev=0]", "--counts", "0,2", "-o"]
    main([*words, str(where)])
    first = capsys.readouterr().out
    assert "introspective" in first
    assert "likelier" not in first
    assert (where / "elicitation.svg").read_text(encoding="utf-8").startswith("<svg")
    main([*words, str(where), "--resume", "--each"])
    again = capsys.readouterr().out
    assert first.strip() in again
    assert "likelier" in again
    with pytest.raises(SystemExit) as end:
        main([*words, str(tmp_path / "x"), "--taught", str(tmp_path)])
    assert end.value.code == 2
    assert "selfscope.json" in capsys.readouterr().err
