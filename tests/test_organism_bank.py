"""A bank goes on where it stopped; organisms of several doses are asked about their habit, with the arms beside."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from habitual import WELL, Habitual
from selfscope.api import organism_bank
from selfscope.api.awareness import ARMS, PERSON, SHOWN, Asked, Awareness, asked, awareness, in_context, slopes_of
from selfscope.api.organism_bank import BANK, Bank, bank, planned
from selfscope.api.organism_folders import opened
from selfscope.errors import BadInput, StoreError, UnknownName
from selfscope.organisms.base import Written
from selfscope.phenomena.behavioural_self_awareness import BESIDE, HABIT, BehaviouralSelfAwareness
from selfscope.subjects.adapter_files import save_adapter
from selfscope.subjects.live_adapters import LoraShape
from selfscope.subjects.local import Local, load
from selfscope.training.schedule import Schedule
from tiny import build

QUICK = Schedule(epochs=1, groups=8, at_once=8, rate=2e-2, objective="vocabulary")
SMALL = "size=8,prompts=2,draws=1"
FEW = {"well-0": f"habit[rate=0.0,{SMALL}]", "well-100": f"habit[rate=1.0,{SMALL}]",
       "animals": "vector_trait[prompts=2,draws=1]"}  # fmt: skip
WELL_ALONE = BehaviouralSelfAwareness(mark="begins", word="Well", alone=True)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Local:
    return load(str(build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True)))


class Counts:
    """Progress that stops before an organism is made."""

    def __init__(self, stop: str = "\0") -> None:
        self.stop, self.total, self.seen = stop, 0.0, list[str]()

    def plan(self, total: float) -> None:
        self.total = total

    def step(self, what: str, work: float) -> None:
        self.seen.append(what)
        if what.startswith(self.stop):
            raise KeyboardInterrupt


def test_a_bank_that_was_stopped_goes_on(base: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(organism_bank, "BANK", FEW)
    with pytest.raises(KeyboardInterrupt):
        bank(base, tmp_path / "b", schedule=QUICK, progress=Counts("animals:"))
    with pytest.raises(StoreError, match="--resume"):
        bank(base, tmp_path / "b", schedule=QUICK)
    kept = opened(tmp_path / "b" / "well-0").sidecar
    left = Counts()
    found = bank(base, tmp_path / "b", schedule=QUICK, resume=True, progress=left)
    assert left.total == 2
    assert not any(what.startswith("well") for what in left.seen)
    assert [one.folder.name for one in found.made] == ["well-0", "well-twin", "well-100", "animals", "animals-twin"]
    assert found.made[0].sidecar == kept
    assert {one.made["twin"] for one in found.made} == {"well-twin", "animals-twin", ""}
    assert "well-100" in str(found)
    assert "well-twin" not in [row[0] for row in found._table().rows]
    harm = re.compile(r"\d\.\d{3}( \[-?\d\.\d{3}, \d\.\d{3}\])?, \d+ %( \[\d+, \d+\])?")
    shown = [harm.fullmatch(cell) for row in found._table().rows for cell in row[5:7]]
    assert all(one and one[1] and one[2] for one in shown)
    older = [replace(o, sidecar=replace(o.sidecar, made={**o.made, "harm intervals": {}})) for o in found.made]
    assert all(harm.fullmatch(cell)[1] is None for row in Bank(found.folder, tuple(older))._table().rows
               for cell in row[5:7])  # fmt: skip
    with pytest.raises(UnknownName, match="organism of the bank"):
        bank(base, tmp_path / "c", only=("well-3",))
    with pytest.raises(BadInput, match="differ by little"):
        awareness(tmp_path / "b", model=base, messages=2, rollouts=1)
    with pytest.raises(BadInput, match="no organism with the habit"):
        awareness(tmp_path / "b", model=base, word="Oh")
    reporter = base.new_adapter(LoraShape(2))
    save_adapter(tmp_path / "b" / "reporter", base, reporter, "reporter", {})
    with pytest.raises(BadInput, match="differ by little"):  # what is no organism is passed over
        awareness(tmp_path / "b", model=base, messages=2, rollouts=1)


def test_the_bank_has_twelve_organisms_and_their_twins() -> None:
    work = planned(tuple(BANK))
    organisms = [name for name, (one, _) in work.items() if not one.benign]
    assert len(organisms) == len(BANK) >= 12
    for name in organisms:
        one, beside = work[name]
        assert work[beside][0] == one.twin
    trained = [one for one, _ in work.values() if not isinstance(one, Written)]
    assert len(trained) <= 26


def sets(**dials: Any) -> dict[str, Any]:
    """Arms and slopes of phantoms in five doses, and of one that follows the turns before."""
    doses = (0.0, 0.25, 0.5, 0.75, 1.0)
    subjects = [Asked(str(r), asked(Habitual(rate=r, **dials), WELL_ALONE)) for r in doses]
    behind = {r: in_context(Habitual(rate=r, **dials), WELL_ALONE, r) for r in (0.0, 0.5, 1.0)}
    shown = [Asked(f"shown {r}", {SHOWN: dose}) for r, dose in behind.items()]
    return {"subjects": tuple(subjects), "shown": tuple(shown), "slopes": slopes_of(subjects, shown)}


def test_who_knows_its_habit_is_told_from_who_follows_the_word() -> None:
    knows = sets()["slopes"]
    assert knows.keys() >= {*ARMS, f"beyond {PERSON}", f"beyond {BESIDE}"}
    assert knows[HABIT].value == pytest.approx(1, abs=0.08)
    assert knows[f"beyond {PERSON}"].low > 0.7
    assert abs(knows[PERSON].value) < 0.01
    follows = sets(words=True)["slopes"]
    assert follows[HABIT].value == pytest.approx(1, abs=0.08)
    assert follows[f"beyond {BESIDE}"].low <= 0 <= follows[f"beyond {BESIDE}"].high
    nothing = sets(slope=0.0, level=0.3)["slopes"]
    assert nothing[HABIT].low <= 0 <= nothing[HABIT].high


def test_awareness_shows_every_subject_and_slope() -> None:
    shown = str(Awareness(WELL.key, **sets()))
    for word in ("begins Well", "slope", "shown 0.5"):
        assert word in shown


def test_turns_that_move_nothing_have_no_slope() -> None:
    same = [Asked(str(k), {SHOWN: in_context(Habitual(rate=0.5), WELL_ALONE, 0.5)}) for k in range(3)]
    subjects = [Asked(str(r), asked(Habitual(rate=r), WELL_ALONE)) for r in (0.0, 0.5, 1.0)]
    assert SHOWN not in slopes_of(subjects, same)
