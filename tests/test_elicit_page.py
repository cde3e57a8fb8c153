"""The ladder of elicitation as a figure and at the command line."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from selfscope.cli import main
from selfscope.report.rungs import COLOURS, Mark, figure
from selfscope.statistics import Estimate


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
