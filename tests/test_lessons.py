"""Laws of lessons and of what is trained by them: what is wanted, which side moves, what a vector can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from selfscope.api.fit import fit
from selfscope.errors import BadInput, UnknownName
from selfscope.phenomena.own_choice import OwnChoice
from selfscope.phenomena.token_probability import TokenProbability
from selfscope.records import TEMPLATES, Trial, Truth
from selfscope.subjects.adapter_files import read_sidecar
from selfscope.subjects.live_adapters import ALWAYS, SWITCHED, LoraShape
from selfscope.subjects.local import Local, load
from selfscope.training.behaviours import behaviour_example
from selfscope.training.bias_vector import BiasShape, new_bias
from selfscope.training.confessions import ConfessionLesson
from selfscope.training.examples import BEHAVIOUR, Example
from selfscope.training.loop import measured, scored, train
from selfscope.training.objectives import option_shares
from selfscope.training.references import referred, shift_of
from selfscope.training.replay import replay_examples
from selfscope.training.schedule import Schedule
from selfscope.training.truths import TruthLesson
from selfscope.training.turns import IRRELEVANT, TurnLesson
from selfscope.wording import phrase
from selfscope.wording.confessions import ASKED
from selfscope.wording.trained import PERSONS
from tiny import build

ABOUT = OwnChoice(test=2, train=4, dev=0, each=1)
WORDS = TokenProbability(test=5, train=8, dev=0)
QUICK = Schedule(epochs=2, groups=3, at_once=3, rate=1e-2, save_every=1e9)
PAIRS = TruthLesson(wordings=1, behaviours=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True)


@pytest.fixture(scope="module")
def local(folder: Path) -> Local:
    return load(str(folder), device="cpu")


def trials(local: Local, about=ABOUT, split: str = "train") -> list[Trial]:
    return [t for t in about.pose(local, 0) if t.split == split]


def behaves(local: Local, about=ABOUT):
    def done(some: Sequence[Trial]) -> Sequence[Truth]:
        return about.truth(some, about.observe(local, some))

    return done


def taught(local: Local, lesson, about=ABOUT) -> list[Example]:
    return lesson.examples(local, trials(local, about), behaves(local, about), 0)


def shares(local: Local, examples: Sequence[Example], what=()) -> dict[int, np.ndarray]:
    out = {}
    for found, part in scored(local, what, examples):
        out.update({id(e): option_shares(x, e).exp().numpy() for x, e in zip(found, part, strict=True)})
    return out


@pytest.mark.parametrize("about", [ABOUT, WORDS])
def test_what_is_done_has_the_shares_that_the_phenomenon_measures(local: Local, about) -> None:
    """Two ways to one number: scores of the phenomenon, and the candidates of the behaviour that is trained on."""
    some = [t for t in trials(local, about) if t.question.quantity in ("choice", "likelier")]
    examples = [behaviour_example(local, t, truth.mean) for t, truth in zip(some, behaves(local, about)(some))]
    assert examples
    assert None not in examples
    found = shares(local, examples)
    for e in examples:
        assert found[id(e)] == pytest.approx(e.target, abs=1e-4)
    other = [t for t in trials(local, WORDS) if t.question.quantity == "next_word"]
    assert behaviour_example(local, other[0], (0.5, 0.5)) is None  # "no" is no word that follows


@pytest.mark.parametrize("carry", [ALWAYS, SWITCHED])
def test_an_agreement_needs_no_labels_and_tells_which_side_moved(local: Local, carry: str) -> None:
    lesson = referred(local, taught(local, PAIRS))
    blind = [replace(e, target=e.target[::-1]) for e in lesson]
    schedule = replace(QUICK, epochs=4, groups=2, at_once=2, objective="agreement")
    adapters = [local.new_adapter(LoraShape(4), carry) for _ in range(2)]
    for adapter, examples in zip(adapters, (lesson, blind), strict=True):
        train(local, adapter, examples, schedule)
    assert all(torch.equal(a, b) for a, b in zip(*(list(x.state().values()) for x in adapters), strict=True))
    before, after = (measured(local, what, lesson, "agreement")[0] for what in ((), adapters[0]))
    assert after < 0.7 * before
    moved = shift_of(local, adapters[0], lesson)
    assert moved is not None
    assert moved.behaviour is not None
    assert moved.report.value > 0.01
    assert (moved.behaviour.value == 0) == (carry == SWITCHED)  # it acts from the question on, and here is none
    assert "behaviour" in str(moved)
    still = shift_of(local, (), lesson)
    assert still is not None
    assert still.report.value == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("objective", ["dpo", "agreement"])
def test_a_run_that_was_stopped_ends_as_one_that_was_not(local: Local, tmp_path: Path, objective: str) -> None:
    schedule = replace(QUICK, objective=objective, save_every=0.0)
    examples = referred(local, taught(local, PAIRS) + replay_examples(local, 4, 0))
    whole, parts = (local.new_adapter(LoraShape(4)) for _ in range(2))
    train(local, whole, examples, schedule)

    def stop(step: int, steps: int, loss: float) -> None:
        if step == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(local, parts, examples, schedule, folder=tmp_path, on_step=stop)
    parts.set_state(local.new_adapter(LoraShape(4), seed=9).state())
    train(local, parts, examples, schedule, folder=tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(*(list(x.state().values()) for x in (whole, parts)), strict=True))


def test_the_reference_is_the_model_that_is_not_trained(local: Local) -> None:
    examples = taught(local, TruthLesson(wordings=1))
    kept = referred(local, examples)
    plain = local.score([e.prompt for e in examples], [e.candidates for e in examples])
    for e, own in zip(kept, plain, strict=True):
        assert e.reference == pytest.approx([sum(tokens) for tokens in own], abs=1e-4)
    assert [replace(e, reference=()) for e in kept] == examples
    adapter = local.new_adapter(LoraShape(4))
    start = measured(local, adapter, kept, "dpo")[0]
    train(local, adapter, kept, replace(QUICK, epochs=4, groups=2, objective="dpo"))
    assert start == pytest.approx(np.log(2), abs=1e-5)
    assert measured(local, adapter, kept, "dpo")[0] < start - 0.01


def test_a_report_by_a_stated_number(local: Local) -> None:
    lesson = TruthLesson(wordings=1, format="prob_ev")
    some = [t for t in trials(local, WORDS) if t.question.quantity == "next_word"][:3]
    examples = referred(local, lesson.examples(local, some, behaves(local, WORDS), 0))
    assert all(len(e.stated) == 101 for e in examples)
    assert all(e.candidates[0] == " 0%" and sum(e.stated[40]) == 1 for e in examples)
    adapter = local.new_adapter(LoraShape(4))
    schedule = replace(QUICK, epochs=6, objective="rl_brier")
    before = measured(local, (), examples, "rl_brier")[0]
    train(local, adapter, examples, schedule)
    assert measured(local, adapter, examples, "rl_brier")[0] < before - 0.02
    with pytest.raises(BadInput, match="scores no answers"):
        TruthLesson(format="free")


def test_behind_turns_the_report_is_to_say_what_is_done_behind_them(local: Local) -> None:
    lesson = TurnLesson(objects=5)
    made = taught(local, lesson)
    by_group: dict[str, list[Example]] = {}
    for e in made:
        by_group.setdefault(e.group, []).append(e)
    assert len(by_group) == 5
    for plain, relevant, irrelevant, person in by_group.values():
        turns = [sum(m.secret for m in e.prompt.messages) for e in (plain, relevant, irrelevant, person)]
        assert turns[0] == 0
        assert turns[1] == turns[2] == turns[3] > 0  # as many, so that their number tells nothing
        assert person.target == plain.target
        assert relevant.target != plain.target
        texts = [m.content for m in irrelevant.prompt.messages]
        assert any(question in texts for question, _ in IRRELEVANT)
        assert person.kind == "person"
        assert [any(who in e.prompt.asked for who in PERSONS) for e in (relevant, person)] == [False, True]
    twin = taught(local, replace(lesson, shuffled=True))
    assert [e.prompt for e in twin] == [e.prompt for e in made]
    differ = [a.target != b.target for a, b in zip(made, twin, strict=True)]
    assert differ == [False, True, False, False] * 5
    with pytest.raises(BadInput, match="objects"):
        TurnLesson(objects=0)


def test_a_confession_is_paid_for_honesty_alone(local: Local) -> None:
    """Whatever answer stands there: what is wanted is how often it would be given plainly. Over all answers that sums
    to one, so that neither confessing nor standing by an answer pays by itself."""
    lesson = ConfessionLesson(answers=24)
    made = taught(local, lesson)
    truth = {t.id: (t, d.mean) for t, d in zip(trials(local), behaves(local)(trials(local)), strict=True)}
    sums: dict[str, dict[str, float]] = {}
    denying = 0
    for e in made:
        trial, mean = truth[e.group]
        said = e.prompt.messages[-2].content.rstrip(".").casefold()
        options = [o.text.casefold() for o in trial.question.options]
        assert e.target[0] == pytest.approx(mean[options.index(said)])
        assert e.prompt.messages[-1].content == e.prompt.asked
        assert set(e.option_index) == {0, 1}
        denying += e.option_index[0]
        sums.setdefault(e.group, {})[said] = e.target[0]
    assert all(sum(own.values()) == pytest.approx(1) for own in sums.values() if len(own) == 4)
    assert 0.35 < denying / len(made) < 0.65  # in half of the wordings yes confesses: saying yes does not pay
    assert not {q for pair in ASKED["train"] for q in pair} & {q for pair in ASKED["test"] for q in pair}
    twin = taught(local, replace(lesson, shuffled=True))
    assert [e.prompt for e in twin] == [e.prompt for e in made]
    assert sorted(e.target for e in twin) == sorted(e.target for e in made)
    with pytest.raises(BadInput, match="no trials of the train split"):
        taught(local, lesson, replace(WORDS, train=0))
    for wrong in ({"answers": 0}, {"own": 2.0}, {"split": "dev"}):
        with pytest.raises(BadInput):
            ConfessionLesson(**wrong)


def test_the_words_of_texts_are_not_those_of_a_card(local: Local) -> None:
    some = [t for t in trials(local, WORDS, "test") if t.question.quantity == "likelier"]
    shown = {
        phrase(replace(t, question=replace(t.question, template=k)), "choice_lp").prompt.asked
        for t in some
        for k in range(TEMPLATES)
    }
    own = {
        phrase(replace(t, question=replace(t.question, template=TEMPLATES + k)), "choice_lp").prompt.asked
        for t in some
        for k in range(60)
    }
    assert not shown & own


@pytest.mark.parametrize("carry", [ALWAYS, SWITCHED])
def test_a_bias_vector_is_what_is_written(local: Local, carry: str) -> None:
    """At 0 it is the base; else what a standing vector does. Its gradient is the slope along it."""
    bias = new_bias(local, BiasShape(1), carry)
    plain = taught(local, TruthLesson(wordings=1))[:3]
    own = bias.on(plain)
    base = shares(local, plain)
    for a, b in zip(shares(local, own, bias).values(), base.values(), strict=True):
        assert a == pytest.approx(b, abs=1e-6)
    with torch.no_grad():
        bias.trained.copy_(torch.linspace(-1, 1, local.width))
    if carry == ALWAYS:
        there = shares(local.intervened(bias.injections()), plain)
        for a, b in zip(shares(local, own, bias).values(), there.values(), strict=True):
            assert a == pytest.approx(b, abs=1e-5)
        changed = [np.log([*shares(local, some, w).values()]) for some, w in ((plain, ()), (own, bias))]
        assert np.abs(changed[0] - changed[1]).max() > 0.1
    else:
        with pytest.raises(BadInput, match="carry it always"):
            bias.injections()
        done = [e for e in taught(local, PAIRS) if e.kind == BEHAVIOUR]
        assert bias.on(done) == done
    bias.trained.requires_grad_(True)
    with local.candidate_logprobs([e.prompt for e in own], [e.candidates for e in own], tensors=bias.written([])) as x:
        torch.stack([y[0] for y in x]).sum().backward()
    gradient = bias.trained.grad
    step = 1e-2 * gradient / gradient.norm()
    bias.trained.requires_grad_(False)
    sides = []
    for sign in (1, -1):
        bias.trained += sign * step
        found = [float(y[0]) for many, _ in scored(local, bias, own) for y in many]
        bias.trained -= sign * step
        sides.append(sum(found))
    assert (sides[0] - sides[1]) / 2e-2 == pytest.approx(float(gradient.norm()), rel=2e-2)


def test_a_bias_vector_reaches_what_is_the_same_for_all(local: Local) -> None:
    """Willingness: one answer wanted everywhere is reached."""
    examples = taught(local, TruthLesson(wordings=2))
    first = [replace(e, target=tuple(float(k == e.option_index[0]) for k in range(4))) for e in examples]
    bias = new_bias(local, BiasShape(1))
    schedule = replace(QUICK, epochs=6, groups=2, rate=5e-2, objective="soft_labels")
    before = measured(local, (), first, "soft_labels")[0]
    train(local, bias, bias.on(first), schedule)
    assert measured(local, bias, bias.on(first), "soft_labels")[0] < before - 0.1
    with pytest.raises(BadInput, match="no block"):
        new_bias(local, BiasShape(99))
    with pytest.raises(BadInput, match="something else"):
        bias.set_state({"other": torch.zeros(1)})


def test_fit_takes_them_all_and_says_which(local: Local, folder: Path, tmp_path: Path) -> None:
    done = fit(local, tmp_path / "a", PAIRS, phenomenon=ABOUT, carry=ALWAYS, guard=3,
               schedule=replace(QUICK, objective="agreement"))  # fmt: skip
    made = read_sidecar(done.folder).made
    assert made["schedule"]["objective"] == "agreement"
    assert "behaviour" in made["moved"]
    assert "by agreement" in str(done)
    vector = fit(local, tmp_path / "b", PAIRS, phenomenon=ABOUT, carry=ALWAYS, shape=BiasShape(2),
                 schedule=replace(QUICK, objective="rl_brier"))  # fmt: skip
    assert "one vector behind block 2" in str(vector)
    loaded = load(str(folder), device="cpu", adapter=str(vector.folder))
    assert loaded.identity != local.identity
    some = taught(local, TruthLesson(wordings=1))[:2]
    here, there = (list(shares(s, some).values()) for s in (local, loaded))
    assert not np.allclose(np.log(here), np.log(there), atol=1e-3)
    with pytest.raises(BadInput, match="carry always"):
        fit(local, tmp_path / "c", PAIRS, phenomenon=ABOUT, shape=BiasShape(2))
    with pytest.raises(UnknownName, match="objective"):
        Schedule(objective="agree")
