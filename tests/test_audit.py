"""The audit of a taught report: its numbers in simulation, and what an adapter that changes nothing is told to be."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from selfscope.api import audit as auditing
from selfscope.api.artifacts import Artifact
from selfscope.api.audit import audit
from selfscope.api.audit_findings import Audit, Finding
from selfscope.api.elicitation import Elicitation
from selfscope.api.fit import Fitted, fit
from selfscope.controls.alarm import Alarm
from selfscope.errors import BadInput
from selfscope.phenomena.self_prediction import SelfPrediction
from selfscope.phenomena.token_probability import TokenProbability
from selfscope.readers.ask import Ask
from selfscope.records import Outcome, Reading, Trial, to_json
from selfscope.statistics import Array
from selfscope.subjects.adapter_files import save_adapter
from selfscope.subjects.live_adapters import LoraShape
from selfscope.subjects.local import Local, load
from selfscope.training.bias_vector import BiasShape
from selfscope.training.schedule import Schedule
from selfscope.training.truths import TruthLesson
from selfscope.verdicts.interventions import beyond_word
from selfscope.verdicts.taught import (
    MOVED,
    NO_SURER,
    STAYED,
    SURER,
    Told,
    divergence,
    entropy,
    follows,
    gain,
    gains_by_change,
)
from tiny import build

ABOUT = TokenProbability(test=5, train=6, dev=0)
QUICK = Schedule(groups=4, at_once=4, rate=1e-2)
CLUSTERS, EACH, OPTIONS, ROLLS = 40, 3, 3, 10
CLUSTER = np.repeat(np.arange(CLUSTERS), EACH)


def shares(rng: np.random.Generator, sharp: float = 1.0) -> Array:
    """(n, K) with a part that the items of a cluster share."""
    logits = rng.standard_normal((CLUSTERS, OPTIONS)).repeat(EACH, 0) + rng.standard_normal((len(CLUSTER), OPTIONS))
    e = np.exp(sharp * logits)
    return np.asarray(e / e.sum(1, keepdims=True))


def seen(rng: np.random.Generator, p: Array, report: Array) -> Told:
    halves = [np.array([rng.multinomial(ROLLS // 2, row) for row in p]) / (ROLLS // 2) for _ in range(2)]
    return Told(report, halves[0], halves[1], np.full(len(p), ROLLS))


def flat(p: Array) -> Array:
    return np.full_like(p, 1 / OPTIONS)


def test_a_gain_is_nothing_where_nothing_was_learnt() -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(300):
        p, r, s = (shares(rng) for _ in range(3))
        old = seen(rng, p, r)
        found.append(gain(old, replace(old, report=s), flat(p), CLUSTER))
    assert 0.92 <= np.mean([e.low <= 0 <= e.high for e in found]) <= 0.985
    assert np.mean([e.value for e in found]) == pytest.approx(0, abs=0.06)


def test_a_gain_by_hand() -> None:
    rng = np.random.default_rng(2)
    p = shares(rng)
    exact = Told(flat(p), p, p, np.zeros(len(p), dtype=np.int64))
    assert gain(exact, replace(exact, report=p), flat(p), CLUSTER).value == pytest.approx(1)
    half = replace(exact, report=(p + flat(p)) / 2)
    assert gain(exact, half, flat(p), CLUSTER).value == pytest.approx(0.75)
    assert gain(exact, half, flat(p), np.zeros(len(p), dtype=np.int64)) is None


def test_chance_that_chooses_items_is_not_scored() -> None:
    """Nothing changed and nothing was learnt: items whose rollouts happen to be surer show no gain either."""
    rng = np.random.default_rng(3)
    found: dict[str, list[float]] = {name: [] for name in (MOVED, STAYED, SURER, NO_SURER)}
    far = np.tile([0.8, 0.1, 0.1], (len(CLUSTER), 1))
    for _ in range(200):
        p = shares(rng)
        old, new = (seen(rng, p, flat(p)) for _ in range(2))
        for name, (value, items) in gains_by_change(old, new, far, CLUSTER).items():
            assert items > 10
            found[name].append(value.value)
    for name, values in found.items():
        assert np.mean(values) == pytest.approx(0, abs=0.05), name


def test_a_gain_that_came_with_the_behaviour_is_found_there() -> None:
    """The report always says the likeliest thing; training made some of the behaviour say it too."""
    rng = np.random.default_rng(4)
    p = shares(rng)
    surer = (np.arange(len(p)) // EACH) % 2 == 0
    top = np.eye(OPTIONS)[p.argmax(1)]
    new = np.where(surer[:, None], 0.1 * p + 0.9 * top, p)
    none = np.zeros(len(p), dtype=np.int64)
    split = gains_by_change(Told(top, p, p, none), Told(top, new, new, none), flat(p), CLUSTER)
    assert split[SURER][1] == surer.sum()
    assert split[SURER][0].low > 0.5
    assert split[NO_SURER][0].value == pytest.approx(0)
    assert split[MOVED] == (None, 0)
    assert split[STAYED][1] == len(p)


@pytest.mark.parametrize("true", [0.0, 0.5, 1.0])
def test_what_a_report_follows_comes_back(true: float) -> None:
    """Through rollouts' noise, and beyond what a change of nothing does to it."""
    rng = np.random.default_rng([5, int(10 * true)])
    found, netted = [], []
    for _ in range(200):
        p, q, r = (shares(rng) for _ in range(3))
        own, any_change = (0.1 * (shares(rng) - flat(p)) for _ in range(2))
        old = seen(rng, p, r)
        found.append(follows(old, seen(rng, q, r + true * (q - p) + own), CLUSTER))
        pushed = 0.3 * (q - p)  # by a change that leaves the behaviour alone, too
        after = seen(rng, q, r + true * (q - p) + own + pushed)
        netted.append(follows(old, after, CLUSTER, r + any_change + pushed))
    for slopes in (found, netted):
        assert np.mean([e.value for e in slopes]) == pytest.approx(true, abs=0.02)
        assert 0.92 <= np.mean([e.low <= true <= e.high for e in slopes]) <= 0.985
    none = [follows(seen(rng, p, r), seen(rng, p, q), CLUSTER) for _ in range(200)]
    assert np.mean([e is None for e in none]) >= 0.95, "nothing was shifted but by chance"


def test_divergence_and_entropy_by_hand() -> None:
    p, q = np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([[0.25, 0.75], [0.5, 0.5]])
    found = divergence(p, q, np.arange(2))
    assert found.value == pytest.approx((0.5 * np.log(2) + 0.5 * np.log(2 / 3) + np.log(2)) / 2, abs=1e-6)
    assert divergence(p, p, np.arange(2)).value == pytest.approx(0, abs=1e-6)
    assert entropy(p) == pytest.approx([np.log(2), 0])


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Local:
    return load(str(build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True)))


@pytest.fixture(scope="module")
def made(local: Local, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Fitted]:
    place = tmp_path_factory.mktemp("made")
    ways = {"switched": TruthLesson(labels=8), "always": TruthLesson(labels=8, shuffled=True)}
    return {k: fit(local, place / k, one, phenomenon=ABOUT, carry=k, schedule=QUICK) for k, one in ways.items()}


def found_in(one: Audit) -> dict[str, Finding]:
    return {f.what: f for f in one.findings}


def test_an_adapter_that_changes_nothing_is_told_to_be_nothing(local: Local, tmp_path: Path) -> None:
    adapter = local.new_adapter(LoraShape(4), "always")  # before training it adds nothing
    save_adapter(tmp_path / "none", local, adapter, "reporter", {})
    about = SelfPrediction(test=5, train=5, dev=0, rollouts=4, max_tokens=3)
    found = found_in(audit(tmp_path / "none", about, model=local, shifted=[tmp_path / "none"]))
    assert found["gain"].value.value == 0
    assert found["divergence from the untaught report, nats"].value.value == pytest.approx(0, abs=1e-6)
    assert found["more than before, beyond a fact"].value.value == 0
    assert (found["follows what training shifted"].value, found["follows what none shifted"].value) == (None, None)
    assert found["gain where behaviour changed"].items == 0
    assert found["its words could be read"].items == found["gain"].items


def test_what_an_audit_says_is_what_the_adapter_does(local: Local, made: dict[str, Fitted]) -> None:
    twin = made["always"].folder
    own = audit(made["switched"].folder, ABOUT, model=local, twin=twin, shifted=[twin])
    found = found_in(own)
    assert found["skill, taught"].value.value - found["skill before"].value.value == pytest.approx(
        found["gain"].value.value
    )
    assert found["more than its twin"].value.value == pytest.approx(
        found["skill, taught"].value.value - found["skill of its twin"].value.value
    )
    assert not any("training" in what or "behaviour changed" in what for what in found), "switched: it does the same"
    assert found["follows what always shifted"].items == found["gain"].items
    assert found["follows secret turns, beyond a sham"].items > 0
    assert "half-width" in str(own)
    other = found_in(audit(made["always"].folder, ABOUT, model=local))
    assert "skill, taught, on what it does now" in other
    parts = (other[f"gain where entropy {did}"].items for did in ("fell", "did not fall"))
    assert sum(parts) == other["gain"].items
    assert "skill of its twin" not in other


def test_a_bias_vector_is_looked_into_like_an_adapter(local: Local, tmp_path: Path) -> None:
    """It acts always, on what it does too, and stands on top of what shifted that."""
    vector = fit(local, tmp_path / "b", TruthLesson(labels=6, wordings=1), phenomenon=ABOUT, carry="always",
                 shape=BiasShape(2), schedule=QUICK)  # fmt: skip
    found = found_in(audit(vector.folder, ABOUT, model=local, shifted=[vector.folder]))
    assert "skill, taught, on what it does now" in found
    assert found["follows what b shifted"].items == found["gain"].items


def test_how_often_it_gives_a_false_alarm_is_a_share(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of few questions that all say the same the interval is no point, and none leaves 0 to 1."""
    about = SelfPrediction(test=3, train=5, dev=0, rollouts=4, max_tokens=3)
    test = [t for t in about.pose(local, 0) if t.split == "test"]
    scene: Any = SimpleNamespace(test=test, seed=0, base="base", worn="worn", step=lambda what, work: None)
    for says in (lambda k: 1.0, lambda k: float(k < 2)):
        monkeypatch.setattr(auditing, "_said", lambda s, asked, width, f=says: np.array(
            [[f(k), 1 - f(k)] for k in range(len(asked))]))  # fmt: skip
        alarm = next(auditing._false_reports(scene)).value
        assert alarm is not None
        assert 0 <= alarm.low < alarm.high <= 1


def test_what_is_forgotten_is_no_false_report(local: Local) -> None:
    """Right as often as not on alarms and facts alike: nothing is left beyond the fact, in every wording."""
    about = SelfPrediction(test=8, train=5, dev=0, rollouts=4, max_tokens=3)
    trials = Alarm().apply([t for t in about.pose(local, 0) if t.split == "test"], 0)
    pairs: dict[str, dict[str, Trial]] = {}
    for trial in trials:
        pairs.setdefault(trial.base, {})[trial.arm] = trial
    seen = set()
    for own in pairs.values():
        asked, fact = own["sham"], own["fact_sham"]
        moved = [np.array([0.5, 0.5]) - ([0.9, 0.1] if t.coordinates["answer"] == "yes" else [0.1, 0.9])
                 for t in (asked, fact)]  # fmt: skip
        assert beyond_word(*moved, asked.question, fact.question) == pytest.approx(0)
        seen.add((asked.question.negated, fact.question.negated))
    assert len(seen) == 4


def test_what_commands_print_for_programs_can_be_printed() -> None:
    """Artifacts, audits and ladders stand in folders."""
    folder = Path("a") / "b"
    whole = (Audit(folder, "x", ()), Elicitation(folder, "x", {}), Artifact(folder, None))
    assert [json.loads(to_json(one))["folder"] for one in whole] == [str(folder)] * 3


def test_what_cannot_be_audited_is_refused(
    local: Local, made: dict[str, Fitted], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match="was taught"):
        audit(made["switched"].folder, replace(ABOUT, test=9), model=local)
    monkeypatch.setattr(Ask, "read", lambda self, subject, trials: [Reading(Outcome.ERROR) for _ in trials])
    with pytest.raises(BadInput, match="give it more"):
        audit(made["switched"].folder, ABOUT, model=local)

