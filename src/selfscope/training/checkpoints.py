"""Where a training run stands on disk: weights, moments and step, replaced as one, never half."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from selfscope.errors import StoreError, reaching
from selfscope.subjects.tensor_files import load_tensors, save_tensors
from selfscope.training.dev import Look

STEP, TENSORS, RUN = "step.json", "step.safetensors", "run.txt"
OTHER = "{folder} holds a training run of another configuration, model or data: give another folder, or delete it"


@dataclass(frozen=True)
class Checkpoint:
    """step: done so far. run: hash of all that decides the run. history: (step, loss). weights, moments: tensors.
    looks: at dev so far. best: weights of the best of them, where that may be the end. seconds: what
    it took so far."""

    step: int
    run: str
    history: tuple[tuple[int, float], ...]
    weights: Mapping[str, torch.Tensor]
    moments: Mapping[str, torch.Tensor]
    looks: tuple[Look, ...] = ()
    best: Mapping[str, torch.Tensor] = field(default_factory=dict)
    seconds: float = 0.0


def begun(folder: Path, run: str) -> None:
    """Says in a folder of which run it is, a hash of all that decides it. Raises StoreError where it says another."""
    file = folder / RUN
    with reaching(file):
        folder.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            draft = file.with_name(f"{RUN}.{os.getpid()}.tmp")
            draft.write_text(run, encoding="utf-8")
            draft.replace(file)
        if file.read_text(encoding="utf-8") != run:
            raise StoreError(OTHER.format(folder=folder))


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """Replaces the folder's checkpoint. Raises FileError; the one before stays then."""
    with reaching(folder):
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f"checkpoint.{os.getpid()}.tmp"
        try:
            draft.mkdir(exist_ok=True)
            tensors = {f"weights.{k}": v for k, v in checkpoint.weights.items()}
            tensors |= {f"moments.{k}": v for k, v in checkpoint.moments.items()}
            tensors |= {f"best.{k}": v for k, v in checkpoint.best.items()}
            save_tensors(draft / TENSORS, tensors)
            facts = {"step": checkpoint.step, "run": checkpoint.run, "history": checkpoint.history,
                     "looks": [asdict(look) for look in checkpoint.looks], "seconds": checkpoint.seconds}  # fmt: skip
            (draft / STEP).write_text(json.dumps(facts), encoding="utf-8")
            kept, old = folder / "checkpoint", folder / "checkpoint.old"
            if kept.exists():  # else the old one is all that there is
                shutil.rmtree(old, ignore_errors=True)
                kept.rename(old)
            draft.rename(kept)
            shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def read(folder: Path, run: str) -> Checkpoint | None:
    """The folder's checkpoint; None where there is none. Raises StoreError for one of another run, or a damaged one."""
    place = next((folder / n for n in ("checkpoint", "checkpoint.old") if (folder / n / STEP).exists()), None)
    if place is None:
        return None
    try:
        facts: dict[str, Any] = json.loads((place / STEP).read_text(encoding="utf-8"))
        step, history = int(facts["step"]), tuple((int(s), float(x)) for s, x in facts["history"])
        other, seconds = str(facts["run"]), float(facts["seconds"])
        looks = tuple(Look(int(x["step"]), float(x["loss"]), float(x["gap"])) for x in facts.get("looks", ()))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        why = f"the checkpoint in {folder} cannot be read ({error}): delete the folder to begin anew"
        raise StoreError(why) from error
    if other != run:
        raise StoreError(OTHER.format(folder=folder))
    tensors = load_tensors(place / TENSORS)
    weights, moments, best = (_part(tensors, prefix) for prefix in ("weights.", "moments.", "best."))
    return Checkpoint(step, run, history, weights, moments, looks, best, seconds)


def _part(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def moments_of(optimizer: torch.optim.Optimizer, parameters: Sequence[torch.nn.Parameter]) -> dict[str, torch.Tensor]:
    """What the optimiser remembers of each parameter, by its place."""
    out = {}
    for k, parameter in enumerate(parameters):
        for name, value in optimizer.state.get(parameter, {}).items():
            out[f"{k}.{name}"] = torch.as_tensor(value).detach().to("cpu", copy=True)
    return out


def set_moments(
    optimizer: torch.optim.Optimizer, parameters: Sequence[torch.nn.Parameter], moments: Mapping[str, torch.Tensor]
) -> None:
    """Gives them back."""
    for key, value in moments.items():
        place, _, name = key.partition(".")
        parameter = parameters[int(place)]
        optimizer.state[parameter][name] = value if name == "step" else value.to(parameter.device)
