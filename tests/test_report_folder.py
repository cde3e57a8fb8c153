"""The card of a folder: the same bytes again, claims kept beside just the rows that they were made of."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from report_material import card, material
from selfscope.errors import StoreError
from selfscope.records import to_jsonable
from selfscope.report import Drawn, material_of, write
from selfscope.report.compose import summary
from selfscope.report.estimates import code, package_version
from selfscope.report.material import Material
from selfscope.store import Store, fingerprint
from selfscope.verdicts import judge


def folder_of(made: Material, folder: Path, *, with_claims: bool = True) -> Path:
    """A study's folder of this material. with_claims: its claims are kept there as those of just these rows."""
    settings = made.meta["settings"]
    with Store(folder, settings) as store:
        store.note(**{k: v for k, v in made.meta.items() if k not in ("schema", "settings")})
        store.add_trials(list(made.trials.values()))
        store.add_truths(list(made.truths.values()))
        store.finish("behaviour", costs=made.costs)
        for cell in dict.fromkeys(row.cell for row in made.rows):
            store.finish(cell, [row for row in made.rows if row.cell == cell])
    if with_claims:
        stamp = {"fingerprint": fingerprint(folder), "version": package_version(), "code": code()}
        keep(folder, {**stamp, "claims": [to_jsonable(c) for c in made.claims]})
    return folder


def keep(folder: Path, findings: Mapping[str, Any]) -> None:
    (folder / "findings.json").write_text(json.dumps(findings))


def drawn(folder: Path) -> Drawn:
    return write(folder, material_of(folder))


def test_write_gives_the_same_bytes_and_json_holds_the_claims(tmp_path: Path) -> None:
    made = material(clusters=8)
    folder = folder_of(made, tmp_path / "run")
    path = drawn(folder).page
    first = (path.read_bytes(), (folder / "card.json").read_bytes())
    assert path == folder / "index.html"
    assert (drawn(folder).page.read_bytes(), (folder / "card.json").read_bytes()) == first
    data = json.loads(first[1])
    assert [c["phenomenon"] for c in data["claims"]] == [c.phenomenon for c in made.claims]
    assert data["card"]["summary"] == summary(made.claims[:1] + made.claims[2:])
    assert first[0].decode() == card(replace(made, meta={**made.meta}))[0]  # the folder lost nothing


def test_terminal_table(tmp_path: Path) -> None:
    folder = folder_of(material(clusters=8), tmp_path / "run")
    shown = drawn(folder).terminal(100)
    assert max(map(len, shown.splitlines())) <= 100
    words = ("SmolLM2-135M-Instruct", "Own answers", "access · causal")
    for word in (*words, "42\u202f% [30, 54]"):
        assert word in shown
    assert "\x1b" not in shown
    assert "\x1b[" in drawn(folder).terminal(100, colour=True)


def test_what_is_not_estimated_yet_is_estimated_once_and_a_folder_without_a_study_is_named(tmp_path: Path) -> None:
    folder = folder_of(material(clusters=8), tmp_path / "run", with_claims=False)
    made = material_of(folder)
    assert list(made.claims) == judge(made.rows, made.trials, made.truths, made.parts)
    kept = (folder / "findings.json").read_bytes()
    assert to_jsonable(material_of(folder).claims) == to_jsonable(made.claims)
    assert (folder / "findings.json").read_bytes() == kept
    with pytest.raises(StoreError, match="there is no folder"):
        material_of(tmp_path / "nothing")


@pytest.mark.parametrize(
    "spoilt",
    [
        '[{"phenomenon": 3}]', "{", '{"fingerprint": "other", "claims": []}', '{"version": "0", "claims": []}',
        '{"code": "0", "claims": []}',
    ],
)
def test_claims_of_other_rows_or_of_another_version_are_not_believed(tmp_path: Path, spoilt: str) -> None:
    folder = folder_of(material(clusters=8), tmp_path / "run", with_claims=False)
    claims = material_of(folder).claims
    assert claims
    (folder / "findings.json").write_text(spoilt)
    assert material_of(folder).claims == claims


def test_claims_are_made_anew_when_rows_changed(tmp_path: Path) -> None:
    made = material(clusters=8)
    folder = folder_of(made, tmp_path / "run")
    assert to_jsonable(material_of(folder).claims) == to_jsonable(made.claims)
    with Store(folder, made.meta["settings"], resume=True) as store:
        store.finish("more", [replace(made.rows[0], cell="more")])
    assert to_jsonable(material_of(folder).claims) != to_jsonable(made.claims)


def test_redraw_of_ten_thousand_rows_is_fast_and_needs_no_torch(tmp_path: Path) -> None:
    made = material(clusters=105)
    assert len(made.rows) > 10_000
    folder = folder_of(made, tmp_path / "run")
    code = (
        "import sys; from selfscope.report import material_of, write; "
        f"folder = {str(folder)!r}; write(folder, material_of(folder)).terminal(100); "
        "bad = [m for m in ('torch', 'transformers', 'scipy') if m in sys.modules]; "
        "sys.exit(f'loaded {bad}' if bad else 0)"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": "src"}, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    took = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime  # a busy machine changes no CPU time
    assert took < 2.5, f"{took:.1f} s of CPU for a start, the page and the terminal's table"
