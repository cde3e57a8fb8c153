"""The one loop: examples in, something trained out. It may be stopped at any step and goes on as if it had not been.

What comes next is a function of the seed and the step alone, so a checkpoint needs no state of any generator.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from selfscope.errors import BadInput, SelfscopeError
from selfscope.records import content_hash
from selfscope.subjects.decode import MEMORY_WORDS
from selfscope.subjects.live_adapters import Adapter
from selfscope.subjects.local_weights import LocalWeights
from selfscope.training import checkpoints
from selfscope.training.checkpoints import Checkpoint
from selfscope.training.dev import Dev, Look
from selfscope.training.examples import Example, fingerprint
from selfscope.training.objectives import losses_of, right
from selfscope.training.precision import computed, products
from selfscope.training.ranks import Ranks, joined
from selfscope.training.schedule import Schedule
from selfscope.training.stops import undisturbed
from selfscope.training.trainable import Scorer, Trainable, getting_gradients, trainable_of


class TrainingFailed(SelfscopeError):
    """The loss is no number, or memory ran out. What was good last is kept."""


@dataclass(frozen=True)
class Trained:
    """steps: done, or those of the best look where training was stopped early. history: (step, mean loss of its
    examples, as the objective counts). seconds: what it took, all sittings. schedule: as it was run. looks: at dev."""

    steps: int
    history: tuple[tuple[int, float], ...]
    seconds: float
    schedule: Schedule
    looks: tuple[Look, ...] = ()


OnStep = Callable[[int, int, float], None]
"""(steps done, all steps, loss of this one)."""


def train(
    subject: LocalWeights,
    what: Trainable | Adapter,
    examples: Sequence[Example],
    schedule: Schedule,
    *,
    folder: Path | None = None,
    on_step: OnStep = lambda step, steps, loss: None,
    dev: Dev | None = None,
) -> Trained:
    """Trains something in place.

    Parameters
    ----------
    subject : LocalWeights
        On which it acts; adapters that act on it already stay as they are.
    what : Trainable or Adapter
        Made for the subject.
    examples : sequence of Example
        All that it is trained on.
    schedule : Schedule
        How.
    folder : Path, optional
        Where checkpoints go. One that is there of this very run is gone on with.
    on_step : callable
        Told of every step; of several processes the first.
    dev : Dev, optional
        What is looked at on the way, and when that ends it: the weights of the best look are kept then.

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
    worn, ranks, schedule = trainable_of(what), joined(), computed(subject, schedule)
    groups = _grouped(examples)
    steps = max(1, math.ceil(schedule.epochs * len(groups) / schedule.groups))
    run = content_hash(
        subject.identity, *worn.configuration, schedule.decides, fingerprint(examples), *(dev.decides if dev else ())
    )  # fmt: skip
    parameters = worn.parameters()
    optimizer = torch.optim.AdamW(parameters, lr=schedule.rate, weight_decay=schedule.decay)
    found = None if folder is None else checkpoints.read(folder, run)
    now = found or Checkpoint(0, run, (), {}, {})
    if found is not None:
        worn.set_state(found.weights)
        checkpoints.set_moments(optimizer, parameters, found.moments)
    kept, saved = now.step, time.monotonic()
    start = saved - now.seconds

    def keep() -> None:
        nonlocal kept, saved
        if folder is not None and ranks.first:
            moments, seconds = checkpoints.moments_of(optimizer, parameters), time.monotonic() - start
            checkpoints.save(folder, replace(now, weights=worn.state(), moments=moments, seconds=seconds))
        kept, saved = now.step, time.monotonic()

    with getting_gradients(subject, worn):
        try:
            now = _looked(subject, worn, dev, now, schedule, steps)
            for step in range(now.step, steps):
                if dev is not None and dev.over(now.looks):
                    break
                batch = [groups[k] for k in _order(len(groups), step, schedule)]
                loss = _gradients(subject, worn, batch, schedule, optimizer, (step, steps), ranks)
                with undisturbed():
                    optimizer.step()
                    optimizer.zero_grad(set_to_none=True)
                    now = replace(now, step=step + 1, history=(*now.history, (step + 1, loss)))
                now = _looked(subject, worn, dev, now, schedule, steps)
                over = now.step == steps or (dev is not None and dev.over(now.looks))
                if time.monotonic() - saved > schedule.save_every or over:
                    keep()
                if ranks.first:
                    on_step(step + 1, steps, loss)
        except (KeyboardInterrupt, SystemExit):
            if now.step > kept:  # what the last whole step made of the weights is nowhere else
                keep()
            raise
    ranks.wait()
    if now.best:
        worn.set_state(now.best)
    done = min(now.looks, key=lambda look: look.loss).step if now.best else now.step
    return Trained(done, now.history, time.monotonic() - start, schedule, now.looks)


def _gradients(
    subject: LocalWeights,
    worn: Trainable,
    batch: Sequence[Sequence[Example]],
    schedule: Schedule,
    optimizer: torch.optim.Optimizer,
    at: tuple[int, int],
    ranks: Ranks,
) -> float:
    """Gradients and rate of one step of the optimiser; its loss. Raises TrainingFailed."""
    step, steps = at
    for part in optimizer.param_groups:
        part["lr"] = schedule.rate_at(step, steps)
    total = sum(example.weight for group in batch for example in group) or 1.0
    loss = ranks.summed(_backward(subject, worn, ranks.part(batch), schedule, total), worn.parameters())
    length = torch.nn.utils.clip_grad_norm_(worn.parameters(), schedule.clip)
    if not (math.isfinite(loss) and bool(torch.isfinite(length))):
        raise TrainingFailed(
            f"the loss is no number any more at step {step + 1} of {steps}: train with a lower rate than "
            f"{schedule.rate:g}{', or with fp32' if schedule.precision != 'fp32' else ''}"
        )
    return loss


def _looked(
    subject: LocalWeights, worn: Trainable, dev: Dev | None, now: Checkpoint, schedule: Schedule, steps: int
) -> Checkpoint:
    """The run after the look at dev that is due, if one is: its weights are kept where none were better."""
    if dev is None or not dev.due(now.step, steps, now.looks):
        return now
    real, shuffled = (measured(subject, worn, own, schedule.objective) for own in (dev.real, dev.shuffled))
    look = Look(now.step, real[0], real[1] - shuffled[1])
    best = dev.patience > 0 and all(look.loss < other.loss for other in now.looks)
    dev.told(look)
    return replace(now, looks=(*now.looks, look), best=worn.state() if best else now.best)


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


def _parts(batch: Sequence[Sequence[Example]], at_once: int, worn: Trainable) -> Iterator[list[Example]]:
    for start in range(0, len(batch), at_once):
        part = [example for group in batch[start : start + at_once] for example in group]
        yield from worn.forwards(part) if isinstance(worn, Scorer) else [part]


def _backward(
    subject: LocalWeights,
    what: Trainable | Adapter,
    batch: Sequence[Sequence[Example]],
    schedule: Schedule,
    total: float | None = None,
) -> float:
    """Gradients of the batch's mean loss, and the loss; the size of the parts changes neither. total: weight of the
    whole batch, where this is a part of it."""
    worn = trainable_of(what)
    total = total or sum(example.weight for group in batch for example in group) or 1.0
    loss = 0.0
    for part in _parts(batch, schedule.at_once, worn):
        try:
            with (
                products(subject, schedule),
                _scored(subject, worn, part) as found,
            ):
                losses = _weighted(schedule.objective, found, part)
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


def _weighted(objective: str, found: Sequence[torch.Tensor], part: Sequence[Example]) -> list[torch.Tensor]:
    return [e.weight * x for e, x in zip(part, losses_of(objective, found, part), strict=True)]


def _scored(
    subject: LocalWeights, worn: Trainable, part: Sequence[Example]
) -> AbstractContextManager[list[torch.Tensor]]:
    if isinstance(worn, Scorer):
        return worn.scored(subject, part)
    prompts = [e.prompt for e in part]
    return subject.candidate_logprobs(
        prompts, [e.candidates for e in part], adapters=worn.adapters(), tensors=worn.written(prompts)
    )


def measured(
    subject: LocalWeights,
    what: Trainable | Adapter | Sequence[Adapter],
    examples: Sequence[Example],
    objective: str,
    *,
    at_once: int = 8,
) -> tuple[float, float]:
    """Mean loss of examples, and the share whose likeliest option is the wanted one; nothing is trained."""
    loss, hits, weight = 0.0, 0.0, sum(e.weight for e in examples) or 1.0
    for found, part in scored(subject, what, examples, at_once=at_once):
        loss += sum(float(x) for x in _weighted(objective, found, part))
        hits += sum(e.weight * right(x, e) for x, e in zip(found, part, strict=True))
    return loss / weight, hits / weight


def scored(
    subject: LocalWeights,
    what: Trainable | Adapter | Sequence[Adapter],
    examples: Sequence[Example],
    *,
    at_once: int = 8,
) -> Iterator[tuple[list[torch.Tensor], list[Example]]]:
    """(C,) log-probabilities of the candidates of examples, without gradients, some groups at a time: with the examples
    that they belong to, in the order of groups."""
    worn = trainable_of(what)
    for part in _parts(_grouped(examples), at_once, worn):
        with torch.no_grad(), _scored(subject, worn, part) as found:
            plain = list(found)
        yield plain, part


def mean_loss(
    subject: LocalWeights,
    what: Trainable | Adapter | Sequence[Adapter],
    examples: Sequence[Example],
    objective: str,
    *,
    at_once: int = 8,
) -> float:
    """Mean loss of examples, nothing trained."""
    return measured(subject, what, examples, objective, at_once=at_once)[0]
