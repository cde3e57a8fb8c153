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
    "lying": "lying[test=8,train=4,dev=0,rollouts=2,conditions=instructed]",
    "goals": "goals[test=8,train=2,dev=0]",
    "self_model": "self_model[only=abilities,messages=4,tasks=4,draws=2,described=0]",
}
MODEL = "phantom:access=0.8,lies=0.6"
STATES = "open-phantom:access=0.8"
"""Whose states can be written."""


def test_every_channel_of_a_card_has_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "PARTS", PARTS)
    found = tmp_path / "found"
    for name in PARTS:
        states.measure(STATES if name == "current_or_past" else MODEL, name, tmp_path / name, found)
    assert {name.rpartition("-")[2] for name in names(states_page.STUDY, found)} == set(PARTS)
    page = states_page.page(found)
    assert f"## {MODEL}" in page
    lines = [line for name in names(states_page.STUDY, found) for line in known("states", name, place=found)["lines"]]
    assert {line["measure"] for line in lines} == {"skill", "AUROC", "moved", "slope", "part that is a lie"}
    assert "follows its state" in {line["says"] for line in lines}
    assert all(line["least"] is None or line["least"] > 0 for line in lines)
    assert not {line["channel"] for line in lines} & {"linear model of its history", "base rate"}
    monkeypatch.setattr(states.selfscope, "card", None)
    states.measure(MODEL, "identity", tmp_path / "identity", found)
    assert states_page.page(found) == page
