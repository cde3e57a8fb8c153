"""Does the card say *alarm only* of a subject that notices a change and cannot say what changed, and of no other?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from selfscope.api.cards import Card, planned, run
from selfscope.subjects.phantom import Phantom
from selfscope.subjects.phantom_dials import DialReport
from selfscope.verdicts.claims import Claim


class YesSayer(Phantom):
    """Says the word yes to any yes/no question as soon as its state was changed."""

    def report(self, tag: Mapping[str, Any]) -> DialReport:
        told = super().report(tag)
        question = tag["question"]
        if question["quantity"] in ("alarm", "fact") and str(tag["state"]).startswith("changed"):
            negated = bool(question["negated"])
            return replace(told, distribution=(float(not negated), float(negated)))
        return told


class Muddled(Phantom):
    """Knows nothing any more as soon as its state was changed."""

    def report(self, tag: Mapping[str, Any]) -> DialReport:
        told = super().report(tag)
        muddled = tag["question"]["quantity"] in ("alarm", "fact") and str(tag["state"]).startswith("changed")
        return replace(told, distribution=(0.5, 0.5)) if muddled else told


def claim(subject: Phantom, folder: Path) -> Claim:
    study = planned(subject, profile="full", phenomena=("self_prediction",), readers=("ask[choice_lp]",))
    run(study, folder)
    return Card(folder).claims[0]


def test_who_notices_and_cannot_say_what_sounds_an_alarm(tmp_path: Path) -> None:
    judged = claim(Phantom(alarm=1.0, habit=0.3), tmp_path / "s")
    assert judged.alarm is not None
    assert judged.alarm.value == pytest.approx(1.0)
    assert judged.alarm.clusters == 24
    assert judged.verdict == "alarm only", (judged.reason, judged.sentence)


def test_who_notices_nothing_sounds_none(tmp_path: Path) -> None:
    judged = claim(Phantom(habit=0.3), tmp_path / "s")
    assert judged.alarm is not None
    assert judged.alarm.value == 0
    assert judged.verdict != "alarm only"


@pytest.mark.parametrize("kind", [YesSayer, Muddled])
def test_who_says_yes_or_anything_under_a_changed_state_noticed_nothing(kind: type[Phantom], tmp_path: Path) -> None:
    judged = claim(kind(habit=0.3), tmp_path / "s")
    assert judged.alarm is not None
    assert judged.alarm.value == pytest.approx(0, abs=1e-9)
    assert judged.verdict != "alarm only"


def test_who_knows_what_changed_follows_its_context_and_sounds_not_only_an_alarm(tmp_path: Path) -> None:
    """By turns that it can read: more than an alarm, and no access to a state."""
    judged = claim(Phantom(access=0.8, alarm=1.0), tmp_path / "s")
    assert judged.alarm is not None
    assert judged.alarm.low > 0.9
    assert judged.verdict == "follows its context"
    assert judged.follows is not None
    assert judged.follows.low < 0.8 < judged.follows.high
