"""Knowledge: each question has the truth that it names, nobody can know of made-up things, a choice that goes by its
number is found to, and phantoms get the verdict of their dials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import selfscope
from posed_trials import SUBJECT, posed
from selfscope.api.cards import planned
from selfscope.errors import BadInput
from selfscope.parsing import passes_up, says_unknown
from selfscope.phenomena.confidence import Confidence
from selfscope.phenomena.knowledge import Knowledge
from selfscope.phenomena.stimuli.unknowable import SHOWN_AS_UNKNOWN, unknowable
from selfscope.quantities import INVENTED, answers, graded, words
from selfscope.readers.other_behaviour import OtherBehaviour
from selfscope.readers.surface_baseline import CARRIERS, SurfaceBaseline, name_of, popularity
from selfscope.records import Outcome, Prompt, Reply, Trial, Truth
from selfscope.subjects.local import Local
from selfscope.subjects.phantom import Phantom
from selfscope.verdicts.asides import Aside
from selfscope.wording import phrase
from tiny import loaded

SMALL = Knowledge(test=30, train=16, dev=0, rollouts=8)


class ByItsNumber(Phantom):
    """It passes where the number that it gives lies below what the costs ask for, and answers elsewhere."""

    def sample(self, prompts: Sequence[Prompt], n: int, decoding: Any, on_done: Any = None) -> list[list[Reply]]:
        chances: dict[str, float] = vars(self).setdefault("chances", {})
        for prompt in prompts:
            plain = prompt.prefix and prompt.tag.get("role") == "behave" and not any(m.hidden for m in prompt.messages)
            if plain:
                chances[str(prompt.tag["cluster"])] = float(self._behaviour(prompt).p[0])
        out = super().sample(prompts, n, decoding, on_done)
        for i, prompt in enumerate(prompts):
            if "wrong costs" in prompt.messages[-1].content and prompt.tag.get("role") == "behave":
                cost = float(prompt.messages[-1].content.partition("wrong costs ")[2].partition(". ")[0])
                knows = str(prompt.tag["cluster"]).partition("|")[0] != INVENTED
                chance = knows * chances[str(prompt.tag["cluster"])]
                text = "pass" if chance <= cost / (1 + cost) else str(prompt.tag["replies"][0])
                out[i] = [Reply(text)] * len(out[i])
        return out


def asides(subject: Any, phenomenon: Any = SMALL) -> dict[str, Aside]:
    return {a.title: a for a in selfscope.card(subject, phenomena=[phenomenon]).claims[0].asides}


def test_every_question_has_the_truth_that_it_names() -> None:
    trials = posed(SMALL)
    seen = {o.key: o for o in SMALL.observe(SUBJECT, trials)}
    truths = {t.trial: t for t in SMALL.truth(trials, list(seen.values()))}
    for trial in trials:
        quantity, replies = trial.question.quantity, seen[trial.observation].replies
        item = str(trial.question.arguments["item"])
        right = {
            "knows": lambda r, item=item: graded(item, r), "says_unknown": says_unknown, "abstains": passes_up,
        }  # fmt: skip
        if quantity == "correct_shown":
            assert truths[trial.id].mean[0] == graded(item, str(trial.question.arguments["answer"]))
            assert not replies
        else:
            assert truths[trial.id].mean[0] == pytest.approx(np.mean([right[quantity](r) for r in replies]))
    assert {t.question.quantity for t in trials} == {"knows", "says_unknown", "abstains", "correct_shown"}


def test_a_cost_and_its_threshold_belong_together_and_stand_in_the_message() -> None:
    for trial in posed(SMALL):
        if trial.question.quantity == "abstains":
            t = trial.coordinates["threshold"]
            assert f"wrong costs {t / (1 - t):g}." in trial.public
    costs = {t.coordinates.get("threshold") for t in posed(SMALL)} - {None}
    assert costs == {0.5, 0.75, 0.9}
    with pytest.raises(BadInput, match="costs"):
        Knowledge(costs=())
    with pytest.raises(BadInput, match="costs"):
        Knowledge(costs=(-1.0,))


def test_of_a_made_up_thing_nothing_is_right_and_none_is_known() -> None:
    made_up = unknowable(0, 200)
    assert len({p.item for p in made_up}) == 200
    assert SHOWN_AS_UNKNOWN not in {p.thing for p in made_up}
    assert not {w for p in made_up for w in words(p.thing)} & {"france", "lion", "gold"}
    for problem in made_up:
        assert answers(problem.item) == ()
        assert not any(graded(problem.item, candidate) for candidate in problem.candidates)
    assert [p.item for p in unknowable(0, 5)] == [p.item for p in unknowable(0, 200)][:5]
    assert {p.item for p in unknowable(1, 50)} != {p.item for p in unknowable(0, 50)}
    shares = [t.source == INVENTED for t in posed(SMALL) if t.split == "test"]
    assert np.mean(shares) == pytest.approx(0.2, abs=0.01)


def test_no_question_shows_its_answer() -> None:
    for trial in posed(SMALL):
        if trial.question.quantity == "correct_shown":
            continue
        said = words(" ".join(m.content for m in phrase(trial, "yesno_lp").prompt.messages))
        for answer in answers(str(trial.question.arguments["item"])):
            own = words(answer)
            assert not any(said[i : i + len(own)] == own for i in range(len(said))), (trial.public, answer)


def test_its_own_questions_are_none_of_confidence() -> None:
    shared = {t.question.quantity for t in posed(Confidence())} & {t.question.quantity for t in posed(SMALL)}
    assert shared == {"correct_shown"}


def test_a_phantom_that_reads_its_state_is_found_to() -> None:
    sizes = Knowledge(test=60, train=30, dev=0, rollouts=20)
    claim = selfscope.card("open-phantom:access=0.8", phenomena=[sizes], profile="full").claims[0]
    assert (claim.verdict, claim.basis) == ("access", "causal"), claim.sentence
    assert claim.causal is not None
    assert claim.causal.low < 0.8 < claim.causal.high


@pytest.mark.parametrize(
    ("dials", "verdict"),
    [("open-phantom:anyone=0.8", "reads the changed text"),
     ("phantom:habit=0.8", "narrative"), ("phantom", "narrative"), ("phantom:format=0.8", "format")],
)  # fmt: skip
def test_a_phantom_gets_the_verdict_of_its_dials(dials: str, verdict: str) -> None:
    claim = selfscope.card(dials, phenomena=["knowledge"]).claims[0]
    assert claim.verdict == verdict, claim.sentence


def test_a_choice_that_goes_by_its_number_is_found_to_and_one_that_does_not_is_not() -> None:
    title = "Answer or pass, against its own number"
    sizes = Knowledge(test=100, train=30, dev=0, rollouts=20, costs=(0.25, 1.0))
    found = asides(ByItsNumber(access=1.0), sizes)[title]
    lines = {line.name: line.value for line in found.lines}
    assert lines["the one less the other"].low > 0.8, found.says
    assert lines["does as its number says"].value > 0.9
    assert lines["points as it chose"].value == pytest.approx(lines["points by its number"].value, abs=0.05)
    assert lines["points as it chose"].value >= lines["points if it always answered"].value
    other = asides(Phantom(access=1.0), sizes)[title]
    gap = next(line.value for line in other.lines if line.name == "the one less the other")
    assert gap.low < 0.2, "what it does there has nothing to do with the number that it gives"
    made_up = ByItsNumber()
    made_up.name = "made-up"
    gap = next(x.value for x in asides(made_up, sizes)[title].lines if x.name == "the one less the other")
    assert gap.low < 0.3 < 0.8, "a number that follows nothing"


def test_what_it_does_where_nothing_can_be_known_stands_beside_what_it_says() -> None:
    found = {line.name: line.value for line in asides(Phantom(access=1.0))["What cannot be known"].lines}
    assert found["its number that it knows: made-up things"].value == pytest.approx(0, abs=1e-6)
    assert found["its number that it knows: real things"].value > 0.1
    assert 0 < found["says that it does not know: made-up things"].value < 1


def test_another_model_forecasts_by_what_it_does_itself() -> None:
    trials = [t for t in posed(SMALL) if t.split == "test"]
    reader = OtherBehaviour(observer=SUBJECT, rollouts=60)
    truths = SMALL.truth(trials, SMALL.observe(SUBJECT, trials))
    said = reader.read(Phantom(), trials)
    same = {"says_unknown", "abstains", "knows"}
    both = [(r.distribution[0], x.mean[0]) for t, r, x in zip(trials, said, truths, strict=True)
            if t.question.quantity in same and r.distribution]  # fmt: skip
    assert np.corrcoef(np.array(both).T)[0, 1] > 0.8, "a model beside itself is nearly the ceiling"
    shown = [r for t, r in zip(trials, said, strict=True) if t.question.quantity == "correct_shown"]
    assert all(r.outcome == Outcome.ANSWERED for r in shown)
    stranger = OtherBehaviour(observer=Phantom(seed=9), rollouts=60).read(SUBJECT, trials)
    far = [(r.distribution[0], x.mean[0]) for t, r, x in zip(trials, stranger, truths, strict=True)
           if t.question.quantity in same and r.distribution]  # fmt: skip
    assert np.corrcoef(np.array(far).T)[0, 1] < 0.7
    with pytest.raises(BadInput, match="rollouts"):
        OtherBehaviour(observer=SUBJECT, rollouts=0)


def test_another_model_is_on_the_ladder_by_what_it_says_and_by_what_it_does() -> None:
    card = selfscope.card("phantom:access=0.5", other="phantom:seed=1", phenomena=[SMALL])
    steps = {(step.reader.partition("[")[0], step.rung) for step in card.claims[0].ladder}
    assert {("other_behaviour", "input"), ("other_model", "input"), ("other_model", "history")} <= steps
    assert ("surface_baseline", "history") in steps


@pytest.fixture(scope="module")
def local() -> Local:
    return loaded("llama")


def test_popularity_is_how_likely_a_name_is_as_text(local: Local) -> None:
    trials = posed(SMALL)[:12]
    likely = popularity(local, trials)
    assert set(likely) == {name_of(t) for t in trials}
    name = next(iter(likely))
    scores = local.score([Prompt(text=c) for c in CARRIERS], [[f" {name}"]] * len(CARRIERS))
    assert likely[name] == pytest.approx(np.mean([sum(own[0]) for own in scores]), abs=1e-4)


def test_a_rival_of_surfaces_finds_what_hangs_on_the_length() -> None:
    trials = posed(Knowledge(test=60, train=60, dev=0, rollouts=4))

    def truth_of(t: Trial) -> tuple[float, float]:
        p = float(np.clip(len(t.public.split()) / 12, 0, 1))
        return p, 1 - p

    known = {t.id: truth_of(t) for t in trials}
    truths = [Truth(i, p, p, p, 0, "exact") for i, p in known.items()]
    asked = [t for t in trials if t.question.quantity == "knows" and t.split == "test"]
    fitted = SurfaceBaseline().fit(SUBJECT, trials, truths)
    said = [r.distribution[0] for r in fitted.read(SUBJECT, asked) if r.distribution]
    assert np.corrcoef(said, [known[t.id][0] for t in asked])[0, 1] > 0.7
    assert all(len(r.extra["jackknife"]) == 10 for r in fitted.read(SUBJECT, asked))


def test_activations_are_read_right_before_the_answer() -> None:
    subject = selfscope.load("open-phantom:access=0.5")
    for trial in Knowledge(test=5, train=5, dev=0).pose(subject, 0):
        assert trial.evidence is not None
        assert trial.evidence.prompt == trial.prompt
        assert trial.evidence.positions[-1] == len(subject.token_texts(trial.prompt)) - 1
    assert all(t.evidence is None for t in posed(SMALL))
    rungs = {part.kind: part.rung for part in planned(subject, phenomena=["knowledge"]).parts().readers.values()}
    assert rungs["probe"] == "probe"
    assert "probe" not in planned(Phantom(), phenomena=["knowledge"]).parts().readers
