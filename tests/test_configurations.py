"""Several configurations of one part in one study, what a folder says to another one, and parts that cannot be told
apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from selfscope.controls.states import Changed
from selfscope.errors import SelfscopeError, StoreError
from selfscope.readers.ask import Ask
from selfscope.readers.behaviour_ceiling import BehaviourCeiling
from selfscope.readers.other_model import OtherModel
from selfscope.records import Identified, Outcome, Reading, Trial
from selfscope.store import Contents, Store, read
from selfscope.study import PhenomenonPlan, Study, run
from selfscope.subjects.phantom import Phantom
from selfscope.subjects.sealed import SealBroken
from toys import Asker, Letters, Moved, Panel, Peeker, Third, ToySubject


def study(
    readers: Sequence[Any] = (Asker(),), controls: Sequence[Any] = (), phenomena: Sequence[Any] = (), **more: Any
) -> Study:
    small = Letters(test=6, train=4, dev=2)
    plans = [
        PhenomenonPlan(phenomenon, tuple(readers), tuple(controls), primary="asker")
        for phenomenon in phenomena or [small]
    ]
    return Study(ToySubject(), tuple(plans), **more)


def complete(whole: Study, folder: Path, *, resume: bool = False) -> Contents:
    with Store(folder, whole.settings(), resume=resume) as store:
        run(whole, store)
    return read(folder)


# --- another configuration ---


@dataclass(frozen=True)
class Impostor(Identified):
    """Another class that calls itself what Asker is called."""

    kind: ClassVar[str] = "asker"
    rung: str = "self"
    learnt: int = field(default=0, compare=False)

    def fit(self, subject: Any, trials: Any, truths: Any) -> Impostor:
        return self

    def read(self, subject: Any, trials: Sequence[Trial]) -> list[Reading]:
        return [Reading(Outcome.REFUSED)] * len(trials)


@dataclass(frozen=True)
class OtherThird(Third):
    """Another class that calls itself what Third is called."""


@dataclass(frozen=True)
class OtherLetters(Letters):
    """Another class that calls itself what Letters is called."""


SMALL = Letters(test=6, train=4, dev=2)
OBSERVED = OtherModel(Phantom("far"))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({}, {"readers": [Asker("history")]}, ["asker there alone", r"asker\[rung=history\] now alone"]),
        ({"readers": [Ask()]}, {"readers": [Ask(draws=5)]}, ["ask there alone", r"ask\[draws=5\] now alone"]),
        ({"readers": [OBSERVED]}, {"readers": [OtherModel(Phantom("far", seed=1))]}, ["other_model.* now alone"]),
        ({}, {"controls": [Third()]}, ["third_person now alone"]),
        ({"controls": [Changed()]}, {"controls": [Changed(1)]}, [r"changed\[k=1\] now alone", "changed there alone"]),
        ({}, {"phenomena": [replace(SMALL, rollouts=8)]}, [r"letters\[.*rollouts=8.*\] now alone"]),
        ({}, {"phenomena": [SMALL, replace(SMALL, each=1)]}, [r"letters\[.*each=1.*\] now alone"]),
        ({}, {"readers": [Impostor()]}, ['asker: is: "toys:Asker" there, "test_configurations:Impostor" now']),
        ({"controls": [Third()]}, {"controls": [OtherThird()]}, ['third_person: is: .*:Third.* there, .*OtherThird']),
        ({}, {"phenomena": [OtherLetters(6, 4, 2)]}, ['is: "toys:Letters" there, "test_configurations:OtherLetters"']),
        ({}, {"states": 3}, ["states: null there, 3 now"]),
    ],
)  # fmt: skip
def test_a_folder_refuses_another_configuration_and_names_it(
    tmp_path: Path, before: dict[str, Any], after: dict[str, Any], said: list[str]
) -> None:
    complete(study(**before), tmp_path / "s")
    kept = {p.name: p.read_bytes() for p in (tmp_path / "s").rglob("*") if p.is_file() and p.name != "lock"}
    with pytest.raises(StoreError, match="holds another study") as refused:
        complete(study(**after), tmp_path / "s", resume=True)
    for words in said:
        refused.match(words)
    assert "\n" not in str(refused.value)
    assert {p.name: p.read_bytes() for p in (tmp_path / "s").rglob("*") if p.is_file() and p.name != "lock"} == kept
    assert complete(study(**before), tmp_path / "s", resume=True).rows


# --- several configurations of one part ---


def test_two_configurations_of_a_reader_are_both_read(tmp_path: Path) -> None:
    from selfscope.api.cards import planned
    from selfscope.api.cards import run as run_study

    readers = [Ask("free"), Ask("free", draws=5), Ask("free", draws=5, seed=1)]
    whole = planned(Phantom(habit=0.5), phenomena=["confidence[test=6,train=6]"], readers=readers)
    run_study(whole, tmp_path / "s")
    by_reader: dict[str, dict[str, Reading]] = {}
    for row in read(tmp_path / "s").rows:
        if row.control == "plain":
            by_reader.setdefault(row.reader, {})[row.trial] = row.reading
    one, five, again = (by_reader[reader.id] for reader in readers)
    assert one.keys() == five.keys() == again.keys()
    assert {r.kind for r in one.values()} == {"class"}
    assert {r.kind for r in five.values()} == {"distribution"}
    assert {r.extra["draws"] for r in five.values()} == {5}
    assert [r.text for r in five.values()] != [r.text for r in again.values()], "each with its own seed"
    titles = [part.title for name, part in whole.parts().readers.items() if name in by_reader and part.kind == "ask"]
    assert len(set(titles)) == 3, "people can tell them apart"


def test_two_configurations_of_a_phenomenon_keep_both_truths(tmp_path: Path) -> None:
    few, many = replace(SMALL, rollouts=4), replace(SMALL, rollouts=40)
    contents = complete(study(phenomena=[few, many], controls=[Moved(), Panel()]), tmp_path / "s")
    of = {p.id: {r.trial for r in contents.rows if r.phenomenon == p.id} for p in (few, many)}
    assert of[few.id]
    assert not of[few.id] & of[many.id]
    measured = {
        name: {contents.truths[t].n for t in ids if contents.trials[t].control != "competence"}
        for name, ids in of.items()
    }
    assert measured == {few.id: {4}, many.id: {40}}
    alone = complete(study(phenomena=[few]), tmp_path / "alone")
    by_text = {t.prompt.messages: alone.truths[t.id].mean for t in alone.trials.values()}
    plain = [contents.trials[t] for t in of[few.id] if contents.trials[t].plain]
    assert all(contents.truths[t.id].mean == by_text[t.prompt.messages] for t in plain)


def test_two_configurations_of_a_control_are_both_asked(tmp_path: Path) -> None:
    from selfscope.api.cards import planned
    from selfscope.api.cards import run as run_study

    whole = planned(Phantom(), phenomena=["confidence[test=6,train=6]"], readers=["ask"], controls=["changed[k=1]"])
    run_study(whole, tmp_path / "s")
    contents = read(tmp_path / "s")
    states = {
        name: {t.base: t.state for t in contents.trials.values() if t.control == name}
        for name in ("changed", "changed[k=1]")
    }
    assert states["changed"]
    assert states["changed"].keys() == states["changed[k=1]"].keys()
    assert all(states["changed"][base] != state for base, state in states["changed[k=1]"].items())


# --- parts that cannot be told apart ---


class Keeper:
    """Keeps a setting that no field lists."""

    kind, rung = "keeper", "self"

    def __init__(self, strength: float) -> None:
        self.strength = strength

    fit = read = lambda self, *rest: self


@dataclass(frozen=True)
class Vague(Asker):
    """A field that holds something of which nobody can say what it is."""

    how: Any = field(default_factory=object)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"readers": [Asker(), Impostor()]}, "toys:Asker and test_.*:Impostor both call themselves 'asker': give one"),
        ({"controls": [Third(), OtherThird()]}, "both call themselves 'third_person'"),
        ({"phenomena": [SMALL, OtherLetters(6, 4, 2)]}, "both call themselves 'letters"),
        ({"phenomena": [SMALL, replace(SMALL)]}, "stands twice"),
        ({"readers": [Keeper(2.0)]}, r"Keeper keeps settings that nobody can list \(strength\)"),
        ({"readers": [Vague()]}, "Vague.how holds a object, by which one configuration cannot be told from another"),
        ({"readers": [Asker("nobody")]}, "the rung of Asker is 'nobody'; there are: prior"),
    ],
)
def test_parts_that_cannot_be_told_apart_are_refused_in_one_line(parts: dict[str, Any], said: str) -> None:
    with pytest.raises(SelfscopeError, match=said) as refused:
        study(**parts)
    assert "\n" not in str(refused.value)


# --- the seal ---


@dataclass(frozen=True)
class Pretender(Peeker):
    """Calls itself the ceiling."""

    kind: ClassVar[str] = "behaviour_ceiling"


@dataclass(frozen=True)
class Watcher(Peeker):
    """Has a name that says nothing."""

    kind: ClassVar[str] = "anything_at_all"


@pytest.mark.parametrize("rung", ["self", "probe", "history", "prior"])
def test_no_name_opens_the_seal(tmp_path: Path, rung: str) -> None:
    with pytest.raises(SealBroken, match="only readers of the rung behaviour may"):
        complete(study([Pretender(rung)]), tmp_path / "s")


def test_the_rung_behaviour_opens_it_whatever_a_reader_is_called(tmp_path: Path) -> None:
    contents = complete(study([Watcher("behaviour")]), tmp_path / "s")
    assert {row.rung for row in contents.rows} == {"behaviour"}
    assert BehaviourCeiling().rung == "behaviour"
