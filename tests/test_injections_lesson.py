"""The lesson of injections: what is written is what is told, in other words, concepts and sentences than a card's."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import inside_trials
from selfscope.api.fit import fit
from selfscope.errors import BadInput
from selfscope.phenomena.injected_concept import InjectedConcept
from selfscope.phenomena.stimuli.concepts import concepts
from selfscope.phenomena.stimuli.injected_texts import sentences, sources
from selfscope.records import TEMPLATES, Injection, Trial, Truth
from selfscope.subjects.local import Local
from selfscope.training.examples import Example
from selfscope.training.injections import ASKS, InjectionLesson
from selfscope.training.schedule import Schedule
from selfscope.wording import phrase
from selfscope.wording.trained import WHETHER

folder = inside_trials.folder
tiny = inside_trials.tiny
LESSON = InjectionLesson(passages=120)
ABOUT = InjectedConcept(places=2, test=8, train=16, dev=0)


def lessons(subject: Local, lesson: InjectionLesson = LESSON) -> list[Example]:
    def behaves(some: Sequence[Trial]) -> list[Truth]:
        return list(ABOUT.truth(some, ABOUT.observe(subject, some)))

    trials = [t for t in ABOUT.pose(subject, 0) if t.split == "train"]
    return lesson.examples(subject, trials, behaves, 0)


def passages(examples: Sequence[Example]) -> list[list[Example]]:
    groups: dict[str, list[Example]] = {}
    for example in examples:
        groups.setdefault(example.group, []).append(example)
    return list(groups.values())


def acts(example: Example) -> list[Injection]:
    return [one for one in example.prompt.interventions if isinstance(one, Injection)]


def said(example: Example) -> str:
    """What is wanted, as it is written."""
    return example.candidates[example.option_index.index(example.target.index(1.0))].strip()


def touched(example: Example) -> str:
    """The label of the line that is written most."""
    most = max(acts(example), key=lambda one: one.strength)
    lines = example.prompt.messages[0].content.splitlines()[1:]
    return next(line for line in lines if line.endswith(most.span_text))[0]


def turned(example: Example) -> bool:
    """Whether the question asks for the absence of what was written."""
    return any(no.format(your="your") in example.prompt.asked for _, no in WHETHER["detection"])


def test_what_is_told_is_what_was_written(tiny: Local) -> None:
    examples = lessons(tiny)
    kinds = Counter(e.kind for e in examples)
    assert set(kinds) == set(ASKS)
    vectors: dict[str, set[str]] = {}
    for e in examples:
        if e.kind in ("localisation", "strength"):
            assert said(e) == touched(e)
        if e.kind == "detection":
            assert (said(e) == "yes") == (bool(acts(e)) != turned(e))
        if e.kind == "identification":
            vectors.setdefault(said(e), set()).add(acts(e)[0].vector.data)
            assert len(e.candidates) == 5
    assert all(len(own) == 1 for own in vectors.values())  # one word, one vector
    assert len({v for own in vectors.values() for v in own}) == len(vectors)
    assert {len(acts(e)) for e in examples if e.kind == "strength"} == {1, 2}


def test_questions_of_a_passage_begin_alike(tiny: Local) -> None:
    for own in passages(lessons(tiny)):
        assert len({(e.prompt.messages[:-1], e.prompt.interventions) for e in own}) == 1
        assert all(e.prompt.asked and e.prompt.messages[-1].content.endswith(e.prompt.asked) for e in own)


def test_detection_is_asked_both_ways_and_yes_and_no_are_right(tiny: Local) -> None:
    """A lesson in which the word yes is mostly right would teach to say it."""
    found = Counter()
    for own in passages(lessons(tiny, InjectionLesson(passages=400))):
        for e in own:
            if e.kind == "detection":
                found[bool(acts(e)), said(e)] += 1
    for there in (True, False):
        yes, no = found[there, "yes"], found[there, "no"]
        assert 0.35 < yes / (yes + no) < 0.65
    assert 0.6 < (found[True, "yes"] + found[True, "no"]) / sum(found.values()) < 0.8


def test_nothing_of_a_card_is_in_the_lesson(tiny: Local) -> None:
    examples = lessons(tiny)
    shipped = set()
    for trial in (t for t in ABOUT.pose(tiny, 0) if t.split == "test" and t.question.quantity != "listed_last"):
        for template in range(TEMPLATES):
            question = replace(trial.question, template=template)
            shipped.add(phrase(replace(trial, question=question), "choice_lp").prompt.asked.partition("\n")[0])
    assert not {e.prompt.asked.partition("\n")[0] for e in examples} & shipped
    text = "\n".join(e.prompt.messages[0].content for e in examples)
    assert not [line for source in sources() for line in sentences(source, "test", 21) if line in text]
    tested = {word for _, word in concepts(0)[: ABOUT.test]}
    assert not {said(e) for e in examples if e.kind == "identification"} & tested
    vectors = {one.vector for t in ABOUT.pose(tiny, 0) if t.split == "test" for one in t.prompt.interventions}  # type: ignore[union-attr]
    assert not {one.vector for e in examples for one in acts(e)} & vectors


def test_a_twin_reads_the_same_and_is_told_something_else(tiny: Local) -> None:
    plain, twin = lessons(tiny), lessons(tiny, replace(LESSON, shuffled=True))
    read = [(e.prompt.messages[:-1], e.prompt.interventions) for e in plain]
    assert [(e.prompt.messages[:-1], e.prompt.interventions) for e in twin] == read
    same = [a.target == b.target for a, b in zip(plain, twin, strict=True) if a.kind == "localisation"]
    assert 0.3 < sum(same) / len(same) < 0.7  # a place is told at random
    right = [said(e) == touched(e) for e in twin if e.kind == "localisation"]
    assert 0.3 < sum(right) / len(right) < 0.7


def test_some_of_its_questions_are_asked_alone(tiny: Local) -> None:
    every = lessons(tiny)
    some = lessons(tiny, replace(LESSON, asks=("identification", "strength")))
    assert some == [e for e in every if e.kind in ("identification", "strength")]
    kinds = Counter(e.kind for e in every)
    alone = lessons(tiny, replace(LESSON, asks=("localisation",)))
    assert {e.kind for e in alone} == {"localisation"}
    assert len(alone) == kinds["localisation"] + kinds["strength"], "no passage is kept for what is not asked"


def test_the_word_in_the_text_tells_no_place_and_a_number_is_not_always_the_answer(tiny: Local) -> None:
    """Of injected passages some have the concept's word, in any line; some are asked which number is listed last."""
    some = lessons(tiny, replace(LESSON, passages=600, places=4, single=0.0, asks=("localisation", "listed_last")))
    where, last = ([e for e in some if e.kind == kind] for kind in ("localisation", "listed_last"))
    assert {len(e.candidates) for e in where} == {2, 3, 4}
    assert all(said(e) == touched(e) for e in where)
    told = [e for e in where if re.search(r"^\d\. (\w+), \w+, \w+\.$", e.prompt.messages[0].content, re.MULTILINE)]
    same = [e for e in told if re.match(r"\w+, \w+, \w+\.$", acts(e)[0].span_text)]
    assert 0.15 < len(told) / len(where) < 0.35
    assert 0.15 < len(same) / len(told) < 0.55
    assert 0.3 < len(last) / len(where) < 0.5
    for e in last:
        shown = re.findall(r"\d", e.prompt.messages[-1].content.splitlines()[-1])
        assert said(e) == shown[-1]
    assert any(said(e) != touched(e) for e in last)


def test_what_cannot_be_taught_is_refused(tiny: Local) -> None:
    for lesson in ({"passages": 0}, {"single": 1.5}, {"places": 1}, {"asks": ()}, {"asks": ("where",)}):
        with pytest.raises(BadInput):
            InjectionLesson(**lesson)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="injected_concept"):
        LESSON.examples(tiny, [], lambda some: [], 0)


def test_it_is_taught_through_fit(tiny: Local, tmp_path: Path) -> None:
    schedule = Schedule(groups=4, at_once=4)
    done = fit(tiny, tmp_path / "alarm", InjectionLesson(passages=8), phenomenon=ABOUT, schedule=schedule)
    assert "injections[passages=8]" in str(done)
    assert "same likeliest token on 100 %" in done.sidecar.made["damage"]
