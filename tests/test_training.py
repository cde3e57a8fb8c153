"""Laws of training: resumed is as if never stopped, the parts of a batch change nothing, planted signals are found."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from selfscope.errors import BadInput, StoreError, UnknownName
from selfscope.records import Injection, Message, Prompt, Vector
from selfscope.subjects.live_adapters import ALWAYS, SWITCHED, Adapter, LoraShape
from selfscope.subjects.local import Local, load
from selfscope.training import checkpoints, loop
from selfscope.training.examples import Example
from selfscope.training.loop import Schedule, TrainingFailed, mean_loss, train
from selfscope.training.objectives import OBJECTIVES, REFERRING, objective_of
from selfscope.training.precision import instead
from tiny import build


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True)


@pytest.fixture
def local(folder: Path) -> Local:
    return load(str(folder))


QUESTION = "Which of these is it?"
WORDS = (" red", " blue", " town", " river")


def example(k: int, *, right: int, vector: np.ndarray | None = None, group: str = "") -> Example:
    about = f"Number {k}."
    writes = ()
    if vector is not None:
        writes = (Injection(0, Vector.of(vector), span_text=about, operator="add", strength=2.0),)
    prompt = Prompt(
        messages=(Message("user", f"{about}\n\n{QUESTION}"),), prefix="It:", asked=QUESTION, interventions=writes
    )
    target = tuple(float(i == right) for i in range(len(WORDS)))
    return Example(prompt, WORDS, tuple(range(len(WORDS))), target, group or f"g{k}")


SOME = [example(k, right=k % 4, group=f"g{k // 2}") for k in range(12)]
QUICK = Schedule(epochs=2, groups=3, at_once=3, rate=3e-3, save_every=1e9)


def new(local: Local, carry: str = ALWAYS, seed: int = 0) -> Adapter:
    return local.new_adapter(LoraShape(4), carry, seed=seed)


def weights(adapter: Adapter) -> list[torch.Tensor]:
    return list(adapter.state().values())


def same(a: Adapter, b: Adapter) -> bool:
    return all(torch.equal(x, y) for x, y in zip(weights(a), weights(b), strict=True))


@pytest.mark.parametrize("carry", [ALWAYS, SWITCHED])
def test_a_run_that_was_stopped_ends_as_one_that_was_not(local: Local, tmp_path: Path, carry: str) -> None:
    whole, parts = new(local, carry), new(local, carry)
    done = train(local, whole, SOME, QUICK)

    class Stop(Exception):
        pass

    def stop(step: int, steps: int, loss: float) -> None:
        if step == 2:
            raise Stop

    with pytest.raises(Stop):
        train(local, parts, SOME, replace(QUICK, save_every=0.0), folder=tmp_path, on_step=stop)
    first = json.loads((tmp_path / "checkpoint" / "step.json").read_text())["seconds"]
    parts.set_state(new(local, carry, seed=9).state())  # another process begins with other weights
    again = train(local, parts, SOME, replace(QUICK, save_every=0.0), folder=tmp_path)
    assert same(whole, parts)
    assert again.history == done.history
    assert again.steps == done.steps == 4
    last = json.loads((tmp_path / "checkpoint" / "step.json").read_text())["seconds"]
    assert 0 < first < last <= again.seconds  # of all sittings


def test_save_every_is_no_part_of_a_run(local: Local, tmp_path: Path) -> None:
    adapter = new(local)
    train(local, adapter, SOME, QUICK, folder=tmp_path)
    assert train(local, adapter, SOME, replace(QUICK, save_every=5.0, at_once=1), folder=tmp_path).steps == 4


def test_another_run_in_the_folder_is_refused(local: Local, tmp_path: Path) -> None:
    adapter = new(local)
    train(local, adapter, SOME, QUICK, folder=tmp_path)
    for schedule, examples in ((replace(QUICK, rate=1e-3), SOME), (QUICK, SOME[:-1])):
        with pytest.raises(StoreError, match="another configuration"):
            train(local, adapter, examples, schedule, folder=tmp_path)
    with pytest.raises(StoreError, match="another configuration"):
        train(local, new(local, SWITCHED), SOME, QUICK, folder=tmp_path)
    (tmp_path / "checkpoint" / checkpoints.STEP).write_text("{")
    with pytest.raises(StoreError, match="cannot be read"):
        train(local, adapter, SOME, QUICK, folder=tmp_path)


def test_the_parts_of_a_batch_change_no_gradient(local: Local) -> None:
    """Accumulated over parts it is the gradient of the whole: the loss is divided by what all examples count."""
    uneven = [replace(e, weight=w) for e, w in zip(SOME, np.linspace(0.5, 2, len(SOME)), strict=True)]
    grouped = loop._grouped(uneven)
    found = []
    for at_once in (1, 4, 6):
        adapter = new(local)
        with local.training(adapter):
            loss = loop._backward(local, adapter, grouped, replace(QUICK, at_once=at_once))
            found.append((loss, [p.grad.clone() for p in adapter.parameters() if p.grad is not None]))
    for loss, gradients in found[1:]:
        assert loss == pytest.approx(found[0][0], abs=1e-5)
        for a, b in zip(gradients, found[0][1], strict=True):
            assert torch.allclose(a, b, atol=1e-5)
    assert max(float(g.abs().max()) for g in found[0][1]) > 1e-3


def test_the_rate_changes_at_every_step() -> None:
    schedule = Schedule(rate=1.0, warmup=0.2)
    rates = [schedule.rate_at(step, 20) for step in range(20)]
    assert rates[:4] == pytest.approx([0.25, 0.475, 0.675, 0.85])
    assert all(a > b for a, b in pairwise(rates[4:]))
    assert 0 < rates[-1] < 0.1


def test_the_loop_takes_one_step_of_the_schedule_for_one_of_the_optimiser(
    local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many parts a batch is computed in: a rate that falls once an epoch, or once a part, is another run."""
    taken: list[float] = []
    step = torch.optim.AdamW.step

    def noted(self: torch.optim.AdamW, *args: Any, **named: Any) -> Any:
        taken.append(self.param_groups[0]["lr"])
        return step(self, *args, **named)

    monkeypatch.setattr(torch.optim.AdamW, "step", noted)
    schedule = replace(QUICK, at_once=1)
    done = train(local, new(local), SOME, schedule)
    assert done.steps == 4
    assert taken == [schedule.rate_at(k, 4) for k in range(4)]


def test_every_group_comes_once_an_epoch() -> None:
    schedule = Schedule(groups=4)
    for count in (4, 6, 10):
        seen = [k for step in range(3 * count) for k in loop._order(count, step, schedule)]
        epochs = [seen[start : start + count] for start in range(0, len(seen) - count, count)]
        assert all(sorted(epoch) == list(range(count)) for epoch in epochs)
        assert len({tuple(epoch) for epoch in epochs}) > 1


def planted(count: int, width: int, seed: int, *, shuffled: bool = False, noise: float = 0.3) -> list[Example]:
    """A label's direction with noise, on the object's tokens; the words are the same for all."""
    rng = np.random.default_rng(seed)
    directions = np.random.default_rng(99).standard_normal((len(WORDS), width))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    out = []
    for _ in range(count):
        right = int(rng.integers(len(WORDS)))
        shown = int(rng.integers(len(WORDS))) if shuffled else right
        vector = directions[shown] + noise * rng.standard_normal(width) / math.sqrt(width)
        out.append(example(7, right=right, vector=4 * vector, group=f"{seed}:{len(out)}"))
    return out


def right(subject: Local, adapter: Adapter, examples: list[Example]) -> float:
    with torch.no_grad(), subject.candidate_logprobs(
        [e.prompt for e in examples], [e.candidates for e in examples], adapters=[adapter]
    ) as found:
        return float(np.mean([int(x.argmax()) == e.target.index(1.0) for x, e in zip(found, examples, strict=True)]))


@pytest.mark.parametrize("carry", [ALWAYS, SWITCHED])
def test_a_planted_signal_is_read_and_a_shuffled_one_is_not(local: Local, carry: str) -> None:
    """End to end: it reaches what can be told (all of it, at this noise) on vectors that it never saw; on vectors that
    do not belong it stays at chance, and trained on such it learns nothing that helps on real ones."""
    schedule = Schedule(epochs=6, groups=16, at_once=16, rate=2e-2, objective="soft_labels")
    train_on, test_on = planted(160, local.width, 1), planted(80, local.width, 2)
    adapter, twin = new(local, carry), new(local, carry)
    train(local, adapter, train_on, schedule)
    assert right(local, adapter, test_on) > 0.95
    assert right(local, adapter, planted(80, local.width, 3, shuffled=True)) < 0.45
    before = mean_loss(local, [adapter], test_on, "soft_labels")
    permuted = [replace(e, prompt=o.prompt) for e, o in zip(test_on, test_on[1:] + test_on[:1], strict=True)]
    assert mean_loss(local, [adapter], permuted, "soft_labels") > before + 1  # the vector is used
    train(local, twin, planted(160, local.width, 4, shuffled=True), schedule)
    assert right(local, twin, test_on) < 0.5


def test_a_loss_that_is_no_number_stops_and_keeps_what_was_good(
    local: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = new(local)
    kept: list[dict[str, torch.Tensor]] = []

    def poison(step: int, steps: int, loss: float) -> None:
        if step == 2:
            kept.append(dict(checkpoints.read(tmp_path, _run_of(tmp_path)).weights))  # type: ignore[union-attr]
            with torch.no_grad():
                adapter.parameters()[0].fill_(math.nan)

    with pytest.raises(TrainingFailed, match="lower rate"):
        train(local, adapter, SOME, replace(QUICK, save_every=0.0), folder=tmp_path, on_step=poison)
    found = checkpoints.read(tmp_path, _run_of(tmp_path))
    assert found is not None
    assert found.step == 2
    assert all(torch.equal(found.weights[k], v) for k, v in kept[0].items())
    assert all(bool(v.isfinite().all()) for v in found.weights.values())


def _run_of(folder: Path) -> str:
    import json

    return str(json.loads((folder / "checkpoint" / checkpoints.STEP).read_text())["run"])


def test_memory_that_runs_out_says_which_setting_to_change(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*a: object, **k: object) -> object:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(Local, "candidate_logprobs", full)
    with pytest.raises(TrainingFailed, match="set at_once to 1"):
        train(local, new(local), SOME, QUICK)


def test_objectives_against_numbers_by_hand() -> None:
    one = replace(SOME[0], candidates=("a", "A", "b"), option_index=(0, 0, 1), target=(0.75, 0.25))
    logprobs = torch.tensor([0.2, 0.2, 0.1]).log()
    shares = (0.8, 0.2)
    entropy = -(0.75 * math.log(shares[0]) + 0.25 * math.log(shares[1]))
    wanted = {
        "soft_labels": entropy,
        "hard_labels": -math.log(0.8),
        "vocabulary": -(0.75 * math.log(0.4) + 0.25 * math.log(0.1)),
        "mostly_options": entropy - 0.1 * math.log(0.5),
        "brier": 2 * 0.05**2,
    }
    assert wanted.keys() == OBJECTIVES.keys() - set(REFERRING)  # those stand in test_objectives.py
    for name, value in wanted.items():
        assert float(objective_of(name)(logprobs, one)) == pytest.approx(value, abs=1e-6), name
    with pytest.raises(UnknownName):
        objective_of("soft")


def test_what_cannot_be_trained_on_is_said() -> None:
    with pytest.raises(BadInput, match="meanings"):
        replace(SOME[0], option_index=(0,))
    with pytest.raises(BadInput, match="no distribution"):
        replace(SOME[0], target=(0.5, 0.6, 0.0, 0.0))
    with pytest.raises(BadInput, match="rate"):
        Schedule(rate=0)
    with pytest.raises(BadInput, match="precision"):
        Schedule(precision="fp8")


@pytest.mark.parametrize("carry", [ALWAYS, SWITCHED])
def test_half_precision_trains_to_about_the_same_loss(local: Local, carry: str) -> None:
    losses = []
    for precision in ("fp32", "bf16"):
        done = train(local, new(local, carry), SOME, replace(QUICK, epochs=4, precision=precision))
        losses.append([loss for _, loss in done.history])
    assert np.allclose(*losses, atol=0.3)
    assert losses[1][-1] < losses[1][0]


@pytest.mark.parametrize("fast", [False, True])
def test_half_precision_is_computed_where_the_device_has_instructions_for_it(
    local: Local, monkeypatch: pytest.MonkeyPatch, fast: bool
) -> None:
    monkeypatch.setattr("selfscope.training.precision.halves", lambda device: fast)
    asked = replace(QUICK, precision="bf16")
    full, half = (train(local, new(local, ALWAYS), SOME, each) for each in (QUICK, asked))
    assert half.schedule.precision == ("bf16" if fast else "fp32")
    assert (half.history == full.history) is not fast
    assert bool(instead(asked, half.schedule)) is not fast
