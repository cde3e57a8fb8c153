"""The study of states: what stands in its table is what its cards found, and what is kept is not measured again."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "studies"))

import states
import states_page
from kept import known, names

PARTS = {
    "identity": "identity",
    "user_beliefs": "user_beliefs[only=gender,test=6,train=6]",
    "current_or_past": "current_or_past[test=12]",
}


def test_every_channel_of_a_card_has_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "PARTS", PARTS)
    found = tmp_path / "found"
    for name in PARTS:
        states.measure("open-phantom:access=0.8", name, tmp_path / name, found)
    assert names(states_page.STUDY, found) == [f"open-phantom-access=0.8-{name}" for name in sorted(PARTS)]
    page = states_page.page(found)
    assert "## open-phantom:access=0.8" in page
    lines = [line for name in names(states_page.STUDY, found) for line in known("states", name, place=found)["lines"]]
    assert {line["measure"] for line in lines} == {"skill", "AUROC", "moved"}
    assert "follows its state" in {line["says"] for line in lines}
    assert all(line["least"] is None or line["least"] > 0 for line in lines)
    assert not {line["channel"] for line in lines} & {"linear model of its history", "base rate"}
    monkeypatch.setattr(states.selfscope, "card", None)
    states.measure("open-phantom:access=0.8", "identity", tmp_path / "identity", found)
    assert states_page.page(found) == page
