"""Phenomena of the inside, what holds for all: sizes, splits, balance, and the truth as a pure function."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import inside_trials
from inside_trials import FIVE, each, main, posed, small_hash
from selfscope import catalogue
from selfscope.errors import Unsupported
from selfscope.readers.ask import Ask
from selfscope.records import Trial, content_hash, from_json, to_json, to_jsonable
from selfscope.subjects.local import Local
from selfscope.subjects.phantom import Phantom
from selfscope.subjects.sealed import Log, SealedSubject, SealRegistry
from selfscope.wording import FORMATS, fits, phrase

folder = inside_trials.folder
tiny = inside_trials.tiny


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
        "from inside_trials import small_hash\n"
        "print(small_hash(load(sys.argv[1], device='cpu')))"
    )
    root = Path(__file__).parent
    path = os.pathsep.join([str(root.parent / "src"), str(root)])
    where = {**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": path}
    command = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, env=where, cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == small_hash(tiny)
