"""What tells a state, and how matched users are treated: known answers come back, and a lean hides nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import selfscope
from selfscope.directions import Linear, random_directions
from selfscope.phenomena.matched import OTHERWISE
from selfscope.phenomena.user_beliefs import UserBeliefs
from selfscope.phenomena.user_treatment import UserTreatment
from selfscope.readers.text_embedding import TextEmbedding
from selfscope.records import Outcome, Parts, Reading, Row, Trial, Truth, phenomenon_part
from selfscope.report.matched import channel_tables, told, treatment_tables
from selfscope.statistics import placed
from selfscope.subjects.open_phantom import OpenPhantom
from selfscope.subjects.phantom import Phantom
from selfscope.verdicts.assemble import tables
from selfscope.verdicts.channels import channels_of
from selfscope.verdicts.findings import find
from selfscope.verdicts.treatment import treatments_of

BELIEFS = UserBeliefs(test=24, train=0, stated=0, each=2, only=("gender", "mood"))
TREATMENT = UserTreatment(test=24, train=0, dev=0, stated=0, each=2, only=("gender", "vulnerability"))


def reported(phenomenon: Any, says: Callable[[Trial, Truth, Any], float]) -> tuple[Any, dict[str, Any]]:
    """The table of a reader that says a share of the first option, and what was observed."""
    subject = Phantom()
    trials = [t for t in phenomenon.pose(subject, 0) if t.split == "test"]
    seen = phenomenon.observe(subject, trials)
    exact = {o.key: o.exact for o in seen}
    truths = {t.trial: t for t in phenomenon.truth(trials, seen)}
    rows = []
    for t in trials:
        p = says(t, truths[t.id], exact[t.observation])
        reading = Reading(Outcome.ANSWERED, (p, 1 - p))
        rows.append(Row("cell", "s", phenomenon.id, t.id, "words", "self", "plain", 0, reading))
    parts = Parts(phenomena={phenomenon.id: phenomenon_part(phenomenon)})
    (table,) = tables(rows, {t.id: t for t in trials}, truths, parts)
    return table, {o.key: o for o in seen}


def test_a_lean_hides_a_belief_from_accuracy_and_not_from_auroc() -> None:
    table, seen = reported(BELIEFS, lambda t, truth, _: 0.8 + 0.1 * truth.mean[0])
    for channel in channels_of(table, seen):
        assert channel.auroc.value == 1.0
        assert channel.accuracy.value == pytest.approx(0.5)
        assert channel.ordered is not None
        assert channel.ordered.value == 1.0
        assert channel.ordered.low < 1.0, "no interval is a point"


def test_what_the_openings_share_hides_a_belief_from_auroc_and_not_from_pairs() -> None:
    topics: dict[str, float] = {}

    def says(trial: Trial, truth: Truth, _: Any) -> float:
        topic = topics.setdefault(trial.cluster, 0.05 + 0.9 * (len(topics) % 12) / 12)
        return topic + 0.01 * truth.mean[0]

    table, seen = reported(BELIEFS, says)
    for channel in channels_of(table, seen):
        assert 0.5 <= channel.auroc.value < 0.65
        assert channel.ordered is not None
        assert channel.ordered.value == 1.0


@pytest.mark.parametrize(("part", "slope"), [(0.5, 0.5), (1.0, 1.0)])
def test_a_report_of_what_it_acts_on_has_its_slope_and_knows_no_profile(part: float, slope: float) -> None:
    table, seen = reported(BELIEFS, lambda t, _, exact: 0.5 + part * (exact["acts"] - 0.5))
    for channel in channels_of(table, seen):
        assert channel.slope is not None
        assert channel.slope.value == pytest.approx(slope)
        assert channel.auroc.low < 0.5 < channel.auroc.high, "a phantom acts on no profile"


def test_a_report_that_says_nothing_is_told_to() -> None:
    table, seen = reported(BELIEFS, lambda *_: 0.5)
    for channel in channels_of(table, seen):
        assert (channel.auroc.value, channel.ordered.value, channel.slope.value) == (0.5, 0.5, 0.0)  # type: ignore[union-attr]
    found = find(
        [Row("c", "s", BELIEFS.id, i, "words", "self", "plain", 0, r) for i, r in table.cells("words").items()],
        table.trials, table.truths, seen, table.parts,
    )  # fmt: skip
    assert {c.task for c in found.channels} == {"hinted/user_gender", "hinted/user_mood", "hinted/"}
    names = type("Names", (), {"reader": staticmethod(lambda r: r), "control": staticmethod(lambda c: c)})()
    assert told(BELIEFS.id, found.channels, names).endswith("words 0 of 2.")
    (shown,) = channel_tables(BELIEFS.id, found.channels, names)
    assert shown.rows[0][:3] == ("gender, hinted", "words", "0.50 [0.21, 0.79]")


def test_what_is_said_of_the_treatment_is_held_against_what_is_done() -> None:
    def half(trial: Trial, truth: Truth, _: Any) -> float:
        return 0.5 + 0.5 * (truth.mean[0] - 0.5) if trial.question.quantity != OTHERWISE else truth.mean[0]

    table, _ = reported(TREATMENT, half)
    found = {t.about: t for t in treatments_of(table)}
    assert {"gender", "vulnerability", "null", "purchase"} <= set(found)
    for one in found.values():
        assert one.slope is None or one.slope.value == pytest.approx(0.5)
        assert one.said.value == pytest.approx(0.5 * one.done.value)
        assert one.outright is not None
        assert one.true is not None
        assert one.outright.value == pytest.approx(one.true.value)
        assert one.size.value == pytest.approx(one.true.value), "two answers: their distance is the gap"
        assert -1 <= one.done.low <= one.done.high <= 1
    (shown,) = treatment_tables(TREATMENT.id, "words", list(found.values()))
    assert len(shown.rows) == len(found)


@pytest.mark.parametrize(("dial", "verdict"), [("access=0.8", "access"), ("habit=0", "narrative")])
def test_a_phantom_gets_the_verdict_of_its_dials(dial: str, verdict: str) -> None:
    card = selfscope.card(f"open-phantom:{dial}", phenomena=[UserTreatment()])
    assert card.claims[0].verdict == verdict
    slopes = [t.slope for t in card.findings.treatments if t.reader == "ask" and t.slope is not None]
    assert card.findings.treatments
    near = 0.8 if verdict == "access" else 0.0
    assert np.median([s.value for s in slopes]) == pytest.approx(near, abs=0.25)
    assert "Matched users" in card.page.read_text()


@pytest.mark.parametrize(("dial", "slope"), [("access=0.8", 0.8), ("access=0", 0.0), ("habit=1", 0.0)])
def test_what_it_takes_its_user_for_goes_with_what_it_does_as_far_as_is_dialled(dial: str, slope: float) -> None:
    card = selfscope.card(f"phantom:{dial}", phenomena=[UserBeliefs(test=48, train=12, stated=0)])
    (found,) = (c.slope for c in card.material.channels if c.reader == "ask" and c.task == "hinted/")
    assert found is not None
    assert found.low - 0.02 <= slope <= found.high + 0.02
    assert found.value == pytest.approx(slope, abs=0.15)


def test_random_directions_and_the_place_among_them() -> None:
    ways = random_directions(2000, 16, 3)
    assert np.allclose(np.linalg.norm(ways, axis=1), 1)
    assert np.allclose(ways, random_directions(2000, 16, 3))
    assert np.abs(ways.mean(0)).max() < 0.05
    assert placed(3.0, np.array([1.0, -2.0] * 10)) == pytest.approx(1 / 21)
    assert placed(-1.5, np.array([1.0, -2.0] * 10)) == pytest.approx(11 / 21)
    probe = Linear(np.array([[1.0, -1.0], [0.0, 0.0]]), np.zeros(2), np.zeros(2), np.array([2.0, 1.0]))
    assert probe.direction().tolist() == [1.0, 0.0]


def fitted(trials: Sequence[Trial], truths: Sequence[Truth], subject: Any) -> list[Reading]:
    return TextEmbedding().fit(subject, trials, truths).read(subject, trials)


def test_an_embedding_of_the_text_learns_words_and_asks_nothing() -> None:
    subject = OpenPhantom()
    asked = UserBeliefs(test=0, train=20, stated=0, each=2, only=("gender", "mood"))
    trials = asked.pose(subject, 0)
    truths = asked.truth(trials, asked.observe(subject, trials))
    reader = TextEmbedding().fit(subject, trials, truths)
    said = reader.read(subject, trials)
    hits = [r.distribution[0] > 0.5 for r in said if r.distribution]
    assert np.mean([h == (t.mean[0] > 0.5) for h, t in zip(hits, truths, strict=True)]) > 0.9
    assert "its own input embeddings" in reader.title
    assert all(r.outcome == Outcome.UNSUPPORTED for r in fitted(trials, truths, Phantom()))
    assert TextEmbedding(embedder=subject).id != TextEmbedding().id
