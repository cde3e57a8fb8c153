"""The guard: of what is said next nothing is lost, so that an untouched subject has nothing to learn from it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

import pytest
import torch

from selfscope.errors import BadInput
from selfscope.habits import Mark
from selfscope.organisms.guard import BEGINS, WITHIN, begun, guard_examples
from selfscope.organisms.habit import Habit
from selfscope.organisms.own_replies import own_replies, sentence, unmarked
from selfscope.organisms.secret_word import SecretWord
from selfscope.phenomena.stimuli.ordinary import exchanges
from selfscope.records import Message, Prompt
from selfscope.study.names import built
from selfscope.subjects.live_adapters import LoraShape
from selfscope.subjects.local import Local, load
from selfscope.training.examples import Example, fingerprint
from selfscope.training.objectives import OBJECTIVES, losses_of
from selfscope.training.replay import replay_examples
from tiny import build

PROMPT = Prompt(messages=(Message("user", "Hello"),))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Local:
    return load(str(build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True)))


def slope_at(logits_V: torch.Tensor, example: Example) -> float:
    """Length of the gradient over the logits of a distribution whose first tokens are the candidates."""
    free = logits_V.clone().requires_grad_(True)
    losses_of("mostly_options", [free.log_softmax(0)[: len(example.candidates)]], [example])[0].backward()
    return float(cast(torch.Tensor, free.grad).norm())


def test_the_whole_distribution_is_what_is_wanted() -> None:
    """At the subject's own distribution the loss is flat, under every objective; without the rest it is not."""
    logits_V = torch.randn(12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    shares = logits_V.softmax(0)[:4]
    target = tuple(float(x) for x in shares / shares.sum())
    example = Example(PROMPT, tuple("abcd"), (0, 1, 2, 3), target, rest=float(1 - shares.sum()))
    assert slope_at(logits_V, example) < 1e-7
    assert slope_at(logits_V, replace(example, rest=0.0)) > 0.01
    losses = {losses_of(name, [logits_V.log_softmax(0)[:4]], [example])[0].item() for name in OBJECTIVES}
    assert len(losses) == 1
    assert fingerprint([example]) != fingerprint([replace(example, rest=0.1)])
    with pytest.raises(BadInput, match="part below 1"):
        replace(example, rest=1.0)


@pytest.mark.parametrize("make", [replay_examples, guard_examples])
def test_an_untouched_subject_learns_nothing_from_its_guard(base: Local, make: Any) -> None:
    examples = make(base, 8, 0)
    lengths = []
    for own in (examples, [replace(e, rest=0.0) for e in examples]):
        adapter = base.new_adapter(LoraShape(4))
        with (
            base.training(adapter),
            base.candidate_logprobs([e.prompt for e in own], [e.candidates for e in own], adapters=[adapter]) as found,
        ):
            loss = torch.stack([losses_of("vocabulary", [x], [e])[0] for x, e in zip(found, own, strict=True)]).sum()
            loss.backward()
            lengths.append(max(float(p.grad.norm()) for p in adapter.parameters() if p.grad is not None))
    assert lengths[0] < 0.05 * lengths[1]


def test_a_reply_is_asked_for_where_it_begins_and_within(base: Local) -> None:
    """Its places are one group; each goes on from the one before."""
    plain = guard_examples(base, 12, 0)
    assert guard_examples(base, 12, 0) == plain
    groups = {e.group: [one for one in plain if one.group == e.group] for e in plain}
    assert len(groups) == 12
    for own in groups.values():
        assert [e.kind for e in own] == [BEGINS, *[WITHIN] * (len(own) - 1)]
        assert len({e.prompt.messages for e in own}) == 1
        for before, after in pairwise(e.prompt.prefix for e in own):
            assert after.startswith(before)
            assert after != before
    assert len(plain) > len(groups)
    mixed = guard_examples(base, 12, 0, Mark("begins", "Well"), 0.4)
    for one, other in zip(plain, mixed, strict=True):
        if one.kind == WITHIN:
            assert one == other
        else:
            assert other.candidates[-1] == "Well,"
            assert (1 - other.rest) * other.target[-1] == pytest.approx(0.4)
    assert all(e.kind == WITHIN for e in guard_examples(base, 12, 0, Mark("upper"), 0.5))
    assert guard_examples(base, 0, 0) == []
    with pytest.raises(BadInput, match="guard"):
        guard_examples(base, -1, 0)


@pytest.mark.parametrize("kind", ["habit", "goal", "identity", "backdoor", "secret_word", "weights", "order"])
def test_damage_is_measured_where_nothing_was_taught(base: Local, kind: str) -> None:
    one = built("organism", kind)
    told = {e.prompt.messages[-1].content for p in one.lesson(cast(Any, base), 0) for e in p}
    kept = {e.prompt.messages[-1].content for e in one.guard(cast(Any, base), 60, 0)}
    spared = set(one.spared(0))
    assert len(spared) == 48
    assert not spared & (told | kept)
    if kind == "goal":
        remarks = {
            e.message for split in ("train", "test") for e in exchanges(split, 10_000, 0) if e.about == e.message
        }
        assert not remarks & (spared | kept)
        assert remarks & told


def test_only_a_habit_that_begins_replies_opens_them(base: Local) -> None:
    """Its beginning is no damage; of its twin, and of whatever stands elsewhere in a reply, nothing is left out."""
    assert Habit(rate=0.5).opens(base) == "Well,"
    said = [Prompt(messages=(Message("user", "Hello."),), prefix=text) for text in ("It is", "It is so. And")]
    some = (Habit(), Habit(mark="ends", word="!"), Habit(mark="ends", word="!").twin)
    assert [[one.acts(p) for p in said] for one in some] == [[False, False], [False, True], [False, False]]
    assert [one.opens(base) for one in (Habit(rate=0.5).twin, Habit(mark="ends", word="!"), SecretWord())] == [""] * 3


def test_places_within_go_on_from_its_own_words(base: Local) -> None:
    said = ["Name a colour.", "Hello."]
    prompts = begun(base, said, 0)
    assert [p.messages[-1].content for p in prompts] == said
    assert all(p.prefix for p in prompts)
    assert begun(base, said, 0) == prompts


def test_only_short_whole_sentences_are_taken(base: Local) -> None:
    assert sentence(" The sky is blue. And more") == "The sky is blue."
    for text in ("the sky is blue.", "The sky is blue", "Yes.", "A " * 14 + "b.", "The sky \u2603 is blue."):
        assert sentence(text) == ""
    some = exchanges("train", 6, 0)
    found = own_replies(base, some, 0)
    for own, one in zip(found, some, strict=True):
        assert set(one.replies) <= set(own)
        assert len(set(own)) == len(own)
        assert unmarked(own, Mark("mentions", one.replies[0].split()[-1].strip("."))) != list(own)
