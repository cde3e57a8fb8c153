"""Laws of the loop for whatever has a handle: exact resuming, parts of a batch, an end at dev."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from decoder_items import LAYER, contexts, world
from selfscope.errors import BadInput
from selfscope.subjects.live_adapters import LoraShape
from selfscope.subjects.local import Local, load
from selfscope.subjects.tensor_files import load_tensors
from selfscope.training import loop
from selfscope.training.dev import Dev, Look
from selfscope.training.fit_decoder import Course, fit_decoder
from selfscope.training.forms import Affine, Oracle
from selfscope.training.live_decoder import new_decoder
from selfscope.training.ranks import Ranks
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


def test_what_several_processes_compute_adds_up_to_the_batch(tiny: Local) -> None:
    """Gradients of the parts, each over the weight of the whole, sum to those of the whole: uneven ones too."""
    of, items = world(tiny, contexts(tiny, 7, seed=1))
    live = new_decoder(tiny, Affine(AT, lora=SMALL), of)
    examples = [replace(live.example(i, i.source), weight=1.0 + k % 2) for k, i in enumerate(items)]
    groups, total = loop._grouped(examples), sum(e.weight for e in examples)
    found = []
    for count in (1, 3):
        with getting_gradients(tiny, live):
            parts = [Ranks(rank, count).part(groups) for rank in range(count)]
            loss = sum(loop._backward(tiny, live, part, QUICK, total) for part in parts)
            found.append((loss, [p.grad.clone() for p in live.parameters() if p.grad is not None]))
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-5)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(found[0][1], found[1][1], strict=True))


@pytest.mark.slow
def test_two_processes_of_a_launcher_train_what_one_does(tmp_path: Path) -> None:
    """Under `accelerate launch`, unchanged: losses and weights of one process up to rounding, one folder, one line."""
    model = build("llama", tmp_path / "model", deep=True, roomy=True)
    lesson = "decoder[form=oracle,layers=(2),rank=2,items=64,about=(own_token),every=0]"
    launch = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_machines", "1", "--mixed_precision", "no",
              "--dynamo_backend", "no", "--main_process_port", "0", "--num_processes", "2"]  # fmt: skip
    made = {}
    for name, before in (("one", []), ("two", launch)):
        words = [sys.executable, *before, "-m", "selfscope", "fit", lesson, str(model), "-o", str(tmp_path / name)]
        env = {**os.environ, "PYTHONPATH": "src", "OMP_NUM_THREADS": "1"}
        done = subprocess.run([*words, "--json"], env=env, capture_output=True, text=True, check=True)
        made[name] = json.loads(done.stdout)["made"]["losses"]
    assert made["two"] == pytest.approx(made["one"], abs=1e-3)
    one, two = (load_tensors(tmp_path / name / "adapter_model.safetensors") for name in made)
    assert all(torch.allclose(one[k], two[k], atol=1e-4) for k in one)
    assert not (tmp_path / "two.run").exists()


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
