"""The phantom's dials: shares are what is turned, streams are separate, non-answers follow their rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from selfscope.records import Outcome
from selfscope.subjects.phantom_dials import CHANNELS, DialReport, Dials, alarmed, marginal, report, weights

P, H, G = (0.7, 0.1, 0.1, 0.1), (0.1, 0.7, 0.1, 0.1), (0.1, 0.1, 0.7, 0.1)


def many(dials: Dials, n: int = 400, **more: object) -> list[DialReport]:
    return [
        report(dials, item=f"i{i}", cluster=f"c{i % 40}", p=P, h=H, g=G, first=3, **more)  # type: ignore[arg-type]
        for i in range(n)
    ]


@pytest.mark.parametrize(
    ("dials", "said"), [(Dials(access=1), P), (Dials(habit=1), H), (Dials(input=1), G), (Dials(format=1), (0, 0, 0, 1))]
)
def test_one_channel_alone_says_its_source(dials: Dials, said: tuple[float, ...]) -> None:
    assert all(np.allclose(r.distribution, said) for r in many(dials, 30))


def test_the_mean_report_is_the_mixture() -> None:
    dials = Dials(access=0.3, habit=0.2, input=0.1, format=0.1, kappa=float("inf"), seed=4)
    got = np.mean([r.distribution for r in many(dials, 4000)], axis=0)
    narrative = 0.9 * marginal(4, 4) + 0.1 / 4
    want = 0.3 * np.array(P) + 0.2 * np.array(H) + 0.1 * np.array(G) + 0.1 * np.eye(4)[3] + 0.3 * narrative
    assert np.abs(got - want).max() < 0.03


def test_without_the_state_the_private_channel_says_the_habit() -> None:
    assert all(np.allclose(r.distribution, H) for r in many(Dials(access=1), 20, state_on=False))


def test_turning_one_dial_leaves_the_draws_of_the_others_alone() -> None:
    base = Dials(access=0.3, habit=0.3, seed=1)
    plain = many(base)
    for other in (replace(base, tau=3.0), replace(base, refusal=0.5), replace(base, form="choice")):
        assert [r.channel for r in many(other)] == [r.channel for r in plain]
    refused = many(replace(base, refusal=0.5))
    assert [r.distribution for r in refused] == [r.distribution for r in plain]
    both = many(replace(base, refusal=0.5, unreadable=0.5))
    assert [r.outcome == Outcome.REFUSED for r in both] == [r.outcome == Outcome.REFUSED for r in refused]


def test_clusters_differ_unless_kappa_is_endless() -> None:
    wide = {tuple(weights(Dials(access=0.5), f"c{i}")) for i in range(5)}
    assert len(wide) == 5
    alike = {tuple(weights(Dials(access=0.5, kappa=float("inf")), f"c{i}")) for i in range(5)}
    assert alike == {(0.5, 0, 0, 0, 0.5, 0, 0, 0)}


def test_non_answers_follow_their_rule() -> None:
    assert all(r.outcome == Outcome.REFUSED for r in many(Dials(refusal=1), 20))
    assert all(r.outcome == Outcome.UNREADABLE for r in many(Dials(unreadable=1), 20))
    unsure = many(Dials(access=0.5, refusal=1.0, refusal_when="when_unsure", form="dist", tau=0.3))
    assert all((r.outcome == Outcome.REFUSED) == (max(r.distribution) < 0.6) for r in unsure)
    rate = np.mean([r.outcome == Outcome.REFUSED for r in many(Dials(refusal=0.3), 1000)])
    assert 0.25 < rate < 0.35


def test_confidence_sharpens_and_alarm_needs_a_changed_state() -> None:
    assert max(many(Dials(access=1, tau=3), 1)[0].distribution) > 0.99
    assert not alarmed(Dials(alarm=1), item="i", changed_state=False)
    assert alarmed(Dials(alarm=1), item="i", changed_state=True)


def test_impossible_dials_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 1"):
        Dials(access=0.8, habit=0.4)
    with pytest.raises(ValueError, match="dist or choice"):
        Dials(form="essay")
    assert CHANNELS[0] == "private"
