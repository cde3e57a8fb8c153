"""The committed proof was made by this code, meets its bar, and holds on a smaller grid run now."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "studies"))
import proof


def test_the_committed_table_was_made_by_this_code() -> None:
    table = json.loads(proof.TABLE.read_text())
    assert table["code"] == proof.fingerprint(), "the verdict's code has moved on: run `make proof` and commit"
    assert proof.PAGE.read_text() == proof.page(table)


def test_the_committed_table_meets_every_acceptance_figure() -> None:
    table = json.loads(proof.TABLE.read_text())
    assert proof.misses(table) == []
    assert table["grid"]["phantoms"] >= 27
    assert table["grid"]["seeds"] >= 40
    assert all(t["seeds"] >= 200 for t in table["traps"].values())


def test_5_the_smaller_grid_holds_here_and_now() -> None:
    table = proof.run(10, 20)
    assert proof.misses(table, small=True) == []


@pytest.mark.proof
def test_the_full_proof_can_be_made_again() -> None:
    assert proof.misses(proof.run(40, 200)) == []
