"""Current or past: what follows a state, a record of choices, or the mere word of either is told apart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import selfscope
from selfscope.errors import BadInput, Unsupported
from selfscope.phenomena.current_or_past import ARMS, LAST, LIKED, RANDOM, CurrentOrPast
from selfscope.verdicts import crossed
from selfscope.verdicts.crossed import COPIES, FOLLOWS, NEITHER, PREDICTS, PUSHED, READS

SIGNS = {**ARMS, **RANDOM}


def world(
    rng: np.random.Generator, n: int, *, state: Mapping[str, float], record: Mapping[str, float], noise: float = 0.05
) -> tuple[Any, Any]:
    """Answers and behaviour in which state and record move each column by so much, one half of it to either side."""

    def column(name: str, sign: float = 1.0) -> dict[str, Any]:
        level = 0.5 + 0.1 * rng.standard_normal(n)
        return {
            arm: level + sign * state.get(name, 0) * SIGNS[arm][0] * (arm not in RANDOM) / 2
            + sign * record.get(name, 0) * SIGNS[arm][1] / 2 + noise * rng.standard_normal(n)
            for arm in (*crossed.ARMS, *(crossed.RANDOM_ARMS if name in ("direct", "turned", "behaviour") else ()))
        }  # fmt: skip

    names = ("direct", "turned", "person", "person turned", "elsewhere")
    return dict(zip(crossed.ASKED, map(column, names), strict=True)), column("behaviour")


DOES = {"behaviour": 0.5}
WORLDS: dict[str, tuple[dict[str, float], dict[str, float], tuple[str, ...]]] = {
    "follows": ({**DOES, "direct": 0.4, "turned": -0.4}, {}, (FOLLOWS,)),
    "anybody": (
        {**DOES, "direct": 0.4, "turned": -0.4, "person": 0.4, "person turned": -0.4}, {}, (READS,),
    ),
    "pushed": ({**DOES, "direct": 0.4, "turned": 0.4, "elsewhere": 0.4}, {}, (PUSHED,)),
    "mostly pushed": ({**DOES, "direct": 0.45, "turned": 0.25, "elsewhere": 0.5}, {}, (PUSHED,)),
    "unmoved": ({"direct": 0.4, "turned": -0.4}, {}, (NEITHER,)),
    "predicts": (DOES, {"direct": 0.4, "turned": -0.4}, (PREDICTS,)),
    "copies": (DOES, {"direct": 0.4, "turned": 0.4, "elsewhere": 0.4}, (COPIES,)),
    "both": ({**DOES, "direct": 0.4, "turned": -0.4}, {"direct": 0.3, "turned": -0.3}, (FOLLOWS, PREDICTS)),
    "does what the record says": (
        {**DOES, "direct": 0.5, "turned": -0.5}, {"behaviour": 0.4, "direct": 0.4, "turned": -0.4}, (FOLLOWS,),
    ),
    "nothing": (DOES, {}, (NEITHER,)),
}  # fmt: skip


@pytest.mark.parametrize("which", WORLDS)
def test_each_has_its_name(which: str) -> None:
    state, record, wanted = WORLDS[which]
    found = [
        crossed.effects(*world(np.random.default_rng(k), 40, state=state, record=record), draws=400).found
        for k in range(20)
    ]
    assert found.count(wanted) >= 17, found


def test_intervals_hold_what_was_put_in() -> None:
    """Liking by state, and liking by the record beyond what is done, in 95 % of the worlds."""
    held = {"liking": 0, "beyond": 0}
    worlds = 200
    for k in range(worlds):
        answers, does = world(
            np.random.default_rng(1000 + k), 30, noise=0.2, state={"behaviour": 0.5, "direct": 0.3, "turned": -0.2},
            record={"behaviour": 0.2, "direct": 0.4, "turned": -0.2},
        )  # fmt: skip
        got = crossed.effects(answers, does, draws=300)
        held["liking"] += got.liking.state.low <= 0.25 <= got.liking.state.high
        held["beyond"] += got.beyond.low <= 0.3 - 0.5 * 0.2 <= got.beyond.high
    assert all(0.9 * worlds <= hits <= 0.985 * worlds for hits in held.values()), held


def test_where_nothing_moves_the_interval_is_no_point() -> None:
    answers, does = world(np.random.default_rng(0), 40, state={}, record={}, noise=0.0)
    got = crossed.effects(answers, does)
    assert got.liking.state.value == pytest.approx(0, abs=1e-9)
    assert got.liking.state.high == pytest.approx(1 - 0.025 ** (1 / 40))
    assert got.least[0] > 0.05


@pytest.fixture(scope="module")
def posed() -> Any:
    subject: Any = selfscope.load("open-phantom:access=1.0")
    about = CurrentOrPast(test=6)
    trials = about.pose(subject, 0)
    return subject, about, trials, about.truth(trials, about.observe(subject, trials))


def test_arms_differ_in_state_and_record_alone(posed: Any) -> None:
    _, _, trials, _ = posed
    for base in {t.base for t in trials}:
        arms = [t for t in trials if t.base == base]
        assert len({(str(t.question), t.public, t.cluster) for t in arms}) == 1
        for t in arms:
            state, record = SIGNS[t.arm]
            assert len(t.prompt.interventions) == abs(state)
            assert t.prompt.context == (8 if record else 0)
            said = {m.content for m in t.prompt.messages[: t.prompt.context] if m.role == "assistant"}
            assert said == ({t.coordinates["replies"][0 if record > 0 else 1]} if record else set())
        pairs = [(a, b) for a in arms for b in arms if SIGNS[a.arm][1] == SIGNS[b.arm][1]]
        assert all(a.prompt.messages == b.prompt.messages for a, b in pairs)


def test_truths_are_what_it_does_and_what_is_shown(posed: Any) -> None:
    _, _, trials, truths = posed
    of = {t.id: (t, truth) for t, truth in zip(trials, truths, strict=True)}
    liked = {(t.cluster, t.arm): truth.mean for t, truth in of.values() if t.question.quantity == LIKED}
    for t, truth in of.values():
        if t.question.quantity == "disliked":
            assert truth.mean == pytest.approx(liked[t.cluster, t.arm][::-1])
        if t.question.quantity == LAST:
            assert truth.mean[t.question.shown[-1]] == 1
        if t.question.quantity == "chosen_before":
            assert truth.mean[0] == (t.coordinates["record"] > 0)
    up, down = (np.mean([p[0] for (_, arm), p in liked.items() if arm.startswith(way)]) for way in ("up", "down"))
    assert up - down > 0.3


@pytest.mark.parametrize(
    ("dial", "wanted"),
    [("access", FOLLOWS), ("anyone", READS), ("copy", COPIES), ("past", PREDICTS), ("habit", NEITHER)],
)
def test_phantoms_get_their_names_through_the_product(dial: str, wanted: str, tmp_path: Path) -> None:
    card = selfscope.card(f"open-phantom:{dial}=0.9", tmp_path, phenomena=["current_or_past[test=20]"])
    (found,) = selfscope.findings(card.rows).crossed[:1]
    assert found.effects.found == (wanted,)
    assert found.effects.state_moves
    assert found.recalled is not None
    assert found.recalled.low > 0.8
    assert wanted.split()[0] in str(card).lower()


@pytest.mark.parametrize(
    "wrong", [{"depth": 1.5}, {"strength": float("nan")}, {"times": 0}, {"times": 5}],
)  # fmt: skip
def test_numbers_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        CurrentOrPast(**wrong)


def test_it_needs_activations_and_has_so_many_categories() -> None:
    with pytest.raises(Unsupported, match="activations"):
        CurrentOrPast().pose(selfscope.load("phantom"), 0)
    with pytest.raises(BadInput, match="there are 40 categories"):
        CurrentOrPast(test=41).pose(selfscope.load("open-phantom"), 0)
