"""From where a question is asked: there switched adapters begin to act, on it and on what follows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from posed_trials import posed
from selfscope import catalogue
from selfscope.records import FORMATS, TEMPLATES, Trial, content_hash
from selfscope.wording import fits, phrase

KINDS = [catalogue.resolve("phenomenon", name) for name in catalogue.PHENOMENA]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_nothing_of_its_object_stands_behind_where_a_question_begins(kind: type) -> None:
    for trial in posed(kind(test=6, train=2, dev=2)):
        for one in wordings(trial):
            for format in (f for f in FORMATS if fits(one.question, f)):
                asked = phrase(one, format).prompt
                assert asked.asked
                assert asked.messages[-1].content.rstrip().endswith(asked.asked)
                about = one.question.given_text or one.public
                assert not (len(about) > 12 and about in asked.asked)


def wordings(trial: Trial) -> list[Trial]:
    """Shipped ones, and some to train in."""
    numbers = (*range(TEMPLATES), TEMPLATES + 7, TEMPLATES + 1234)
    return [replace(trial, question=replace(trial.question, template=number)) for number in numbers]


def test_where_a_question_begins_is_in_no_hash_of_an_object() -> None:
    """Ids of trials are those of before: a field that came later counts only where it is set."""
    trial = posed(KINDS[0](test=2, train=2, dev=2))[0]
    assert not trial.prompt.asked
    assert content_hash(trial.prompt) == content_hash(replace(trial.prompt, asked=""))
    assert content_hash(trial.prompt) != content_hash(replace(trial.prompt, asked="x"))
