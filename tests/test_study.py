"""The product: what is asked of whom, what is stored, and that a run which was cut goes on without a seam."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from selfscope.records import Row, to_jsonable
from selfscope.store import Store, read
from selfscope.study import PhenomenonPlan, Study, run
from selfscope.subjects.sealed import SealBroken
from toys import Asker, Letters, Moved, Panel, Peeker, Third, ToySubject


def a_study(subject: ToySubject | None = None, **phenomenon: Any) -> Study:
    plan = PhenomenonPlan(
        Letters(**phenomenon),
        (Asker(), Asker("history")),
        (Third(), Moved(), Panel()),
        primary="asker",
        dev=("asker",),
    )
    return Study(subject or ToySubject(), (plan,))


class Batches(ToySubject):
    """Remembers what was asked together."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[tuple[str, ...]] = []

    def sample(self, prompts: Any, *rest: Any) -> Any:
        self.batches.append(tuple(repr(p.messages) for p in prompts))
        return super().sample(prompts, *rest)

    def score(self, prompts: Any, candidates: Any) -> Any:
        self.batches.append(tuple(repr(p.messages) for p in prompts))
        return super().score(prompts, candidates)


def complete(study: Study, folder: Path, *, resume: bool = False) -> list[dict[str, Any]]:
    with Store(folder, study.settings(), resume=resume) as store:
        run(study, store)
    return comparable(read(folder).rows)


def comparable(rows: tuple[Row, ...]) -> list[dict[str, Any]]:
    """Rows without what no two runs share: times."""
    bare = [
        to_jsonable(replace(r, reading=replace(r.reading, cost=replace(r.reading.cost, seconds=0.0)))) for r in rows
    ]
    return sorted(bare, key=lambda r: (r["phenomenon"], r["reader"], r["control"], r["trial"]))


def test_every_reader_reads_every_test_trial_once_and_the_primary_one_all_controls(tmp_path: Path) -> None:
    rows = complete(a_study(), tmp_path / "s")
    counts: dict[tuple[str, str], int] = {}
    for row in rows:
        counts[row["reader"], row["control"]] = counts.get((row["reader"], row["control"]), 0) + 1
    assert counts == {
        ("asker", "plain"): 60 + 10,
        ("asker[rung=history]", "plain"): 60,
        ("asker", "third_person"): 30,
        ("asker", "changed"): 30,
        ("asker", "competence"): 30,
    }
    assert len({(r["reader"], r["control"], r["trial"]) for r in rows}) == len(rows)
    assert all(r["score"] is not None for r in rows)


def test_a_changed_state_is_observed_anew_and_a_given_answer_is_not(tmp_path: Path) -> None:
    subject = ToySubject()
    complete(a_study(subject), tmp_path / "s")
    held = read(tmp_path / "s")
    moved = [t for t in held.trials.values() if t.control == "changed"]
    assert all(held.truths[t.id].mean != held.truths[t.base].mean for t in moved[:3])
    assert sum(p.messages[0].role == "system" for p in subject.sampled) == len(moved) == 30
    given = [held.truths[t.id] for t in held.trials.values() if t.control == "competence"]
    assert {t.mean for t in given} == {(0.0, 0.0, 1.0, 0.0)}
    assert {t.grade for t in given} == {"given"}
    third = [t for t in held.trials.values() if t.control == "third_person"]
    assert all(held.truths[t.id].mean == held.truths[t.base].mean for t in third)


def test_a_finished_study_calls_the_subject_no_more(tmp_path: Path) -> None:
    first = complete(a_study(), tmp_path / "s")
    subject = ToySubject()
    assert complete(a_study(subject), tmp_path / "s", resume=True) == first
    assert subject.sampled == []
    assert subject.scored == []


@pytest.mark.parametrize("calls", [0, 1, 2, 3, 4, 5, 6])
def test_a_run_that_stops_after_any_call_is_resumed_to_the_same_rows(tmp_path: Path, calls: int) -> None:
    whole = complete(a_study(test=130), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        complete(a_study(ToySubject(dies_after=calls), test=130), tmp_path / "cut")
    assert complete(a_study(test=130), tmp_path / "cut", resume=True) == whole


def test_a_resumed_run_makes_the_cut_calls_again_as_they_were(tmp_path: Path) -> None:
    """The last digits of a log-probability depend on what shares its batch."""
    whole, cut, again = Batches(), Batches(), Batches()
    complete(a_study(whole, test=130), tmp_path / "whole")
    folder = tmp_path / "cut"
    complete(a_study(cut, test=130), folder)
    for name, keep in (("cells", 4), ("truths", 10), ("observations", 140)):
        path = folder / "data" / f"{name}.jsonl"
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:keep]))
    complete(a_study(again, test=130), folder, resume=True)
    assert again.batches
    assert set(again.batches) < set(whole.batches)
    assert comparable(read(folder).rows) == comparable(read(tmp_path / "whole").rows)


def test_a_cell_is_one_call_of_at_most_two_hundred_trials(tmp_path: Path) -> None:
    subject = Batches()
    complete(a_study(subject, test=130), tmp_path / "s")
    cells = [c for c in read(tmp_path / "s").cells.values() if c.get("step") == "read"]
    assert max(c["rows"] for c in cells) == 200
    assert max(len(batch) for batch in subject.batches if "Which letter?" in batch[0]) == 200


@pytest.mark.parametrize("how", ["sample", "score", "next_token"])
def test_no_reader_but_of_the_rung_behaviour_reaches_the_prompt_that_a_trial_is_about(tmp_path: Path, how: str) -> None:
    study = a_study()
    plan = PhenomenonPlan(Letters(), (Peeker(how=how),))
    with pytest.raises(SealBroken, match="only readers of the rung behaviour may"):
        complete(replace(study, plans=(plan,)), tmp_path / "s")
    honest = replace(plan, readers=(Peeker("behaviour", how=how),))
    assert len(complete(replace(study, plans=(honest,)), tmp_path / "b")) == 60


def test_other_settings_are_refused_with_their_name(tmp_path: Path) -> None:
    complete(a_study(), tmp_path / "s")
    with pytest.raises(Exception, match=r"another study \(seed: 0 there, 1 now\)"):
        complete(replace(a_study(), seed=1), tmp_path / "s", resume=True)


def test_costs_add_up_over_the_runs_of_a_study(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        complete(a_study(ToySubject(dies_after=2)), tmp_path / "s")
    complete(a_study(), tmp_path / "s", resume=True)
    costs = read(tmp_path / "s").costs
    assert costs["observe letters"].calls == 90 + 30
    assert costs["asker"].calls == 70 + 60, "the panel asks what was asked before: its scores are known"
