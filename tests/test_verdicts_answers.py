"""What is an answer, and who is a rival: readings whose listed answers hold next to nothing, rivals who say nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from selfscope.records import Outcome, Reading, Row
from selfscope.subjects.phantom_dials import Dials
from selfscope.verdicts import Claim, Settings, judge
from selfscope.verdicts.assemble import ELSEWHERE
from selfscope.verdicts.shares import NAMES
from verdict_rows import ASK, OTHER, TWIN, VECTOR, Rows, Size, study

PRIVATE = Dials(access=0.7, habit=0.2)
RIVALS = ("input_baseline", OTHER, "history_baseline", TWIN)


@cache
def given_text(dials: Dials = PRIVATE, seed: int = 0, size: Size | None = None) -> Rows:
    return study(dials, seed, size)


def primary(rows: Rows, settings: Settings | None = None) -> Claim:
    return judge(rows.rows, rows.trials, rows.truths, rows.parts, settings)[0]


def said(rows: Rows, change: Callable[[Row], Reading], *, reader: str = ASK, control: str = "plain") -> Rows:
    """Readings of one reader under one control, changed."""
    here = [r.reader == reader and control in ("*", r.control) for r in rows.rows]
    new = [replace(r, reading=change(r)) if mine else r for r, mine in zip(rows.rows, here, strict=True)]
    return replace(rows, rows=new)


def every_fifth(row: Row) -> bool:
    return int(row.trial.split("/")[0][1:]) % 5 == 0


def test_a_reading_below_the_least_mass_is_no_answer() -> None:
    """It is counted apart, and says only what it would choose if it had to: the shares are of that."""
    low = said(given_text(), lambda r: replace(r.reading, mass=0.049 if every_fifth(r) else 1.0))
    got, plain = primary(low), primary(given_text())
    assert got.outcomes == {"answered": 160, ELSEWHERE: 40}
    assert got.shares == plain.shares
    assert got.causal == plain.causal
    just = said(given_text(), lambda r: replace(r.reading, mass=0.051 if every_fifth(r) else 1.0))
    assert primary(just).outcomes == {"answered": 200}
    assert primary(just, Settings(mass=0.06)).outcomes == got.outcomes


@pytest.mark.parametrize("dials", [PRIVATE, Dials(), Dials(habit=0.9)])
def test_next_to_nothing_on_the_listed_answers_is_silence_whatever_is_listed(dials: Dials) -> None:
    claim = primary(said(given_text(dials), lambda r: replace(r.reading, mass=0.01), control="*"))
    assert (claim.verdict, claim.reason) == ("not supported", "too many non-answers")
    assert "Mostly says something else: only 0 %" in claim.sentence
    some = said(given_text(dials), lambda r: replace(r.reading, mass=0.01 if int(r.trial[1:]) % 5 < 2 else 1.0))
    assert primary(some).reason == "too many non-answers"


def test_intention_to_ask_counts_what_the_mass_leaves_as_silence() -> None:
    claim = primary(said(given_text(), lambda r: replace(r.reading, mass=0.6)))
    assert claim.outcomes == {"answered": 200}
    assert claim.mass is not None
    assert claim.mass.value == pytest.approx(0.6)
    ask, among = claim.headlines["intention to ask"], claim.headlines["among answered"]
    assert ask["silent"] == pytest.approx(0.4)
    for name in NAMES:
        assert ask[name].value == pytest.approx(0.6 * among[name].value)
    assert sum(ask[name].value for name in NAMES[:5]) + ask["silent"] == pytest.approx(1)
    low, high = claim.headlines["bounds"]["private"]
    for headline in (ask, among):
        assert low <= headline["private"].low
        assert headline["private"].high <= high
    rare = said(given_text(), lambda r: Reading(Outcome.REFUSED) if every_fifth(r) else replace(r.reading, mass=0.9))
    assert primary(rare).headlines["intention to ask"]["silent"] == pytest.approx(0.2)  # the larger silence


def own_questions(dials: Dials, seed: int = 0) -> Rows:
    """300 prompts of somebody's own: the rivals are asked, and have nothing to say of them."""
    rows = study(dials, seed, Size(items=300, clusters=60))
    for rival in RIVALS:
        rows = said(rows, lambda r: Reading(Outcome.UNSUPPORTED), reader=rival, control="*")
    return rows


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_own_questions_are_judged_by_what_the_changed_state_shows(seed: int) -> None:
    claim = primary(own_questions(Dials(access=1.0), seed))
    assert (claim.verdict, claim.basis) == ("access", "causal")
    assert claim.causal is not None
    assert claim.causal.items == 300
    assert claim.causal.low <= 1 <= claim.causal.high
    assert claim.tracking["tracking"].low <= 1 <= claim.tracking["tracking"].high
    assert claim.pooled == {}
    status = {c.name: c.status for c in claim.checks}
    assert [status[name] for name in ("input rival", "history rival", "near twin")] == ["missing"] * 3


def test_who_answered_nothing_is_absent_as_if_never_asked() -> None:
    silent, gone = own_questions(Dials(access=1.0)), own_questions(Dials(access=1.0))
    for rival in RIVALS:
        gone = gone.without(reader=rival)
    one, other = primary(silent), primary(gone)
    assert one.causal == other.causal
    assert one.shares == other.shares
    assert one.tracking == other.tracking
    assert one.settle == other.settle


def test_without_a_rival_and_without_a_changed_state_what_is_missing_is_named() -> None:
    rows = own_questions(Dials(access=1.0)).without(control=VECTOR).without(control="changed")
    claim = primary(rows)
    assert (claim.verdict, claim.reason) == ("not supported", "undecided")
    named = " ".join(one.what for one in claim.settle)
    for lacking in ("nobody learnt its past", "another model's forecast", "hidden state"):
        assert lacking in named
    assert "Goes with what it does" in claim.sentence
