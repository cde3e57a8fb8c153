"""docs/models.md says of every architecture of the table what `make laws` found, as the table expects it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tiny
from architectures import ACTIVATIONS, ARCHITECTURES, FAILS, REFUSED, WORDS

PAGE = Path(__file__).parents[1] / "docs" / "models.md"
ROWS = [
    [cell.strip().replace("\\|", "|").replace("&lt;", "<") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| ")
][1:]


def test_the_page_has_a_row_for_each_architecture() -> None:
    assert [row[0] for row in ROWS] == list(ARCHITECTURES)
    assert len({row[1] for row in ROWS if row[2] in (ACTIVATIONS, WORDS)}) >= 60
    assert set(tiny.SAMPLE) <= set(ARCHITECTURES)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_was_found_is_what_is_expected(row: list[str]) -> None:
    name, kind, outcome, scoring, sampling, held, reason = row
    wanted = ARCHITECTURES[name]
    assert (kind, outcome) == (wanted.kind, wanted.outcome)
    assert wanted.reason in reason
    assert bool(reason) == (outcome != ACTIVATIONS)
    if outcome == REFUSED:
        assert (scoring, sampling, held) == ("", "", "")
        return
    assert scoring
    assert sampling
    found, tried = map(int, held.split(" of "))
    assert (found == tried) == (outcome != FAILS)


def test_only_architectures_that_need_a_reason_have_one() -> None:
    assert all(bool(one.reason) == (one.outcome != ACTIVATIONS) for one in ARCHITECTURES.values())
