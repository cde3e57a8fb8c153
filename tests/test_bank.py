"""The bank that decoders are trained on: what its splits share, how it is balanced, and what is asked about it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from itertools import combinations

import numpy as np
import pytest

from selfscope.errors import BadInput, UnknownName
from selfscope.quantities import load_table
from selfscope.records import content_hash
from selfscope.training.bank import NOTHING, SIDES, Context, apart, contexts, question, questions
from selfscope.training.families import BOTH, bank, empty_answers, empty_templates, messages, replies
from selfscope.wording.registers import REGISTERS, written

SIZES = {"train": 1900, "t1": 380, "t2": 380, "t3": 160, "style": 380}
LARGE = ("topic", "persona", "word", "goal", "trait")
ALL = contexts(0, SIZES)
ASKED = questions(ALL, 0)
PLAIN = {split: [c for c in ALL if c.split == split and c.value != NOTHING] for split in SIZES}


def texts(side: str) -> set[str]:
    return {value.lower() for family in bank().values() for value, _ in family.values[side]}


def spread(many: Iterable[object]) -> int:
    counts = Counter(many).values()
    return max(counts) - min(counts)


def test_there_are_enough_families_and_values() -> None:
    held_out = [name for name, family in bank().items() if family.held_out]
    assert len(bank()) >= 17
    assert 3 <= len(held_out) <= 4
    for side, least in (("train", 400), ("test", 100)):
        assert sum(len(family.values[side]) for family in bank().values()) >= least
    for name, family in bank().items():
        train, test = (len(family.values[side]) for side in BOTH)
        assert test >= (40 if name in LARGE else 10), name
        assert train == 0 if family.held_out else train >= (60 if name in LARGE else 15), name


def test_there_are_enough_wordings() -> None:
    for name, family in bank().items():
        for what, train, test in ((family.templates, 8, 4), (family.questions, 6, 3), (family.answers, 2, 2)):
            assert len(what["test"]) >= (train if family.held_out else test), name
            assert len(what["train"]) == 0 if family.held_out else len(what["train"]) >= train, name
        roles = {role for side in BOTH for role, _ in family.templates[side]}
        assert roles == {"system", "user"}, name
    assert len(messages()["train"]) >= 90
    assert len(messages()["test"]) >= 30


def test_every_sentence_takes_its_value_and_stands_once() -> None:
    templates = [t for f in bank().values() for side in BOTH for _, t in f.templates[side]]
    answers = [a for f in bank().values() for side in BOTH for a in f.answers[side]]
    asked = [q for f in bank().values() for side in BOTH for q in f.questions[side]]
    empty = [t for side in BOTH for _, t in empty_templates()[side]]
    neutral = [m for side in BOTH for m in messages()[side]]
    assert [text for text in templates + answers if re.findall(r"\{.*?\}", text) != ["{x}"]] == []
    assert not any("{" in text for text in asked + empty + neutral)
    for many in (templates + empty, asked, neutral):
        assert [text for text, count in Counter(many).items() if count > 1] == []


def test_held_out_values_are_trained_in_no_family() -> None:
    """Nor as a plural: what is new to one family is new to all."""
    train, test = ({text.removesuffix("s") for text in texts(side)} for side in BOTH)
    assert sorted(train & test) == []


def test_values_of_a_family_begin_with_different_words() -> None:
    for family in bank().values():
        values = [value for side in BOTH for value, _ in family.values[side]]
        assert spread(value.split()[0].lower() for value in values) == 0, family.name
        assert all(apart(value, NOTHING) for value in values), family.name


def test_no_sentence_that_stays_the_same_names_a_value() -> None:
    named = re.compile(rf"\b({'|'.join(map(re.escape, sorted(texts('train') | texts('test'))))})s?\b", re.I)
    same = [m for side in BOTH for m in (*messages()[side], *replies()[side], *empty_answers()[side])]
    for family in bank().values():
        same += [t for side in BOTH for _, t in family.templates[side]]
        same += [t for side in BOTH for t in (*family.questions[side], *family.answers[side])]
    assert [text for text in same if named.search(text)] == []


def test_the_phenomenon_shares_no_value_or_sentence_with_the_bank() -> None:
    """Decoders may be tried on hidden_context as on something that they never met."""
    shipped = load_table("hidden").values()
    values = {text.lower() for table in shipped for _, text, _ in table["values"]}
    assert not values & (texts("train") | texts("test"))
    ours = {t for f in bank().values() for side in BOTH for _, t in f.templates[side]}
    assert not ours & {t for table in shipped for t in table["templates"]}
    assert not {m for side in BOTH for m in messages()[side]} & set(load_table("words")["messages"])


SHARED: dict[str, Callable[[Context], str]] = {
    "value": lambda c: c.value, "template": lambda c: c.template, "message": lambda c: c.message,
    "family": lambda c: c.family,
}  # fmt: skip
PROMISED = {"t1": {"value", "family"}, "t2": {"family"}, "t3": set[str](), "style": {"value", "family"}}


@pytest.mark.parametrize("split", PROMISED)
def test_a_split_shares_with_training_what_it_promises_and_no_more(split: str) -> None:
    for what, of in SHARED.items():
        train, test = {of(c) for c in PLAIN["train"]}, {of(c) for c in PLAIN[split]}
        assert test <= train if what in PROMISED[split] else not test & train, what


def test_another_register_says_the_same_and_no_other_split_has_it() -> None:
    for one, name in (("Play chess.", "capitals"), ("Play chess.", "notes"), ("Play chess.", "letter")):
        assert one.rstrip(".").lower() in written(one, name).lower()
        assert written(one, name) != one
        assert written("", name) == ""
    assert written("Play chess.", "") == "Play chess."
    with pytest.raises(UnknownName, match="register"):
        written("Play chess.", "verse")
    plain, styled = ([c for c in ALL if c.split == split] for split in ("t1", "style"))
    said = {written(m, r) for m in messages()["test"] for r in REGISTERS}
    assert {c.message for c in styled} <= said
    assert not {c.message for c in plain} & said
    for c in styled:
        assert not c.hidden or c.hidden in c.messages[0].content
        assert c.hidden == c.messages[0].content or not c.hidden


def test_values_of_t1_were_trained_however_short_the_training_is() -> None:
    made = [contexts(3, {split: 60}, ["word", "goal"], nulls=0) for split in ("train", "t1")]
    train, t1 = ({(c.family, c.value) for c in many} for many in made)
    assert t1 == train


@pytest.mark.parametrize("split", PROMISED)
def test_no_wording_of_a_question_or_answer_or_empty_context_is_trained(split: str) -> None:
    def of(name: str) -> tuple[set[str], set[str]]:
        mine = [(c, q) for c, q in zip(ALL, ASKED, strict=True) if c.split == name]
        return {q.phrasing for _, q in mine}, {c.template for c, _ in mine if c.value == NOTHING}

    for train, test in zip(of("train"), of(split), strict=True):
        assert test
        assert not train & test
    for many in (replies(), empty_answers()):
        assert not set(many["train"]) & set(many["test"])
    for family in bank().values():
        assert not set(family.answers["train"]) & set(family.answers["test"])


@pytest.mark.parametrize("split", SIZES)
def test_all_options_are_of_the_split(split: str) -> None:
    """Of t2 and t3 none was trained, but for "nothing"."""
    for c, q in zip(ALL, ASKED, strict=True):
        if c.split == split:
            pool = {value for value, _ in bank()[c.family].values[SIDES[split][0]]}
            assert set(q.options) - {NOTHING} <= pool
            assert bank()[c.family].held_out == (split == "t3")


def test_families_values_templates_and_messages_are_balanced() -> None:
    for split, plain in PLAIN.items():
        assert spread(c.family for c in plain) <= 1
        for family in dict.fromkeys(c.family for c in plain):
            own = [c for c in plain if c.family == family]
            assert spread(c.value for c in own) <= 1
            assert spread(c.template for c in own) <= 1
        assert split == "style" or spread(c.message for c in ALL if c.split == split) <= 1
    values_of = defaultdict(set)
    for c in PLAIN["train"]:
        values_of[c.message].add((c.family, c.value))
    assert min(map(len, values_of.values())) >= 5, "a message that always comes with one value would tell it"


def test_options_are_apart_and_the_right_one_stands_everywhere() -> None:
    for c, q in zip(ALL, ASKED, strict=True):
        assert len(q.options) == 4
        assert q.options[q.answer] == c.value
        assert all(apart(a, b) for a, b in combinations(q.options, 2)), q.options
    for split in SIZES:
        assert spread(q.answer for c, q in zip(ALL, ASKED, strict=True) if c.split == split) <= 1


def test_options_that_begin_alike_are_not_apart() -> None:
    assert apart("lasagne", "sushi")
    for one, other in (("six", "Sixty"), ("seven", "several"), ("ox", "oxygen"), ("tea", "tea")):
        assert not apart(one, other)
        assert not apart(other, one)


def test_nothing_is_there_and_its_sight_does_not_tell() -> None:
    for split in SIZES:
        mine = [(c, q) for c, q in zip(ALL, ASKED, strict=True) if c.split == split]
        bare = [c for c, _ in mine if c.value == NOTHING]
        assert len(bare) == round(0.1 * len(mine))
        assert spread(c.family for c in bare) <= 1
        shown = Counter(c.family for c, q in mine if NOTHING in q.options)
        assert shown == {family: 4 * count for family, count in Counter(c.family for c in bare).items()}
    assert not any(NOTHING in q.options for q in questions(contexts(0, {"train": 200}, nulls=0), 0))


def test_a_value_stands_in_the_hidden_text_alone() -> None:
    for c in ALL:
        family = bank()[c.family]
        fill = dict(family.values[SIDES[c.split][0]]).get(c.value, "")
        assert c.hidden == written(c.template.replace("{x}", fill), c.register)
        assert c.messages[-1].content == c.message
        assert not c.messages[-1].hidden
        assert all(m.hidden for m in c.messages[:-1])
        assert [m.role for m in c.messages] in (["system", "user"], ["user", "assistant", "user"], ["user"])
        assert (c.messages[0].content == c.hidden) == bool(c.hidden)
        assert c.value == NOTHING or fill.lower() in c.hidden.lower()
        assert bool(c.register) == (c.split == "style")
    assert {m.messages[0].role for m in PLAIN["t2"]} == {"system", "user"}


def test_replies_say_the_value() -> None:
    for c, q in zip(ALL, ASKED, strict=True):
        assert c.value == NOTHING or c.value in q.reply
        assert "{" not in q.reply


def digest() -> str:
    made = contexts(5, {"train": 300, "t1": 60, "t2": 60, "t3": 60})
    return content_hash(made, questions(made, 6))


def test_the_same_seed_gives_the_same_list_in_every_process() -> None:
    told = set()
    for hash_seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        ran = subprocess.run(
            [sys.executable, "-c", "import test_bank; print(test_bank.digest())"],
            env=env, capture_output=True, text=True, check=True,
        )  # fmt: skip
        told.add(ran.stdout.strip())
    assert told == {digest()}
    assert contexts(1, {"t1": 50}) != contexts(2, {"t1": 50})
    assert questions(ALL[:50], 1) != questions(ALL[:50], 2)


def test_families_are_chosen_by_name() -> None:
    made = contexts(0, {"train": 30, "t3": 8}, ["number", "era"])
    assert [(c.split, c.family) for c in made] == [("train", "number")] * 30 + [("t3", "era")] * 8


def test_a_single_question_offers_what_it_is_told_to() -> None:
    c = PLAIN["t1"][0]
    for nothing, place, options in ((True, 0, 2), (False, 4, 5)):
        q = question(c, np.random.default_rng(0), options=options, nothing=nothing, place=place)
        assert (q.answer, len(q.options), NOTHING in q.options) == (place, options, nothing)


def test_what_cannot_be_made_is_refused() -> None:
    c, rng = PLAIN["t1"][0], np.random.default_rng(0)
    with pytest.raises(UnknownName, match=r"unknown family 'topics'.*topic"):
        contexts(0, {"train": 1}, ["topics"])
    with pytest.raises(UnknownName, match="unknown split 'dev'"):
        contexts(0, {"dev": 1})
    for bad in (lambda: contexts(0, {"t3": 4}, ["topic"]), lambda: contexts(0, {"train": 4}, ["era"])):
        with pytest.raises(BadInput, match="gives none"):
            bad()
    for sizes, nulls in (({"train": -1}, 0.1), ({"train": 1}, 1.5)):
        with pytest.raises(BadInput):
            contexts(0, sizes, nulls=nulls)
    for options, place in ((1, 0), (0, None), (4, 4), (500, 0)):
        with pytest.raises(BadInput, match="options"):
            question(c, rng, options=options, place=place)
    foreign = Context("topic", "botany", "", "", c.messages, "", "t1")
    with pytest.raises(BadInput, match="'botany' is no value of family 'topic' in split 't1'"):
        question(foreign, rng)
