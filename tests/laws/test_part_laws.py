"""Identity of parts, and studies in several processes: laws that no part may break."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

import pytest

import selfscope
from selfscope import catalogue
from selfscope.errors import SelfscopeError
from selfscope.records import id_of
from selfscope.study.names import built

KINDS = ("reader", "control", "phenomenon")


def usual(what: str) -> Iterator[Any]:
    """Every part of the catalogue that can be made without settings."""
    for name in catalogue.names(what):
        kind = catalogue.resolve(what, name)
        if not any(f.default is MISSING and f.default_factory is MISSING for f in fields(kind)):
            yield kind()


def neighbours(part: Any) -> Iterator[Any]:
    """The part with one setting changed, for each setting that is a number or a truth value."""
    for f in fields(part):
        value = getattr(part, f.name)
        if not f.compare or not isinstance(value, bool | int | float):
            continue
        other = not value if isinstance(value, bool) else value + 1
        try:
            yield replace(part, **{f.name: other})
        except (SelfscopeError, ValueError):
            continue  # a setting that its class refuses


@pytest.mark.parametrize("what", KINDS)
def test_one_id_is_one_configuration_and_reads_back(what: str) -> None:
    parts = [p for one in usual(what) for p in (one, *neighbours(one))]
    assert len({id_of(p) for p in parts}) == len(parts)
    for part in parts:
        assert id_of(replace(part)) == id_of(part)
        assert built(what, id_of(part)) == part
    assert len(parts) > len(list(usual(what)))


def test_processes_that_share_the_work_give_the_rows_of_one(tmp_path: Path) -> None:
    cards = [
        selfscope.card("phantom:access=0.6", tmp_path / str(jobs), phenomena=["branch_distribution"], jobs=jobs)
        for jobs in (1, 2)
    ]
    alike = [{(r.cell, r.trial): (r.reader, r.control, r.reading.distribution) for r in card.rows} for card in cards]
    assert alike[0] == alike[1]
    assert [r.trial for r in cards[0].rows] == [r.trial for r in cards[1].rows]
    assert cards[0].claims == cards[1].claims
    assert list(cards[0].contents.costs) == list(cards[1].contents.costs)
