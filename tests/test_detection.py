"""Did it notice? Readings of scripted subjects whose noticing, yes-shift and place bias are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from selfscope.records import (
    PLAIN,
    Injection,
    Message,
    Option,
    Outcome,
    Prompt,
    Question,
    Reading,
    Row,
    Trial,
    Truth,
    Vector,
    content_hash,
)
from selfscope.verdicts.detection import AGAINST, UNRELATED, InjectionFinding, detections

YES_NO = (Option("yes", "yes"), Option("no", "no"))
ARMS = {"detection": ("real", *AGAINST), "unrelated": ("real", "clean", "random"), "strength": ("real", "clean")}
Says = Callable[[Trial, bool, np.random.Generator], float]
"""(trial, whether something is injected, noise) -> log-odds of the *word* yes (of the first option)."""


def world(
    clusters: int = 60, quantities: tuple[str, ...] = ("detection", "unrelated"), *, negated: bool = True
) -> list[tuple[Trial, Truth]]:
    """One trial of each quantity and arm a cluster; true statements take turns, and (negated) wordings."""
    out = []
    act = Injection(0, Vector.of([1.0, 0.0]), operator="add", schedule="every")
    for g in range(clusters):
        for quantity in quantities:
            base = content_hash(g, quantity, "real")
            for arm in ARMS[quantity]:
                options = YES_NO if quantity != "strength" else (Option("a", "A"), Option("b", "B"))
                turned = negated and quantity != "strength" and g // 2 % 2 == 1
                question = Question(quantity, options, negated=turned, arguments={"right": g % 2})
                done = (act,) if arm in ("real", "random") else ()
                prompt = Prompt(messages=(Message("user", f"{g}"),), interventions=done)
                trial = Trial(
                    content_hash(g, quantity, arm), "injected_concept", "s", f"c{g}", "t", "test", question, prompt,
                    "", "o", control=UNRELATED if quantity == UNRELATED else PLAIN, base=base, arm=arm,
                )  # fmt: skip
                first = {"detection": arm == "real", "unrelated": g % 2 == 0, "strength": g % 2 == 0}[quantity]
                mean = (float(first), float(not first))
                out.append((trial, Truth(trial.id, mean, mean, mean, 0, "record")))
    return out


def read(says: Says, posed: list[tuple[Trial, Truth]], seed: int = 3) -> InjectionFinding:
    rng = np.random.default_rng(seed)
    rows = []
    for trial, _ in posed:
        logit = says(trial, bool(trial.prompt.interventions), rng)
        if trial.question.negated:
            logit = -logit  # the word yes means no
        p = 1 / (1 + np.exp(-logit))
        reading = Reading(Outcome.ANSWERED, (p, 1 - p))
        rows.append(Row("c", "s", trial.phenomenon, trial.id, "ask[choice_lp]", "self", trial.control, 0, reading))
    trials, truths = {t.id: t for t, _ in posed}, {truth.trial: truth for _, truth in posed}
    return detections(rows, trials, truths, draws=200)[0]


def meaning(trial: Trial, strength: float) -> float:
    """Log-odds of the word yes that say what is true of a statement."""
    right = trial.question.arguments["right"] == 0
    return strength * (1 if right != trial.question.negated else -1)


def yes_sayer(trial: Trial, injected: bool, rng: np.random.Generator) -> float:
    """Says yes more often under any injection, whatever the question (B6.6)."""
    own = meaning(trial, 1.5) if trial.question.quantity == "unrelated" else -1.0
    return own + 3.0 * injected + rng.normal(0, 1)


def noticer(trial: Trial, injected: bool, rng: np.random.Generator) -> float:
    """Notices the concept, not a random vector; leaves unrelated questions alone."""
    if trial.question.quantity == "unrelated":
        return meaning(trial, 1.5) + rng.normal(0, 1)
    there = 2.0 if trial.arm == "real" else 0.0
    return (there - 1.0) * (-1 if trial.question.negated else 1) + rng.normal(0, 1)


def blurred(trial: Trial, injected: bool, rng: np.random.Generator) -> float:
    """Every answer moves half of the way to the middle under an injection."""
    own = meaning(trial, 2.0) if trial.question.quantity == "unrelated" else -2.0 * (-1) ** trial.question.negated
    return own * (0.5 if injected else 1.0) + rng.normal(0, 1)


@pytest.mark.parametrize("negated", [True, False])
def test_who_says_yes_under_any_injection_does_not_notice(negated: bool) -> None:
    found = read(yes_sayer, world(120, negated=negated)).detection
    assert found is not None
    assert found.naive is not None
    assert found.naive.d_prime.low > 1.5  # what would be reported without the control
    assert found.naive.auroc.low > 0.85
    for arm in ("clean", "random"):
        told = found.corrected[arm]
        assert abs(told.d_prime.value) < 0.5
        assert told.d_prime.low < 0 < told.d_prime.high
        assert abs(told.auroc.value - 0.5) < 0.15
    assert found.unrelated["real"].low > 2
    assert found.said_yes.low > 2
    assert not found.notices
    assert not found.missing


def test_who_notices_is_found() -> None:
    found = read(noticer, world(120)).detection
    assert found is not None
    for arm in AGAINST:
        assert found.corrected[arm].d_prime.low > 1.2
        assert found.corrected[arm].d_prime.value == pytest.approx(2, abs=0.5)
        assert found.corrected[arm].auroc.value == pytest.approx(0.92, abs=0.05)
    assert found.notices
    assert abs(found.unrelated["real"].value) < 0.5
    assert found.hits.value > 0.7
    assert all(found.false_alarms[arm].value < 0.3 for arm in AGAINST)


@pytest.mark.parametrize("negated", [True, False])
def test_who_notices_and_says_yes_more_often_still_notices(negated: bool) -> None:
    found = read(lambda t, i, rng: noticer(t, i, rng) + 3.0 * i, world(120, negated=negated)).detection
    assert found is not None
    for arm in ("clean", "random"):
        assert found.corrected[arm].d_prime.value == pytest.approx(2, abs=0.5)
    assert found.notices


def test_who_notices_any_disturbance_does_not_notice_the_concept() -> None:
    def startled(trial: Trial, injected: bool, rng: np.random.Generator) -> float:
        if trial.question.quantity == "unrelated":
            return meaning(trial, 1.5) + rng.normal(0, 1)
        return (2.0 * injected - 1.0) * (-1 if trial.question.negated else 1) + rng.normal(0, 1)

    found = read(startled, world(120)).detection
    assert found is not None
    assert found.corrected["clean"].auroc.low > 0.8
    assert abs(found.corrected["random"].auroc.value - 0.5) < 0.1
    assert found.false_alarms["random"].value > 0.7
    assert not found.notices


def test_a_blurred_answer_is_no_shift_towards_yes() -> None:
    found = read(blurred, world(120)).detection
    assert found is not None
    assert found.unrelated["real"].low < 0 < found.unrelated["real"].high
    assert abs(found.unrelated["real"].value) < 0.4


def test_who_answers_at_random_is_at_chance() -> None:
    covered = 0
    posed = world(40)
    for seed in range(6):
        found = read(lambda trial, injected, rng: rng.normal(0, 1), posed, seed).detection
        assert found is not None
        covered += found.corrected["clean"].auroc.low < 0.5 < found.corrected["clean"].auroc.high
        assert found.naive is not None
    assert covered >= 4


def without(posed: list[tuple[Trial, Truth]], quantity: str, arm: str) -> list[tuple[Trial, Truth]]:
    return [(t, truth) for t, truth in posed if (t.question.quantity, t.arm) != (quantity, arm)]


@pytest.mark.parametrize(
    ("quantity", "arm"), [*(("unrelated", arm) for arm in ("real", "clean", "random")), ("detection", "random")]
)
def test_without_a_control_nothing_is_claimed(quantity: str, arm: str) -> None:
    found = read(noticer, without(world(60), quantity, arm)).detection
    assert found is not None
    assert found.missing
    assert not found.notices
    if quantity == "unrelated" and arm in ("real", "clean"):
        assert "clean" not in found.corrected


def test_without_clean_trials_there_is_no_detection() -> None:
    posed = world(20, ("detection", "strength"))
    assert read(noticer, without(posed, "detection", "clean")).detection is None


def test_a_bias_for_a_place_is_taken_out_by_the_clean_twin() -> None:
    def leaning(trial: Trial, injected: bool, rng: np.random.Generator) -> float:
        felt = meaning(trial, 1.0) if injected else 0.0
        return 5.0 + felt + rng.normal(0, 0.1)

    found = read(leaning, world(60, ("strength",))).choices["strength"]
    assert found.right.value == 0.5
    assert found.chance == 0.5
    assert found.over_clean is not None
    assert found.over_clean.value == 1.0
    bare = [(t, truth) for t, truth in world(60, ("strength",)) if t.arm == "real"]
    assert read(leaning, bare).choices["strength"].over_clean is None


def test_no_injection_no_entry() -> None:
    posed = [(t, truth) for t, truth in world(5) if t.control == "x"]
    assert detections([], {t.id: t for t, _ in posed}, {}) == []


def test_the_base_rate_noticed_nothing_and_has_no_entry() -> None:
    posed = world(20)
    rows = [
        Row("c", "s", t.phenomenon, t.id, "prior", "prior", t.control, 0, Reading(Outcome.ANSWERED, (0.5, 0.5)))
        for t, _ in posed
    ]
    assert not detections(rows, {t.id: t for t, _ in posed}, {x.trial: x for _, x in posed}, draws=20)
