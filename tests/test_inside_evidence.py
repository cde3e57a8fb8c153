"""Phenomena of the inside: what may be read and what may not, and what the answers are known from."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import inside_trials
from inside_trials import FIVE, posed
from selfscope.phenomena.attribute_extraction import ONLY_TEST, AttributeExtraction
from selfscope.phenomena.entity_resolution import EntityResolution
from selfscope.phenomena.evidence import evidence
from selfscope.phenomena.hidden_context import KINDS, HiddenContext, values_of
from selfscope.phenomena.next_token_identity import OPTIONS, NextTokenIdentity
from selfscope.phenomena.stimuli.concepts import random_vector
from selfscope.quantities import load_table, words
from selfscope.records import Injection, Prompt
from selfscope.subjects.local import Local
from selfscope.wording import phrase

folder = inside_trials.folder
tiny = inside_trials.tiny
smollm = inside_trials.smollm


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
