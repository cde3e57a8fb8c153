"""Phenomena of the inside: splits, balance, what may be read and what may not, what is written where, and the truth."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from selfscope import catalogue
from selfscope.errors import SelfscopeError, Unsupported
from selfscope.phenomena.attribute_extraction import ONLY_TEST, AttributeExtraction
from selfscope.phenomena.entity_resolution import EntityResolution
from selfscope.phenomena.evidence import evidence
from selfscope.phenomena.hidden_context import KINDS, HiddenContext, values_of
from selfscope.phenomena.injected_concept import DEPTH, TASKS, InjectedConcept
from selfscope.phenomena.next_token_identity import OPTIONS, NextTokenIdentity
from selfscope.phenomena.stimuli.concepts import about, baseline, concept_vectors, concepts, random_vector
from selfscope.quantities import load_table, words
from selfscope.readers.ask import Ask
from selfscope.records import Injection, Prompt, Trial, content_hash, from_json, to_json, to_jsonable
from selfscope.subjects.local import Local, load
from selfscope.subjects.phantom import Phantom
from selfscope.subjects.sealed import Log, SealedSubject, SealRegistry
from selfscope.wording import FORMATS, fits, phrase
from tiny import build

FIVE = [InjectedConcept(), HiddenContext(), EntityResolution(), AttributeExtraction(), NextTokenIdentity()]
POSED: dict[str, list[Trial]] = {}
each = pytest.mark.parametrize("phenomenon", FIVE, ids=lambda p: p.kind)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("llama", tmp_path_factory.mktemp("llama"), deep=True)


@pytest.fixture(scope="module")
def tiny(folder: Path) -> Iterator[Local]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield replace(load(str(folder), device="cpu"), context=2048)  # rotary positions do not end at 256
    torch.set_num_threads(threads)


def posed(subject: Local, phenomenon: Any) -> list[Trial]:
    key = f"{subject.identity} {phenomenon!r}"
    if key not in POSED:
        POSED[key] = phenomenon.pose(subject, 0)
    return POSED[key]


def main(trials: list[Trial]) -> list[Trial]:
    return [t for t in trials if t.plain]


def test_they_are_in_the_catalogue() -> None:
    assert [catalogue.resolve("phenomenon", name).kind for name in catalogue.INSIDE] == list(catalogue.INSIDE)
    assert {p.kind for p in FIVE} == set(catalogue.INSIDE)
    assert not set(catalogue.INSIDE) & set(catalogue.PHENOMENA)


@each
def test_sizes(tiny: Local, phenomenon: Any) -> None:
    trials = main(posed(tiny, phenomenon))
    test = [t for t in trials if t.split == "test"]
    assert len(test) >= 200
    assert len({t.cluster for t in test}) >= 60
    for split, size in (("test", phenomenon.test), ("train", phenomenon.train), ("dev", phenomenon.dev)):
        some = [t for t in trials if t.split == split]
        assert 0.9 * size <= len({t.cluster for t in some}) <= size
        sources = 2 if phenomenon.kind == "next_token_identity" and split != "test" else 3
        assert len({t.source for t in some}) >= sources


@each
def test_a_full_profile_finds_enough_clusters(tiny: Local, phenomenon: Any) -> None:
    trials = type(phenomenon)(test=150, train=80, dev=30).pose(tiny, 1)
    assert len({t.cluster for t in trials}) >= 0.9 * 260
    assert not {t.id for t in trials} & {t.id for t in posed(tiny, phenomenon)}


@each
def test_no_cluster_prompt_or_id_is_in_two_splits(tiny: Local, phenomenon: Any) -> None:
    trials = posed(tiny, phenomenon)
    for what in (
        lambda t: t.cluster,
        lambda t: t.observation,
        lambda t: content_hash(t.prompt.messages, t.prompt.text),
        lambda t: t.evidence and content_hash(t.evidence.prompt.messages, t.evidence.prompt.text),
    ):
        splits: dict[Any, set[str]] = {}
        for t in trials:
            splits.setdefault(what(t), set()).add(t.split)
        assert all(len(found) == 1 for key, found in splits.items() if key is not None)
    assert len({t.id for t in trials}) == len(trials)


@each
def test_some_tasks_are_in_test_only_and_every_quantity_is_in_train(tiny: Local, phenomenon: Any) -> None:
    tasks = {s: {t.task for t in posed(tiny, phenomenon) if t.split == s} for s in ("test", "train", "dev")}
    assert tasks["test"] - tasks["train"] - tasks["dev"]
    assert tasks["train"] | tasks["dev"] <= tasks["test"]
    quantities = {s: {t.question.quantity for t in posed(tiny, phenomenon) if t.split == s} for s in tasks}
    assert quantities["train"] == quantities["test"]


@each
def test_the_place_of_an_option_does_not_tell_that_it_is_right(tiny: Local, phenomenon: Any) -> None:
    trials = [t for t in posed(tiny, phenomenon) if t.split == "test" and (t.arm, t.control) == ("real", "plain")]
    truths = phenomenon.truth(trials, phenomenon.observe(tiny, trials))
    groups: dict[Any, list[tuple[int, int]]] = {}
    for t, truth in zip(trials, truths, strict=True):
        if t.question.binary:
            continue
        shared = t.question.quantity == "entity_kind"  # what a source is about decides its kinds
        key = (t.question.quantity, len(t.question.options), t.source if shared else "")
        groups.setdefault(key, []).append((truth.greedy, t.question.shown.index(truth.greedy)))
    for (_, k, _), places in groups.items():
        for counts in (Counter(a for a, _ in places), Counter(b for _, b in places)):
            assert max(counts.values()) / len(places) < 1 / k + 3.5 * np.sqrt((k - 1) / k**2 / len(places)) + 0.01


@each
def test_truth_is_pure_and_survives_json(tiny: Local, phenomenon: Any) -> None:
    trials = posed(tiny, phenomenon)
    seen = phenomenon.observe(tiny, trials)
    assert [o.key for o in seen] == list(dict.fromkeys(t.observation for t in trials))
    truths = phenomenon.truth(trials, seen)
    some = slice(0, None, 9)
    back = [from_json(Trial, to_json(t)) for t in trials[some]]
    assert [to_jsonable(t) for t in back] == [to_jsonable(t) for t in trials[some]]
    assert list(map(to_jsonable, phenomenon.truth(back, seen))) == list(map(to_jsonable, truths[some]))
    for part in (trials[::-7], trials[:1]):
        whole = {o.key: to_jsonable(o) for o in seen}
        for one in phenomenon.observe(tiny, part):
            if phenomenon.kind == "next_token_identity":  # the batch's shape moves the last digits
                assert one.exact["logprobs"] == pytest.approx(whole[one.key]["exact"]["logprobs"], abs=1e-4)
            else:
                assert to_jsonable(one) == whole[one.key]
    grade = "exact" if phenomenon.kind == "next_token_identity" else "record"
    assert {t.grade for t in truths} == {grade}
    assert all(sum(t.mean) == pytest.approx(1) for t in truths)


@each
def test_what_the_words_carry_comes_back(tiny: Local, phenomenon: Any) -> None:
    """wording -> the answer of a scripted subject -> parsing gives back what it means."""
    scripted = Phantom(access=1.0)
    some = posed(tiny, phenomenon)[::23]
    trials = [replace(t, prompt=replace(t.prompt, interventions=())) for t in some]
    for format in FORMATS:
        near = {"prob_text": 0.0051, "counts10": 0.101}.get(format, 1e-9)
        for trial, reading in zip(trials, Ask(format).read(scripted, trials), strict=True):
            if not fits(trial.question, format):
                continue
            meant = tuple(scripted.report(phrase(trial, format).prompt.tag).distribution)
            if format == "free":
                meant = tuple(float(i == int(np.argmax(meant))) for i in range(len(meant)))
            assert reading.distribution == pytest.approx(meant, abs=near), (format, reading.text)


@each
def test_every_trial_can_be_asked_by_its_primary_format(tiny: Local, phenomenon: Any) -> None:
    some = main(posed(tiny, phenomenon))[::41]
    registry = SealRegistry()
    sealed = SealedSubject(tiny, "ask", registry, Log())
    readings = Ask(phenomenon.formats[0]).read(sealed, registry.hide(some))
    assert all(r.distribution is not None for r in readings)


@each
def test_a_subject_without_activations_is_told_so(phenomenon: Any) -> None:
    with pytest.raises(Unsupported, match=rf"{phenomenon.kind} needs the tier activations, and .* only logprobs"):
        phenomenon.pose(Phantom(), 0)


def test_the_same_trials_in_a_new_process(folder: Path, tiny: Local) -> None:
    code = (
        "import sys, torch; torch.set_num_threads(1)\n"
        "from selfscope.subjects.local import load\n"
        "from test_inside_phenomena import small_hash\n"
        "print(small_hash(load(sys.argv[1], device='cpu')))"
    )
    root = Path(__file__).parent
    path = os.pathsep.join([str(root.parent / "src"), str(root)])
    where = {**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": path}
    command = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, env=where, cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == small_hash(tiny)


def small_hash(subject: Local) -> str:
    """Of all trials of small studies, vectors included."""
    return content_hash([[to_json(t) for t in type(p)(test=9, train=6, dev=3).pose(subject, 0)] for p in FIVE])


# ---- evidence ----


@pytest.mark.parametrize("phenomenon", FIVE[1:], ids=lambda p: p.kind)
def test_evidence_is_what_its_columns_spell(tiny: Local, phenomenon: Any) -> None:
    for t in posed(tiny, phenomenon)[::17]:
        assert t.evidence is not None
        texts = tiny.token_texts(t.evidence.prompt)
        assert t.evidence.text == "".join(texts[c] for c in t.evidence.positions)
        assert min(t.evidence.positions) > 0
        assert max(t.evidence.positions) < len(texts)
        assert not t.evidence.prompt.interventions


def test_the_controlling_text_is_never_read(tiny: Local) -> None:
    for t in posed(tiny, HiddenContext())[::5]:
        assert t.evidence is not None
        hidden, said = t.prompt.messages
        controlling = set(tiny.positions(t.evidence.prompt, hidden.content, 0))
        assert controlling
        assert not controlling & set(t.evidence.positions)
        assert min(t.evidence.positions) > max(controlling)
        assert t.evidence.positions[-1] == len(tiny.encode(t.prompt)) - 1
        assert hidden.content in t.evidence.full
        assert hidden.content not in t.public
        assert t.public == said.content
        assert hidden.content not in t.evidence.text
        assert phrase(t, "choice_lp").prompt.messages[0] == hidden
        assert hidden.content not in repr(phrase(t, "choice_lp", hide_state=True).prompt.messages)


def test_evidence_on_the_controlling_text_is_refused(tiny: Local) -> None:
    t = posed(tiny, HiddenContext())[0]
    hidden = t.prompt.messages[0].content
    bad = tiny.positions(t.prompt, hidden, 0)[-1:]
    with pytest.raises(ValueError, match="controlling text"):
        evidence(tiny, t.prompt, bad, full="", controlling=(hidden,))


def test_neither_the_message_nor_the_template_tells_the_hidden_value(tiny: Local) -> None:
    trials = posed(tiny, HiddenContext())
    templates: dict[str, set[str]] = {}
    by_message: dict[str, list[str]] = {}
    truths = HiddenContext().truth(trials, HiddenContext().observe(tiny, trials))
    for t, truth in zip(trials, truths, strict=True):
        kind = t.question.quantity.removeprefix("hidden_")
        key, _, fill = values_of(kind)[truth.greedy or 0]
        hidden = t.prompt.messages[0].content
        assert fill in hidden
        templates.setdefault(hidden.replace(fill, "{x}"), set()).add(t.split)
        by_message.setdefault(t.cluster, []).append(key)
    assert all(len(splits) == 1 for splits in templates.values())
    assert all(len(set(keys)) == len(keys) >= 3 for keys in by_message.values())
    for split in ("test", "train"):
        for kind in KINDS:
            asked = (split, f"hidden_{kind}")
            both = zip(trials, truths, strict=True)
            counts = Counter(tr.greedy for t, tr in both if (t.split, t.question.quantity) == asked)
            assert len(counts) == 10
            assert max(counts.values()) - min(counts.values()) <= 1


def test_one_kind_alone_can_be_posed(tiny: Local) -> None:
    trials = HiddenContext(test=12, train=6, dev=3, kinds=("persona",)).pose(tiny, 0)
    assert {t.question.quantity for t in trials} == {"hidden_persona"}
    assert len(trials) == 12 * 3 + 6 * 10 + 3 * 3


@pytest.mark.parametrize("phenomenon", [EntityResolution(), AttributeExtraction()], ids=lambda p: p.kind)
def test_names_are_read_at_their_last_token_and_the_sentence_does_not_answer(tiny: Local, phenomenon: Any) -> None:
    trials = posed(tiny, phenomenon)
    truths = phenomenon.truth(trials, phenomenon.observe(tiny, trials))
    for t, truth in zip(trials, truths, strict=True):
        assert t.evidence is not None
        name = t.cluster.partition(": ")[2] or t.cluster
        assert t.public.endswith(name)
        assert t.evidence.positions == (len(tiny.encode(t.prompt)) - 1,)
        right = t.question.options[truth.greedy or 0].text
        if t.question.quantity == "attribute":
            assert not set(words(right)) & set(words(t.public))
        texts = [o.text for o in t.question.options]
        assert len(set(texts)) == len(texts)


def test_packaged_answers_are_the_tables() -> None:
    table = load_table("relations")["relations"]
    assert set(ONLY_TEST) < set(table)
    for row in table.values():
        assert row["verbal"].count("{x}") == 1
        assert row.get("pairs") or load_table("facts")[row["facts"]]
    named = load_table("entities")["named"]
    assert sum(map(len, named.values())) >= 100
    assert all(len({d for _, d in rows}) == len(rows) for rows in named.values())


def test_next_tokens_are_the_subjects_own(tiny: Local) -> None:
    trials = [t for t in posed(tiny, NextTokenIdentity()) if t.split == "test"][:40]
    seen = NextTokenIdentity().observe(tiny, trials)
    acted = {o.key: o.exact for o in seen}
    truths = NextTokenIdentity().truth(trials, seen)
    for t, truth in zip(trials, truths, strict=True):
        assert not t.coordinates, "no trial carries what the subject does"
        own = tiny.next_token([t.prompt], top=OPTIONS)[0]
        assert t.question.options[truth.greedy or 0].key == str(own.ids[0])
        assert len({o.text.casefold() for o in t.question.options}) == OPTIONS
        logprobs = [acted[t.observation]["logprobs"][o.key] for o in t.question.options]
        assert int(np.argmax(logprobs)) == truth.greedy
        assert acted[t.observation]["likeliest"]["ids"][0] == own.ids[0]
        ids = [int(o.key) for o in t.question.options]
        assert logprobs == pytest.approx(tiny.next_token([t.prompt], ids=ids)[0].logprobs, abs=1e-4)


def test_a_changed_subject_has_other_next_tokens(tiny: Local) -> None:
    trials = posed(tiny, NextTokenIdentity())[:10]
    vector = random_vector(tiny.width, "next")
    other = tiny.intervened([Injection(1, vector, operator="add", unit="median", strength=6.0, schedule="every")])
    before = {o.key: o for o in NextTokenIdentity().observe(tiny, trials)}
    seen = NextTokenIdentity().observe(other, trials)
    for t, one in zip(trials, seen, strict=True):
        assert sorted(one.exact["logprobs"]) == sorted(o.key for o in t.question.options)
    assert any(
        max(o.exact["logprobs"].values()) != pytest.approx(max(before[o.key].exact["logprobs"].values())) for o in seen
    )


# ---- what is injected ----


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
        assert all(t.question == real.question and t.cluster == real.cluster for t in arms.values())
        assert len({t.observation for t in arms.values()}) == len(arms)
        assert real.prompt.interventions
        assert not arms["clean"].prompt.interventions
        assert arms["clean"].prompt.messages == real.prompt.messages
        if "random" in arms:
            mine, other = arms["random"].prompt.interventions, real.prompt.interventions
            assert arms["random"].prompt.messages == real.prompt.messages
            assert [replace(a, vector=b.vector) for a, b in zip(mine, other)] == list(other)  # type: ignore
            assert mine != other
        if "input" in arms:
            assert not arms["input"].prompt.interventions
            assert arms["input"].prompt.messages != real.prompt.messages
    controls = Counter((t.question.quantity, t.arm, t.control) for t in trials)
    assert all(control == ("unrelated" if q == "unrelated" else "plain") for q, _, control in controls)
    assert {q for q, arm, _ in controls if arm == "real"} == set(TASKS)


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
        assert (word[t.cluster] in words(to_json(said))) == (t.arm == "input")


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


# ---- SmolLM2 ----


@pytest.fixture(scope="module")
def smollm() -> Local:
    return load("smollm2-135m")


def test_on_smollm_the_sentence_and_nothing_else_is_written(smollm: Local) -> None:
    trials = main(InjectedConcept(test=2, train=0, dev=0).pose(smollm, 0))
    for t in trials:
        if t.question.quantity in ("localisation", "strength"):
            moved, spelt = written_columns(smollm, t)
            assert moved == sorted(c for positions in spelt for c in positions)
            seen = {one.span_text for one in t.prompt.interventions if isinstance(one, Injection)}
            assert all(t.public.count(span_text) == 1 for span_text in seen)


@pytest.mark.slow
def test_on_smollm_a_plain_probe_reads_the_hidden_topic(smollm: Local) -> None:
    """A positive control: shrunk linear discriminants at the last layer, on the word "assistant" at the prompt's end
    (the line break behind it holds less); and a null."""
    trials = HiddenContext(test=60, train=60, dev=0, kinds=("topic",)).pose(smollm, 0)
    truths = HiddenContext().truth(trials, HiddenContext().observe(smollm, trials))
    label = np.array([truth.greedy for truth in truths])
    train = np.array([t.split == "train" for t in trials])
    prompts: list[Prompt] = []
    positions: list[tuple[int, ...]] = []
    for t in trials:
        assert t.evidence is not None
        prompts.append(t.evidence.prompt)
        positions.append(t.evidence.positions[-2:-1])
    states = smollm.capture(prompts, [29], positions).at(29).astype(np.float64)
    right = discriminants(states[train], label[train], states[~train]) == label[~train]
    mixed = np.random.default_rng(0).permutation(label[train])
    null = discriminants(states[train], mixed, states[~train]) == label[~train]
    assert right.mean() > 0.85
    assert null.mean() < 0.25


def discriminants(x: Any, y: Any, z: Any, shrink: float = 0.1) -> Any:
    """Classes of z (m, D) by linear discriminants fitted on x (n, D), y (n,), covariance shrunk to its mean."""
    mu, sd = x.mean(0), x.std(0) + 1e-6
    x, z = (x - mu) / sd, (z - mu) / sd
    means = np.stack([x[y == k].mean(0) for k in range(10)])
    within = x - means[y]
    cov = within.T @ within / len(x)
    cov = (1 - shrink) * cov + shrink * np.trace(cov) / len(cov) * np.eye(len(cov))
    weights = np.linalg.solve(cov, means.T)
    return (z @ weights - 0.5 * np.einsum("kd,dk->k", means, weights)).argmax(1)
