"""Laws of the loop for whatever has a handle: exact resuming, parts of a batch, an end at dev."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from decoder_items import LAYER, contexts, world
from selfscope.errors import BadInput
from selfscope.subjects.live_adapters import LoraShape
from selfscope.subjects.local import Local, load
from selfscope.training import loop
from selfscope.training.dev import Dev, Look
from selfscope.training.fit_decoder import Course, fit_decoder
from selfscope.training.forms import Affine, Oracle
from selfscope.training.live_decoder import new_decoder
from selfscope.training.schedule import Schedule
from selfscope.training.trainable import getting_gradients
from tiny import build

AT = ((LAYER,),)
SMALL = LoraShape(2, 4.0)
QUICK = Schedule(epochs=2, groups=8, at_once=8, rate=2e-2, objective="soft_labels", save_every=0.0)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load(str(build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True)), device="cpu")
    torch.set_num_threads(threads)


def test_a_decoder_is_resumed_as_if_never_stopped(tiny: Local, tmp_path: Path) -> None:
    """Adapter and tensors together, with looks at dev on the way."""
    of, items = world(tiny, contexts(tiny, 24, seed=1), contexts(tiny, 8, seed=2, split="dev"))
    form, course = Affine(AT, lora=SMALL), Course(every=2, patience=9)
    whole, done = fit_decoder(tiny, form, of, items, QUICK, course=course)
    assert len(done.looks) == 4

    class Stop(Exception):
        pass

    def stop(step: int, steps: int, loss: float) -> None:
        if step == 3:
            raise Stop

    with pytest.raises(Stop):
        fit_decoder(tiny, form, of, items, QUICK, course=course, folder=tmp_path, on_step=stop)
    parts, again = fit_decoder(tiny, form, of, items, QUICK, course=course, folder=tmp_path)
    assert again.history == done.history
    assert again.looks == done.looks
    assert all(torch.equal(a, b) for a, b in zip(whole.state().values(), parts.state().values(), strict=True))
    assert whole.identity == parts.identity


def test_the_parts_of_a_batch_change_no_gradient_of_a_tensor(tiny: Local) -> None:
    of, items = world(tiny, contexts(tiny, 8, seed=1))
    found = []
    for at_once in (1, 3, 8):
        live = new_decoder(tiny, Affine(AT, lora=SMALL), of)
        groups = loop._grouped([live.example(i, i.source) for i in items])
        with getting_gradients(tiny, live):
            loop._backward(tiny, live, groups, replace(QUICK, at_once=at_once))
            found.append([p.grad.clone() for p in live.parameters() if p.grad is not None])
    for own in found[1:]:
        assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(own, found[0], strict=True))
    assert len(found[0]) == len(live.parameters())
    assert float(found[0][-1].abs().max()) > 1e-4
    assert all(not p.requires_grad and p.grad is None for p in live.tensors.values())


def test_training_ends_at_dev_and_keeps_the_best(tiny: Local, tmp_path: Path) -> None:
    """On noise dev only gets worse: it ends early, with the weights of the best look, resumed or not."""
    of, items = world(tiny, contexts(tiny, 16, seed=1, ways="nothing"), contexts(tiny, 8, seed=2, split="dev"))
    seen: list[Look] = []
    course = Course(every=1, patience=3, told=seen.append)
    long = replace(QUICK, epochs=20, rate=5e-2)
    live, done = fit_decoder(tiny, Oracle(AT, lora=SMALL), of, items, long, course=course, folder=tmp_path)
    assert len(done.history) < 40
    best = min(seen, key=lambda look: look.loss)
    assert (done.steps, done.looks) == (best.step, tuple(seen))
    assert seen[-1].step == best.step + 3
    quiet = replace(course, told=lambda look: None)
    again, _ = fit_decoder(tiny, Oracle(AT, lora=SMALL), of, items, long, course=quiet, folder=tmp_path)
    assert again.identity == live.identity
    with pytest.raises(BadInput, match="as many shuffled"):
        Dev((), ())
    real = [live.example(i, i.source) for i in items]
    with pytest.raises(BadInput, match="patience"):
        Dev(real, real, patience=-1)
