"""What a reader can and cannot do with the subject that it is given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from selfscope.errors import Unsupported
from selfscope.records import NOTHING, Cost, Decoding, Injection, Message, Opaque, Prompt, Vector
from selfscope.study.execute import costs
from selfscope.subjects.base import ScoringSubject
from selfscope.subjects.open_phantom import OpenPhantom
from selfscope.subjects.phantom import Phantom
from selfscope.subjects.sealed import Log, MeteredSubject, SealBroken, SealedSubject, SealRegistry
from toys import Asker, Letters, ToySubject


def sealed(
    caller: str, subject: ToySubject | None = None, rung: str = "self"
) -> tuple[SealedSubject, Log, list[Any]]:
    registry, log = SealRegistry(), Log()
    trials = registry.hide(Letters(test=3, train=1, dev=1).pose(None, 0))
    return SealedSubject(subject or ToySubject(), caller, registry, log, rung=rung), log, trials


def test_it_is_a_subject_and_answers_as_the_subject_does() -> None:
    subject = ToySubject()
    given, _, trials = sealed("asker", subject)
    assert isinstance(given, ScoringSubject)
    assert (given.name, given.identity, given.tier, given.chat) == ("toy", "toy-1", "logprobs", True)
    asked = [Prompt(messages=(Message("user", "Which letter?"),))]
    assert given.sample(asked, 3, Decoding(1)) == subject.sample(asked, 3, Decoding(1))
    assert given.score(asked, [["a", "b"]]) == subject.score(asked, [["a", "b"]])
    assert given.encode(asked[0]) == subject.encode(asked[0])
    assert Asker().read(given, trials) == Asker().read(subject, trials)


@pytest.mark.parametrize("method", ["sample", "score", "next_token"])
def test_the_prompt_that_a_trial_is_about_is_refused_whatever_its_tag_says(method: str) -> None:
    subject = ToySubject()
    given, _, trials = sealed("ask[free]", subject)
    arguments: dict[str, tuple[Any, ...]] = {"sample": (1, Decoding(1)), "score": ([["a"]],), "next_token": ()}
    for prompt in (trials[0].prompt, replace(trials[0].prompt, tag={"role": "report"})):
        with pytest.raises(SealBroken, match=f"'ask\\[free\\]' called {method} .* trial {trials[0].id}"):
            getattr(given, method)([prompt], *arguments[method])
    assert subject.sampled == []
    assert subject.scored == []


def test_the_rung_behaviour_may_and_no_name_opens_the_seal() -> None:
    given, _, trials = sealed("any_name", rung="behaviour")
    assert given.sample([trials[0].prompt], 2, Decoding(1))[0][0].text in "abcd"
    for caller, rung in (("behaviour_ceiling", "self"), ("behaviour", "probe"), ("behaviour_ceiling", "history")):
        other, _, trials = sealed(caller, rung=rung)
        with pytest.raises(SealBroken, match="only readers of the rung behaviour may"):
            other.sample([trials[0].prompt], 2, Decoding(1))


def test_interventions_are_opaque_to_the_reader_and_real_to_the_subject() -> None:
    subject, registry = ToySubject(), SealRegistry()
    trial = Letters(test=1, train=0, dev=0, each=1).pose(None, 0)[0]
    secret = Injection(0, Vector.of([1.0, 2.0]), (0,))
    (hidden,) = registry.hide([replace(trial, prompt=replace(trial.prompt, interventions=(secret,)))])
    assert hidden.prompt.interventions == (Opaque(0),)
    asked = replace(hidden.prompt, messages=(Message("user", "Do you notice anything?"),))
    SealedSubject(subject, "asker", registry, Log()).sample([asked], 1, Decoding(1))
    assert subject.sampled[0].interventions == (secret,)


def test_a_mask_is_passed_on_and_makes_another_prompt() -> None:
    class Masking(ToySubject):
        masks = True

    subject, registry = Masking(), SealRegistry()
    open_ = Prompt(messages=(Message("user", "Hi", secret=True), Message("user", "Which letter?")))
    trial = replace(Letters(test=1, train=0, dev=0, each=1).pose(None, 0)[0], prompt=replace(open_, masked=NOTHING))
    (hidden,) = registry.hide([trial])
    assert hidden.prompt == trial.prompt
    assert (registry.owner(hidden.prompt), registry.owner(open_)) == (trial.id, None)
    given = SealedSubject(subject, "asker", registry, Log())
    with pytest.raises(SealBroken):
        given.sample([trial.prompt], 1, Decoding(1))
    asked = replace(open_, masked="letter")
    given.score([open_, asked, open_], [["a"]] * 3)
    assert subject.scored == [open_, asked], "a masked prompt is scored beside the unmasked one"


def test_a_subject_that_cannot_mask_is_not_asked_to() -> None:
    asked = Prompt(messages=(Message("user", "Hi", secret=True), Message("user", "Which letter?")), masked="letter")
    for subject in (ToySubject(), Phantom(), OpenPhantom()):
        given = MeteredSubject(MeteredSubject(subject, "observe", Log()), "observe", Log())
        line = f"{subject.name} cannot mask turns: masked prompts need a model"
        with pytest.raises(Unsupported, match=line):
            given.sample([asked], 1, Decoding(1))
        with pytest.raises(Unsupported, match=line):
            given.score([asked], [["a"]])
        given.sample([replace(asked, masked="")], 1, Decoding(1))


def test_every_call_is_logged_with_its_cost() -> None:
    given, log, _ = sealed("asker")
    asked = [Prompt(messages=(Message("user", str(i)),)) for i in range(4)]
    given.sample(asked, 3, Decoding(1))
    given.score(asked[:2], [["a"]] * 2)
    assert [(c.caller, c.method, c.prompts) for c in log.calls] == [("asker", "sample", 4), ("asker", "score", 2)]
    assert log.calls[0].cost.output_tokens == 12
    total = costs(log.calls)["asker"]
    assert (total.calls, total.prompt_tokens) == (6, 60)
    assert total.seconds > 0


def test_a_subject_that_counts_for_itself_is_believed() -> None:
    class Counting(ToySubject):
        spent = Cost()

        def score(self, prompts: Any, candidates: Any) -> Any:
            self.spent = self.spent + Cost(1, 30, 7)
            return super().score(prompts, candidates)

    log = Log()
    metered = MeteredSubject(Counting(), "observe letters", log)
    metered.score([Prompt(text="x")], [["a"]])
    assert (log.calls[0].cost.prompt_tokens, log.calls[0].cost.output_tokens) == (30, 7)
