"""Phenomena: sizes, splits, balance of the wording, truth as a pure function, and no leak of an answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from selfscope.errors import SelfscopeError, Unsupported
from selfscope.phenomena.branch_distribution import LISTED, BranchDistribution
from selfscope.phenomena.confidence import Confidence
from selfscope.phenomena.counterbalance import split_items
from selfscope.phenomena.items import Items
from selfscope.phenomena.self_prediction import SelfPrediction
from selfscope.phenomena.token_probability import TokenProbability
from selfscope.quantities import ELSE, answers, first_content_word, words
from selfscope.records import Message, Observation, Trial, content_hash, from_json, to_json, to_jsonable
from selfscope.subjects.phantom import Phantom
from selfscope.wording import fits, phrase

FOUR = [SelfPrediction(), BranchDistribution(), TokenProbability(), Confidence()]
SMALL = [type(p)(test=20, train=12, dev=8, rollouts=6) for p in FOUR]  # type: ignore[call-arg]
EXAMPLE = Path(__file__).parent.parent / "examples" / "items.jsonl"
SUBJECT = Phantom(access=0.5, seed=3)
POSED: dict[str, list[Trial]] = {}


def posed(phenomenon: Any) -> list[Trial]:
    key = repr(phenomenon)
    if key not in POSED:
        POSED[key] = phenomenon.pose(SUBJECT, 0)
    return POSED[key]


each = pytest.mark.parametrize("phenomenon", FOUR, ids=lambda p: p.kind)
small = pytest.mark.parametrize("phenomenon", [*SMALL, Items(str(EXAMPLE), rollouts=6)], ids=lambda p: p.kind)


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
    acted = [t.question.quantity not in ("correct_shown", "correct_after") for t in posed(phenomenon)]
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
                assert len(text.split()) <= 110  # about 150 tokens at the very most
                assert "Be odd" not in trial.public
        about = trial.prompt.messages[trial.prompt.context :]
        assert all(m.content in trial.public for m in about if not m.hidden)
        before = trial.prompt.messages[: trial.prompt.context]
        assert phrase(trial, trial_format(trial, phenomenon)).prompt.messages[: len(before)] == before


def test_the_same_trials_in_a_new_process() -> None:
    code = (
        "from selfscope.subjects.phantom import Phantom\n"
        "from selfscope.records import content_hash\n"
        "from tests.test_phenomena import SMALL\n"
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


def test_branches_are_scored_on_draws_that_did_not_list_them() -> None:
    phenomenon = BranchDistribution(test=30, train=0, dev=0, rollouts=10)
    trials = posed(phenomenon)
    seen = {o.key: o for o in phenomenon.observe(SUBJECT, trials)}
    same = 0
    for t in trials:
        listing = t.coordinates["listing"]
        assert len(listing) == phenomenon.rollouts // 2
        keys = [o.key for o in t.question.options]
        assert 3 <= len(keys) <= LISTED + 1
        assert keys[-1] == "else"
        assert t.question.options[-1].text == ELSE
        counts = Counter(map(first_content_word, listing))
        listed = [counts[k] for k in keys[:-1] if counts[k]]
        assert sorted(listed, reverse=True) == [n for _, n in counts.most_common(len(listed))]
        same += tuple(listing) == seen[t.observation].replies[: len(listing)]
        assert seen[t.observation].exact["ids"] == list(SUBJECT.encode(t.prompt))
    assert same < len(trials) / 10


def test_the_place_of_an_outcome_says_nothing_of_how_often_it_came() -> None:
    trials = [t for t in posed(BranchDistribution()) if len(t.question.options) == 4]
    first = []
    for trial in trials:
        counts = Counter(map(first_content_word, trial.coordinates["listing"]))
        first.append(max(range(3), key=lambda i: counts[trial.question.options[i].key]))
    assert max(Counter(first).values()) < 0.45 * len(first)


def test_branches_are_asked_downstream_and_in_a_fresh_thread() -> None:
    by_cluster: dict[str, set[str]] = {}
    for t in posed(BranchDistribution()):
        if t.split == "test":
            by_cluster.setdefault(t.cluster, set()).add(t.question.placement)
            said = phrase(t, "choice_lp").prompt.messages
            assert (said[-2].content == t.prompt.prefix) if t.question.placement == "same" else (len(said) == 3)
    assert all(found == {"same", "fresh"} for found in by_cluster.values())


def test_token_probabilities_are_those_of_the_subject() -> None:
    phenomenon = TokenProbability(test=20, train=0, dev=0)
    trials = posed(phenomenon)
    truths = {t.trial: t for t in phenomenon.truth(trials, phenomenon.observe(SUBJECT, trials))}
    for t in trials:
        mean = truths[t.id].mean
        if t.question.quantity == "next_word":
            acts = SUBJECT._behaviour(t.prompt)
            word = t.question.arguments["word"]
            p = sum(x for r, x in zip(acts.replies, acts.p) if words(r)[0] == word.casefold())
            assert mean[0] == pytest.approx(p, abs=1e-9)
        if t.question.quantity == "entropy_bin":
            assert sorted(mean) == [0, 0, 0, 1]
    firsts = [truths[t.id].mean[0] for t in trials if t.question.quantity == "likelier"]
    assert 0.25 < sum(p > 0.5 for p in firsts) / len(firsts) < 0.75


def test_the_words_asked_about_do_not_depend_on_the_subject() -> None:
    one, two = (TokenProbability(test=12, train=0, dev=0).pose(Phantom(seed=n), 0) for n in (0, 1))
    assert [t.id for t in one] == [t.id for t in two]


def test_token_probability_needs_log_probabilities() -> None:
    class Hosted:
        name, tier, chat = "far", "text", True

    with pytest.raises(Unsupported, match="far gives only text"):
        TokenProbability().pose(Hosted(), 0)  # type: ignore[arg-type]


def test_no_question_shows_its_answer() -> None:
    for t in posed(Confidence()):
        accepted = answers(t.question.arguments["item"])
        if t.question.quantity != "correct_before" or accepted[0] in ("true", "false"):
            continue
        for format in Confidence.formats:
            said = words(" ".join(m.content for m in phrase(t, format).prompt.messages))
            for answer in accepted:
                own = words(answer)
                assert not any(said[i : i + len(own)] == own for i in range(len(said))), (t.public, answer)


def test_shown_candidates_are_right_half_of_the_time_and_own_answers_are_graded() -> None:
    phenomenon = Confidence()
    trials = posed(phenomenon)
    truths = {t.trial: t for t in phenomenon.truth(trials, phenomenon.observe(SUBJECT, trials))}
    shown: dict[str, list[float]] = {}
    for t in trials:
        if t.question.quantity == "correct_shown" and t.split == "test":
            shown.setdefault(t.cluster, []).append(truths[t.id].mean[0])
        if t.question.quantity == "correct_after":
            last = t.prompt.messages[-1]
            assert last.role == "assistant"
            assert last.content.endswith(" " + t.question.arguments["answer"])
    candidates = [right[0] for right in shown.values()]
    assert 0.45 <= sum(candidates) / len(candidates) <= 0.55


def test_products_are_never_learnt_from() -> None:
    assert {t.split for t in posed(Confidence()) if t.source == "products"} == {"test"}


def test_own_items(tmp_path: Path) -> None:
    trials = posed(Items(str(EXAMPLE), rollouts=6))
    assert len(trials) == len(EXAMPLE.read_text().splitlines())
    pirate = next(t for t in trials if t.coordinates.get("id") == "pirate")
    assert pirate.public == "Say hello."
    cities = [t for t in trials if t.public == "Name a city in Europe."]
    assert len({t.cluster for t in cities}) == len({t.observation for t in cities}) == 1
    one = tmp_path / "one.jsonl"
    one.write_text('{"prompt": "Hi", "options": ["a", "b"]}\n\n')
    assert [t.split for t in Items(str(one)).pose(SUBJECT, 0)] == ["test"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2 is not JSON"),
        ("[1]", "line 2 is list, not an object"),
        ('{"prompt": "x", "options": ["a", "b"], "colour": 1}', "line 2: unknown field 'colour'"),
        ('{"options": ["a", "b"]}', "line 2: give either a prompt or messages"),
        ('{"prompt": "x"}', "line 2: give either options or a property"),
        ('{"prompt": " ", "options": ["a", "b"]}', "line 2: the prompt must be text"),
        ('{"prompt": "x", "options": ["a"]}', "line 2: options are at least two"),
        ('{"prompt": "x", "options": ["a", "A "]}', "line 2: options are at least two"),
        ('{"prompt": "x", "options": ["a", "something else"]}', "is added by itself"),
        ('{"prompt": "x", "property": "mood"}', "line 2: unknown property 'mood'"),
        ('{"prompt": "x", "property": "above_threshold"}', "needs 'threshold', a number"),
        ('{"messages": [{"role": "assistant", "content": "x"}], "property": "parity"}', "line 2: messages are"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "items.jsonl"
    file.write_text('{"prompt": "x", "property": "parity"}\n' + line + "\n")
    with pytest.raises(SelfscopeError, match=message):
        Items(str(file)).pose(SUBJECT, 0)


def test_no_file_and_no_lines_are_named(tmp_path: Path) -> None:
    with pytest.raises(SelfscopeError, match="cannot read the items"):
        Items(str(tmp_path / "none.jsonl")).pose(SUBJECT, 0)
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(SelfscopeError, match="no items in"):
        Items(str(tmp_path / "empty.jsonl")).pose(SUBJECT, 0)
    (tmp_path / "binary.jsonl").write_bytes(json.dumps("x").encode("utf-16"))
    with pytest.raises(SelfscopeError, match="not UTF-8"):
        Items(str(tmp_path / "binary.jsonl")).pose(SUBJECT, 0)
