"""Who is who: two configurations that differ in one compared field share no id, no work, no row and no folder; a part
is the same in every process, comes back from JSON, and is built again from its id."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from selfscope.cli import main
from selfscope.controls.base import Prepared
from selfscope.errors import SelfscopeError, UnknownName
from selfscope.phenomena.behavioural_self_awareness import BehaviouralSelfAwareness
from selfscope.phenomena.hidden_context import HiddenContext
from selfscope.phenomena.self_prediction import SelfPrediction
from selfscope.records import (
    ControlPart,
    PhenomenonPart,
    ReaderPart,
    Trial,
    Truth,
    control_part,
    from_json,
    id_of,
    phenomenon_part,
    reader_part,
    to_json,
)
from selfscope.records.parts import config_of
from selfscope.study import PhenomenonPlan, Study
from selfscope.study.cells import observe_cells, read_cells
from selfscope.study.names import built
from selfscope.study.sampling import treated
from selfscope.subjects.open_phantom import OpenPhantom
from selfscope.subjects.phantom import Phantom

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from toys import Asker, Letters, ToySubject
from variations import ROOMS, TWINS, catalogued, compared, shipped, usual, varied

PARTS = {"phenomenon": phenomenon_part, "reader": reader_part, "control": control_part}
RECORDS: dict[str, type[Any]] = {"phenomenon": PhenomenonPart, "reader": ReaderPart, "control": ControlPart}
EVERY = [(what, kind) for what in ROOMS for kind in shipped(what)]
NAMED = [(what, kind) for what in ROOMS for kind in catalogued(what).values()]


def each(pairs: list[tuple[str, type[Any]]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("what", "kind"), pairs, ids=lambda x: getattr(x, "__name__", x))


@cache
def configurations(kind: type[Any]) -> list[Any]:
    """The usual one, and every one that differs from it in one field."""
    return [usual(kind), *(part for _, part in varied(kind))]


def every_id() -> list[str]:
    return [id_of(part) for _, kind in EVERY for part in configurations(kind)]


# --- ids ---


def test_everything_that_a_name_stands_for_is_shipped_and_states_its_kind() -> None:
    for what in ROOMS:
        for name, kind in catalogued(what).items():
            assert kind in shipped(what)
            assert (kind.kind, usual(kind).id.partition("[")[0]) == (name, name)


@each(EVERY)
def test_two_configurations_never_share_an_id(what: str, kind: type[Any]) -> None:
    made: list[Any] = []
    for part in configurations(kind):
        made += [part] if part not in made else []
    assert {name for name, _ in varied(kind)} == {f.name for f in compared(kind)}
    assert len({id_of(part) for part in made}) == len(made)
    assert len({to_json(config_of(part)) for part in made}) == len(made)
    assert len({to_json(PARTS[what](part)) for part in made}) == len(made)


def test_no_two_parts_of_a_study_share_an_id() -> None:
    ids = [(what, name) for what, kind in EVERY for name in dict.fromkeys(map(id_of, configurations(kind)))]
    assert len(set(ids)) == len(ids)


@each([pair for pair in EVERY if "observer" in {f.name for f in fields(pair[1])}])
def test_another_model_is_told_by_what_it_is_and_not_by_its_name(what: str, kind: type[Any]) -> None:
    one, other = (replace(usual(kind), observer=twin) for twin in TWINS)
    assert one.observer.name == other.observer.name
    assert id_of(one) != id_of(other)
    assert id_of(one) == id_of(replace(one, observer=Phantom(TWINS[0].name))), "the same model, made again"


@each(EVERY)
def test_what_is_learnt_and_what_is_the_default_are_not_in_an_id(what: str, kind: type[Any]) -> None:
    base = usual(kind)
    learnt = {f.name: {"x": 1} for f in fields(kind) if not f.compare}
    assert id_of(replace(base, **learnt)) == id_of(base)
    same = {f.name: getattr(base, f.name) for f in compared(kind)}
    assert id_of(kind(**same)) == id_of(base)


def test_ids_are_the_same_in_another_process() -> None:
    code = "import test_identity_laws as laws; print(*map(ascii, laws.every_id()), sep='\\n')"
    own = Path(__file__).parent
    path = os.pathsep.join([str(own), *(p for p in sys.path if p)])
    where = {**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", code], env=where, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [ascii(name) for name in every_id()]


# --- work, rows and folders ---


@cache
def some_trials() -> list[Trial]:
    """Of reports and of activations, so that every control finds something to do."""
    said = SelfPrediction(test=6, train=4, dev=2, rollouts=2).pose(Phantom(), 0)
    inside = HiddenContext(test=3, train=3, dev=0, kinds=("topic",)).pose(OpenPhantom(), 0)
    habits = BehaviouralSelfAwareness(test=2, train=1, dev=0, rollouts=1, messages=2).pose(Phantom(), 0)
    return [*said, *inside, *habits]


def study(readers: Sequence[Any] = (Asker(),), controls: Sequence[Any] = (), phenomenon: Any = None) -> Study:
    plan = PhenomenonPlan(phenomenon or Letters(), tuple(readers), tuple(controls), primary=id_of(readers[0]))
    return Study(ToySubject(), (plan,))


def work(whole: Study, trials: Sequence[Trial]) -> Iterator[tuple[str, str]]:
    """(cell, trial) of all that there is to observe and to read."""
    posed = treated(whole, whole.plans[0], trials)
    truths = {t.id: Truth(t.id, (1.0,), (1.0,), (1.0,), 0, "given") for t in posed.every}
    for cell in (*observe_cells(whole, posed, posed.every), *read_cells(whole, posed, truths)):
        yield from ((cell.id, t.id) for t in cell.trials)


@each([pair for pair in EVERY if pair[0] == "reader"])
def test_two_readers_never_share_a_cell_or_a_row(what: str, kind: type[Any]) -> None:
    trials = Letters(test=3, train=2, dev=1).pose(None, 0)
    cells: dict[str, str] = {}
    for part in configurations(kind):
        whole = study([part])
        read = {cell for cell, _ in work(whole, trials)} - {cell for cell, _ in work(study([Asker()]), trials)}
        assert read
        assert all(cells.setdefault(cell, id_of(part)) == id_of(part) for cell in read)
        assert set(whole.settings()["parts"]) >= {id_of(part)}
    assert len(set(cells.values())) == len({id_of(part) for part in configurations(kind)})


@each([pair for pair in EVERY if pair[0] == "control"])
def test_two_controls_never_share_a_trial_and_so_no_row(what: str, kind: type[Any]) -> None:
    owners: dict[str, str] = {}
    plain = {t.id for t in some_trials()}
    for part in configurations(kind):
        able = part.prepared(OpenPhantom(), some_trials(), 0) if isinstance(part, Prepared) else part
        for trial in able.apply(some_trials(), 0):
            assert trial.control == id_of(part)
            assert owners.setdefault(trial.id, id_of(part)) == id_of(part)
    assert owners, "it did nothing with any of these trials"
    assert not plain & set(owners)


@each([pair for pair in EVERY if pair[0] == "phenomenon"])
def test_two_phenomena_never_share_a_cell(what: str, kind: type[Any]) -> None:
    trials = Letters(test=2, train=2, dev=1).pose(None, 0)
    cells: dict[str, str] = {}
    for part in configurations(kind):
        for cell, _ in work(study(phenomenon=part), trials):
            assert cells.setdefault(cell, id_of(part)) == id_of(part)


@each(EVERY)
def test_a_folder_knows_every_field(what: str, kind: type[Any]) -> None:
    """A folder is resumed with the same settings alone: those of two configurations differ."""
    seen: dict[str, str] = {}
    for part in configurations(kind):
        whole = {
            "reader": lambda part=part: study([part]),
            "control": lambda part=part: study(controls=[part]),
            "phenomenon": lambda part=part: study(phenomenon=part),
        }[what]()
        assert seen.setdefault(to_json(whole.settings()), id_of(part)) == id_of(part)


# --- JSON and names ---


@each(EVERY)
def test_what_a_part_says_of_itself_comes_back_from_json(what: str, kind: type[Any]) -> None:
    for part in configurations(kind):
        said = PARTS[what](part)
        assert from_json(RECORDS[what], to_json(said)) == said
        assert said.title
        assert said.short


def takes_a_model(kind: type[Any]) -> bool:
    """No text stands for a model that is given as an object."""
    return any(f.name == "observer" or "Subject" in str(f.type) for f in fields(kind))


@each([pair for pair in NAMED if not takes_a_model(pair[1])])
def test_a_part_is_built_again_from_its_id(what: str, kind: type[Any]) -> None:
    for part in configurations(kind):
        again = built(what, id_of(part))
        assert again == part
        assert [type(getattr(again, f.name)) for f in compared(kind)] == [
            type(getattr(part, f.name)) for f in compared(kind)
        ]


def refusal(what: str, name: str) -> str | None:
    """What is said of a name, None where it is taken."""
    try:
        built(what, name)
    except SelfscopeError as error:
        return str(error)
    return None


@each(NAMED)
def test_a_wrong_value_is_one_line_that_names_the_setting(what: str, kind: type[Any]) -> None:
    for f in compared(kind):
        text = get_type_hints(kind)[f.name] in (str, tuple[str, ...])  # which a class may know better
        for wrong in ("?!", "(x", '"', "[", "1e", "(1,x)", "{"):
            name = f"{kind.kind}[{f.name}={wrong}]"
            said = refusal(what, name)
            assert said is not None or text, f"{name} was taken"
            assert said is None or ((text or f.name in said) and "\n" not in said)
    with pytest.raises(SelfscopeError, match="nothing_like_this") as unknown:
        built(what, f"{kind.kind}[nothing_like_this=1]")
    assert isinstance(unknown.value, UnknownName) == bool(compared(kind))
    assert "\n" not in str(unknown.value)


@pytest.mark.parametrize("name", ["probe[layer=x]", "probe[layer=0.5]", "ask[draws=true]", "ask[prior_free=1]", "ask["])
def test_the_command_line_says_it_in_one_line_too(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["card", "phantom", "--readers", name])
    assert end.value.code == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert "Traceback" not in errors
