"""Laws of what a changed state shows: copying is taken off exactly, and a control can only take away."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from selfscope.statistics import Array
from selfscope.subjects.phantom_dials import Dials
from selfscope.verdicts import state_effect
from selfscope.verdicts.state_effect import Change, beyond_copying, causal_beyond_others, causal_net, hidden_effect

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "studies"))
from turns import Turned, turned
from world import Size, change, reports, world


def under_turns(follows: float, copies: float, *, seed: int = 0, n: int = 120, clusters: int = 30) -> Change:
    """No noise at all: exact truths, and a report that moves by these shares of what behaviour moved and of the way to
    the reply that stands there."""
    rng = np.random.default_rng([1, seed])
    cluster = np.arange(n) % clusters
    p, before = rng.dirichlet(np.ones(4), n), rng.dirichlet(np.ones(4), n)
    reply = np.eye(4)[rng.integers(0, 4, clusters)[cluster]]
    lam = rng.uniform(0.1, 0.9, clusters)[cluster][:, None]
    after = (1 - lam) * p + lam * reply
    said = before + follows * (after - p) + copies * (reply - before)
    return Change(before, said, p, p, after, after, cluster, copied=reply)


@pytest.mark.parametrize("follows", [0.0, 0.2, 0.4, 1.0])
@pytest.mark.parametrize("copies", [0.0, 0.3, 0.7])
def test_following_and_copying_are_recovered_exactly(follows: float, copies: float) -> None:
    got = beyond_copying(under_turns(follows, copies))
    assert [x.value for x in got] == pytest.approx([follows, copies], abs=1e-7)
    if follows or copies:
        assert [x.se for x in got] == pytest.approx([0, 0], abs=1e-7)
    else:  # reports that never move do not show that they never would
        assert all(x.low < 0 < x.high for x in got)


def test_rounding_moves_no_report() -> None:
    """A processor's own last bits in reports that did not move change no interval."""
    plain = under_turns(0.6, 0.0)
    rng = np.random.default_rng(3)
    stays = (plain.cluster % 3 == 0)[:, None]
    bare = replace(plain, after=np.where(stays, plain.before, plain.after))
    noisy = replace(bare, after=bare.after + np.where(stays, rng.uniform(-1e-9, 1e-9, bare.after.shape), 0))
    one, other = (state_effect.causal(x) for x in (bare, noisy))
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=1e-6)


def test_a_copier_follows_nothing_and_passes_without_the_copy_column() -> None:
    copier = under_turns(0.0, 0.6)
    assert beyond_copying(copier)[0].value == pytest.approx(0, abs=1e-7)
    blind = beyond_copying(replace(copier, copied=None))
    assert blind[0].low > 0.3  # what the slope alone would have called access
    assert blind[1].value == 0


def test_items_whose_reply_says_nothing_about_the_question_have_no_copy() -> None:
    mixed = under_turns(0.4, 0.0)
    assert mixed.copied is not None
    silent = np.arange(120) % 2 == 0
    some = replace(mixed, copied=np.where(silent[:, None], 0.0, mixed.copied))
    assert [x.value for x in beyond_copying(some)] == pytest.approx([0.4, 0.0], abs=1e-7)


def test_a_rival_that_was_shown_the_same_is_taken_off() -> None:
    """A report that says of its change what another model would do there follows nothing of its own."""
    turns = under_turns(0.0, 0.0)
    rng = np.random.default_rng(3)
    alike = 0.7 * (turns.xa_after - turns.xa) + 0.1 * rng.normal(size=turns.xa.shape)
    told = replace(turns, after=turns.before + alike)
    assert beyond_copying(told)[0].low > 0.5
    assert beyond_copying(replace(told, shown=alike[:, :, None]))[0].value == pytest.approx(0, abs=1e-7)


def test_what_the_control_question_moves_is_taken_off_what_follows_and_not_off_what_copies() -> None:
    turns = under_turns(0.5, 0.2)
    drift = turns.after - turns.before
    even = np.full_like(drift, 0.25)
    follows, copies = beyond_copying(replace(turns, control_before=even, control_after=even + drift))
    assert follows.value == pytest.approx(0, abs=1e-7)
    assert copies.value == pytest.approx(0.2, abs=1e-7)


def test_turns_that_all_persuade_alike_cannot_be_told_from_copying() -> None:
    turns = under_turns(0.5, 0.0)
    assert turns.copied is not None
    same = replace(turns, before=turns.xa, xa_after=0.4 * turns.xa + 0.6 * turns.copied)
    with pytest.raises(ValueError, match="cannot be told apart"):
        beyond_copying(replace(same, xb_after=same.xa_after))
    still = replace(turns, xa_after=turns.xa, xb_after=turns.xb)
    with pytest.raises(ValueError, match="cannot be told apart"):
        beyond_copying(still)


def rolled(seed: int, follows: float) -> Change:
    """Exact reports, and truths that are ten rollouts a half."""
    turns, rng = under_turns(follows, 0.2, seed=seed, n=300, clusters=100), np.random.default_rng([2, seed])
    halves = [rng.multinomial(10, p) / 10 for p in (turns.xa, turns.xa, turns.xa_after, turns.xa_after)]
    return replace(turns, xa=halves[0], xb=halves[1], xa_after=halves[2], xb_after=halves[3])


def test_rollout_noise_drops_out() -> None:
    """The halves are each other's instruments; joined, they pull what follows down and what copies up."""
    every = [rolled(seed, 0.6) for seed in range(20)]
    got = np.array([[x.value for x in beyond_copying(c)] for c in every])
    assert np.median(got, axis=0) == pytest.approx([0.6, 0.2], abs=0.03)
    joined = [
        replace(c, xa=(c.xa + c.xb) / 2, xb=(c.xa + c.xb) / 2, xa_after=both, xb_after=both)
        for c in every
        for both in [(c.xa_after + c.xb_after) / 2]
    ]
    assert float(np.median([beyond_copying(c)[0].value for c in joined])) < 0.52


def test_noise_in_the_report_stands_on_both_sides_and_is_never_taken_for_following() -> None:
    """Copying is pulled up a little, following down: an inexact report is told less than it knows, never more."""
    got = [beyond_copying(replace(turned(s, 200, 100, Turned(follows=0.6))[1], shown=None)) for s in range(20)]
    assert 0.45 < float(np.median([follows.value for follows, _ in got])) < 0.6
    assert 0 < float(np.median([copies.value for _, copies in got])) < 0.1


def by_vector(seed: int, dials: Dials) -> tuple[Change, Array]:
    w = world(seed, Size())
    told = replace(dials, seed=seed)
    before, after = reports(w, told), reports(w, told, after=True)
    return change(w, before, after), after - before


def test_adding_a_control_can_only_lower_what_a_hidden_state_shows() -> None:
    """Intersection-union: the claim stands only where it stands against either."""
    rng = np.random.default_rng(0)
    for seed in range(6):
        moved, _ = by_vector(seed, Dials(access=0.4, anyone=0.3))
        push = rng.uniform(0, 1) * (moved.xa_after - moved.xa)
        assert moved.control_after is not None
        assert moved.person_after is not None
        for other in (
            moved, replace(moved, control_after=moved.control_after + push),
            replace(moved, person_after=moved.person_after + push),
        ):  # fmt: skip
            words, person, both = causal_net(other), causal_beyond_others(other), hidden_effect(other)
            assert both.low == min(words.low, person.low)
            assert both in (words, person)
            assert both.low <= hidden_effect(moved).low + 1e-12


@pytest.mark.parametrize("arm", ["control", "person"])
def test_what_either_control_does_alike_is_no_effect(arm: str) -> None:
    moved, drift = by_vector(2, Dials(access=0.6))
    assert hidden_effect(moved).low > 0.3
    before = getattr(moved, f"{arm}_before")
    alike = replace(moved, **{f"{arm}_after": before + drift})
    assert hidden_effect(alike).value == pytest.approx(0, abs=1e-9)


def test_a_hidden_state_without_its_controls_has_no_effect_to_show() -> None:
    moved, _ = by_vector(1, Dials(access=0.6))
    for lacking in ("control_before", "control_after", "person_before", "person_after"):
        with pytest.raises(ValueError, match="was not asked"):
            hidden_effect(replace(moved, **{lacking: None}))
    assert state_effect.causal(moved).low > 0.4
