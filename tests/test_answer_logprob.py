"""How likely an answer was, and what can be counted of an item: what they are made of, and what they may not be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import selfscope
from posed_trials import posed
from selfscope.errors import BadInput, UnknownName
from selfscope.phenomena.confidence import Confidence
from selfscope.quantities import YES_NO
from selfscope.readers.answer_logprob import AnswerLogprob, answered, line_through
from selfscope.readers.covariates import Covariates
from selfscope.records import Message, Outcome, Prompt, Question, Trial, Truth
from selfscope.records.parts import reader_part
from selfscope.subjects.phantom import Phantom
from selfscope.subjects.sealed import Log, SealBroken, SealedSubject, SealRegistry

SMALL = Confidence(test=20, train=12, dev=8, rollouts=6)


class Scored:
    """Scores a text by its letters: -1 nat each, as tokens of one letter; remembers what it was asked."""

    name, identity, tier, chat = "scored", "scored", "logprobs", True
    environment: dict[str, Any] = {}

    def __init__(self) -> None:
        self.asked: list[tuple[Prompt, list[str]]] = []

    def score(self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> list[list[list[float]]]:
        self.asked += list(zip(prompts, map(list, candidates), strict=True))
        return [[[-1.0] * len(text) for text in own] for own in candidates]

    def writable(self, texts: Sequence[str]) -> list[bool]:
        return ["\ue000" not in text for text in texts]


def shown(trials: Sequence[Trial]) -> list[Trial]:
    return [t for t in trials if t.question.quantity != "correct_before"]


def test_the_answer_is_scored_after_the_prompt_that_it_answers() -> None:
    subject, trials = Scored(), posed(SMALL)
    by_sum = AnswerLogprob("sum").read(subject, trials)
    by_mean = AnswerLogprob().read(subject, trials)
    objects = {t.prompt.messages: t.prompt for t in trials if t.question.quantity == "correct_before"}
    for trial, total, mean in zip(trials, by_sum, by_mean, strict=True):
        if trial.question.quantity == "correct_before":
            assert total.outcome == mean.outcome == Outcome.UNSUPPORTED
            continue
        found = answered(trial)
        assert found is not None
        prompt, text = found
        assert text == f" {trial.question.arguments['answer']}"
        assert prompt.prefix == objects[prompt.messages].prefix, "in the question or as its own last turn"
        assert total.extra["score"] == -len(text)
        assert mean.extra["score"] == -1.0
        assert total.distribution == mean.distribution == (0.5, 0.5), "nothing was learnt"
    assert len(subject.asked) == 2 * len(objects), "answers to one prompt are scored together"


def test_a_prefix_that_the_answer_repeats_is_not_scored_twice() -> None:
    trial = shown(posed(SMALL))[0]
    begun = replace(trial.prompt, prefix="```python\n")
    program = replace(
        trial, prompt=begun, question=replace(trial.question, arguments={"answer": "```python\nx = 1\n```"})
    )
    assert answered(program) == (begun, "x = 1\n```")
    after = Prompt((*begun.messages, Message("assistant", "```python\nx = 1\n```")))
    own = replace(program, prompt=after, coordinates={"prefix": "```python\n"})
    found = answered(own)
    assert found is not None
    assert (found[0].messages, found[0].prefix, found[1]) == (begun.messages, "```python\n", "x = 1\n```")


def test_what_cannot_be_scored_is_unsupported() -> None:
    trial = shown(posed(SMALL))[0]
    odd = replace(trial, question=replace(trial.question, arguments={"answer": "\ue000"}))
    assert AnswerLogprob().read(Scored(), [odd])[0].outcome == Outcome.UNSUPPORTED
    blind = Scored()
    blind.tier = "text"
    assert AnswerLogprob().read(blind, [trial])[0].outcome == Outcome.UNSUPPORTED
    assert not blind.asked
    with pytest.raises(UnknownName, match="Did you mean 'mean'"):
        AnswerLogprob("men")


def test_the_line_is_learnt_from_train_alone_and_keeps_the_order() -> None:
    subject, trials = Scored(), shown(posed(SMALL))
    rate = {t.id: float(len(str(t.question.arguments["answer"])) < 6) for t in trials}
    truths = [Truth(t.id, (rate[t.id], 1 - rate[t.id]), (), (), 0, "program") for t in trials]
    fitted = AnswerLogprob("sum").fit(subject, trials, truths)
    held = [t for t in trials if t.split == "test"]
    turned = [Truth(t.id, tuple(reversed(x.mean)), (), (), 0, "program") if t in held else x
              for t, x in zip(trials, truths, strict=True)]  # fmt: skip
    assert AnswerLogprob("sum").fit(subject, trials, turned).lines == fitted.lines
    assert fitted == AnswerLogprob("sum"), "what is learnt is no part of the configuration"
    for quantity in ("correct_shown", "correct_after"):
        readings = fitted.read(subject, [t for t in held if t.question.quantity == quantity])
        scores, said = [r.extra["score"] for r in readings], [r.distribution[0] for r in readings if r.distribution]
        assert np.all(np.diff(np.array(said)[np.argsort(scores)]) >= -1e-12)
        assert max(said) > 0.5 > min(said)


def test_a_line_finds_the_law_that_made_its_points() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(-3.0, 2.0, size=4000)
    y = (rng.random(4000) < 1 / (1 + np.exp(-(0.5 + 0.8 * x)))).astype(float)
    line = line_through(list(zip(x, y, strict=True)))
    for at in (-4.0, -1.0, 0.0):
        assert line.at(at)[0] == pytest.approx(1 / (1 + math.exp(-(0.5 + 0.8 * at))), abs=0.03)
    never = line_through([(-1.0, 0.0), (-2.0, 0.0), (-3.0, 0.0)])
    assert 0.0 < never.at(-1.0)[0] < 0.35, "none in three is no certainty"
    same = line_through([(-1.0, 1.0), (-1.0, 0.0)])
    assert same.at(-1.0)[0] == pytest.approx(0.5)


def test_only_the_ceiling_s_rung_may_score_what_a_trial_is_about() -> None:
    trials, registry = shown(posed(SMALL)), SealRegistry()
    registry.hide(posed(SMALL))
    part = reader_part(AnswerLogprob())
    assert (part.rung, part.inside) == ("behaviour", True)
    allowed = SealedSubject(Phantom(), part.id, registry, Log(), rung=part.rung)
    assert AnswerLogprob().read(allowed, trials)[0].outcome == Outcome.ANSWERED
    with pytest.raises(SealBroken):
        AnswerLogprob().read(SealedSubject(Phantom(), part.id, registry, Log(), rung="self"), trials)


def truths_by(trials: Sequence[Trial], rate: Any) -> list[Truth]:
    means = [(rate(t), 1 - rate(t)) for t in trials]
    return [Truth(t.id, m, m, m, 10, "rollouts") for t, m in zip(trials, means, strict=True)]


def hard(trials: Sequence[Trial]) -> list[Trial]:
    """The same trials with a difficulty, from 1 to 5, and how often another model succeeds."""
    numbered = {c: k for k, c in enumerate(dict.fromkeys(t.cluster for t in trials))}
    return [
        replace(t, coordinates={"difficulty": 1 + numbered[t.cluster] % 5, "other_rate": numbered[t.cluster] % 3 / 2})
        for t in trials
    ]


@pytest.mark.parametrize(("of", "rate"), [
    (("difficulty",), lambda t: 1 - t.coordinates["difficulty"] / 5),
    (("other_rate",), lambda t: 0.1 + 0.8 * t.coordinates["other_rate"]),
    (("source",), lambda t: 0.9 if t.source == "sums" else 0.2),
    (("length",), lambda t: 0.9 if len(t.public) > 60 else 0.2),
])  # fmt: skip
def test_covariates_forecast_by_what_they_count_and_by_nothing_else(of: tuple[str, ...], rate: Any) -> None:
    trials = hard([t for t in posed(Confidence(test=60, train=60, dev=0)) if t.question.quantity == "correct_before"])
    test = [t for t in trials if t.split == "test" and t.source != "products"]
    wanted = np.array([rate(t) for t in test])

    def missed(reader: Covariates) -> float:
        readings = reader.fit(Phantom(), trials, truths_by(trials, rate)).read(Phantom(), test)
        assert all(len(r.extra["jackknife"]) == 10 for r in readings)
        return float(np.mean((np.array([r.distribution[0] for r in readings if r.distribution]) - wanted) ** 2))

    assert missed(Covariates(of=of)) < 0.25 * wanted.var()
    blind = {"difficulty": "other_rate", "other_rate": "difficulty", "source": "difficulty", "length": "other_rate"}
    assert missed(Covariates(of=(blind[of[0]],))) > 0.8 * wanted.var()


def test_a_trial_without_any_of_it_is_unsupported_and_a_title_says_what_is_counted() -> None:
    trials = [t for t in posed(SMALL) if t.question.quantity == "correct_before"]
    reader = Covariates(of=("other_rate",))
    fitted = reader.fit(Phantom(), trials, truths_by(trials, lambda t: 0.5))
    assert {r.outcome for r in fitted.read(Phantom(), trials)} == {Outcome.UNSUPPORTED}
    assert reader.title == "another model's rate alone"
    assert selfscope.Covariates().title == "length, family, difficulty alone"
    with pytest.raises(BadInput, match="nothing is named"):
        Covariates(of=())


def test_a_question_says_nothing_of_what_a_program_is_known_by() -> None:
    from selfscope.readers.features import surface_of, text_of

    question = Question("passes_before", YES_NO, arguments={"item": "a", "passing": ("77abc",), "failing": ("99def",)})
    trial = replace(posed(SMALL)[0], question=question)
    assert "77abc" not in text_of(trial)
    other = replace(trial, question=replace(question, arguments={**question.arguments, "passing": ("123456789",)}))
    assert np.array_equal(surface_of([trial]), surface_of([other]))
