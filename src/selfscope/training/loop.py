"""The one loop: examples in, a trained adapter out. It may be stopped at any step and goes on as if it had not been.

What comes next is a function of the seed and the step alone, so a checkpoint needs no state of any generator.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from selfscope.errors import BadInput, SelfscopeError
from selfscope.records import content_hash
from selfscope.subjects.decode import MEMORY_WORDS
from selfscope.subjects.live_adapters import Adapter
from selfscope.subjects.local_weights import LocalWeights
from selfscope.training import checkpoints
from selfscope.training.checkpoints import Checkpoint
from selfscope.training.examples import Example, fingerprint
from selfscope.training.objectives import loss_of, objective_of

PRECISIONS = ("fp32", "bf16")


class TrainingFailed(SelfscopeError):
    """The loss is no number, or memory ran out. What was good last is kept."""


@dataclass(frozen=True)
class Schedule:
    """How an adapter is trained.

    Attributes
    ----------
    epochs : float
        Times that every group is seen.
    groups : int
        Groups of examples a step.
    at_once : int
        Of them, in one forward: fewer need less memory, and change no number but by rounding.
    rate : float
        Of AdamW, at its highest: it grows over the first part `warmup` of the steps, and falls linearly to 0.
    warmup : float
        Part of the steps, from 0 to 1.
    clip : float
        Longest gradient; longer ones are shortened.
    decay : float
        Weight decay.
    precision : str
        fp32, or bf16: products in half precision, weights in full.
    objective : str
        A name of `objectives.OBJECTIVES`.
    seed : int
        Of the order of the groups.
    save_every : float
        Seconds between checkpoints.

    Raises
    ------
    BadInput
        A number out of its range.
    """

    epochs: float = 1.0
    groups: int = 8
    at_once: int = 8
    rate: float = 3e-4
    warmup: float = 0.05
    clip: float = 1.0
    decay: float = 0.0
    precision: str = "fp32"
    objective: str = "mostly_options"
    seed: int = 0
    save_every: float = 60.0

    def __post_init__(self) -> None:
        for name, low in (("epochs", 0.0), ("groups", 0), ("at_once", 0), ("rate", 0.0), ("clip", 0.0)):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > low):
                raise BadInput(f"{name} is a number above 0, not {value}")
        if not 0 <= self.warmup <= 1:
            raise BadInput(f"warmup is a part of the steps, from 0 to 1, not {self.warmup}")
        if self.precision not in PRECISIONS:
            raise BadInput(f"there is no precision {self.precision!r}; there are: {', '.join(PRECISIONS)}")
        objective_of(self.objective)

    @property
    def decides(self) -> dict[str, Any]:
        """All that decides what is learnt: not how much is computed at a time, and when it is saved."""
        return {name: value for name, value in vars(self).items() if name not in ("at_once", "save_every")}

    def rate_at(self, step: int, steps: int) -> float:
        """The rate of a step, from 0."""
        rising = max(1.0, self.warmup * steps)
        return self.rate * min(1.0, (step + 1) / rising) * (1 - step / steps)


@dataclass(frozen=True)
class Trained:
    """steps: done. history: (step, mean loss of its examples, nats). seconds: what it took, all sittings."""

    steps: int
    history: tuple[tuple[int, float], ...]
    seconds: float


OnStep = Callable[[int, int, float], None]
"""(steps done, all steps, loss of this one)."""


def train(
    subject: LocalWeights,
    adapter: Adapter,
    examples: Sequence[Example],
    schedule: Schedule,
    *,
    folder: Path | None = None,
    on_step: OnStep = lambda step, steps, loss: None,
) -> Trained:
    """Trains an adapter in place.

    Parameters
    ----------
    subject : LocalWeights
        Whose adapter it is; adapters that act on it already stay as they are.
    adapter : Adapter
        Made by the subject.
    examples : sequence of Example
        All that it is trained on.
    schedule : Schedule
        How.
    folder : Path, optional
        Where checkpoints go. One that is there of this very run is gone on with.
    on_step : callable
        Told of every step.

    Returns
    -------
    Trained
        What happened.

    Raises
    ------
    TrainingFailed
        The loss is no number, or memory ran out; the message says what to change, and the last checkpoint stays.
    StoreError
        The folder holds another run.
    """
    if not examples:
        raise BadInput("there is nothing to train on: give at least one example")
    groups = _grouped(examples)
    steps = max(1, math.ceil(schedule.epochs * len(groups) / schedule.groups))
    run = content_hash(
        subject.identity, adapter.shape, adapter.carry, adapter.targets, schedule.decides, fingerprint(examples)
    )  # fmt: skip
    parameters = adapter.parameters()
    optimizer = torch.optim.AdamW(parameters, lr=schedule.rate, weight_decay=schedule.decay)
    found = None if folder is None else checkpoints.read(folder, run)
    done, history = 0, list[tuple[int, float]]()
    if found is not None:
        adapter.set_state(found.weights)
        checkpoints.set_moments(optimizer, parameters, found.moments)
        done, history = found.step, list(found.history)
    start = saved = time.monotonic()

    def keep(step: int) -> None:
        if folder is not None:
            moments = checkpoints.moments_of(optimizer, parameters)
            checkpoints.save(folder, Checkpoint(step, run, tuple(history), adapter.state(), moments))

    with subject.training(adapter):
        for step in range(done, steps):
            for part in optimizer.param_groups:
                part["lr"] = schedule.rate_at(step, steps)
            batch = [groups[k] for k in _order(len(groups), step, schedule)]
            loss = _backward(subject, adapter, batch, schedule)
            length = torch.nn.utils.clip_grad_norm_(parameters, schedule.clip)
            if not (math.isfinite(loss) and bool(torch.isfinite(length))):
                raise TrainingFailed(
                    f"the loss is no number any more at step {step + 1} of {steps}: train with a lower rate than "
                    f"{schedule.rate:g}{', or with fp32' if schedule.precision != 'fp32' else ''}"
                )
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            history.append((step + 1, loss))
            if time.monotonic() - saved > schedule.save_every or step + 1 == steps:
                keep(step + 1)
                saved = time.monotonic()
            on_step(step + 1, steps, loss)
    return Trained(steps, tuple(history), time.monotonic() - start)


def _grouped(examples: Sequence[Example]) -> list[list[Example]]:
    groups: dict[str, list[Example]] = {}
    for k, example in enumerate(examples):
        groups.setdefault(example.group or f"\0{k}", []).append(example)
    return list(groups.values())


def _order(count: int, step: int, schedule: Schedule) -> list[int]:
    """Which groups a step takes: every epoch has an order of its own."""
    out = []
    for at in range(step * schedule.groups, (step + 1) * schedule.groups):
        epoch, place = divmod(at, count)
        seed = list(bytes.fromhex(content_hash("order", schedule.seed, epoch, size=32)))
        out.append(int(np.random.default_rng(seed).permutation(count)[place]))
    return out


def _parts(batch: Sequence[Sequence[Example]], at_once: int) -> Iterator[list[Example]]:
    for start in range(0, len(batch), at_once):
        yield [example for group in batch[start : start + at_once] for example in group]


def _backward(
    subject: LocalWeights, adapter: Adapter, batch: Sequence[Sequence[Example]], schedule: Schedule
) -> float:
    """Gradients of the batch's mean loss, and the loss; the size of the parts changes neither."""
    total = sum(example.weight for group in batch for example in group) or 1.0
    loss = 0.0
    for part in _parts(batch, schedule.at_once):
        try:
            with (
                _precision(subject, schedule),
                subject.candidate_logprobs(
                    [e.prompt for e in part], [e.candidates for e in part], adapters=[adapter]
                ) as found,
            ):
                losses = [e.weight * loss_of(schedule.objective, x, e) for x, e in zip(found, part, strict=True)]
                own = torch.stack(losses).sum() / total
                own.backward()
                loss += float(own.detach())
        except (MemoryError, RuntimeError) as error:
            text = str(error).lower()
            if not (isinstance(error, MemoryError) or any(word in text for word in MEMORY_WORDS)):
                raise
            raise TrainingFailed(
                f"memory ran out with {schedule.at_once} groups in one forward: set at_once to "
                f"{max(1, schedule.at_once // 2)}, or precision to bf16"
            ) from error
    return loss


def _precision(subject: LocalWeights, schedule: Schedule) -> AbstractContextManager[object]:
    if schedule.precision == "fp32":
        return nullcontext()
    return torch.autocast(subject.engine.device.type, torch.bfloat16)


def mean_loss(
    subject: LocalWeights, adapters: Sequence[Adapter], examples: Sequence[Example], objective: str, *, at_once: int = 8
) -> float:
    """Mean loss (nats) of examples, nothing trained."""
    total, weight = 0.0, sum(e.weight for e in examples) or 1.0
    with torch.no_grad():
        for part in _parts(_grouped(examples), at_once):
            with subject.candidate_logprobs(
                [e.prompt for e in part], [e.candidates for e in part], adapters=adapters
            ) as found:
                total += sum(float(e.weight * loss_of(objective, x, e)) for x, e in zip(found, part, strict=True))
    return total / weight
