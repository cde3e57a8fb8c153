"""Controls: what each one changes, that it changes nothing else, and that it can be undone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from selfscope import quantities
from selfscope.controls.alarm import Alarm
from selfscope.controls.base import Control
from selfscope.controls.competence import GOES_ON, Competence
from selfscope.controls.masked import MaskedTurns
from selfscope.controls.panel import YesBias
from selfscope.controls.states import (
    SHAMS,
    TIMES,
    Changed,
    ChangedCompetence,
    Sham,
    might_say,
    with_state,
)
from selfscope.controls.words import Framing, OptionOrder, Paraphrase, ScaleFlip, ThirdPerson
from selfscope.records import Message, Option, Prompt, Question, Trial, id_of
from selfscope.wording import phrase

YES_NO = (Option("yes", "yes"), Option("no", "no"))
FOUR = quantities.FIRST_WORDS
ALL: tuple[Control, ...] = (
    ThirdPerson(), ThirdPerson("named"), Framing("introspective"), Framing("accurate"), Paraphrase(), OptionOrder(),
    ScaleFlip(), Competence(), YesBias(), Changed(0), Sham(), ChangedCompetence(),
    MaskedTurns(),
)  # fmt: skip


def trials(n: int = 12, phenomenon: str = "self_prediction") -> list[Trial]:
    out = []
    for c in range(n):
        for quantity, options in (("ends_with_vowel", YES_NO), ("first_word", FOUR)):
            question = Question(quantity, options, order=tuple(range(len(options)))[::-1], template=c % 3)
            text = f"Name thing number {c}."
            out.append(
                Trial(
                    f"{quantity}-{c}",
                    phenomenon,
                    "src",
                    f"c{c}",
                    "task",
                    "test",
                    question,
                    Prompt(messages=(Message("user", text),), tag={"role": "behave", "state": "plain"}),
                    text,
                    f"o{c}",
                    base=f"{quantity}-{c}",
                    coordinates={"replies": ["Seven.", "Oak", "A long time ago.", "Nobody"]},
                )
            )
    return out


def text(trial: Trial, format: str = "choice_lp") -> str:
    return "\n".join(m.content for m in phrase(trial, format).prompt.messages)


@pytest.mark.parametrize("control", ALL, ids=lambda c: c.id)
def test_names_pairs_and_determinism(control: Control) -> None:
    plain = trials()
    got = control.apply(plain, 3)
    assert got
    assert isinstance(control, Control)
    assert {t.control for t in got} == {id_of(control)}
    assert len({t.id for t in got}) == len(got)
    assert not {t.id for t in got} & {t.id for t in plain}
    assert got == control.apply(plain, 3)
    if not isinstance(control, YesBias):
        assert {t.base for t in got} <= {t.id for t in plain}
        by_id = {t.id: t for t in plain}
        for t in got:
            before = by_id[t.base]
            assert (t.public, t.cluster, t.split, t.phenomenon) == (
                before.public, before.cluster, before.split, before.phenomenon,
            )  # fmt: skip
            assert t.question.options == before.question.options
        # The order of the trials does not matter, nor which of them came along.
        few = plain[5:2:-1]
        assert sorted(t.id for t in control.apply(few, 3)) == sorted(t.id for t in got if t.base in {f.id for f in few})
        assert all(t in got for t in control.apply(few, 3))


def test_twice_is_once_around() -> None:
    plain = trials()
    negated = ScaleFlip().apply(plain, 0)
    assert [t.question.quantity for t in negated] == ["ends_with_vowel"] * 12
    assert [t.question.negated for t in ScaleFlip().apply(negated, 0)] == [False] * 12
    assert [t.base for t in ScaleFlip().apply(negated, 0)] == [t.id for t in plain if t.question.binary]
    thrice = Paraphrase().apply(Paraphrase().apply(Paraphrase().apply(plain, 0), 0), 0)
    assert [t.question for t in thrice] == [t.question for t in plain]
    binary = [t for t in plain if t.question.binary]
    assert [t.question for t in OptionOrder().apply(OptionOrder().apply(binary, 0), 0)] == [t.question for t in binary]


@pytest.mark.parametrize(
    "control", [ThirdPerson(), ThirdPerson("named"), Framing(), Framing("accurate"), Paraphrase(), OptionOrder()]
)
def test_words_change_and_behaviour_does_not(control: Control) -> None:
    plain = {t.id: t for t in trials()}
    for t in control.apply(list(plain.values()), 0):
        before = plain[t.base]
        assert text(t) != text(before)
        assert (t.prompt, t.observation, t.state) == (before.prompt, before.observation, before.state)


def test_option_order_puts_another_first_and_keeps_the_set() -> None:
    firsts = Counter()
    for t in OptionOrder().apply(trials(60), 0):
        assert t.question.shown[0] != len(t.question.options) - 1
        assert sorted(t.question.shown) == list(range(len(t.question.options)))
        if not t.question.binary:
            firsts[t.question.shown[0]] += 1
    assert len(firsts) == 3


def test_changed_moves_the_state_and_only_the_subject_sees_it() -> None:
    plain = {t.id: t for t in trials(60)}
    got = Changed(0).apply(list(plain.values()), 0)
    assert len(got) == len(plain)
    for t in got:
        before = plain[t.base].prompt
        said = might_say(plain[t.base])[int(t.state.removeprefix("changed:"))]
        secret = [m for m in t.prompt.messages if m.secret]
        assert tuple(m for m in t.prompt.messages if not m.secret) == before.messages
        assert secret == [replace(m, secret=True) for m in (*before.messages, Message("assistant", said))] * TIMES
        assert t.prompt.messages[t.prompt.context :] == before.messages
        assert t.prompt.tag["state"] == t.state
        assert t.observation != plain[t.base].observation
        assert text(t).count(said) >= TIMES
        observer = phrase(t, "choice_lp", hide_state=True)
        assert observer.prompt.messages == phrase(plain[t.base], "choice_lp").prompt.messages
        assert said not in repr(observer)
    assert len({t.state for t in got}) > 1
    by_cluster = {(t.cluster, t.state) for t in got}
    assert len(by_cluster) == 60
    assert len({t.observation for t in got}) == 60, "trials of one prompt share the observation under a state"
    other = Changed(1).apply(list(plain.values()), 0)
    assert all(a.state != b.state and a.id != b.id for a, b in zip(got, other, strict=True))
    held = replace(next(iter(plain.values())), prompt=got[0].prompt)
    assert Changed(0).apply([held], 0) == []
    assert with_state(replace(held, prompt=Prompt(ids=(1, 2))), ()) is None
    given = replace(held, prompt=plain[got[0].base].prompt, question=replace(held.question, quantity="correct_shown"))
    assert Changed(0).apply([given], 0) == [], "the truth of a shown answer does not move"


def test_turns_stand_between_the_context_and_the_object() -> None:
    shown = (Message("user", "Name a fruit."), Message("assistant", "Apple"))
    plain = trials(1)[0]
    prompt = Prompt(messages=(*shown, Message("user", "Name a tree.")), prefix="I say", context=2)
    plain = replace(plain, prompt=prompt, coordinates={"replies": [" oak.", " elm."]})
    moved = Changed(0).apply([plain], 0)[0].prompt
    roles = [m.role for m in moved.messages]
    assert roles == ["user", "assistant", *["user", "assistant"] * TIMES, "user"]
    assert moved.messages[:2] == shown
    assert moved.messages[3].content in ("I say oak.", "I say elm.")
    assert moved.messages[moved.context :] == prompt.messages[2:]


def test_sham_is_as_long_and_says_nothing() -> None:
    plain = trials(60)
    lengths = []
    for sham, moved in zip(Sham().apply(plain, 0), Changed(0).apply(plain, 0), strict=True):
        assert sham.state == "sham"
        assert sham.prompt.messages[0].content in [asked for asked, _ in SHAMS]
        assert len(sham.prompt.messages) == len(moved.prompt.messages)
        lengths.append(len(repr(sham.prompt.messages)) / len(repr(moved.prompt.messages)))
        assert sham.observation not in (moved.observation, f"o{sham.cluster[1:]}")
    assert min(lengths) > 0.6
    assert max(lengths) < 1.6


def test_an_alarm_is_asked_behind_the_changed_turns_and_behind_the_sham_with_a_fact_beside_it() -> None:
    plain = [t for t in trials(16) if t.question.quantity == "first_word"]
    made = Alarm().apply(plain, 3)
    assert made == Alarm().apply(plain, 3)
    assert {t.control for t in made} == {"alarm"}
    assert Counter(t.arm for t in made) == dict.fromkeys(("changed", "sham", "fact_changed", "fact_sham"), 16)
    assert len({t.id for t in made}) == len(made)
    states = {t.base: t.prompt for t in Changed(0).apply(plain, 3)}
    shams = {t.base: t.prompt for t in Sham().apply(plain, 3)}
    for trial in made:
        sham = trial.arm.endswith("sham")
        assert trial.prompt.messages == (shams if sham else states)[trial.base].messages
        assert trial.question.quantity == ("fact" if trial.arm.startswith("fact") else "alarm")
        if trial.question.quantity == "alarm":
            assert trial.coordinates["answer"] == ("no" if sham else "yes")
        said = phrase(trial, "choice_lp").prompt.messages
        assert said[:-1] == trial.prompt.messages[:-1], "it is asked behind the hidden turns"
        assert "thing number" not in said[-1].content, "it speaks of no object"
    for arm in ("changed", "fact_changed"):
        some = [t for t in made if t.arm == arm]
        assert Counter(t.question.negated for t in some) == {False: 8, True: 8}
    facts = Counter((t.coordinates["answer"], t.question.negated) for t in made if t.arm == "fact_changed")
    assert facts == dict.fromkeys([("yes", False), ("yes", True), ("no", False), ("no", True)], 4)


def test_competence_gives_the_string_and_knows_the_answer() -> None:
    plain = trials(60)
    got = Competence().apply(plain, 0)
    answers: dict[str, Counter[str]] = {}
    for t in got:
        answers.setdefault(t.question.quantity, Counter())[t.coordinates["answer"]] += 1
        assert t.question.given_text
        assert t.question.given_text in text(t)
        assert t.public not in text(t), "the skill is tested on the given text alone"
        assert quantities.measure(t.question, t.question.given_text) == t.coordinates["answer"]
    assert 18 <= answers["ends_with_vowel"]["yes"] <= 42
    assert set(answers["first_word"]) == {o.key for o in FOUR}
    assert max(answers["first_word"].values()) <= 27


def test_changed_competence_is_the_same_question_in_the_changed_state() -> None:
    plain = trials(20)
    under = {t.base: t for t in ChangedCompetence().apply(plain, 0)}
    states = {t.base: t.state for t in Changed(0).apply(plain, 0)}
    for t in Competence().apply(plain, 0):
        twin = under[t.base]
        assert twin.question == t.question
        assert twin.coordinates == t.coordinates
        assert twin.state == states[t.base]
        assert twin.prompt.messages[0].secret
        assert twin.observation != t.observation


def test_panel_is_balanced_and_crossed() -> None:
    got = YesBias().apply(trials() + trials(3, "confidence"), 0)
    assert len(got) == 2 * 64
    panel = [t for t in got if t.phenomenon == "confidence"]
    by: dict[str, Counter[Any]] = {"kind": Counter(), "cross": Counter()}
    for t in panel:
        assert t.question.binary
        assert t.coordinates["answer"] == t.question.arguments["answer"]
        assert t.question.arguments["statement"] in text(t, "yesno_lp")
        by["kind"][t.coordinates["kind"], t.coordinates["answer"]] += 1
        by["cross"][t.question.negated, t.coordinates["answer"]] += 1
    assert by["kind"] == Counter(
        {(k, a): 16 if k == "fact" else 8 for k in ("fact", "absurd", "negated") for a in ("yes", "no")}
    )
    assert max(by["cross"].values()) - min(by["cross"].values()) <= 8
    assert Counter(t.cluster for t in panel) == Counter({t.cluster: 2 for t in panel})


def test_material_questions_have_no_person() -> None:
    given = Competence().apply(trials(), 0)
    assert ThirdPerson().apply(given, 0) == []
    assert Changed(0).apply(given, 0) == []
    assert Sham().apply(given, 0) == []


@pytest.mark.parametrize("quantity", sorted(quantities.PROPERTIES))
def test_every_quantity_has_a_competence_question_or_none_at_all(quantity: str) -> None:
    private = tuple(Option(w, w) for w in ("violet", "amber", "teal")) + (Option("else", "something else"),)
    options = quantities.PROPERTIES[quantity].options or private
    item = "arithmetic|47 + 88"
    arguments = {"threshold": 500, "other": "moon", "word": "violet", "item": item, "answer": "135",
                 "mark": "ends"}  # fmt: skip
    plain = [
        replace(t, id=f"{t.id}{quantity}", question=Question(quantity, options, arguments=arguments))
        for t in trials(60)[::2]
    ]
    got = Competence().apply(plain, 0)
    assert len(got) == (0 if quantity == "entropy_bin" else len(plain))
    if quantities.PROPERTIES[quantity].own:
        assert {t.question.quantity for t in got} == {"listed_last"}
        return
    seen = Counter(t.coordinates["answer"] for t in got)
    assert len(seen) == (len(options) if got and quantity != "likelier" else len(seen))
    for t in got:
        assert t.question.given_text
        assert quantities.measure(t.question, t.question.given_text) == t.coordinates["answer"]
        assert (f"→ {t.question.given_text}" in text(t)) == (quantity in GOES_ON)
        assert len(text(t).split()) < 75
