"""Laws of decoders: a planted signal is read by every form that can, and nothing is read where nothing is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from decoder_items import ECHO, LAYER, contexts, echo, share_right, world
from selfscope.errors import BadInput
from selfscope.records import Prompt
from selfscope.subjects.live_adapters import LoraShape
from selfscope.subjects.local import Local, load
from selfscope.training.fit_decoder import Course, fit_decoder, shuffled_sources
from selfscope.training.forms import Affine, Bias, Form, Joint, LatentQA, Oracle, RankOne, Ridge, Steering
from selfscope.training.items import Item, partners
from selfscope.training.live_decoder import LiveDecoder, new_decoder
from selfscope.training.loop import mean_loss
from selfscope.training.schedule import Schedule
from tiny import build

AT = ((LAYER,),)
SMALL = LoraShape(4, 8.0)
QUICK = Schedule(epochs=5, groups=16, at_once=16, rate=2e-2, objective="soft_labels")
slow = pytest.mark.slow
ADAPTED = [
    pytest.param(Oracle(AT, lora=SMALL), id="oracle"),
    pytest.param(LatentQA(AT, columns=(-2, -1), lora=SMALL), id="latentqa"),
    pytest.param(Ridge(AT, lora=SMALL), id="ridge", marks=slow),
    pytest.param(Affine(AT, lora=SMALL), id="affine and adapter", marks=slow),
    pytest.param(Oracle(AT, prepared="unit", lora=SMALL), id="not centred", marks=slow),
    pytest.param(Oracle(((LAYER,), (1, LAYER)), lora=SMALL), id="several combinations", marks=slow),
    pytest.param(RankOne(AT), id="rank 1", marks=slow),
]
FROZEN = [
    pytest.param(Ridge(AT, words=ECHO), 0.75, id="ridge"),
    pytest.param(Joint(((1, LAYER),), columns=(0, -1), words=ECHO), 0.75, id="joint"),
    pytest.param(Affine(AT, words=ECHO), 0.95, id="affine"),
    pytest.param(Steering(AT, words=ECHO, layer=0, strength=3.0), 0.95, id="steering"),
]  # fmt: skip


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load(str(build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True)), device="cpu")
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def echoes(tmp_path_factory: pytest.TempPathFactory) -> Local:
    """It says again what it reads, so that a soft token can be heard without an adapter."""
    return load(str(echo(build("llama", tmp_path_factory.mktemp("echo"), deep=True, roomy=True))), device="cpu")


def of_split(items: list[Item], name: str) -> list[Item]:
    return [item for item in items if item.split == name]


def as_text(live: LiveDecoder, items: list[Item]) -> float:
    """Share right with the read tokens themselves in the places of the states."""
    examples = []
    for item in items:
        example = live.example(item, item.source, fresh=True)
        row = list(example.prompt.ids or ())
        acts = [a for a in example.prompt.interventions if a.schedule == "prefill"]  # type: ignore[union-attr]
        places = live.features.rows[item.source] * len(live.combination(item))
        for act, place in zip(acts, places, strict=True):
            row[act.positions[0]] = live.features.ids[place]  # type: ignore[union-attr]
        examples.append(replace(example, prompt=Prompt(ids=tuple(row))))
    with torch.no_grad(), live.subject.candidate_logprobs(
        [e.prompt for e in examples], [e.candidates for e in examples], adapters=live.adapters()
    ) as found:
        return float(np.mean([int(x.argmax()) == i.answer for x, i in zip(found, items, strict=True)]))


@pytest.mark.parametrize("form", ADAPTED)
def test_an_adapter_reads_what_was_planted_and_nothing_else(tiny: Local, form: Form) -> None:
    """It reaches what can be told (all of it, at this noise) on states that it never saw. With states of other items,
    with the tokens instead of their states, and with nothing at all it is at chance."""
    parts = contexts(tiny, 128, seed=1), contexts(tiny, 64, seed=2, split="t1")
    of, items = world(tiny, *parts, columns=form.columns, layers=form.layers)
    live, _ = fit_decoder(tiny, form, of, items, replace(QUICK, epochs=8) if form.kind == "rank1" else QUICK)
    test = of_split(items, "t1")
    assert share_right(live, test) > 0.9
    assert share_right(live, test, partners(test, 0)) < 0.15, "those are never of the same value"
    assert as_text(live, test) < 0.45
    assert share_right(live, test, [None] * len(test)) < 0.45


@pytest.mark.parametrize(("form", "least"), FROZEN)
def test_a_frozen_model_hears_a_soft_token(echoes: Local, form: Form, least: float) -> None:
    parts = (contexts(echoes, n, seed=n, split=s, ways="words") for n, s in ((96, "train"), (48, "t1")))
    of, items = world(echoes, *parts, columns=form.columns, layers=form.layers)
    live, _ = fit_decoder(echoes, form, of, items, QUICK)
    test = of_split(items, "t1")
    assert share_right(live, test) > least
    assert share_right(live, test, partners(test, 0)) < 0.2
    assert live.adapters() == []


def test_a_bias_alone_knows_nothing_of_a_state(echoes: Local) -> None:
    of, items = world(echoes, contexts(echoes, 64, seed=1, ways="words"))
    live, done = fit_decoder(echoes, Bias(AT, words=ECHO), of, items, QUICK)
    assert done.history[-1][1] < done.history[0][1]
    a, b = items[0], next(i for i in items if i.value != items[0].value)
    assert live.example(a, a.source).prompt == live.example(a, b.source).prompt


def test_what_is_learnt_from_states_of_others_does_not_help(tiny: Local) -> None:
    of, items = world(tiny, contexts(tiny, 96, seed=1), contexts(tiny, 64, seed=2, split="t1"))
    live, _ = fit_decoder(tiny, Oracle(AT, lora=SMALL), of, items, QUICK, course=Course(shuffled=True))
    assert share_right(live, of_split(items, "t1")) < 0.5


def test_other_states_raise_the_loss_of_what_was_learnt_by_heart(tiny: Local) -> None:
    """Noise alone: it can be learnt by heart, and only by looking at it."""
    of, items = world(tiny, contexts(tiny, 8, seed=1, ways="nothing", noise=1.0))
    by_heart = replace(QUICK, epochs=40, groups=8)
    live, _ = fit_decoder(tiny, Oracle(AT, lora=SMALL), of, items, by_heart, course=Course(blanks=0))
    real = [live.example(i, i.source) for i in items]
    other = [live.example(i, s) for i, s in zip(items, partners(items, 0), strict=True)]
    assert mean_loss(tiny, live, real, "soft_labels") < 0.2
    assert mean_loss(tiny, live, other, "soft_labels") > 1.0


@slow
def test_without_a_state_no_option_is_likelier(tiny: Local) -> None:
    of, items = world(tiny, contexts(tiny, 96, seed=1))
    blank = {}
    for part in (0.0, 0.2):
        live, _ = fit_decoder(tiny, Oracle(AT, lora=SMALL), of, items, QUICK, course=Course(blanks=part))
        shown = [live.example(i, None) for i in items[:16]]
        even = [replace(e, target=(0.25,) * 4) for e in shown]
        blank[part] = mean_loss(tiny, live, even, "soft_labels")
    assert blank[0.2] < blank[0.0]
    assert blank[0.2] < np.log(4) + 0.3


def test_a_shift_of_all_positions_would_change_nothing(tiny: Local) -> None:
    """The placeholders of LatentQA stand first, whatever else does: to give them the positions of what was read moves
    all tokens alike, which rotary positions do not see."""
    of, items = world(tiny, contexts(tiny, 4, seed=1), columns=(-2, -1))
    live = new_decoder(tiny, LatentQA(AT, columns=(-2, -1), lora=SMALL), of)
    prompt = live.example(items[0], 0).prompt
    places = [p for act in prompt.interventions for p in act.positions]  # type: ignore[union-attr]
    start = len(tiny.encode(Prompt(text="x"))) - 1
    assert places == [start, start + 1], "behind the token of beginning alone"
    ids = torch.tensor([prompt.ids[start:]])
    with torch.no_grad():
        near, far = (
            tiny.engine.model(ids, position_ids=torch.arange(at, at + ids.shape[1])[None]).logits for at in (0, 23)
        )
    assert torch.allclose(near, far, atol=1e-4)


def test_features_of_another_subject_or_of_other_places_are_refused(tiny: Local, echoes: Local) -> None:
    of, items = world(tiny, contexts(tiny, 8, seed=1))
    with pytest.raises(BadInput, match="another subject"):
        new_decoder(echoes, Oracle(AT), of)
    for form in (Oracle(((1,),)), Oracle(AT, columns=(-2,))):
        with pytest.raises(BadInput, match="the features have"):
            new_decoder(tiny, form, of)
    with pytest.raises(BadInput, match="split train"):
        fit_decoder(tiny, Oracle(AT), of, [replace(i, split="dev") for i in items], QUICK)


def test_shuffled_items_keep_their_questions(tiny: Local) -> None:
    _, items = world(tiny, contexts(tiny, 40, seed=1), contexts(tiny, 20, seed=2, split="t1"))
    value = {i.source: i.value for i in items}
    for was, now in zip(items, shuffled_sources(items), strict=True):
        assert (was.question, was.options, was.answer) == (now.question, now.options, now.answer)
        assert value[now.source] != was.value
        assert items[now.source].split == was.split
