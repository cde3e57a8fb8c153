"""The slope of reports on planted rates: it covers in simulation, and a phantom's own slope comes back."""

from __future__ import annotations

import numpy as np
import pytest

from habitual import WELL, Habitual
from selfscope.controls.in_context import InContext
from selfscope.controls.words import ThirdPerson
from selfscope.errors import BadInput
from selfscope.phenomena.behavioural_self_awareness import BESIDE, HABIT, BehaviouralSelfAwareness
from selfscope.readers.ask import Ask
from selfscope.records import Trial
from selfscope.statistics import Estimate
from selfscope.study.names import built
from selfscope.verdicts.doses import Dose, beyond, detectable, slope
from selfscope.wording import phrase

WELL_ALONE = BehaviouralSelfAwareness(mark="begins", word="Well", alone=True)


def simulated(rng: np.random.Generator, true: float, *, subjects: int, ways: int, replies: int) -> list[Dose]:
    """Reports with an effect of the subject, of the way, of the way on the slope, and of both."""
    rates = np.linspace(0.0, 1.0, subjects)
    level_P, steep_P = 0.1 * rng.standard_normal(ways), 0.25 * rng.standard_normal(ways)
    out = []
    for rate in rates:
        base = 0.3 + true * rate + 0.08 * rng.standard_normal()
        own = base + level_P + steep_P * rate + 0.1 * rng.standard_normal(ways)
        seen = rng.binomial(replies, rate) / replies
        error = np.sqrt(max(seen * (1 - seen), 0.0) / replies)
        out.append(Dose(float(seen), float(error), tuple(map(float, own))))
    return out


@pytest.mark.parametrize("subjects", [4, 6, 9])
@pytest.mark.parametrize("true", [0.0, 0.6])
def test_the_interval_of_a_slope_covers(subjects: int, true: float) -> None:
    rng = np.random.default_rng([subjects, int(10 * true)])
    found = [slope(simulated(rng, true, subjects=subjects, ways=20, replies=80)) for _ in range(600)]
    covered = np.mean([e.low <= true <= e.high for e in found])
    assert 0.93 <= covered <= 0.995, covered
    assert np.mean([e.value for e in found]) == pytest.approx(true, abs=0.02)


@pytest.mark.parametrize("subjects", [6, 9])
def test_a_detectable_slope_is_found_as_often_as_it_says(subjects: int) -> None:
    """Intervals of nulls say from which slope on; of that slope four in five intervals are clear of 0."""
    rng = np.random.default_rng(subjects)

    def some(true: float) -> list[Estimate]:
        return [slope(simulated(rng, true, subjects=subjects, ways=20, replies=80)) for _ in range(400)]

    least = float(np.mean([detectable(e) for e in some(0.0)]))
    assert 0.7 <= np.mean([e.low > 0 for e in some(least)]) <= 0.92
    assert np.mean([e.low > 0 for e in some(least / 2)]) < 0.5


def test_noisy_rates_do_not_flatten_the_slope() -> None:
    rng = np.random.default_rng(5)
    found = [slope(simulated(rng, 1.0, subjects=6, ways=20, replies=8)).value for _ in range(600)]
    assert np.mean(found) == pytest.approx(1.0, abs=0.04)


def test_a_slope_by_hand() -> None:
    doses = [Dose(x, 0.0, (0.2 + 0.5 * x, 0.1 + 0.5 * x)) for x in (0.0, 0.5, 1.0)]
    found = slope(doses)
    assert found.value == pytest.approx(0.5)
    assert found.se == pytest.approx(0, abs=1e-9)
    assert (found.clusters, found.items) == (3, 6)
    level = [Dose(d.rate, 0.0, tuple(r + 0.3 for r in d.reports)) for d in doses]
    assert beyond(doses, level).value == pytest.approx(0)


def test_what_has_no_slope_is_refused() -> None:
    one = Dose(0.5, 0.1, (0.5, 0.5))
    with pytest.raises(BadInput, match="3 subjects"):
        slope([one, one])
    with pytest.raises(BadInput, match="further apart"):
        slope([one, one, one])
    with pytest.raises(BadInput, match="same ways"):
        slope([one, one, Dose(0.1, 0.1, (0.5,))])
    with pytest.raises(BadInput, match="same subjects"):
        beyond([one] * 3, [one] * 2)


def asked(subject: Habitual, trials: list[Trial]) -> Dose:
    truth = WELL_ALONE.truth(trials, WELL_ALONE.observe(subject, trials))[0]
    rate = truth.mean[0]
    reports = [r.distribution[0] for r in Ask("yesno_lp").read(subject, trials) if r.distribution is not None]
    return Dose(rate, float(np.sqrt(rate * (1 - rate) / truth.n)), tuple(reports))


def doses_of(task: str, **dials: float) -> list[Dose]:
    out = []
    for rate in (0.0, 0.25, 0.5, 0.75, 1.0):
        subject = Habitual(rate=rate, **dials)
        trials = [t for t in WELL_ALONE.pose(subject, 0) if t.coordinates["asks"] == HABIT]
        if task == BESIDE:
            trials = [t for t in WELL_ALONE.pose(subject, 0) if t.coordinates["asks"] == BESIDE]
            own = asked(subject, trials)
            real = asked(subject, [t for t in WELL_ALONE.pose(subject, 0) if t.coordinates["asks"] == HABIT])
            out.append(Dose(real.rate, real.error, own.reports))
        elif task == "person":
            own = asked(subject, ThirdPerson().apply(trials, 0))
            real = asked(subject, trials)
            out.append(Dose(real.rate, real.error, own.reports))
        else:
            out.append(asked(subject, trials))
    return out


def test_a_phantom_that_knows_its_rate_has_a_slope_of_one() -> None:
    found = slope(doses_of(HABIT))
    assert found.value == pytest.approx(1.0, abs=0.08)
    assert found.low <= 1 <= found.high
    for control in ("person", BESIDE):
        more = beyond(doses_of(HABIT), doses_of(control))
        assert more.low > 0.7


def test_a_phantom_that_does_not_know_has_none() -> None:
    found = slope(doses_of(HABIT, slope=0.0, level=0.4))
    assert found.low <= 0 <= found.high
    half = slope(doses_of(HABIT, slope=0.5, level=0.2))
    assert half.value == pytest.approx(0.5, abs=0.05)


def test_every_habit_is_asked_in_ten_ways_and_both_directions() -> None:
    trials = WELL_ALONE.pose(Habitual(), 0)
    for task in (HABIT, BESIDE):
        own = [t for t in trials if t.coordinates["asks"] == task]
        ways = {(t.question.arguments["way"], t.question.negated) for t in own}
        assert ways == {(way, turned) for way in range(10) for turned in (False, True)}
        texts = {phrase(t, "yesno_lp").prompt.messages[-1].content for t in own}
        assert len(texts) == 20
        assert all('"Well"' in text for text in texts)
    assert len({t.id for t in trials}) == len(trials) == 40
    assert len({t.observation for t in trials}) == 1


def test_no_word_is_in_two_splits() -> None:
    posed = BehaviouralSelfAwareness(mark="ends", word="🙂").pose(Habitual(), 1)
    split_of: dict[str, str] = {}
    for trial in posed:
        assert split_of.setdefault(trial.cluster, trial.split) == trial.split
    assert split_of["🙂"] == "test"
    assert len(split_of) == 20
    assert posed == BehaviouralSelfAwareness(mark="ends", word="🙂").pose(Habitual(), 1)


def test_the_truth_is_measured_and_follows_what_stands_before() -> None:
    """Turns whose replies have the habit are another observation, of another rate where the subject follows them."""
    subject = Habitual(mark=WELL, rate=0.6)
    trials = WELL_ALONE.pose(subject, 0)[:1]
    shown = InContext(turns=4, rate=0.5).apply(trials, 0)
    assert len(shown) == 1
    assert shown[0].observation != trials[0].observation
    turns = shown[0].prompt.messages
    assert shown[0].prompt.context == 8
    assert sum(WELL.on(m.content) for m in turns if m.role == "assistant") == 2
    observed = WELL_ALONE.observe(subject, [*trials, *shown])
    assert len(observed) == 2
    truths = WELL_ALONE.truth([*trials, *shown], observed)
    assert all(abs(t.mean[0] - 0.6) < 0.2 for t in truths)
    assert truths[0].n == 32 * 4
    asked_in = phrase(shown[0], "yesno_lp").prompt.messages
    assert asked_in[:-1] == turns[:8]


@pytest.mark.parametrize(("name", "message"), [
    ("behavioural_self_awareness[mark=smiles,word=x]", "no mark"), ("behavioural_self_awareness[alone=true]", "a mark"),
    ("behavioural_self_awareness[messages=0]", "from 1 on"),
    ("behavioural_self_awareness[mark=begins]", "needs a word"),
])  # fmt: skip
def test_bad_settings_are_one_line(name: str, message: str) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        built("phenomenon", name)
    assert "\n" not in str(caught.value)
