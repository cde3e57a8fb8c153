"""Laws of the split that uses a changed state, and of slopes that rest on a count of moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from selfscope.statistics import Array, Estimate, ratio
from selfscope.verdicts.exchange import exchange, fieller
from selfscope.verdicts.items import Items, against_modes, kept
from selfscope.verdicts.shares import NAMES, beside_rivals, shares
from selfscope.verdicts.state_effect import Change, causal, slope

K = 4


def blind(seed: int, dials: tuple[float, float], n: int = 120, *, state: float = 0.5, rolls: int = 20) -> Items:
    """Reports that follow private state and habit by these shares, the rest narrative; one item a cluster, its state
    changed once. The rivals know nothing of the habit: they say the same of every item."""
    rng = np.random.default_rng([seed, n])
    habit = rng.dirichlet(np.full(K, 0.5), n)
    p, other = ((1 - state) * habit + state * (0.9 * np.eye(K)[rng.integers(K, size=n)] + 0.1 / K) for _ in range(2))
    published = (1 - state) * habit + state / K
    channel = rng.choice(3, n, p=[*dials, 1 - sum(dials)])
    spoken = 0.9 * np.eye(K)[rng.integers(K, size=n)] + 0.1 / K
    report = np.stack([p, published, spoken])[channel, np.arange(n)]
    halves = [rng.multinomial(rolls // 2, x) / (rolls // 2) for x in (p, p, other, other)]
    flat = np.full((n, K), 1 / K)
    return Items(
        report, halves[0], halves[1], flat, np.zeros((0, n, K)), flat, flat, rng.integers(K, size=n),
        np.tile(np.eye(K), (n, 1, 1)), np.ones((n, K), dtype=bool), np.arange(n), np.full(n, rolls),
        xa_changed=halves[2], xb_changed=halves[3], changed=np.ones(n, dtype=bool),
    )  # fmt: skip


def test_what_the_rivals_miss_is_not_taken_for_private() -> None:
    mistaken, held, public = 0, 0, 0
    for seed in range(30):
        items = blind(seed, (0.0, 0.8))
        mistaken += beside_rivals(items)[0]["private"].low > 0
        found = shares(items).estimates
        held += found["private"].low <= 0 <= found["private"].high
        public += found["public"].low <= 0.8 <= found["public"].high
    assert mistaken > 20  # by the regression alone
    assert held >= 28
    assert public >= 26


@pytest.mark.parametrize("dials", [(0.0, 0.0), (0.4, 0.0), (0.0, 0.8), (0.3, 0.4)])
def test_the_split_without_rivals_recovers_the_dials(dials: tuple[float, float]) -> None:
    found = exchange(blind(1, dials, 20_000))
    assert found is not None
    private, habit = dials
    for estimate, true in (
        (found.private, private), (found.whole, private + habit), (found.public, habit),
        (found.unmoved, 1 - private - habit), (found.format, 0.0),
    ):  # fmt: skip
        assert estimate.value == pytest.approx(true, abs=0.05)
    assert found.missed.value == pytest.approx(0.4, abs=0.2)


def test_the_five_shares_still_make_up_the_report() -> None:
    found = shares(blind(2, (0.2, 0.3))).estimates
    assert sum(found[name].value for name in NAMES[:5]) == pytest.approx(1)
    assert found["habit"].value + found["input"].value == pytest.approx(found["public"].value)
    for name in NAMES:
        assert found[name].low <= found[name].value <= found[name].high


def test_without_a_changed_state_the_regression_stands() -> None:
    items = replace(blind(3, (0.4, 0.0)), xa_changed=None, xb_changed=None, changed=None)
    assert exchange(items) is None
    assert shares(items).estimates == beside_rivals(items)[0]
    few = blind(3, (0.4, 0.0))
    few = replace(few, changed=np.arange(120) < 9)
    assert exchange(few) is None
    assert shares(few).missed is None


def test_a_change_that_changes_nothing_tells_nothing_private() -> None:
    items = blind(4, (0.6, 0.0))
    exact = replace(items, xa=items.x, xb=items.x, xa_changed=items.x, xb_changed=items.x)
    found = shares(exact)
    assert all(np.isfinite([e.value, e.low, e.high]).all() for e in found.estimates.values())
    assert found.estimates["private"].low <= 0
    assert beside_rivals(exact)[0]["private"].low > 0.3


def test_a_report_that_does_not_follow_the_text_stays_narrow() -> None:
    widths = []
    for seed in range(20):
        items = blind(seed, (0.0, 0.0))
        before, after = beside_rivals(items)[0]["private"], shares(items).estimates["private"]
        widths.append((after.high - after.low) / (before.high - before.low))
    assert np.median(widths) < 1.1


def test_modes_and_parts_take_the_changed_truths_along() -> None:
    items = blind(5, (0.2, 0.2))
    modes = against_modes(items)
    assert modes.xa_changed is not None
    assert modes.xa_changed.sum(1) == pytest.approx(1)
    assert set(np.unique(modes.xa_changed.round(6))) <= {0.0, 0.25, 0.333333, 0.5, 1.0}
    part = kept(items, np.arange(30))
    assert part.changed is not None
    assert part.xb_changed is not None
    assert len(part.changed) == len(part.xb_changed) == 30


def test_fieller_holds_where_the_denominator_is_noisy() -> None:
    rng = np.random.default_rng(0)
    plain_holds = holds = 0
    for _ in range(400):
        below, top = 1 + 2.0 * rng.normal(size=25), 0.8 + 0.5 * rng.normal(size=25)
        try:
            plain = ratio(top, below, np.arange(25))
        except ValueError:
            continue
        found = fieller(
            plain, np.array([top.mean(), below.mean()]),
            np.stack([(x.sum() - x) / 24 for x in (top, below)], axis=1),
        )  # fmt: skip
        plain_holds += plain.low <= 0.8 <= plain.high
        holds += found.low <= 0.8 <= found.high
    assert holds > plain_holds
    assert holds >= 0.93 * 400
    vague = Estimate(1.0, -9.0, 9.0, 4.0, 0.95, 25, 25)
    assert fieller(vague, np.array([0.1, 0.01]), rng.normal(size=(25, 2))) == vague


def answers(seed: int, share: float, n: int, *, named: bool) -> Change:
    """Before and after do(state), one item a cluster: each report follows its state with this probability."""
    rng = np.random.default_rng([seed, n, int(100 * share)])
    habit = rng.dirichlet(np.full(K, 0.7), n)
    p, other = (0.5 * habit + 0.5 * (0.9 * np.eye(K)[rng.integers(K, size=n)] + 0.1 / K) for _ in range(2))
    follows, spoken, place = rng.random(n) < share, np.eye(K)[rng.integers(K, size=n)], rng.random(n)

    def one(shares: Array) -> Array:
        return np.eye(K)[np.minimum((shares.cumsum(1) < place[:, None]).sum(1), K - 1)]

    before, after = (np.where(follows[:, None], one(x) if named else x, spoken) for x in (p, other))
    halves = [rng.multinomial(5, x) / 5 for x in (p, p, other, other)]
    return Change(before, after, *halves, np.arange(n))


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.1, 0.2])
def test_few_moves_give_a_slope_an_honest_interval(share: float, named: bool) -> None:
    held, without, widths = 0, 0, []
    for seed in range(200):
        change = answers(seed, share, 22, named=named)
        found = causal(change)
        widths.append(found.high - found.low)
        held += found.low <= share <= found.high
        da, db = change.xa_after - change.xa, change.xb_after - change.xb
        bare = ratio(((da + db) * (change.after - change.before)).sum(1), 2 * (da * db).sum(1), change.cluster)
        without += bare.low <= share <= bare.high
    assert held >= 0.94 * 200
    assert min(widths) > 0.2  # never [0, 0]
    if share in (0.05, 0.1):
        assert without < 0.85 * 200


def test_a_slope_of_reports_that_all_move_is_left_alone() -> None:
    change = answers(1, 1.0, 22, named=False)
    change = replace(change, after=change.after + 0.01 * np.random.default_rng(0).normal(size=change.after.shape))
    da, db = change.xa_after - change.xa, change.xb_after - change.xb
    shift = change.after - change.before
    bare = ratio(((da + db) * shift).sum(1), 2 * (da * db).sum(1), change.cluster)
    assert slope(shift, da, db, change.cluster) == bare
    assert not change.named


def test_nothing_that_moves_is_compared_with_a_margin_by_its_own_interval() -> None:
    found = causal(answers(1, 0.0, 22, named=True))
    assert found.value == 0
    assert found.high == pytest.approx(-found.low)
    assert found.at(found.level).high == pytest.approx(found.high)
