"""The rivals of every reading of activations: the lens less its mean, and a ridge map to the words of the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from planted_words import FOUR, LAST, SUBJECT, WORDS, accuracy, fitted, posed, word
from selfscope.api.read_state import read
from selfscope.controls.arms import Arms
from selfscope.errors import Unsupported
from selfscope.phenomena.hidden_context import HiddenContext
from selfscope.readers.base import Reader
from selfscope.readers.centred_lens import CentredLens
from selfscope.readers.logit_lens import LogitLens
from selfscope.readers.output_directions import OutputDirections
from selfscope.readers.probe import Probe
from selfscope.readers.ridge_probe import RidgeProbe
from selfscope.records import Option, Outcome, Question, TokenDistribution
from selfscope.subjects.open_phantom import OpenPhantom
from selfscope.subjects.open_phantom_words import Array, encoded, vocabulary
from selfscope.subjects.sealed import Log, SealBroken, SealedSubject, SealRegistry
from selfscope.verdicts.arm_gaps import right

BOTH = (CentredLens(), RidgeProbe())


def test_what_all_states_say_dominates_the_lens_and_not_the_centred_lens() -> None:
    """state = mean + the direction of the right word."""
    everywhere = 3 * word("cooking") + 2 * word("law")
    trials, truths = posed(80, lambda i: FOUR, lambda of, k: everywhere + word(of[k]))
    assert accuracy(CentredLens(layer=LAST), trials, truths).value == 1.0
    assert accuracy(CentredLens(), trials, truths).value == 1.0
    plain = accuracy(LogitLens(layer=LAST), trials, truths)
    assert plain.low < 0.25 < plain.high, "it says cooking of everything"


@pytest.mark.parametrize("shared", [True, False])
def test_private_options_are_read_since_they_are_words(shared: bool) -> None:
    everywhere = 3 * word("river") + 2 * word("law")

    def options(i: int) -> tuple[str, ...]:
        return FOUR if shared else tuple(np.random.default_rng(i).choice(WORDS, 4, replace=False).tolist())

    trials, truths = posed(160, options, lambda of, k: everywhere + word(of[k]), shared=shared)
    for reader in BOTH:
        assert accuracy(reader, trials, truths).value > 0.9, reader.id
    learnt = fitted(Probe("means"), trials, truths).read(SUBJECT, trials[:2])
    assert (learnt[0].outcome == Outcome.ANSWERED) == shared, "a probe of classes needs shared ones"


def test_a_direction_whose_lens_is_another_word_is_read_by_ridge_alone() -> None:
    other = {FOUR[k]: FOUR[(k + 1) % 4] for k in range(4)}
    trials, truths = posed(80, lambda i: FOUR, lambda of, k: 3 * word("law") + word(other[of[k]]))
    assert accuracy(RidgeProbe(), trials, truths).value == 1.0
    assert accuracy(CentredLens(layer=LAST), trials, truths).value == 0.0, "it says the other word"
    elsewhere = accuracy(CentredLens(), trials, truths)
    assert elsewhere.low < 0.25, "and where train bids it look, nothing is"


def test_ridge_reads_words_that_train_never_had() -> None:
    """Words stand in the stream as in the head, but turned: the lens says nothing of them, the map is learnt."""
    turn, signs = np.linalg.qr(np.random.default_rng(3).normal(size=(SUBJECT.width, SUBJECT.width)))
    turn = turn * np.sign(np.diag(signs))  # uniform among turns
    spelled = [token.strip() for token in vocabulary().tokens if token[:1] == " " and token[1:].isalpha()]
    pool = np.random.default_rng(1).permutation([w for w in spelled if len(w) > 4]).tolist()
    held_out, train = pool[:60], pool[60:700]

    def options(i: int) -> tuple[str, ...]:
        return tuple(np.random.default_rng(i).choice(train if i % 2 else held_out, 4, replace=False).tolist())

    trials, truths = posed(700, options, lambda of, k: turn @ word(of[k]), shared=False, per_cluster=1)
    few = [t for t in trials if t.split == "train"] + [t for t in trials if t.split == "test"][:60]
    ridge, lens = (accuracy(reader, few, truths) for reader in (RidgeProbe(layer=LAST), CentredLens(layer=LAST)))
    assert ridge.low > 0.6
    assert lens.low < 0.25 < lens.high


class Biased(OpenPhantom):
    """Some tokens are likelier than others, whatever the state."""

    def unembed(self, states_ND: Any, **which: Any) -> list[TokenDistribution]:
        said = super().unembed(states_ND, **which)
        return [replace(d, logprobs=tuple(x + k % 7 for x, k in zip(d.logprobs, d.ids, strict=True))) for d in said]


def test_the_heads_directions_are_those_of_the_words() -> None:
    """As many random states as the stream is wide lose nothing."""
    found = OutputDirections()
    tokens = [encoded(f" {w}")[0] for w in WORDS]
    found.learn(SUBJECT, tokens)
    found.centre()
    learnt = found.of(SUBJECT, [[t] for t in tokens])
    own = np.stack([word(w) for w in WORDS])
    own = own - own.mean(0)
    own /= np.linalg.norm(own, axis=1, keepdims=True)
    np.testing.assert_allclose(learnt @ learnt.T, own @ own.T, atol=0.02)
    biased = OutputDirections()
    biased.learn(Biased(), tokens)
    biased.centre()
    np.testing.assert_allclose(biased.of(SUBJECT, [[t] for t in tokens]), learnt, atol=1e-6)
    found.of(SUBJECT, [[7], [8]])
    np.testing.assert_allclose(found.of(SUBJECT, [[t] for t in tokens]), learnt, err_msg="more tokens move none")


@pytest.mark.parametrize("reader", BOTH, ids=lambda r: r.id)
def test_labels_that_mean_nothing_are_read_at_chance(reader: Reader) -> None:
    trials, truths = posed(240, lambda i: FOUR, lambda of, k: 3 * word("law") + word(of[k]))
    shuffled = np.random.default_rng(1).permutation([t.greedy for t in truths])
    ones = [tuple(float(k == answer) for k in range(4)) for answer in shuffled]
    null = [replace(t, mean=one, half_a=one, half_b=one) for t, one in zip(truths, ones, strict=True)]
    found = accuracy(reader, trials, null)
    assert found.low < 0.25 < found.high
    assert found.high - found.low < 0.25, "an interval that says something"
    if isinstance(reader, RidgeProbe):
        told = {t.trial: t for t in truths}
        learnt = fitted(reader, trials, null)
        got = learnt.read(SUBJECT, [t for t in trials if t.split == "test"])
        hits = [right(r, told[t.id]) for r, t in zip(got, [t for t in trials if t.split == "test"], strict=True)]
        assert np.mean(hits) < 0.5, "what was learnt of wrong labels does not read the right ones"


def test_what_is_chosen_on_train_is_judged_on_clusters_that_were_not_learnt_from() -> None:
    """Each cluster has a state and an answer of its own: it is known by heart where it was learnt, and nowhere else."""
    mark = iter(np.random.default_rng(5).normal(size=(400, SUBJECT.width)))
    own: dict[int, Array] = {}
    count = iter(range(400))

    def state(of: Sequence[str], answer: int) -> Array:
        cluster = next(count) // 4
        if cluster not in own:
            own[cluster] = next(mark)
        return own[cluster]

    trials, truths = posed(240, lambda i: FOUR, state, per_cluster=4, same_answer=True)
    reader = fitted(RidgeProbe(), trials, truths)
    assert isinstance(reader, RidgeProbe)
    assert reader.learnt is not None
    of = {t.trial: t for t in truths}
    train = [t for t in trials if t.split == "train"]
    heart = [right(r, of[t.id]) for r, t in zip(reader.read(SUBJECT, train), train, strict=True)]
    assert np.mean(heart) > 0.95
    assert reader.learnt.held_out < 0.5
    spread = accuracy(RidgeProbe(), trials, truths)
    assert spread.low < 0.25 < spread.high


@pytest.mark.parametrize("reader", BOTH, ids=lambda r: r.id)
def test_the_arms_of_a_rival_read_nothing(reader: Reader) -> None:
    trials, truths = posed(120, lambda i: FOUR, lambda of, k: 3 * word("law") + word(of[k]))
    for arm in ("none", "random", "shuffled", "mean", "text"):
        assert accuracy(reader, trials, truths, arm).value < 0.45, arm
    test = [t for t in trials if t.split == "test"]
    blank = fitted(reader, trials, truths).read(SUBJECT, Arms(("none",)).apply(test, 0))
    assert all(r.distribution == (0.25,) * 4 for r in blank)


@pytest.mark.parametrize("reader", BOTH, ids=lambda r: r.id)
def test_every_depth_is_read_at_once_as_it_would_be_alone(reader: Reader) -> None:
    trials, truths = posed(60, lambda i: FOUR, lambda of, k: word(of[k]), layer=2)
    test = [t for t in trials if t.split == "test"][:8]
    together = fitted(reader, trials, truths).read(SUBJECT, [*test, *Arms(("random", "none")).apply(test, 0)])
    assert {k for r in together[:8] for k in r.extra["by_layer"]} == {"0", "1", "2", "3", "4", "5"}
    assert not any("by_layer" in r.extra for r in together[8:])
    at_two = fitted(replace(reader, layer=2), trials, truths)  # type: ignore[type-var]
    for trial, one in zip(test, together, strict=False):
        alone = at_two.read(SUBJECT, [trial])[0]
        assert np.argmax(alone.distribution) == np.argmax(one.extra["by_layer"]["2"])
        if isinstance(reader, CentredLens):
            np.testing.assert_allclose(alone.distribution, one.extra["by_layer"]["2"], atol=1e-5)


def test_one_capture_serves_both_and_nothing_beyond_the_evidence_is_read() -> None:
    trials, truths = posed(40, lambda i: FOUR, lambda of, k: word(of[k]))
    of = {t.trial: t for t in truths}
    registry, log = SealRegistry(), Log()
    hidden = registry.hide(trials)
    train, test = ([t for t in hidden if t.split == split] for split in ("train", "test"))
    for reader in BOTH:
        sealed = SealedSubject(SUBJECT, reader.id, registry, log)
        able = reader.fit(sealed, train, [of[t.id] for t in train])
        assert all(r.outcome == Outcome.ANSWERED for r in able.read(sealed, test))
        with pytest.raises(SealBroken):
            sealed.capture([test[0].evidence.prompt], [0], [[1]])  # type: ignore[union-attr]
    assert [(c.caller, c.method) for c in log.calls if c.method == "capture"] == [("centred_lens", "capture")] * 2


def test_without_train_there_is_no_mean_and_no_map() -> None:
    trials, _ = posed(8, lambda i: FOUR, lambda of, k: word(of[k]))
    for reader in BOTH:
        reading = reader.fit(SUBJECT, [], []).read(SUBJECT, trials[:1])[0]
        assert reading.outcome == Outcome.UNSUPPORTED
        assert "train" in reading.extra["why"]


def test_one_token_of_ones_own_text_is_read_where_neutral_texts_are_the_mean() -> None:
    chosen = read(SUBJECT, "Which?", about="The river", reader="centred_lens", layer=1, options=("river", "horse"))
    real = chosen.reads[0]
    assert real.distribution is not None
    assert real.distribution[0] > 0.9
    with pytest.raises(Unsupported, match="give options"):
        read(SUBJECT, "Which?", about="The river", reader="centred_lens", layer=1)
    with pytest.raises(Unsupported, match="learns from true answers"):
        read(SUBJECT, "Which?", about="The river", reader="ridge_probe", layer=1, options=("river", "horse"))


def test_options_that_begin_alike_share_and_all_alike_are_chance() -> None:
    options = ("make people laugh", "make people sleep", "win votes", "save energy")
    trials, truths = posed(60, lambda i: options, lambda of, k: word(of[k].split()[0]))
    lens = fitted(CentredLens(), trials, truths)
    assert isinstance(lens, CentredLens)
    reading = lens.read(SUBJECT, trials[:1])[0]
    assert reading.distribution is not None
    assert reading.distribution[0] == pytest.approx(reading.distribution[1])
    same = tuple(Option(t, t) for t in ("make a", "make b"))
    alike = replace(trials[0], question=Question("planted", same, shared=True))
    assert lens.read(SUBJECT, [alike])[0].distribution == pytest.approx((0.5, 0.5))


@pytest.mark.parametrize("reader", BOTH, ids=lambda r: r.id)
def test_a_hidden_context_is_read_where_states_carry_it(reader: Reader) -> None:
    small = HiddenContext(test=6, train=4, dev=0, kinds=("topic",))
    found = []
    for carries in (1.0, 0.0):
        subject = OpenPhantom(carries=carries)
        trials = small.pose(subject, 0)
        truths = {t.trial: t for t in small.truth(trials, small.observe(subject, trials))}
        train, test = ([t for t in trials if t.split == split] for split in ("train", "test"))
        got = reader.fit(subject, train, [truths[t.id] for t in train]).read(subject, test)
        found.append(np.mean([right(r, truths[t.id]) for r, t in zip(got, test, strict=True)]))
    assert found[0] > 0.7
    assert found[1] < 0.3
