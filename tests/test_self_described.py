"""Open self-descriptions: each is asked about some statements by options, a phantom's say what it is, and what texts
that describe nobody say is taken off."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import selfscope
from selfscope.phenomena.self_model import SelfModel
from selfscope.phenomena.stimuli.inventory import statements
from selfscope.phenomena.stimuli.self_descriptions import NEUTRAL, SAYS, arguments_of, dealt, neutral
from selfscope.readers.shared_words import SharedWords
from selfscope.records import Outcome, Prompt, Question, Trial
from selfscope.statistics import Estimate
from selfscope.subjects.phantom import Phantom
from selfscope.wording import phrase

SIZES: dict[str, Any] = {"only": ("abilities", "values"), "messages": 4, "tasks": 6, "draws": 2, "described": 60,
                         "mapped": 6}  # fmt: skip


def test_every_statement_is_asked_of_equally_many_descriptions() -> None:
    names = [s.name for s in statements()]
    asked = dealt(names, 200, 8, 0)
    assert len(asked) == 200
    counts = Counter(name for own in asked for name in own)
    assert set(counts) == set(names)
    assert max(counts.values()) - min(counts.values()) <= 2
    assert dealt(names, 200, 8, 1) != asked


def test_a_description_is_asked_about_by_options_and_nobody_outside_is_needed() -> None:
    trials = [t for t in SelfModel(**SIZES).pose(Phantom(), 0) if t.question.quantity == "described"]
    own = [t for t in trials if t.arm == "described"]
    assert len(own) == 60 * 6
    assert len(trials) - len(own) == NEUTRAL * 29
    assert {t.public for t in trials if t.arm == "neutral"} == set(neutral(0))
    assert Counter(t.question.order[0] for t in own) == {0: 120, 1: 120, 2: 120}
    asked = phrase(own[0], "choice_lp")
    (message,) = asked.prompt.messages
    assert message.content.startswith(f'"""{own[0].public}"""')
    assert "The writer" in message.content or "the writer" in message.content
    assert asked.candidates == tuple(f" {option.text}" for option in SAYS)
    assert not any(t.plain for t in trials), "no verdict is made of them"
    none = SelfModel(**{**SIZES, "described": 0}).pose(Phantom(), 0)
    assert {t.question.quantity for t in none} == {"statement"}


def figures(subject: str) -> dict[str, Estimate]:
    card = selfscope.card(subject, phenomena=[SelfModel(**SIZES)], readers=["ask[format=choice_lp]"])
    aside = next(a for a in card.claims[0].asides if a.title == "In its own words")
    return {line.name: line.value for line in aside.lines if line.value is not None}


def test_what_a_phantom_says_openly_goes_with_what_it_agrees_with_where_both_follow_what_it_is() -> None:
    knows, makes_up = figures("phantom:access=1.0"), figures("phantom")
    assert knows["goes with what it agrees with"].low > 0.2
    assert makes_up["goes with what it agrees with"].low < 0.05
    assert knows["mentions of a statement"].low > 0.1
    # Both describe themselves as they are; only the one agrees accordingly.
    assert knows["goes with what it does"] == makes_up["goes with what it does"]


def asked_of(text: str, number: int = 0) -> Trial:
    statement = statements()[number]
    question = Question("described", SAYS, arguments_of(statement))
    return Trial("t", "self_model", "x", "x", "x", "test", question, Prompt(text=""), text, "")


def test_shared_words_find_a_wording_and_say_nothing_of_others() -> None:
    statement = statements()[0]
    read = SharedWords().read
    for wording, at in ((statement.plus[1], 0), (statement.minus[1], 1)):
        (reading,) = read(Phantom(), [asked_of(wording.format(You="I", you="I", Your="My", your="my"))])
        assert reading.distribution is not None
        assert int(np.argmax(reading.distribution)) == at
        assert sum(reading.distribution) == pytest.approx(1)
    (elsewhere,) = read(Phantom(), [asked_of("The ferry left late.")])
    assert elsewhere.distribution is not None
    assert int(np.argmax(elsewhere.distribution)) == 2
    (unread,) = read(Phantom(), [asked_of("")])
    assert unread.outcome == Outcome.UNSUPPORTED
