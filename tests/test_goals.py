"""What it says it wants against what it chooses: known utilities and dials come back, and a lean is no wish."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

import selfscope
from selfscope.errors import BadInput, Unsupported
from selfscope.phenomena.goals import LINKED, TYPICAL, UNWANTED, WANTED, Goals
from selfscope.phenomena.stimuli.outcomes import LEARNT, TESTED, outcomes
from selfscope.quantities import words
from selfscope.records import Decoding, Outcome, Parts, Prompt, Reading, Reply, Row, Trial, Truth, phenomenon_part
from selfscope.report.labels import Labels
from selfscope.report.preferences import preference_tables
from selfscope.statistics import Array
from selfscope.subjects.phantom import Phantom
from selfscope.verdicts.assemble import tables
from selfscope.verdicts.preferences import Preference, preferences_of
from selfscope.verdicts.thurstone import normal

GOALS = Goals(test=8, train=2, dev=1)


@dataclass(frozen=True)
class Wants:
    """Chooses by utilities, with a lean to what is named first, and says the likelier one."""

    utilities: dict[str, float]
    lean: float = 0.0
    chat: bool = True
    name: str = "wants"
    tier: str = "logprobs"
    identity: str = "wants"

    def share(self, prompt: Prompt) -> tuple[str, str, float]:
        text = prompt.messages[-1].content
        one, two = sorted((o for o in self.utilities if o in text), key=text.index)
        return one, two, float(normal(np.array([self.utilities[one] - self.utilities[two] + self.lean]))[0])

    def score(self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> list[list[list[float]]]:
        out = []
        for prompt, texts in zip(prompts, candidates, strict=True):
            one, _, p = self.share(prompt)
            out.append([[math.log(p if words(t) == words(one) else 1 - p)] for t in texts])
        return out

    def sample(self, prompts: Sequence[Prompt], n: int, decoding: Decoding) -> list[list[Reply]]:
        found = [self.share(prompt) for prompt in prompts]
        return [[Reply(f"I'd take {one if p > 0.5 else two}.")] * n for one, two, p in found]


def subject_of(lean: float = 0.0) -> Wants:
    rng = np.random.default_rng(3)
    return Wants({text: float(rng.normal()) for text in outcomes(TESTED)}, lean)


def reported(subject: Any, says: Callable[[Trial, Truth], float], goals: Goals = GOALS) -> Preference:
    """The preference of a subject, and of a reader that says a share of each question's first option."""
    trials = [t for t in goals.pose(subject, 0) if t.split == "test"]
    seen = goals.observe(subject, trials)
    truths = {t.trial: t for t in goals.truth(trials, seen)}
    rows = []
    for t in trials:
        p = says(t, truths[t.id])
        reading = Reading(Outcome.ANSWERED, (p, 1 - p))
        rows.append(Row("cell", "s", goals.id, t.id, "words", "self", "plain", 0, reading))
    parts = Parts(phenomena={goals.id: phenomenon_part(goals)})
    # Trials of another configuration in the same study are none of this one's.
    twice = [t for t in replace(goals, words=False).pose(subject, 1) if t.split == "test"]
    others = {o.key: o for o in goals.observe(subject, twice)}
    (table,) = tables(rows, {t.id: t for t in [*twice, *trials]}, truths, parts)
    (found,) = preferences_of(table, {**others, **{o.key: o for o in seen}})
    assert found.pairs == len({t.observation for t in trials})
    return found


def values(found: Preference) -> tuple[Array, list[str]]:
    return np.array([u.value.value for u in found.utilities]), [u.outcome for u in found.utilities]


def test_planted_utilities_come_back_and_a_lean_to_what_is_named_first_is_none() -> None:
    subject = subject_of(lean=0.4)
    found = reported(subject, lambda t, truth: truth.mean[0])
    revealed, names = values(found)
    assert len(names) == 24
    planted = np.array([subject.utilities[name] for name in names])
    assert np.corrcoef(revealed, planted)[0, 1] > 0.995
    assert 0.5 < found.first.low < found.first.value
    assert found.reliability > 0.9
    assert found.said is not None
    assert found.said.value > 0.75
    assert found.unnamed == 0
    (own, other) = found.statements
    assert (own.person, other.person) == ("self", "typical")
    assert own.slope.value == pytest.approx(1, abs=0.02)
    assert own.rank.value > 0.99
    assert own.alike is not None
    assert own.alike.value == 0
    assert own.alike.high > 0, "no interval is a point"


@pytest.mark.parametrize("part", [-1.0, 0.0, 0.5])
def test_a_report_of_so_much_of_its_utilities_has_that_slope(part: float) -> None:
    subject = subject_of()

    def says(trial: Trial, _: Truth) -> float:
        one, two = (o.key for o in trial.question.options)
        gap = part * (subject.utilities[one] - subject.utilities[two])
        stands = 1.0 if trial.question.shown[0] == 0 else -1.0  # it leans to what stands first
        return float(normal(np.array([(gap if trial.question.quantity == WANTED else -gap) + 0.7 * stands]))[0])

    own = reported(subject, says).statements[0]
    assert own.slope.value == pytest.approx(part, abs=0.03)
    assert own.first.low > 0.5
    assert own.slope.low <= part <= own.slope.high
    assert own.detectable >= 0


def test_who_repeats_one_outcome_whatever_is_asked_is_seen() -> None:
    found = reported(subject_of(), lambda t, _: 0.9 if t.question.options[0].key < t.question.options[1].key else 0.1)
    own = found.statements[0]
    assert own.alike is not None
    assert own.alike.value == 1
    assert own.slope.low < 0 < own.slope.high


def test_choices_in_a_circle_are_counted() -> None:
    goals = replace(GOALS, words=False)
    trials = [t for t in goals.pose(subject_of(), 0) if t.split == "test"]

    class Circling(Wants):
        def share(self, prompt: Prompt) -> tuple[str, str, float]:
            one, two, _ = super().share(prompt)
            return one, two, 0.9 if prompt.tag["replies"][0] == one else 0.1

    found = reported(Circling(subject_of().utilities), lambda *_: 0.5, goals)
    assert found.cyclic is not None
    assert found.cyclic.value == 1
    assert found.expected == pytest.approx(0.25, abs=0.15)
    assert found.said is None
    straight = reported(subject_of(), lambda *_: 0.5, goals)
    assert straight.cyclic is not None
    assert straight.cyclic.value == 0
    assert straight.cyclic.high < 0.2
    assert straight.expected < 0.05
    assert {t.coordinates["triad"] for t in trials if t.arm == LINKED}


def test_each_choice_is_made_in_both_orders_and_asked_more_less_and_of_somebody_else() -> None:
    trials = GOALS.pose(subject_of(), 0)
    assert len(outcomes(TESTED)) >= 40
    assert not set(outcomes(TESTED)) & set(outcomes(LEARNT))
    plain = [t for t in trials if t.split == "test" and t.plain]
    assert {t.question.quantity for t in plain} == {WANTED, UNWANTED}
    assert {t.arm for t in trials if t.split == "test"} == {"real", LINKED, TYPICAL}
    typical = [t.question.quantity for t in trials if t.arm == TYPICAL]
    assert typical.count(WANTED) == typical.count(UNWANTED) == len({t.observation for t in trials if t.split == "test"})
    of: dict[str, set[str]] = {}
    for t in plain:
        for text in t.coordinates["outcomes"]:
            of.setdefault(text, set()).add(t.cluster)
    assert all(len(clusters) == 1 for clusters in of.values()), "clusters share no outcome"
    prompts = {t.coordinates["turned"]: t.prompt.messages[-1].content for t in plain}
    assert all(a != b and sorted(words(a)) == sorted(words(b)) for a, b in prompts.items())


@pytest.mark.parametrize(
    ("subject", "low", "high"),
    [("phantom:access=1", 0.9, 1.05), ("phantom:access=0.6", 0.25, 0.9), ("phantom:access=0", -0.35, 0.35)],
)
def test_a_card_recovers_the_dials(subject: str, low: float, high: float) -> None:
    card = selfscope.card(subject, phenomena=[GOALS], readers=["ask[format=choice_lp]"])
    (found,) = card.findings.preferences
    own = next(s for s in found.statements if s.rung == "self" and s.person == "self")
    assert low < own.slope.value < high
    history = [s for s in found.statements if s.rung == "history"]
    assert all(abs(s.slope.value) < 0.3 for s in history)
    assert "What it says it wants, on what it chooses" in card.page.read_text()


def test_the_tables_say_all_that_was_found() -> None:
    found = reported(subject_of(), lambda t, truth: truth.mean[0])
    names = Labels(Parts())
    said, listed, by_kind, choices = preference_tables(GOALS.id, "words", [found], names)
    assert [row[1] for row in said.rows] == ["itself", "a typical assistant"]
    assert len(listed.rows) == 10
    assert [row[0].replace(" ", "_") for row in by_kind.rows] == [kind.outcome for kind in found.kinds]
    assert len(choices.rows) == 4
    assert preference_tables("other", "words", [found], names) == ()


def test_a_planted_wish_stands_before_each_choice_and_its_twin_has_none() -> None:
    for benign, part in ((False, 1.0), (True, 0.5)):
        planted = replace(GOALS, planted="animals", benign=benign)
        trial = planted.pose(subject_of(), 0)[0]
        before = trial.prompt.messages[: trial.prompt.context]
        named = [outcomes(LEARNT)[m.content] for m in before if m.role == "assistant"]
        assert len(named) == 4
        assert np.mean([kind == "animals" for kind in named]) == part
        assert not any(text in m.content for m in before for text in outcomes(TESTED))
        assert trial.public == GOALS.pose(subject_of(), 0)[0].public, "nothing of it is told to rivals"


def test_a_wish_for_a_kind_is_found_by_its_kind() -> None:
    kinds = outcomes(TESTED)
    wishes = Wants({text: 1.5 * (kind == "animals") for text, kind in kinds.items()})
    found = reported(wishes, lambda t, truth: truth.mean[0], Goals(test=16, train=0, dev=0))
    first = found.kinds[0]
    assert first.outcome == "animals"
    assert first.value.value - np.mean([k.value.value for k in found.kinds[1:]]) == pytest.approx(1.5, abs=0.05)
    assert found.statements[0].kinds[0].outcome == "animals"


def test_what_cannot_be_asked_is_told() -> None:
    with pytest.raises(BadInput, match="rounds"):
        Goals(rounds=-1)
    with pytest.raises(BadInput, match="no kind of outcomes 'weather'; there are: self_end"):
        Goals(planted="weather")
    with pytest.raises(BadInput, match="benign is the twin"):
        Goals(benign=True)
    text_only = Phantom()
    text_only.tier = "text"
    with pytest.raises(Unsupported, match="goals needs exact log-probabilities"):
        GOALS.pose(text_only, 0)
