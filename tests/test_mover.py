"""Laws of moving a target through a decoder: it finds what the decoder reads, and the decoder stays as it is."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from decoder_items import LAYER, echo
from planted_decoders import ORACLE, QUICK, frozen, lesson, other, planted
from selfscope.directions import mapped, prepared
from selfscope.errors import BadInput, StoreError
from selfscope.records import Injection, Vector
from selfscope.records.contracts import JOINT
from selfscope.subjects.local import Local, load
from selfscope.training.damage import damage
from selfscope.training.forms import Affine, Form, Joint, LatentQA, Ridge
from selfscope.training.frozen_decoder import FrozenDecoder
from selfscope.training.items import Item
from selfscope.training.loop import mean_loss, train
from selfscope.training.mover import Mover, new_mover
from selfscope.training.objectives import losses_of
from selfscope.training.replay import replay_examples
from tiny import build


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Local:
    """It says again what it reads."""
    return load(str(echo(build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True))), device="cpu")


@pytest.fixture(scope="module")
def decoder(tiny: Local, tmp_path_factory: pytest.TempPathFactory) -> FrozenDecoder:
    return frozen(tiny, tmp_path_factory.mktemp("decoder") / "real")


@pytest.fixture(scope="module")
def oracle(tiny: Local, tmp_path_factory: pytest.TempPathFactory) -> FrozenDecoder:
    """With an adapter of its own."""
    return frozen(tiny, tmp_path_factory.mktemp("oracle") / "real", ORACLE, 16)


def cosine(a: Any, b: Any) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def vector_of(mover: Mover) -> np.ndarray:
    return mover.vector().detach().numpy()


def read_wanted(mover: Mover, items: list[Item]) -> float:
    """How often the decoder reads the wanted answer in the moved target."""
    with torch.no_grad(), mover.scored(mover.decoder.subject, mover.reads(items)) as found:
        return float(np.mean([int(x.argmax()) == item.answer for x, item in zip(found, items, strict=True)]))


def share_wanted(mover: Mover, items: list[Item]) -> float:
    """Mean share of the wanted answer among the options."""
    with torch.no_grad(), mover.scored(mover.decoder.subject, mover.reads(items)) as found:
        return float(np.mean([float(x.exp()[item.answer]) for x, item in zip(found, items, strict=True)]))


def test_a_vector_finds_the_planted_direction(tiny: Local, decoder: FrozenDecoder) -> None:
    """Where the decoder reads, what makes it say a word is what was planted for it: far beyond what chance gives, which
    is 1 / sqrt(D) on average."""
    mover, examples = lesson(decoder)
    _, items = other(tiny, 48, 5)
    before = read_wanted(mover, items)
    train(tiny, mover, examples, QUICK)
    assert cosine(vector_of(mover), planted(tiny)) > 3 / np.sqrt(tiny.width)
    assert before < 0.45 < 0.9 < read_wanted(mover, items)
    assert np.linalg.norm(vector_of(mover)) <= mover.limit * (1 + 1e-5)


def test_through_the_twin_it_does_not(tiny: Local, tmp_path: Path) -> None:
    """A decoder that learnt from states of other items gives no way to what was planted."""
    mover, examples = lesson(frozen(tiny, tmp_path / "twin", shuffled=True))
    train(tiny, mover, examples, QUICK)
    assert cosine(vector_of(mover), planted(tiny)) < 1 / np.sqrt(tiny.width)


def test_the_guard_holds_ordinary_answers(tiny: Local, decoder: FrozenDecoder) -> None:
    """They drift less than a third as far, and the decoder is moved all the same."""
    replies = replay_examples(tiny, 24, 0, likeliest=400)
    drift, share = {}, {}
    _, items = other(tiny, 48, 5)
    for weight in (0, 4):
        mover, examples = lesson(decoder, guards=replies if weight else (), weight=weight or 1)
        before = share_wanted(mover, items)
        train(tiny, mover, examples, QUICK)
        drift[weight] = damage(tiny, mover.moved(tiny)).divergence.value
        share[weight] = share_wanted(mover, items) - before
    assert drift[4] < 0.3 * drift[0]
    assert share[0] > share[4] > 0.1


@pytest.mark.parametrize("by", ["vector", "adapter"])
def test_gradients_are_those_of_one_graph(tiny: Local, oracle: FrozenDecoder, by: str) -> None:
    """The loss goes back through decoder and target, into what moves, and into nothing else. As a slope it is what a
    small step changes."""
    mover, examples = lesson(oracle, by, layer=0)
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in mover.parameters():
            p.copy_(0.05 * torch.randn(p.shape, generator=rng))

    def value() -> torch.Tensor:
        return torch.stack([losses_of("vocabulary", [x], [e])[0] for x, e in zip(found, part, strict=True)]).sum()

    part = examples[:4]
    for p in mover.parameters():
        p.requires_grad_(True)
    with tiny.training(mover.adapter) if mover.adapter else nullcontext():
        with mover.scored(tiny, part) as found:
            value().backward()
        pairs = [(p, p.grad.clone()) for p in mover.parameters() if p.grad is not None]
    assert len(pairs) == len(mover.parameters())
    assert oracle.adapter is not None
    assert all(p.grad is None and not p.requires_grad for p in oracle.adapter.parameters())
    length = float(sum((g**2).sum() for _, g in pairs)) ** 0.5
    assert length > 1e-3
    ends = []
    for side in (1, -1):
        with torch.no_grad():
            for p, g in pairs:
                p.add_(g, alpha=side * 1e-3 / length)
            with mover.scored(tiny, part) as found:
                ends.append(float(value().double()))
            for p, g in pairs:
                p.add_(g, alpha=-side * 1e-3 / length)
    assert (ends[0] - ends[1]) / 2e-3 == pytest.approx(length, rel=5e-2)


FORMS = [Affine(((LAYER,),)), Ridge(((LAYER,),)), Joint(((1, LAYER),), columns=(0, -1)),
         LatentQA(((LAYER,),), columns=(-2, -1), lora=None),
         replace(ORACLE, combinations=((1, LAYER),), columns=(-2, -1))]  # fmt: skip


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.kind)
def test_what_is_written_is_what_the_reader_writes(tiny: Local, tmp_path: Path, form: Form) -> None:
    """One formula for states with gradients and for arrays: units, preparation, maps, every column and layer."""
    decoder = frozen(tiny, tmp_path / form.kind, form, 16)
    sources, items = other(tiny, 3, 7)
    places = [decoder.positions(s) for s in sources]
    found = tiny.capture([s.prompt for s in sources], list(decoder.layers), places)
    states = {layer: torch.from_numpy(found.at(layer)) for layer in decoder.layers}
    examples = [decoder.example(i, s) for i, s in zip(items, sources, strict=True)]
    contract, tensors = decoder.contract, decoder.tensors
    with decoder.read(examples, states, dict.fromkeys(range(3), len(places[0]))) as shares:
        got = [x.exp().tolist() for x in shares]
    real, count = [], len(places[0])
    for k, example in enumerate(examples):
        ready = []
        for layer in decoder.layers:
            for j in range(count):
                mean, scale = (tensors[f"unit.{name}.{layer}"][j] for name in ("mean", "scale"))
                ready.append(prepared(found.at(layer)[k * count + j], contract.prepared, mean, scale))
        named = [f"{layer}.{j}" for layer in decoder.layers for j in range(count)]
        if contract.joint:
            ready, named = [np.concatenate(ready)] * contract.copies, [JOINT] * contract.copies
        acts = []
        for write, state, place in zip(example.prompt.interventions, ready, named, strict=True):
            assert isinstance(write, Injection)
            acts.append(replace(write, vector=Vector.of(mapped(state, tensors, place))))
        real.append(replace(example.prompt, interventions=tuple(acts)))
    on = tiny if decoder.adapter is None else tiny.adapted(decoder.adapter)
    none = [replace(p, interventions=()) for p in real]
    texts = [e.candidates for e in examples]
    own, base = ([[sum(c) for c in row] for row in on.score(p, texts)] for p in (real, none))
    for shares_K, a, b in zip(got, own, base, strict=True):
        gains = np.array(a) - np.array(b)
        assert shares_K == pytest.approx(np.exp(gains - np.logaddexp.reduce(gains)).tolist(), abs=1e-4)


def test_it_goes_on_where_it_was_stopped(tiny: Local, decoder: FrozenDecoder, tmp_path: Path) -> None:
    """Bit for bit, and not with the run of another decoder."""
    short = replace(QUICK, epochs=1, save_every=1e-9)
    whole, examples = lesson(decoder)
    train(tiny, whole, examples, short)

    class Stopped(Exception):
        pass

    def stop(step: int, steps: int, loss: float) -> None:
        if step == 2:
            raise Stopped

    half, same = lesson(decoder)
    with pytest.raises(Stopped):
        train(tiny, half, same, short, folder=tmp_path / "run", on_step=stop)
    again, same = lesson(decoder)
    train(tiny, again, same, short, folder=tmp_path / "run")
    assert np.array_equal(vector_of(again), vector_of(whole))
    further, same = lesson(decoder, layer=1)
    with pytest.raises(StoreError, match="another"):
        train(tiny, further, same, short, folder=tmp_path / "run")


def test_the_parts_of_a_batch_change_nothing(tiny: Local, oracle: FrozenDecoder) -> None:
    found = []
    for at_once in (16, 3):
        mover, examples = lesson(oracle, guards=replay_examples(tiny, 4, 0))
        train(tiny, mover, examples[-16:], replace(QUICK, epochs=1, at_once=at_once))
        found.append(vector_of(mover))
    assert np.abs(found[0] - found[1]).max() < 1e-3 * np.abs(found[0]).max()


def test_a_moved_target_is_another_subject_and_the_target_stays(tiny: Local, oracle: FrozenDecoder) -> None:
    mover, examples = lesson(oracle, "adapter")
    before = mean_loss(tiny, mover, examples, "vocabulary")
    train(tiny, mover, examples, replace(QUICK, epochs=1, rate=1e-2))
    assert mean_loss(tiny, mover, examples, "vocabulary") < before
    assert mover.moved(tiny).identity != tiny.identity
    assert mover.writes() == ()
    assert damage(tiny, tiny).divergence.value == pytest.approx(0, abs=1e-6)
    assert damage(tiny, mover.moved(tiny)).divergence.value > 1e-4


def test_what_cannot_be_moved_says_so(decoder: FrozenDecoder) -> None:
    sources, _ = other(decoder.subject, 2, 1)  # type: ignore[arg-type]
    for wrong, why in (({"by": "words"}, "vector or adapter"), ({"layer": LAYER + 1}, "layers 0 to 2"),
                       ({"limit": 0.0}, "above 0")):  # fmt: skip
        with pytest.raises(BadInput, match=why):
            new_mover(decoder, sources, **wrong)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="contexts"):
        new_mover(decoder, [])
    mover, _ = lesson(decoder)
    with pytest.raises(BadInput, match="another mover"):
        mover.set_state({"other": torch.zeros(3)})
