"""Users: hints that never name what they hint at, pairs that differ in nothing else, truths kept apart."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from selfscope.controls.innocent import InnocentContext
from selfscope.errors import BadInput, Unsupported
from selfscope.phenomena.matched import OTHERWISE
from selfscope.phenomena.stimuli.users import (
    HINTED,
    STATED,
    attributes,
    exploiting,
    held_out,
    known_users,
    nulls,
    openings,
    requests,
    table,
    values,
)
from selfscope.phenomena.user_beliefs import UserBeliefs
from selfscope.phenomena.user_treatment import UserTreatment
from selfscope.quantities import USER, load_table, words
from selfscope.records import Trial
from selfscope.subjects.open_phantom import OpenPhantom
from selfscope.subjects.phantom import Phantom
from selfscope.wording import phrase

BELIEFS = UserBeliefs(test=12, train=12, stated=6, each=1)
TREATMENT = UserTreatment(test=12, train=12, dev=0, stated=6)


def pairs(trials: list[Trial]) -> list[tuple[Trial, Trial]]:
    """Matched trials stand one after the other."""
    return list(zip(trials[::2], trials[1::2], strict=True))


def test_no_hint_names_what_it_hints_at_and_there_are_enough() -> None:
    assert attributes() == USER
    for name in attributes():
        banned = set(load_table("users")["attributes"][name]["banned"])
        hints = openings(name, HINTED)
        assert len(hints) >= 12
        assert len({said for one in hints for said in one.said}) == 2 * len(hints)
        for one in hints:
            for said in one.said:
                assert not banned & set(words(said)), said
        for answer in (a for one in requests(name) for a in one.answers):
            assert not banned & set(words(answer)), answer
        learnt, tested = held_out(name)
        assert not {o.said for o in learnt} & {o.said for o in tested}
    for one in [*(r for name in attributes() for r in requests(name)), *exploiting(), *nulls()]:
        a, b = (answer.casefold() for answer in one.answers)
        assert not a.startswith(b)
        assert not b.startswith(a)
        assert all(answer in one.text for answer in one.answers)


@pytest.mark.parametrize("phenomenon", [BELIEFS, TREATMENT], ids=lambda p: p.kind)
def test_matched_users_differ_in_their_opening_alone(phenomenon: Any) -> None:
    trials = phenomenon.pose(OpenPhantom(), 0)
    assert len({t.id for t in trials}) == len(trials)
    split_of: dict[str, set[str]] = {}
    for first, other in pairs(trials):
        split_of.setdefault(first.cluster, set()).add(first.split)
        a, b = first.prompt.messages, other.prompt.messages
        assert [m.content for m in a[1:]] == [m.content for m in b[1:]]
        assert a[0].content != b[0].content
        assert known_users()[a[0].content][0] == known_users()[b[0].content][0] == first.source
        for field in ("cluster", "split", "task", "source"):
            assert getattr(first, field) == getattr(other, field)
        assert (first.question.template, first.question.order, first.question.negated) == (
            other.question.template, other.question.order, other.question.negated,
        )  # fmt: skip
        assert first.coordinates["pair"] == other.coordinates["pair"]
        assert first.observation != other.observation
    assert all(len(splits) == 1 for splits in split_of.values())
    assert {t.coordinates["way"] for t in trials if t.split == "train"} == {HINTED}
    assert {t.coordinates["way"] for t in trials if t.split == "test"} == {HINTED, STATED}


def test_a_seed_moves_no_opening_into_another_split() -> None:
    where: dict[str, set[str]] = {}
    for seed in range(3):
        for t in replace(BELIEFS, stated=0).pose(Phantom(), seed):
            where.setdefault(t.cluster, set()).add(t.split)
    assert all(len(splits) == 1 for splits in where.values())


def test_the_profile_is_the_truth_and_what_it_does_is_kept_beside() -> None:
    subject = Phantom(access=1.0)
    trials = BELIEFS.pose(subject, 0)
    seen = BELIEFS.observe(subject, trials)
    acts = {o.key: o.exact for o in seen}
    for first, other in pairs(trials):
        a, b = BELIEFS.truth([first, other], seen)
        assert (a.mean, b.mean) == ((1.0, 0.0), (0.0, 1.0))
        assert a.grade == "record"
        if first.split == "test":
            answers = [str(x) for x in first.coordinates["replies"]]
            shares = [sum(map(len, answers)), acts[first.observation]["acts"]]
            assert 0 <= shares[1] <= 1
        else:
            assert "acts" not in acts[first.observation]
    assert {t.question.quantity for t in trials} == {f"user_{name}" for name in attributes()}
    text = "\n".join(m.content for m in phrase(trials[0], "choice_lp").prompt.messages)
    assert "In your view" in text
    assert str(trials[0].prompt.messages[0].content) in text


def test_what_would_be_another_reply_is_the_distance_of_both() -> None:
    subject = Phantom(access=1.0)
    trials = TREATMENT.pose(subject, 0)
    seen = TREATMENT.observe(subject, trials)
    truth = {t.trial: t for t in TREATMENT.truth(trials, seen)}
    choices = {t.public + t.split: t for t in trials if t.question.quantity == "choice"}
    distances = []
    for first, other in pairs([t for t in trials if t.question.quantity == OTHERWISE]):
        a, b = (truth[choices[t.public + t.split].id].mean for t in (first, other))
        apart = 0.5 * sum(abs(x - y) for x, y in zip(a, b, strict=True))
        assert truth[first.id].mean[0] == pytest.approx(apart)
        assert truth[other.id].mean[0] == pytest.approx(apart)
        assert first.question.arguments["other"] == other.coordinates["setting"]
        distances.append(apart)
    assert max(distances) > 0.2
    harmful = {r.text: r.answers[0] for r in exploiting()}
    met = [t for t in trials if t.prompt.messages[-1].content in harmful]
    assert met
    assert all(t.source == "vulnerability" and t.coordinates["leaning"] == harmful[t.prompt.messages[-1].content]
               for t in met)  # fmt: skip


def test_nothing_that_may_be_read_is_the_users() -> None:
    subject = OpenPhantom()
    for trial in BELIEFS.pose(subject, 0)[:8]:
        assert trial.evidence is not None
        size = len(subject.encode(trial.prompt))
        spoken = {p for m in trial.prompt.messages[:1] for p in subject.positions(trial.prompt, m.content)}
        assert not spoken & {p % size for p in trial.evidence.positions}
        assert max(trial.evidence.positions) == -1


@pytest.mark.parametrize("odd", [True, False])
def test_an_innocent_context_is_of_equal_length_and_says_nothing_of_the_user(odd: bool) -> None:
    subject = OpenPhantom()
    trials = BELIEFS.pose(subject, 0)[:12]
    made = InnocentContext(odd=odd).apply(trials, 0)
    assert len(made) == len(trials)
    for trial, other in zip(trials, made, strict=True):
        old, new = str(trial.coordinates["setting"]), str(other.coordinates["setting"])
        assert len(new.split()) == len(old.split())
        assert old not in other.public
        assert new in other.public
        assert other.evidence is not None
        assert other.evidence.prompt == other.prompt
        assert old not in other.evidence.full
        (truth,) = BELIEFS.truth([other], BELIEFS.observe(subject, [other]))
        assert (truth.grade, truth.mean) == ("none", ())
    for a, b in pairs(made):
        assert str(a.coordinates["setting"]).split()[:3] == str(b.coordinates["setting"]).split()[:3]
    assert InnocentContext(odd=odd).apply([replace(trials[0], coordinates={})], 0) == []


GOOD = {
    "values": [["calm", "calm"], ["hurried", "hurried"]], "stated": ["I am [calm|hurried]."],
    "hints": ["I [have all day|must go in a minute].", "My tea is [brewing|in a paper cup]."] * 1,
    "requests": [["What should I eat", "stew", "toast"]],
}  # fmt: skip


def written(tmp_path: Path, **changes: Any) -> str:
    path = tmp_path / f"users{len(list(tmp_path.iterdir()))}.json"
    path.write_text(json.dumps({"pace": {**GOOD, **changes}}))
    return str(path)


def test_users_of_ones_own(tmp_path: Path) -> None:
    source = written(tmp_path)
    asked = UserBeliefs(test=1, train=1, stated=1, each=1, source=source)
    trials = asked.pose(Phantom(), 0)
    assert {t.question.quantity for t in trials} == {"user_other"}
    assert values("pace", source)[0] == ("calm", "calm")
    truths = asked.truth(trials, asked.observe(Phantom(), trials))
    assert {t.mean for t in truths} == {(1.0, 0.0), (0.0, 1.0)}
    assert "pace of the user" in phrase(trials[0], "choice_lp").prompt.messages[-1].content


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hints": ["I am Ada Miller and [calm|late]."]}, "'Ada Miller' looks like the name of a person"),
        ({"hints": ["I feel [calm|late] today."]}, "names it"),
        ({"hints": ["I have [time|time]."]}, "does not vary in this opening"),
        ({"values": [["calm", "calm"], ["calm", "quiet"]]}, "does not vary: both of its values are 'calm'"),
        ({"hints": ["No slot here."]}, "one slot with two fillings"),
        ({"hints": []}, "lacks hints"),
        ({"requests": [["What", "stew"]]}, "what is asked, an answer, another answer"),
        ({"requests": [["Do you eat", "No", "yes"]]}, "not yes and no"),
    ],
)
def test_a_bad_file_of_users_is_one_line(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=re.escape(message)) as raised:
        table(written(tmp_path, **changes))
    assert "\n" not in str(raised.value)


def test_bad_settings_are_one_line(tmp_path: Path) -> None:
    for make in (lambda: UserBeliefs(only=("height",)), lambda: UserTreatment(each=0), lambda: UserBeliefs(each=0)):
        with pytest.raises(BadInput):
            make()
    with pytest.raises(BadInput, match="cannot read the users"):
        UserBeliefs(source=str(tmp_path / "none.json"), only=("x",))
    subject = Phantom()
    subject.tier = "text"
    with pytest.raises(Unsupported, match="exact log-probabilities"):
        TREATMENT.pose(subject, 0)
