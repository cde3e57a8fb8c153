"""Own choices: an exact truth, categories that no two splits share, phantoms that get the verdict of their dials."""

from __future__ import annotations

import math

import pytest

import selfscope
from selfscope.errors import BadInput, Unsupported
from selfscope.phenomena.option_shares import spellings
from selfscope.phenomena.own_choice import LISTED, OwnChoice, sets_of
from selfscope.quantities import load_table
from selfscope.records import Trial
from selfscope.subjects.local import Local
from selfscope.subjects.phantom import Phantom
from tiny import loaded

SMALL = OwnChoice(test=6, train=5, dev=2)


@pytest.fixture(scope="module")
def local() -> Local:
    return loaded("llama")


def test_the_truth_is_how_likely_each_word_is_as_the_answer(local: Local) -> None:
    trials = SMALL.pose(local, 0)[:6]
    for trial, truth in zip(trials, SMALL.truth(trials, SMALL.observe(local, trials)), strict=True):
        p = []
        for option in trial.question.options:
            texts = [option.text, option.text[0].upper() + option.text[1:]]
            scores = local.score([trial.prompt], [list(dict.fromkeys(texts))])[0]
            p.append(math.fsum(math.exp(math.fsum(tokens)) for tokens in scores))
        assert truth.mean == pytest.approx([x / sum(p) for x in p], abs=1e-5)
        assert truth.grade == "exact"


def test_a_category_is_a_cluster_of_one_split() -> None:
    trials = OwnChoice().pose(Phantom(), 0)
    split_of: dict[str, set[str]] = {}
    for t in trials:
        split_of.setdefault(t.cluster, set()).add(t.split)
        words = [o.text for o in t.question.options]
        assert len({w.casefold() for w in words}) == LISTED
        assert all(not b.casefold().startswith(a.casefold()) for a in words for b in words if a != b)
        assert sorted(t.coordinates["replies"]) == sorted(words)
    assert all(len(splits) == 1 for splits in split_of.values())
    sizes = {s: sum(splits == {s} for splits in split_of.values()) for s in ("test", "train", "dev")}
    assert sizes == {"test": 40, "train": 80, "dev": 20}
    table = load_table("choices")
    assert not set(table["test"]) & set(table["train"])


def test_the_order_of_options_tells_nothing_of_the_order_in_the_message() -> None:
    trials = OwnChoice().pose(Phantom(), 0)
    first = [t.coordinates["replies"].index(t.question.options[0].text) for t in trials]
    assert all(0.15 < first.count(k) / len(first) < 0.35 for k in range(LISTED))


def test_sets_differ_and_none_begins_another() -> None:
    words = ["pea", "peach", "Peach tree", "plum", "fig", "nut"]
    for chosen in sets_of(words, 5, 0, "x"):
        assert len([w for w in chosen if w.casefold().startswith("pea")]) <= 1
    assert len(sets_of(words, 5, 0, "x")) == len({frozenset(s) for s in sets_of(words, 5, 0, "x")})
    assert sets_of(["a", "b", "c"], 2, 0, "x") == []
    assert spellings(Phantom(), "Mars") == ["Mars"]


@pytest.mark.parametrize(("access", "verdict"), [(0.7, "access"), (0.0, "narrative")])
def test_a_phantom_gets_the_verdict_of_its_dials(access: float, verdict: str) -> None:
    claim = selfscope.card(f"open-phantom:access={access}", phenomena=["own_choice"]).claims[0]
    assert claim.verdict == verdict
    assert claim.basis == ("causal" if access else None)


def test_what_it_cannot_ask_is_said() -> None:
    class Words(Phantom):
        tier = "text"

    subject = Words()
    subject.tier = "text"
    with pytest.raises(Unsupported, match="exact log-probabilities"):
        SMALL.pose(subject, 0)
    with pytest.raises(BadInput, match="each"):
        OwnChoice(each=0)


def asked(trials: list[Trial]) -> list[str]:
    return [t.public for t in trials]


def test_a_seed_gives_the_same_questions() -> None:
    assert asked(SMALL.pose(Phantom(), 1)) == asked(SMALL.pose(Phantom(), 1)) != asked(SMALL.pose(Phantom(), 2))
