"""Phenomena one by one: what is asked of whom, what the truth is, and no leak of an answer. Items of one's own."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from posed_trials import EXAMPLE, SUBJECT, posed
from selfscope.errors import SelfscopeError, Unsupported
from selfscope.phenomena.branch_distribution import LISTED, BranchDistribution
from selfscope.phenomena.confidence import Confidence
from selfscope.phenomena.items import Items
from selfscope.phenomena.token_probability import TokenProbability
from selfscope.quantities import ELSE, answers, first_content_word, words
from selfscope.subjects.phantom import Phantom
from selfscope.wording import phrase


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
