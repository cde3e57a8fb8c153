"""Phenomena, what holds for all: sizes, splits, balance of the wording, and truth as a pure function."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from posed_trials import SMALL, SUBJECT, each, posed, small
from selfscope.errors import SelfscopeError
from selfscope.phenomena.counterbalance import split_items
from selfscope.quantities import given
from selfscope.records import Message, Observation, Trial, content_hash, from_json, to_json, to_jsonable
from selfscope.wording import fits, phrase


@each
def test_sizes(phenomenon: Any) -> None:
    test = [t for t in posed(phenomenon) if t.split == "test"]
    assert len(test) >= 200
    assert len({t.cluster for t in test}) == phenomenon.test >= 60
    assert len({t.source for t in test}) >= 3
    for split, size in (("train", phenomenon.train), ("dev", phenomenon.dev)):
        some = [t for t in posed(phenomenon) if t.split == split]
        assert len({t.cluster for t in some}) == size
        assert len({t.source for t in some}) >= 3


@each
def test_no_cluster_object_or_id_is_in_two_splits(phenomenon: Any) -> None:
    trials = posed(phenomenon)
    for what in (lambda t: t.cluster, lambda t: t.observation, lambda t: content_hash(replace(t.prompt, tag={}))):
        splits: dict[str, set[str]] = {}
        for t in trials:
            splits.setdefault(what(t), set()).add(t.split)
        assert all(len(found) == 1 for found in splits.values())
    assert len({t.id for t in trials}) == len(trials)
    assert all(t.base == t.id and t.control == "plain" and t.state == "plain" for t in trials)


@each
def test_some_tasks_are_in_test_only_and_every_quantity_is_in_train(phenomenon: Any) -> None:
    tasks = {s: {t.task for t in posed(phenomenon) if t.split == s} for s in ("test", "train", "dev")}
    assert tasks["test"] - tasks["train"] - tasks["dev"]
    assert tasks["train"] <= tasks["test"]
    quantities = {s: {t.question.quantity for t in posed(phenomenon) if t.split == s} for s in tasks}
    assert quantities["train"] == quantities["test"]


@each
def test_wordings_are_crossed_evenly(phenomenon: Any) -> None:
    groups: dict[Any, list[Trial]] = {}
    for t in posed(phenomenon):
        if t.split == "test":
            q = t.question
            groups.setdefault((q.quantity, q.placement, len(q.options)), []).append(t)
    for (_, _, k), trials in groups.items():
        questions = [t.question for t in trials]
        assert all(sorted(q.order) == list(range(k)) for q in questions)
        counts = [Counter(q.template for q in questions), Counter(q.order[0] for q in questions)]
        counts.append(Counter((q.template, q.order[0]) for q in questions))
        if questions[0].binary:
            counts += [Counter(q.negated for q in questions), Counter((q.negated, q.order[0]) for q in questions)]
        for count, cells in zip(counts, (3, k, 3 * k, 2, 4)):
            expected = len(questions) / cells
            assert len(count) == cells or expected < 1.5
            assert max(count.values()) - min(count.values()) <= 2
        if not questions[0].binary:
            assert not any(q.negated for q in questions)


@small
def test_truth_is_pure_and_survives_json(phenomenon: Any) -> None:
    trials = posed(phenomenon)
    seen = phenomenon.observe(SUBJECT, trials)
    assert [o.key for o in seen] == list(dict.fromkeys(t.observation for t in trials))
    truths = phenomenon.truth(trials, seen)
    again = phenomenon.truth(
        [from_json(Trial, to_json(t)) for t in trials], [from_json(Observation, to_json(o)) for o in seen]
    )
    assert list(map(to_jsonable, truths)) == list(map(to_jsonable, again))
    for trial, truth in zip(trials, truths, strict=True):
        assert truth.trial == trial.id
        for d in (truth.mean, truth.half_a, truth.half_b):
            assert len(d) == len(trial.question.options)
            assert sum(d) == pytest.approx(1)
        if truth.n:
            assert truth.grade == "rollouts"
            assert truth.n == phenomenon.rollouts
            assert truth.mean == pytest.approx([(a + b) / 2 for a, b in zip(truth.half_a, truth.half_b)])
        else:
            assert truth.grade in ("exact", "program")


@small
def test_the_order_and_the_batch_of_trials_change_nothing(phenomenon: Any) -> None:
    trials = posed(phenomenon)
    whole = {o.key: to_jsonable(o) for o in phenomenon.observe(SUBJECT, trials)}
    for part in (trials[::-1], trials[:1], trials[len(trials) // 2 :]):
        for observation in phenomenon.observe(SUBJECT, part):
            assert to_jsonable(observation) == whole[observation.key]


@small
def test_a_hidden_system_message_makes_another_truth(phenomenon: Any) -> None:
    moved = [
        replace(
            t,
            id=t.id + "x",
            prompt=replace(t.prompt, messages=(Message("system", "Be odd."), *t.prompt.messages)),
            observation=content_hash(t.observation, "Be odd."),
            state="changed:0",
        )
        for t in posed(phenomenon)
    ]
    before = phenomenon.truth(posed(phenomenon), phenomenon.observe(SUBJECT, posed(phenomenon)))
    after = phenomenon.truth(moved, phenomenon.observe(SUBJECT, moved))
    acted = [not given(t.question.quantity) for t in posed(phenomenon)]
    assert sum(a.mean != b.mean for a, b in zip(before, after)) > 0.2 * sum(acted)


def trial_format(trial: Trial, phenomenon: Any) -> str:
    return next(f for f in phenomenon.formats if fits(trial.question, f))


@small
def test_every_trial_can_be_asked_in_the_formats_of_its_phenomenon(phenomenon: Any) -> None:
    for trial in posed(phenomenon):
        assert fits(trial.question, "choice_lp")
        for format in phenomenon.formats:
            if fits(trial.question, format):
                asked = phrase(trial, format)
                text = "\n".join(m.content for m in asked.prompt.messages)
                # About 150 tokens at the very most, but for a program's task, which has five steps and two examples.
                assert len(text.split()) <= (260 if phenomenon.kind == "programming_success" else 110)
                assert "Be odd" not in trial.public
        about = trial.prompt.messages[trial.prompt.context :]
        assert all(m.content in trial.public for m in about if not m.hidden)
        before = trial.prompt.messages[: trial.prompt.context]
        assert phrase(trial, trial_format(trial, phenomenon)).prompt.messages[: len(before)] == before


def test_the_same_trials_in_a_new_process() -> None:
    code = (
        "from selfscope.subjects.phantom import Phantom\n"
        "from selfscope.records import content_hash\n"
        "from tests.posed_trials import SMALL\n"
        "print(content_hash([[t.id for t in p.pose(Phantom(access=0.5, seed=3), 0)] for p in SMALL]))"
    )
    root = Path(__file__).parent.parent
    where = {**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"}
    done = subprocess.run([sys.executable, "-c", code], env=where, cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == content_hash([[t.id for t in posed(p)] for p in SMALL])


@each
def test_another_seed_gives_other_trials(phenomenon: Any) -> None:
    other = type(phenomenon)(test=10, train=5, dev=5).pose(SUBJECT, 1)
    assert not {t.id for t in other} & {t.id for t in posed(phenomenon)}


def test_too_many_clusters_are_refused() -> None:
    with pytest.raises(SelfscopeError, match="clusters at most"):
        split_items({"a": [1, 2], "b": [3]}, {"test": 4})
