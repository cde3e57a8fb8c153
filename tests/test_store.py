"""What a folder promises: written once, never lost, never twice, faults named by file and line."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from selfscope.errors import FileError, SelfscopeError, StoreError
from selfscope.records import (
    Message,
    Observation,
    Option,
    Outcome,
    Prompt,
    Question,
    Reading,
    Row,
    Score,
    Trial,
    Truth,
)
from selfscope.store import Store, export, fingerprint, read, rows
from selfscope.store.export import COLUMNS

KINDS = ("trials", "observations", "truths", "rows", "cells")
SETTINGS = {"seed": 0, "subject": "abc"}


def a_trial(number: int) -> Trial:
    return Trial(
        id=f"t{number}",
        phenomenon="toy",
        source="s",
        cluster=f"c{number // 4}",
        task="t",
        split="test",
        question=Question("parity", (Option("yes", "yes"), Option("no", "no")), {"of": ("a", 1)}),
        prompt=Prompt(messages=(Message("user", f"line one\nline {number} – ünïcode \u2028 end"),)),
        public="p",
        observation=f"o{number}",
        coordinates={"x": [1, 2]},
    )


def a_row(cell: str, number: int, *, p: float = 0.1) -> Row:
    reading = Reading(Outcome.ANSWERED, (p, 1 - p), first=0, mass=0.9, extra={"halves": [[0.5, 0.5], [0.25, 0.75]]})
    return Row(cell, "abc", "toy", f"t{number}", "ask[choice_lp]", "self", "plain", 0, reading, Score(0.1, -0.2, 0.3))


def a_truth(number: int) -> Truth:
    return Truth(f"t{number}", (0.3, 0.7), (0.2, 0.8), (0.4, 0.6), 10, "rollouts", 1)


def filled(folder: Path, count: int = 4) -> Path:
    with Store(folder, SETTINGS) as store:
        store.add_trials([a_trial(i) for i in range(count)])
        store.add_observations([Observation(f"o{i}", ("a", "b"), "a", {"p": 0.5}) for i in range(count)])
        store.add_truths([a_truth(i) for i in range(count)])
        for cell in range(count // 2):
            store.finish(f"cell{cell}", [a_row(f"cell{cell}", 2 * cell + i) for i in range(2)], step="read")
    return folder


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    held = read(filled(tmp_path / "s"))
    assert list(held.trials.values())[2].prompt == a_trial(2).prompt
    assert held.observations["o1"] == Observation("o1", ("a", "b"), "a", {"p": 0.5})
    assert held.truths["t3"] == a_truth(3)
    assert [r.trial for r in held.rows] == ["t0", "t1", "t2", "t3"]
    assert held.rows[0] == a_row("cell0", 0)
    assert held.meta["settings"] == SETTINGS
    assert held.warnings == ()


def test_nothing_is_written_twice(tmp_path: Path) -> None:
    filled(tmp_path / "s")
    before = {p.name: p.read_bytes() for p in (tmp_path / "s" / "data").iterdir()}
    with Store(tmp_path / "s", SETTINGS, resume=True) as store:
        store.add_trials([a_trial(0), a_trial(3)])
        store.add_truths([a_truth(1)])
        store.add_observations([Observation("o0")])
        store.finish("cell1", [a_row("cell1", 2)])
    assert {p.name: p.read_bytes() for p in (tmp_path / "s" / "data").iterdir()} == before


def test_a_trial_never_changes_its_content(tmp_path: Path) -> None:
    filled(tmp_path / "s")
    with Store(tmp_path / "s", SETTINGS, resume=True) as store, pytest.raises(StoreError, match="t1"):
        store.add_trials([replace(a_trial(1), public="other")])


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_cut_by_a_kill_is_dropped_and_written_again(tmp_path: Path, kind: str) -> None:
    folder = filled(tmp_path / "s")
    whole = {k: (folder / "data" / f"{k}.jsonl").read_bytes() for k in KINDS}
    path = folder / "data" / f"{kind}.jsonl"
    path.write_bytes(whole[kind][:-17])
    assert read(folder).warnings == ()
    with Store(folder, SETTINGS, resume=True) as store:
        assert store.warnings == ()
        store.add_trials([a_trial(i) for i in range(4)])
        store.add_observations([Observation(f"o{i}", ("a", "b"), "a", {"p": 0.5}) for i in range(4)])
        store.add_truths([a_truth(i) for i in range(4)])
        store.finish("cell1", [a_row("cell1", 2), a_row("cell1", 3)], step="read")
    held = read(folder)
    assert path.read_bytes().startswith(whole[kind]) or kind in ("rows", "cells")
    assert sorted(r.trial for r in held.rows) == ["t0", "t1", "t2", "t3"]
    assert (len(held.trials), len(held.observations), len(held.truths), len(held.cells)) == (4, 4, 4, 2)
    assert held.warnings == ()


def test_rows_of_a_cell_that_is_not_marked_finished_do_not_count(tmp_path: Path) -> None:
    folder = filled(tmp_path / "s")
    path = folder / "data" / "cells.jsonl"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    assert [r.trial for r in read(folder).rows] == ["t0", "t1"]


def test_damage_is_named_by_file_and_line_and_the_rest_is_kept(tmp_path: Path) -> None:
    folder = filled(tmp_path / "s")
    path = folder / "data" / "rows.jsonl"
    lines = path.read_bytes().split(b"\n")
    lines[1] = lines[1].replace(b"0.1", b"0.2")
    path.write_bytes(b"\n".join(lines))
    held = read(folder)
    assert [r.trial for r in held.rows] == ["t0", "t2", "t3"]
    assert len(held.warnings) == 1
    assert held.warnings[0].startswith("rows.jsonl:2:")
    with Store(folder, SETTINGS, resume=True) as store:
        assert "cell0" not in store.cells, "a cell that lost a row is done again"
        store.finish("cell0", [a_row("cell0", 0), a_row("cell0", 1)])
    assert sorted(r.trial for r in read(folder).rows) == ["t0", "t1", "t2", "t3"]


def test_a_record_of_another_shape_is_named_with_its_field(tmp_path: Path) -> None:
    from selfscope.store.segments import Segment

    folder = filled(tmp_path / "s")
    segment = Segment(folder / "data" / "truths.jsonl")
    segment.append(['{"trial":"t9","mean":"none"}'])
    segment.close()
    assert read(folder).warnings[0].startswith("truths.jsonl:5: not a Truth: mean")


def test_a_second_run_in_the_folder_is_refused_with_the_pid_and_a_dead_one_leaves_no_lock(tmp_path: Path) -> None:
    code = (
        "import sys, time; from selfscope.store import Store; s = Store(sys.argv[1], {'seed': 0, 'subject': 'abc'});"
        "print('open', flush=True); time.sleep(60)"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "s")], stdout=subprocess.PIPE, env=env)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(StoreError, match=f"pid {other.pid}"):
            Store(tmp_path / "s", SETTINGS, resume=True)
    finally:
        other.kill()
        other.wait()
        other.stdout.close()  # type: ignore[union-attr]
    Store(tmp_path / "s", SETTINGS, resume=True).close()


def test_a_folder_is_taken_only_when_it_is_ours(tmp_path: Path) -> None:
    filled(tmp_path / "s")
    with pytest.raises(StoreError, match="--resume"):
        Store(tmp_path / "s", SETTINGS)
    with pytest.raises(StoreError, match=r"another study \(seed: 0 there, 5 now\)"):
        Store(tmp_path / "s", {**SETTINGS, "seed": 5}, resume=True)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").write_text("x")
    with pytest.raises(StoreError, match=r"cat\.png"):
        Store(tmp_path / "photos", SETTINGS)
    with pytest.raises(StoreError, match="is a file"):
        Store(tmp_path / "photos" / "cat.png", SETTINGS)
    Store(tmp_path / "s", SETTINGS, resume=True).close()


def test_a_folder_without_a_study_and_one_of_another_schema_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no study"):
        read(tmp_path)
    (tmp_path / "study.json").write_text('{"schema": 99}')
    with pytest.raises(StoreError, match="schema 99"):
        read(tmp_path)
    (tmp_path / "study.json").write_text("{")
    with pytest.raises(StoreError, match="cannot be read"):
        read(tmp_path)


def test_exports_hold_every_row_joined_with_its_trial_and_truth(tmp_path: Path) -> None:
    folder = filled(tmp_path / "s")
    lines = [json.loads(line) for line in export(folder, "jsonl").read_text().split("\n")[:-1]]
    assert len(lines) == 4
    assert lines[3]["cluster"] == "c0"
    assert lines[3]["truth"] == [0.3, 0.7]
    with export(folder, "csv", tmp_path / "out.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [r["trial"] for r in table] == ["t0", "t1", "t2", "t3"]
    assert json.loads(table[0]["reading"]) == [0.1, 0.9]
    duckdb = pytest.importorskip("duckdb")
    target = str(export(folder, "parquet"))
    assert duckdb.sql(f"select count(*), sum(brier) from '{target}'").fetchall() == [(4, pytest.approx(0.4))]
    assert duckdb.sql(f"select truth[2], typeof(truth), typeof(reading) from '{target}' limit 1").fetchall() == [
        (pytest.approx(0.7), "DOUBLE[]", "DOUBLE[]")
    ]
    with pytest.raises(SelfscopeError, match="csv, jsonl, parquet"):
        export(folder, "xls")


def test_parquet_keeps_texts_as_texts_and_every_column_has_its_type(tmp_path: Path) -> None:
    """Whatever they look like, and where nothing stands in a column."""
    duckdb = pytest.importorskip("duckdb")
    trial = replace(a_trial(0), cluster="7", public="2024-01-01", task="true")
    with Store(tmp_path / "s", SETTINGS) as store:
        store.add_trials([trial])
        store.finish("c", [a_row("c", 0)])
    assert tuple(next(rows(tmp_path / "s").records())) == COLUMNS
    target = export(tmp_path / "s", "parquet", tmp_path / "it's.parquet")
    held = duckdb.read_parquet(str(target))
    kinds = dict(zip(held.columns, map(str, held.types), strict=True))
    assert tuple(kinds) == COLUMNS
    row = dict(zip(COLUMNS, held.fetchall()[0], strict=True))
    assert (row["cluster"], row["public"], row["task"], row["seed"]) == ("7", "2024-01-01", "true", 0)
    assert [kinds[name] for name in ("public", "text", "truth", "options", "rollouts", "negated", "mass")] == [
        "VARCHAR", "VARCHAR", "DOUBLE[]", "VARCHAR[]", "BIGINT", "BOOLEAN", "DOUBLE",
    ]  # fmt: skip


def test_a_parquet_file_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    duckdb = pytest.importorskip("duckdb")
    folder = filled(tmp_path / "s")
    (tmp_path / "taken.parquet").mkdir()
    with pytest.raises(FileError, match=r"taken\.parquet"):
        export(folder, "parquet", tmp_path / "taken.parquet")

    def full(*args: object) -> None:
        raise duckdb.IOException("IO Error: could not write\nNo space left on device")

    monkeypatch.setattr(duckdb, "connect", full)
    with pytest.raises(FileError, match=r"out\.parquet': IO Error: could not write No space left") as error:
        export(folder, "parquet", tmp_path / "out.parquet")
    assert isinstance(error.value.__cause__, duckdb.Error)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s", "taken.parquet"], "nothing is left of it"


def test_rows_show_themselves(tmp_path: Path) -> None:
    found = rows(filled(tmp_path / "s"))
    assert len(found[1:]) == 3
    assert "<table" in found._repr_html_()
    pandas = pytest.importorskip("pandas")
    assert isinstance(found.to_pandas(), pandas.DataFrame)
    assert list(found.to_pandas()["trial"]) == ["t0", "t1", "t2", "t3"]


def test_the_fingerprint_follows_what_a_verdict_is_made_of(tmp_path: Path) -> None:
    folder = filled(tmp_path / "s")
    before = fingerprint(folder)
    with Store(folder, SETTINGS, resume=True) as store:
        store.note(seconds=3.0)
    assert fingerprint(folder) == before
    with Store(folder, SETTINGS, resume=True) as store:
        store.finish("more", [a_row("more", 0)])
    assert fingerprint(folder) != before


def test_thirty_thousand_rows_are_read_in_a_moment(tmp_path: Path) -> None:
    with Store(tmp_path / "s", SETTINGS) as store:
        store.add_trials([a_trial(i) for i in range(3000)])
        store.add_truths([a_truth(i) for i in range(3000)])
        for cell in range(10):
            store.finish(f"c{cell}", [a_row(f"c{cell}", i) for i in range(3000)])
    start = time.process_time()
    assert len(read(tmp_path / "s").rows) == 30_000
    assert time.process_time() - start < 3.0
