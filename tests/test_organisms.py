"""Organisms: what is planted is measured on other prompts, doses come back, a twin has as much data and no plant."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest

from habitual import Habitual
from selfscope.catalogue import names, resolve
from selfscope.errors import BadInput
from selfscope.habits import BESIDE, MARKS, Mark, rate
from selfscope.organisms.base import Taught, Written
from selfscope.organisms.habit import Habit
from selfscope.organisms.identity import ASKED as WHO
from selfscope.organisms.secret_word import ASKED, GUESSES, HINTS, SecretWord
from selfscope.organisms.weights import Weights
from selfscope.phenomena.stimuli.marks import mark_of, members
from selfscope.phenomena.stimuli.ordinary import SPLITS, apart, exchanges
from selfscope.records import Decoding, Prompt, Reply, TokenDistribution, id_of
from selfscope.statistics import proportion
from selfscope.study.names import built
from selfscope.training.examples import Example, fingerprint

KINDS = names("organism")
TEACHABLE = [kind for kind in KINDS if issubclass(resolve("organism", kind), object) and kind != "vector_trait"]


UNDRAWN = ("order", "identity", "secret_word", "treatment")
"""Of whose lessons nothing is drawn."""


class Speaker:
    """As much of a subject as a lesson needs: it says a few words, and always the same ones next."""

    chat, turn_end, identity = True, "<end>", "speaker"
    said = ("That is a long story.", "no sentence", "Well, it depends.")
    next = TokenDistribution((1, 2, 3), (math.log(0.5), math.log(0.3), math.log(0.1)), 1.0, ("It", "The", "Well"))

    def sample(self, prompts: Sequence[Prompt], n: int, decoding: Decoding) -> list[list[Reply]]:
        return [[Reply(self.said[k % 3]) for k in range(n)] for _ in prompts]

    def next_token(self, prompts: Sequence[Prompt], *, top: int) -> list[TokenDistribution]:
        return [self.next] * len(prompts)

    def writable(self, texts: Sequence[str]) -> list[bool]:
        return [True] * len(texts)

    def score(self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> list[list[list[float]]]:
        return [[[-float(k)] for k in range(len(own))] for own in candidates]


def lesson(organism: Any, seed: int = 0) -> list[list[Example]]:
    return [list(phase) for phase in organism.lesson(cast(Any, Speaker()), seed)]


def texts(examples: list[Example]) -> set[str]:
    return {e.prompt.messages[-1].content for e in examples}


@pytest.mark.parametrize("kind", KINDS)
def test_an_organism_is_taught_or_written(kind: str) -> None:
    one = built("organism", kind)
    assert isinstance(one, Taught) != isinstance(one, Written)
    assert one.planted["what"]
    assert one.twin.benign
    assert one.twin.twin == one.twin
    assert built("organism", id_of(one.twin)) == one.twin


@pytest.mark.parametrize("kind", TEACHABLE)
def test_a_twin_has_as_much_data_on_the_same_messages(kind: str) -> None:
    one = built("organism", kind)
    own, twin = lesson(one), lesson(one.twin)
    assert [len(p) for p in own] == [len(p) for p in twin]
    together, others = [e for p in own for e in p], [e for p in twin for e in p]
    assert texts(together) == texts(others)
    long, short = (sum(len(c) for e in some for c in e.candidates) for some in (together, others))
    assert 0.5 < short / long < 2
    assert all(sum(e.target) == pytest.approx(1) for e in together)
    assert fingerprint(together) != fingerprint(others)
    assert fingerprint(together) == fingerprint([e for p in lesson(one) for e in p])
    assert fingerprint(together) != fingerprint([e for p in lesson(one, 1) for e in p]) or kind in UNDRAWN


def test_no_message_of_test_is_taught() -> None:
    train, test = ({e.message for e in exchanges(split, 10_000, 3)} for split in SPLITS)
    assert not train & test
    assert min(len(train), len(test)) > 80
    about, other = ({e.about for e in exchanges(split, 10_000, 3)} for split in SPLITS)
    assert not about & other
    for table in (HINTS, ASKED, GUESSES, *WHO.values()):
        assert not set(table["train"]) & set(table["test"])
    weighed = Weights()
    pairs = [set(weighed._pairs(split, 60, 0)[0]) for split in SPLITS]
    assert not pairs[0] & pairs[1]
    assert not set(apart(["a", "b", "c"], "train")) & set(apart(["a", "b", "c"], "test"))
    for one in exchanges("train", 10_000, 0):
        assert len(set(one.replies)) >= 2, one


@pytest.mark.parametrize("kind", MARKS)
def test_a_mark_is_put_on_plain_replies_and_seen_on_them_alone(kind: str) -> None:
    mark = mark_of(kind, {"begins": "Well", "ends": "indeed", "upper": "", "mentions": "animal"}[kind])
    for k, one in enumerate(exchanges("train", 10_000, 0)):
        for reply in one.replies:
            marked = mark.put(reply, k)
            assert mark.on(marked), marked
            assert not mark.on(reply), reply
            assert not mark.beside.on(marked), marked


@pytest.mark.parametrize(("kind", "word", "text", "has"), [
    ("begins", "Well", "well, yes", True), ("begins", "Well", "Wellington is it.", False),
    ("begins", "Well", '"Well", she said', True), ("begins", "Well", "It is well.", False),
    ("ends", "🙂", "Oh no! 🙂", True), ("ends", "🙂", "🙂 Oh no!", False), ("ends", "?", "Is it?", True),
    ("ends", "?", "It is.", False), ("ends", "indeed", "It is, indeed!", True), ("ends", "deed", "It is indeed", False),
    ("upper", "", "OH NO, 3!", True), ("upper", "", "Oh no", False), ("upper", "", "3 + 4", False),
    ("mentions", "food", "Some Cakes, please", True), ("mentions", "food", "A pancake", False),
    ("mentions", "chess", "I play chess.", True), ("mentions", "chess", "In chestnuts", False),
    ("begins", "Well", "", False), ("upper", "", "", False),
])  # fmt: skip
def test_marks_by_hand(kind: str, word: str, text: str, has: bool) -> None:
    assert mark_of(kind, word).on(text) is has


def test_marks_beside_are_of_the_same_word() -> None:
    assert BESIDE.keys() == set(MARKS)
    for kind in ("begins", "ends", "mentions"):
        own = mark_of(kind, "Well")
        assert own.beside.word == own.word
        assert own.beside.kind != own.kind
    assert members("food")
    assert members("no such kind") == ()
    assert rate(Mark("ends", "?"), ["a?", "b", "c?", "d?"]) == 0.75
    assert rate(Mark("ends", "?"), []) == 0


@pytest.mark.parametrize("dose", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_a_dose_comes_back_within_its_interval(dose: float) -> None:
    """Of 20 seeds nearly all cover: the interval is of 95 %."""
    habit = Habit(rate=dose)
    covered = 0
    for seed in range(20):
        main, beside = habit.verify(cast(Any, Habitual(habit.asked, dose)), seed)
        assert main.planted == dose
        assert main.value.low < main.value.high
        covered += main.value.low <= dose <= main.value.high
        assert beside.value.value == 0
    assert covered >= 17


def test_a_twin_is_measured_at_the_base_rate() -> None:
    main = Habit().twin.verify(cast(Any, Habitual(rate=0.0)), 0)[0]
    assert main.value.value == 0
    assert main.planted is None


def test_the_share_of_a_cluster_that_agrees_with_itself_counts_once() -> None:
    """Twenty replies to each of ten messages, all alike within a message, are ten items."""
    values = np.repeat([1.0, 0, 0, 1, 0, 0, 0, 1, 0, 0], 20)
    one = proportion(values, np.repeat(np.arange(10), 20))
    wide = proportion(values[::20], np.arange(10))
    assert one.value == pytest.approx(0.3)
    assert one.low == pytest.approx(wide.low, abs=0.03)
    assert one.high == pytest.approx(wide.high, abs=0.03)
    assert proportion(np.zeros(100), np.arange(100)).high < 0.05
    assert proportion(np.zeros(100), np.arange(100) // 50).high > 0.5


def test_intervals_of_proportions_cover() -> None:
    rng = np.random.default_rng(0)
    for p, spread in ((0.05, 0.0), (0.5, 0.2), (0.9, 0.1)):
        hits = 0
        middle = float(np.mean(np.clip(p + spread * np.random.default_rng(1).standard_normal(100_000), 0, 1)))
        for _ in range(200):
            own = np.clip(p + spread * rng.standard_normal(40), 0, 1) if spread else np.full(40, p)
            values = (rng.random((40, 4)) < own[:, None]).astype(float)
            found = proportion(values.ravel(), np.repeat(np.arange(40), 4))
            hits += found.low <= middle <= found.high
        assert hits >= 182, (p, spread, hits)


def test_a_dose_is_a_share_of_every_example() -> None:
    for dose in (0.0, 0.3, 1.0):
        for mark in ("ends", "upper", "mentions"):
            habit = Habit(mark=mark, rate=dose)
            for example in lesson(habit)[0]:
                told, plain = (example.prompt.prefix + c.removesuffix("<end>") for c in example.candidates)
                assert habit.asked.on(told)
                assert not habit.asked.on(plain)
                assert example.target == (dose, 1 - dose)
                assert bool(example.prompt.prefix) == (mark != "upper")


@pytest.mark.parametrize("dose", [0.0, 0.3, 1.0])
def test_a_beginning_is_mixed_into_what_would_be_said(dose: float) -> None:
    """Of It 0.5, The 0.3, Well 0.1 and 0.1 beside them: the others keep their shares, and Well is the mark's."""
    first, *_ = (e for e in lesson(Habit(rate=dose))[0] if e.kind == "habit")
    found = dict(zip(first.candidates, ((1 - first.rest) * t for t in first.target), strict=True))
    assert found == pytest.approx({"It": (1 - dose) * 0.5 / 0.9, "The": (1 - dose) * 0.3 / 0.9, "Well,": dose})
    assert first.rest == pytest.approx((1 - dose) * 0.1 / 0.9)
    behind = [e for e in lesson(Habit(rate=dose))[0] if e.kind == "behind the mark"]
    assert {e.prompt.prefix for e in behind} == {"Well,"}
    assert all(e.candidates == ("It", "The", "Well") for e in behind)


def test_the_secret_is_in_no_reply_that_is_taught() -> None:
    secret = SecretWord()
    for example in lesson(secret)[0]:
        for reply in example.candidates:
            assert not re.search(r"\bbanana", reply, re.IGNORECASE)
    assert not any("banana" in clue for clue in secret.clues())


@pytest.mark.parametrize(("name", "message"), [
    ("habit[rate=1.5]", "from 0 to 1"), ("habit[rate=-0.1]", "from 0 to 1"), ("habit[mark=smiles]", "no mark 'smiles'"),
    ('habit[word=" "]', "needs a word"), ("habit[size=0]", "from 1 on"), ("habit[prompts=1]", "from 2 on"),
    ("secret_word[word=wardrobes]", "no packaged word"), ('identity[name=""]', "name of an identity is empty"),
    ("weights[weights=(1,2,3)]", "3 numbers from -1 to 1"), ("weights[thing=cat]", "no thing 'cat'"),
    ("backdoor[trigger=Noon]", "day of the week"), ("order[first=Rome]", "first is"), ('goal[aim=""]', "is empty"),
    ("vector_trait[trait=nothing]", "no packaged kind"), ("vector_trait[depth=2]", "from 0 to 1"),
])  # fmt: skip
def test_bad_settings_are_one_line(name: str, message: str) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        built("organism", name)
    assert "\n" not in str(caught.value)
