"""Injected concepts: what is written where, how the places are balanced, and the truth of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import inside_trials
from inside_trials import main, posed
from selfscope.errors import BadInput, SelfscopeError
from selfscope.phenomena.hidden_context import HiddenContext
from selfscope.phenomena.injected_concept import DEPTH, EARLY, TASKS, InjectedConcept
from selfscope.phenomena.stimuli.concepts import about, baseline, concept_vectors, concepts, random_vector
from selfscope.quantities import load_table, words
from selfscope.records import Injection, Trial, content_hash, to_json
from selfscope.subjects.local import Local, load
from selfscope.subjects.sealed import SealRegistry
from selfscope.wording import phrase
from tiny import build

folder = inside_trials.folder
tiny = inside_trials.tiny
smollm = inside_trials.smollm


def test_concepts_are_many_and_none_stands_in_a_sentence() -> None:
    table = load_table("concepts")
    everything = [w for many in table["concepts"].values() for w in many]
    assert len(set(everything)) == len(everything) >= 60
    assert len(table["concepts"]) >= 5
    assert len(set(baseline())) == len(baseline()) >= 100
    assert not set(everything) & set(baseline())
    sentences = [s for many in load_table("passages").values() for s in many]
    said = {w for s in sentences for w in words(s)} | {w for p in table["statements"] for s in p for w in words(s)}
    assert not said & {form for w in everything for form in (w, f"{w}s")}
    assert sorted(w for _, w in concepts(3)) == sorted(everything)


def test_vectors_are_mean_differences_and_strengths_are_medians(tiny: Local) -> None:
    trials = main(posed(tiny, InjectedConcept()))
    layer = round(DEPTH * (len(tiny.layers) - 1))
    words_ = [w for _, w in concepts(0)[:2]]
    ordinary = tiny.capture([about(tiny, w) for w in baseline()], [layer], "last").at(layer)
    for word in words_:
        state = tiny.capture([about(tiny, word)], [layer], "last").at(layer)[0]
        vector = concept_vectors(tiny, [word], layer)[word].array
        assert vector == pytest.approx(state - ordinary.mean(0), abs=1e-4)
        mine = [t for t in trials if t.cluster == "concept " + content_hash("cluster", word)]
        assert {t.question.quantity for t in mine} == set(TASKS) - {"unrelated"}
        for t in mine:
            for one in t.prompt.interventions:
                assert isinstance(one, Injection)
                assert one.vector.array == pytest.approx(vector, abs=1e-4)
                assert (one.layer, one.operator, one.unit) == (layer, "add", "median")
    t = next(t for t in trials if t.question.quantity == "localisation")
    asked = phrase(t, "choice_lp").prompt
    both = tiny.capture([asked, replace(asked, interventions=())], [layer], "every")
    moved = np.linalg.norm(both.of(0, layer) - both.of(1, layer), axis=1)
    assert moved.max() == pytest.approx(InjectedConcept().strength * tiny.median_norm(layer), rel=1e-3)


def test_random_vectors_depend_on_their_key_alone() -> None:
    a, b, c = random_vector(400, 0, "x"), random_vector(400, 0, "x"), random_vector(400, 0, "y")
    assert a == b
    assert abs(np.corrcoef(a.array, c.array)[0, 1]) < 0.2


def written_columns(subject: Local, trial: Trial) -> tuple[list[int], list[list[int]]]:
    """Columns of the asked prompt whose state the injections change, and those that spell each part written over."""
    asked = phrase(trial, "choice_lp", chat=subject.chat).prompt
    acts = [one for one in asked.interventions if isinstance(one, Injection)]
    layer = acts[0].layer
    both = subject.capture([asked, replace(asked, interventions=())], [layer], "every")
    moved = np.linalg.norm(both.of(0, layer) - both.of(1, layer), axis=1)
    spelt = [list(subject.positions(asked, one.span_text)) for one in acts]
    for one, positions in zip(acts, spelt, strict=True):
        assert "".join(subject.token_texts(asked)[c] for c in positions).strip() == one.span_text
    return np.flatnonzero(moved > 1e-3 * moved.max()).tolist(), spelt


@pytest.mark.parametrize("quantity", [q for q in TASKS if q != "unrelated"])
def test_exactly_the_tokens_of_the_part_are_written(tiny: Local, quantity: str) -> None:
    some = [t for t in main(posed(tiny, InjectedConcept())) if t.question.quantity == quantity][::45]
    for t in some:
        moved, spelt = written_columns(tiny, t)
        assert moved == sorted(c for positions in spelt for c in positions)


def test_a_span_goes_on_through_the_question(tiny: Local) -> None:
    spanned = InjectedConcept(test=3, train=0, dev=0, span=True).pose(tiny, 0)
    t = next(t for t in spanned if (t.question.quantity, t.arm) == ("detection", "real"))
    moved, spelt = written_columns(tiny, t)
    assert moved == list(range(min(spelt[0]), len(tiny.encode(phrase(t, "choice_lp").prompt))))
    local = next(t for t in spanned if t.question.quantity == "localisation")
    assert {one.schedule for one in local.prompt.interventions if isinstance(one, Injection)} == {"prefill"}


def test_places_are_balanced(tiny: Local) -> None:
    trials = [t for t in main(posed(tiny, InjectedConcept())) if t.split == "test"]
    truths = InjectedConcept().truth(trials, InjectedConcept().observe(tiny, trials))
    where: dict[str, Counter[int | None]] = {}
    for t, truth in zip(trials, truths, strict=True):
        where.setdefault(t.question.quantity, Counter())[truth.greedy] += 1
        if t.question.quantity == "localisation":
            line = t.prompt.messages[0].content.splitlines()[1 + (truth.greedy or 0)]
            assert line.endswith(t.prompt.interventions[0].span_text)  # type: ignore[union-attr]
        if t.question.quantity == "strength":
            passages = t.prompt.messages[0].content.splitlines()[1:]
            strongest = max(t.prompt.interventions, key=lambda one: one.strength)  # type: ignore[union-attr]
            assert strongest.span_text in passages[truth.greedy or 0]  # type: ignore[union-attr]
    assert len(where["localisation"]) == 10
    assert max(where["localisation"].values()) - min(where["localisation"].values()) <= 3
    assert abs(where["strength"][0] - where["strength"][1]) <= 3
    both = [len(t.prompt.interventions) for t in trials if t.question.quantity == "strength"]
    assert 0.4 <= sum(n == 2 for n in both) / len(both) <= 0.6
    assert set(where["detection"]) == {0}


def test_arms_ask_the_same_and_differ_in_what_is_injected(tiny: Local) -> None:
    trials = posed(tiny, InjectedConcept())
    found: dict[str, dict[str, Trial]] = {}
    for t in trials:
        found.setdefault(t.base, {})[t.arm] = t
    for base, arms in found.items():
        real = arms["real"]
        assert real.id == base
        assert tuple(arms) == TASKS[real.question.quantity]
        assert all(t.cluster == real.cluster for t in arms.values())
        assert all(t.question == real.question for arm, t in arms.items() if arm != "mismatch")
        assert len({t.observation for t in arms.values()}) == len(arms)
        assert real.prompt.interventions
        assert not arms["clean"].prompt.interventions
        assert arms["clean"].prompt.messages == real.prompt.messages
        if "random" in arms:
            mine, other = arms["random"].prompt.interventions, real.prompt.interventions
            assert arms["random"].prompt.messages == real.prompt.messages
            assert [replace(a, vector=b.vector) for a, b in zip(mine, other)] == list(other)  # type: ignore
            assert mine != other
        if "early" in arms:
            places(arms)
        if "input" in arms:
            assert not arms["input"].prompt.interventions
            assert arms["input"].prompt.messages != real.prompt.messages
    controls = Counter((t.question.quantity, t.arm, t.control) for t in trials)
    assert all(control == ("unrelated" if q == "unrelated" else "plain") for q, _, control in controls)
    assert {q for q, arm, _ in controls if arm == "real"} == set(TASKS)


def places(arms: dict[str, Trial]) -> None:
    """What the arms of a localisation change: the layer, the text there or elsewhere, the question."""
    (own,) = arms["real"].prompt.interventions
    (early,) = arms["early"].prompt.interventions
    assert isinstance(own, Injection)
    assert early == replace(own, layer=own.layer // EARLY)
    assert arms["mismatch"].prompt == arms["real"].prompt
    assert arms["mismatch"].question == replace(arms["real"].question, quantity="listed_last")
    lines = {arm: t.prompt.messages[0].content.splitlines()[1:] for arm, t in arms.items()}
    changed = {arm: [i for i, line in enumerate(lines["real"]) if lines[arm][i] != line] for arm in lines}
    touched = [i for i, line in enumerate(lines["real"]) if line.endswith(own.span_text)]
    assert changed["input"] == touched
    assert len(changed["against"]) == 1
    assert changed["against"] != touched
    assert arms["against"].prompt.interventions == (own,)
    assert arms["against"].public != arms["real"].public


@pytest.mark.parametrize("count", [2, 5])
def test_places_are_a_setting(tiny: Local, count: int) -> None:
    phenomenon = InjectedConcept(test=20, train=0, dev=0, places=count)
    trials = [t for t in phenomenon.pose(tiny, 0) if t.question.quantity in ("localisation", "listed_last")]
    real = [t for t in trials if t.arm == "real"]
    where = Counter(truth.greedy for truth in phenomenon.truth(real, phenomenon.observe(tiny, real)))
    assert all(len(t.question.options) == count == len(t.prompt.messages[0].content.splitlines()) - 1 for t in trials)
    assert set(where) == set(range(count))
    for t in trials:
        if t.arm == "mismatch":
            assert known(phenomenon, tiny, t) == t.question.shown[-1]
    with pytest.raises(BadInput, match="2 to 12"):
        InjectedConcept(places=13)


def known(phenomenon: InjectedConcept, subject: Local, trial: Trial) -> int | None:
    return phenomenon.truth([trial], phenomenon.observe(subject, [trial]))[0].greedy


def test_the_dose_is_told_in_lengths_of_the_vector_too(tiny: Local) -> None:
    for t in InjectedConcept(test=3, train=0, dev=0).pose(tiny, 0):
        if t.plain:
            one = t.prompt.interventions[-1]
            assert isinstance(one, Injection)
            natural = InjectedConcept().strength * tiny.median_norm(one.layer) / np.linalg.norm(one.vector.array)
            assert t.coordinates["natural"] == pytest.approx(natural, abs=0.06)


def test_unrelated_questions_are_asked_under_the_same_injection(tiny: Local) -> None:
    trials = posed(tiny, InjectedConcept())
    detection = {(t.cluster, t.arm): t for t in trials if t.question.quantity == "detection"}
    unrelated = [t for t in trials if t.question.quantity == "unrelated"]
    truths = InjectedConcept().truth(unrelated, InjectedConcept().observe(tiny, unrelated))
    for t in unrelated:
        assert t.prompt.interventions == detection[t.cluster, t.arm].prompt.interventions
        assert t.prompt.messages == detection[t.cluster, t.arm].prompt.messages
    assert np.mean([truth.mean[0] for truth in truths]) == pytest.approx(0.5, abs=0.03)


def test_truths_of_injections(tiny: Local) -> None:
    trials = posed(tiny, InjectedConcept())
    truths = InjectedConcept().truth(trials, InjectedConcept().observe(tiny, trials))
    word = {"concept " + content_hash("cluster", w): w for _, w in concepts(0)}
    for t, truth in zip(trials, truths, strict=True):
        quantity, k = t.question.quantity, len(t.question.options)
        if quantity == "detection":
            assert truth.mean == ((1.0, 0.0) if t.arm == "real" else (0.0, 1.0))
        elif quantity != "unrelated" and t.arm == "clean":
            assert truth.mean == pytest.approx((1 / k,) * k)
        elif quantity == "identification":
            assert t.question.options[truth.greedy or 0].text == word[t.cluster]
            kinds = {w: kind for kind, many in load_table("concepts")["concepts"].items() for w in many}
            others = [kinds[o.text] for o in t.question.options if o.text != word[t.cluster]]
            assert kinds[word[t.cluster]] not in others


def test_a_sealed_trial_does_not_name_its_concept(tiny: Local) -> None:
    word = {"concept " + content_hash("cluster", w): w for _, w in concepts(0)}
    trials = posed(tiny, InjectedConcept())
    for t, sealed in zip(trials, SealRegistry().hide(trials), strict=True):
        said = replace(sealed, question=replace(sealed.question, options=()))
        assert (word[t.cluster] in words(to_json(said))) == (t.arm in ("input", "against"))


def test_too_many_concepts_are_refused(tiny: Local) -> None:
    with pytest.raises(SelfscopeError, match="280 concepts"):
        InjectedConcept(test=281, train=0, dev=0).pose(tiny, 0)


def test_a_base_model_is_asked_too(tmp_path: Path) -> None:
    base = replace(load(str(build("gpt-neox", tmp_path, chat=False, deep=True)), device="cpu"), context=2048)
    assert not base.chat
    injected = InjectedConcept(test=3, train=0, dev=0).pose(base, 0)
    t = next(t for t in injected if t.question.quantity == "localisation")
    moved, spelt = written_columns(base, t)
    assert moved == spelt[0]
    hidden = HiddenContext(test=3, train=0, dev=0).pose(base, 0)
    assert all("Assistant:" in t.evidence.text for t in hidden if t.evidence is not None)


def test_on_smollm_the_sentence_and_nothing_else_is_written(smollm: Local) -> None:
    trials = main(InjectedConcept(test=2, train=0, dev=0).pose(smollm, 0))
    for t in trials:
        if t.question.quantity in ("localisation", "strength"):
            moved, spelt = written_columns(smollm, t)
            assert moved == sorted(c for positions in spelt for c in positions)
            seen = {one.span_text for one in t.prompt.interventions if isinstance(one, Injection)}
            assert all(t.public.count(span_text) == 1 for span_text in seen)
