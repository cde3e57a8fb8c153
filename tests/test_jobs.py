"""Work that several processes share: the same rows as in one, the same errors, nothing left behind."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from own_parts import Favourite, Fruits, Whisper
from runs import assert_equal_studies
from selfscope.api.cards import connection, planned
from selfscope.api.executing import execute
from selfscope.errors import SelfscopeError, ServerError
from selfscope.records import Identified, Reading, Trial, to_jsonable
from selfscope.store import Contents, read
from selfscope.study import Study
from selfscope.subjects.phantom import Phantom


def complete(study: Study, folder: Path, jobs: int, **how: Any) -> Contents:
    execute(study, folder, jobs=jobs, **how)
    assert not multiprocessing.active_children()
    return read(folder)


def bare(contents: Contents) -> dict[tuple[str, str], Any]:
    """Rows without what no two runs share: times."""
    rows = [replace(r, reading=replace(r.reading, cost=replace(r.reading.cost, seconds=0.0))) for r in contents.rows]
    return {(r.cell, r.trial): to_jsonable(r) for r in rows}


def test_a_phantoms_rows_are_the_same_to_the_last_digit(tmp_path: Path) -> None:
    phenomena = ["self_prediction[test=12,train=8]", "confidence[test=12,train=8]"]
    study = planned(Phantom(access=0.4, habit=0.3), phenomena=phenomena, other=Phantom("other", seed=1))
    one, two = (complete(study, tmp_path / str(jobs), jobs) for jobs in (1, 2))
    assert len(bare(one)) == len(one.rows) > 400
    assert bare(one) == bare(two)
    assert [(r.cell, r.trial) for r in one.rows] == [(r.cell, r.trial) for r in two.rows], "in the same order"
    assert one.truths == two.truths
    assert one.trials == two.trials
    done = [{k: (o.replies, o.greedy, o.exact) for k, o in c.observations.items()} for c in (one, two)]
    assert done[0] == done[1]
    assert one.cells.keys() == two.cells.keys()
    behaved = [{who: c.calls for who, c in x.costs.items() if who.startswith(("pose", "observe"))} for x in (one, two)]
    assert behaved[0] == behaved[1]


def test_a_models_rows_are_the_same(tmp_path: Path) -> None:
    from tiny import build

    model = str(build("llama", tmp_path / "tiny", roomy=True))
    options = {"phenomena": ["token_probability[test=6,train=4]"], "readers": ["ask"]}
    study = planned(model, **options)
    one = complete(study, tmp_path / "one", 1)
    two = complete(study, tmp_path / "two", 2, connect=connection(model, options))
    assert_equal_studies(tmp_path / "one", tmp_path / "two")
    assert one.rows
    for key, row in bare(one).items():
        assert row["reading"]["distribution"] == pytest.approx(bare(two)[key]["reading"]["distribution"], abs=1e-6)


def test_parts_of_ones_own_are_sent_along(tmp_path: Path) -> None:
    study = planned(
        Phantom(access=0.5), phenomena=[Fruits(test=6, train=6)], readers=["ask", Favourite()], controls=[Whisper()]
    )
    assert bare(complete(study, tmp_path / "one", 1)) == bare(complete(study, tmp_path / "two", 2))


@dataclass(frozen=True)
class Breaks(Identified):
    """Cannot be used: its server is down, or its process ends."""

    kind: ClassVar[str] = "breaks"
    rung: ClassVar[str] = "self"
    dies: bool = False

    def fit(self, subject: Any, trials: Any, truths: Any) -> Breaks:
        return self

    def read(self, subject: Any, trials: Sequence[Trial]) -> list[Reading]:
        if self.dies:
            os._exit(9)
        raise ServerError("the server is down")


@pytest.mark.parametrize(
    ("dies", "said"), [(False, "the server is down"), (True, "ended with code 9.*--resume, perhaps with fewer --jobs")]
)
def test_what_a_cell_raises_is_raised_and_what_was_finished_is_kept(tmp_path: Path, dies: bool, said: str) -> None:
    study = planned(Phantom(), phenomena=["confidence[test=6,train=6]"], readers=["ask", Breaks(dies)])
    with pytest.raises(SelfscopeError, match=said):
        execute(study, tmp_path / "s", jobs=2)
    assert not multiprocessing.active_children()
    contents = read(tmp_path / "s")
    assert contents.truths
    assert contents.warnings == ()
    assert "finished" not in contents.meta


def test_what_cannot_be_sent_is_refused_in_one_line(tmp_path: Path) -> None:
    subject = Phantom()
    subject.spare = lambda: None  # type: ignore[attr-defined]
    study = planned(subject, phenomena=["confidence[test=6,train=6]"])
    with pytest.raises(SelfscopeError, match="the study is sent to other processes, and this one cannot be") as refused:
        execute(study, tmp_path / "s", jobs=2)
    assert "\n" not in str(refused.value)


def test_another_process_that_makes_another_study_is_found_out(tmp_path: Path) -> None:
    options = {"phenomena": ["confidence[test=6,train=6]"]}
    study = planned("phantom", **options)
    with pytest.raises(SelfscopeError, match="another process made another study"):
        execute(study, tmp_path / "s", jobs=2, connect=connection("phantom:seed=1", options))
