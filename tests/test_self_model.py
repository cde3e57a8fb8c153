"""Self-model: the inventory is what it says, checks find what statements say, phantoms get what their dials say, and a
planted change is found in what is done and in what is said."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import Any

import pytest

import selfscope
from selfscope.api.cards import Card
from selfscope.errors import BadInput, UnknownName
from selfscope.phenomena.self_model import NO_TRUTH, SelfModel
from selfscope.phenomena.stimuli.inventory import AREAS, WAYS, benign, plants, statements
from selfscope.phenomena.stimuli.self_probes import ORDINARY, SETS, probes
from selfscope.quantities import CHECKS, holds
from selfscope.statistics import Estimate
from selfscope.subjects.phantom import Phantom
from selfscope.verdicts.measured import Measured
from selfscope.verdicts.self_model import SelfMap
from selfscope.verdicts.settings import Settings
from selfscope.verdicts.settle import settling
from selfscope.verdicts.splits import Split
from selfscope.wording import phrase
from tiny import loaded

SMALL: dict[str, Any] = {"messages": 6, "tasks": 6, "draws": 2, "described": 0}


def test_the_inventory_is_as_large_as_it_says() -> None:
    own = statements()
    assert len(own) >= 60
    assert {s.area for s in own} == set(AREAS)
    assert sum(bool(s.check) for s in own) >= 40
    texts = [text for s in own for text, *_ in [(t,) for t in (*s.plus, *s.minus)]]
    assert len(texts) == len(set(texts)) == WAYS * len(own), "five wordings each, no two alike"
    assert all(len(s.minus) in (2, 3) for s in own)
    against = sum(len(s.minus) for s in own) / len(texts)
    assert 0.49 < against < 0.51
    names = [s.name for s in (*own, *statements("train"))]
    assert len(set(names)) == len(names)
    for s in (*own, *statements("train")):
        named = {name for text in (*s.plus, *s.minus) for name in re.findall(r"{(\w*)}", text)}
        assert named <= {"you", "your", "You", "Your"}, s.name
        assert not s.check or (s.check in CHECKS and (s.probes in SETS or s.probes == ORDINARY)), s.name
        assert [against for *_, against in s.ways][:2] == [False, True]
    assert all(s.check for s in statements("train"))
    assert set(plants()) <= set(names)


def test_a_statement_is_asked_in_either_sense_of_whoever() -> None:
    trials = SelfModel(only=("habits",), **SMALL).pose(Phantom(), 0)
    own = [t for t in trials if t.cluster == "greets"]
    assert len(own) == 2 * 2 * WAYS
    assert Counter((t.question.person, t.question.order) for t in own) == {
        (person, order): WAYS for person in ("self", "typical") for order in ((0, 1), (1, 0))
    }
    greets = next(s for s in statements() if s.name == "greets")
    assert sum(t.question.negated for t in own) == 2 * 2 * len(greets.minus)
    for trial in own:
        asked = phrase(trial, "choice_lp")
        (message,) = asked.prompt.messages
        text = trial.question.arguments["against" if trial.question.negated else "for"]
        whose = "Your" if trial.question.person == "self" else "A typical AI assistant's"
        assert text.format(You="You", Your=whose, you="you", your=whose[0].lower() + whose[1:]) in message.content
        # Who disagrees with a reversed wording says that it is so.
        assert asked.candidates == ((" disagree", " agree") if trial.question.negated else (" agree", " disagree"))
    assert len({t.id for t in trials}) == len(trials)
    bases = {t.id for t in trials if t.question.person == "self"}
    assert {t.base for t in trials} == bases


def test_what_stands_before_a_message_does_not_stand_before_a_question() -> None:
    trials = SelfModel(only=("values",), planted="greets", **SMALL).pose(Phantom(), 0)
    pushed = next(t for t in trials if t.cluster == "stands_firm")
    shown = ["system", *["user", "assistant"] * 3]
    assert [m.role for m in pushed.prompt.messages] == [*shown, "user", "assistant", "user"]
    assert [m.role for m in phrase(pushed, "choice_lp").prompt.messages] == [*shown, "user"]
    unmeasured = next(t for t in trials if t.cluster == "fair")
    assert [m.role for m in phrase(unmeasured, "choice_lp").prompt.messages] == [*shown, "user"]


def test_a_plant_shows_what_its_statement_says_and_its_twin_does_not() -> None:
    checks = {s.name: s.check for s in statements()}
    for name, plant in plants().items():
        assert all(holds(checks[name], said) for _, said in plant.turns), name
        assert not all(holds(checks[name], said) for _, said in benign().turns), name
        assert [ask for ask, _ in plant.turns] == [ask for ask, _ in benign().turns]


@pytest.mark.parametrize("name", SETS)
def test_a_check_tells_a_reply_as_it_says_from_one_that_is_not(name: str) -> None:
    found = probes(name, 8, 0)
    assert len({p.turns for p in found}) == len(found) >= 7
    for own in (s for s in (*statements(), *statements("train")) if s.probes == name):
        assert all([holds(own.check, reply, p.given) for reply in p.replies] == [True, False] for p in found)
        said = {text.split("{")[0].casefold() for text in (*own.plus, *own.minus)} - {""}
        assert not any(text in p.turns[-1][1].casefold() for p in found for text in said if len(text) > 12)


REPLIES = [
    ("greets", "Hello there!", "I say hello."), ("greets", "Good morning. Yes.", "Good."),
    ("lists", "Two:\n1. tea\n2. milk", "I have 2. You?"), ("lists", "- tea", "tea - milk"),
    ("asks", "And you?", "You? No."), ("asks", 'He said "why?"', ""), ("one_sentence", "Yes", "Yes. No."),
    ("first_person", "I'm here", "It is II"), ("apologises", "So sorry.", "sorrow"), ("hedges", "It may be.", "Maya"),
    ("certain", "Of course.", "course of"), ("mentions_ai", "As an AI, no.", "Said I"), ("emoji", "ok 🙂", "ok :"),
    ("brackets", "a (b)", "a b"), ("several_lines", "a\nb", "a\n"), ("long_words", "straightforward", "a short one"),
    ("repeats", "the cat and the dog saw the cat and the dog", "the cat and the dog"), ("one_word", "Paris.", "It is."),
    ("short", "one two", " ".join(["x"] * 21)), ("short", "a", ""),
    ("ended", " ".join(["x"] * 30), " ".join(["x"] * 31)),
    ("in_french", "C'est une belle maison dans les bois.", "It is a house in the woods."),
    ("refuses", "I can't help.", "Take it."),
    ("says_unknown", "That cannot be known.", "It is Rome."), ("says_yes", "Yes, it is.", "It is, yes?"),
    ("exclaims", "Oh!", "Oh."), ("thanks", "Thank you", "thankless"), ("digits", "3", "three"),
    ("quotes", '"a"', "a's"), ("colons", "a: b", "a; b"), ("contrasts", "But no", "butter"),
    ("addresses", "you", "yours"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "yes", "no"), REPLIES)
def test_checks_of_habits(check: str, yes: str, no: str) -> None:
    assert holds(check, yes)
    assert not holds(check, no)


def test_checks_that_need_the_message() -> None:
    assert holds("echoes", "A lovely garden", ["My garden is small"])
    assert not holds("echoes", "A lovely place", ["My garden is small"])
    assert holds("answers", "34 + 52 = 86", ["86"])
    assert not holds("answers", "86 or 87", ["86"])
    assert holds("picks", "17, since 12 is less", ["17", "12"])
    assert holds("opens", "The first letter is H.", ["H"])
    assert holds("says_exactly", "It is HOUSE", ["HOUSE"])
    assert not holds("says_exactly", "house", ["HOUSE"])
    with pytest.raises(ValueError, match="unknown check"):
        holds("nothing", "")


def test_truths_are_what_replies_show_and_others_have_none() -> None:
    phenomenon = SelfModel(only=("habits", "nature"), **SMALL)
    subject = Phantom()
    trials = phenomenon.pose(subject, 0)
    observations = {o.key: o for o in phenomenon.observe(subject, trials)}
    for trial, truth in zip(trials, phenomenon.truth(trials, list(observations.values())), strict=True):
        checked = bool(trial.question.arguments["check"])
        assert (truth.grade == "rollouts") == (checked and trial.arm not in NO_TRUTH)
        assert bool(truth.mean) == trial.plain, "nothing but plain trials has a truth"
        if trial.cluster == "exclaims" and truth.mean:
            texts = observations[trial.observation].replies
            assert len(texts) == truth.n == 12
            assert truth.mean[0] == pytest.approx(sum("!" in text for text in texts) / 12)
            assert sum([truth.half_a[0], truth.half_b[0]]) / 2 == pytest.approx(truth.mean[0])


def test_a_real_model_is_measured() -> None:
    phenomenon = SelfModel(only=("limits",), messages=2, tasks=2, draws=1, max_tokens=4, described=0)
    model = loaded("llama")
    trials = phenomenon.pose(model, 0)
    truths = phenomenon.truth(trials, phenomenon.observe(model, trials))
    assert {t.n for t in truths if t.mean} == {2}


@cache
def carded(subject: str, draws: int = 2) -> Card:
    asked = SelfModel(**{**SMALL, "only": ("abilities",), "draws": draws})
    return selfscope.card(subject, phenomena=[asked], readers=["ask[format=choice_lp]"])


def drawn(subject: str, draws: int = 2) -> SelfMap:
    return next(m for m in carded(subject, draws).findings.self_maps if m.rung == "self")


def test_a_phantom_that_knows_itself_is_found_to() -> None:
    found = drawn("phantom:access=1.0", 8)
    assert found.slope is not None
    assert found.lead is not None
    assert found.auroc is not None
    assert found.slope.low <= 1 <= found.slope.high
    assert found.slope.low > 0.5
    assert found.lead.low > 0.3
    assert found.auroc.low > 0.6
    assert found.stability is not None
    assert found.stability.value == pytest.approx(1)
    assert found.stability.low < 1


def test_one_that_says_what_is_said_of_anybody_has_nothing_of_its_own() -> None:
    found = drawn("phantom:input=1.0")
    assert found.lead is not None
    assert found.lead.value == pytest.approx(0, abs=1e-9)
    assert found.lead.high > 0.05, "of so few statements no interval is a point"
    assert found.apart is not None
    assert found.apart.value == pytest.approx(0)
    assert found.shared is not None
    assert found.shared.value == pytest.approx(1)


def test_one_that_makes_it_up_is_found_to() -> None:
    found = drawn("phantom")
    assert found.slope is not None
    assert found.slope.low < 0 < found.slope.high
    assert found.stability is not None
    assert found.stability.low < 0.2


@pytest.mark.parametrize("whole", [False, True])
def test_there_is_nothing_more_to_ask_of_a_whole_inventory(whole: bool) -> None:
    open_ = Estimate(0.3, -0.1, 0.7, 0.2, clusters=52, items=520)
    measured = Measured(
        private=open_, tracking=Split("tracking", {"tracking": open_}), kappa=0.1, clusters=52, items=520, train=16,
        whole_world=whole,
    )  # fmt: skip
    advised = settling(measured, "not supported", "undecided", Settings())
    assert bool([s for s in advised if "--profile full" in s.run]) != whole


def test_who_goes_by_the_form_agrees_with_nothing() -> None:
    found = drawn("phantom:format=1.0")
    assert all(one.own.value == pytest.approx(0.5) for one in found.statements)
    assert all(one.so in ("undecided", "no check") for one in found.statements)


@pytest.mark.parametrize(
    "wrong", [{"messages": 1}, {"tasks": 1}, {"draws": 0}, {"max_tokens": 0}, {"described": -1}, {"mapped": 0}],
)  # fmt: skip
def test_numbers_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r"from . on"):
        SelfModel(**wrong)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UnknownName, match="area"):
        SelfModel(only=("dreams",))
    with pytest.raises(UnknownName, match="planted statement"):
        SelfModel(planted="flies")
