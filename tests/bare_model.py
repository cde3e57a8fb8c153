"""The bare model as a yardstick of the residual stream: its own hooks, one row at a time, nothing cached.

With it the subjects of many architectures and the rows and injections that the laws are tried on.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import tested_device
from selfscope.records import Injection, Vector
from selfscope.subjects import bundled_models
from selfscope.subjects.inject import injected
from selfscope.subjects.local import Local
from tested_device import reading, real
from tiny import SAMPLE, loaded

__all__ = [
    "NOT", "REAL", "acts_for", "bare", "by_hand", "kind", "patched", "rows", "some_rows", "subject", "tensor", "vector",
]  # fmt: skip

NOT = ("llama4",)
"""Its logits are not its head on its last states: its stream is not offered."""
FAMILIES = [name for name in SAMPLE if name not in NOT]
REAL = ["smollm2-135m", "gemma3-270m"]
OPERATORS = ["replace", "add", "norm_add", "norm_replace", "mix", "project_out"]


@pytest.fixture(scope="module", params=[*FAMILIES, REAL[0], pytest.param(REAL[1], marks=pytest.mark.slow)])
def subject(request: pytest.FixtureRequest) -> Iterator[Local]:
    threads = torch.get_num_threads()
    if request.param in bundled_models.PACKAGES:
        yield real(request.param)
        gc.collect()
        return
    torch.set_num_threads(1)
    yield loaded(request.param)
    torch.set_num_threads(threads)


def kind(subject: Local) -> str:
    """The model_type of its configuration."""
    return str(subject.engine.model.config.get_text_config().model_type)


def rows(subject: Local) -> list[tuple[int, ...]]:
    """Ragged rows, some with a long common beginning, one of one token."""
    noise = np.random.default_rng(5)
    top = min(300, subject.engine.vocabulary)
    shared = noise.integers(6, top, 11).tolist()
    own = [noise.integers(6, top, k).tolist() for k in (1, 2, 4, 7)]
    return [tuple(shared + own[1]), tuple(shared + own[3]), tuple(own[0]), tuple(own[2]), tuple(shared[:9] + own[2])]


def some_rows(subject: Local, n: int) -> list[tuple[int, ...]]:
    """The first n rows; of a real model, each row of which is as dear as a hundred of a tiny one, the first two and the
    one of one token."""
    return rows(subject)[:3] if subject.name in REAL else rows(subject)[:n]


def vector(subject: Local, seed: int = 1, scale: float = 1.0) -> Vector:
    layer = len(subject.layers) // 2
    noise = np.random.default_rng(seed).normal(size=subject.width)
    return Vector.of(scale * subject.median_norm(layer) * noise / np.linalg.norm(noise))


def tensor(ids: Sequence[int]) -> torch.Tensor:
    return tested_device.tensor([ids])


def bare(subject: Local, ids: Sequence[int]) -> torch.Tensor:
    """Logits (T, V) of the bare model."""
    with reading():
        return subject.engine.model(input_ids=tensor(ids), use_cache=False).logits[0].float().cpu()


def patched(subject: Local, ids: Sequence[int], act: Injection) -> torch.Tensor:
    """Logits (T, V) of the model under `injected`."""
    blocks = subject.engine.blocks
    assert blocks is not None
    with reading(), injected(subject.engine.model, blocks, [[act]], lengths=[len(ids)], width=len(ids)):
        return subject.engine.model(input_ids=tensor(ids), use_cache=False).logits[0].float().cpu()


def by_hand(subject: Local, ids: Sequence[int], acts: Sequence[Injection], extra: int = 0) -> torch.Tensor:
    """Log-probabilities (V,) after the row, with a hook of one line an injection; `extra` tokens at its end were
    generated."""
    blocks = subject.engine.blocks
    assert blocks is not None
    length = len(ids) - extra

    def hook_of(act: Injection) -> Any:
        def hook(stream_BTD: torch.Tensor) -> torch.Tensor:
            new = stream_BTD.clone()
            v_D = torch.from_numpy(act.vector.array).to(stream_BTD.device)
            for t in range(len(ids)):
                first = min((c % length for c in act.positions), default=0)
                hit = {
                    "prefill": t < length and t in [c % length for c in act.positions],
                    "span": t >= first, "last": t >= length - 1, "every": True,
                }[act.schedule]  # fmt: skip
                if hit:
                    h_D, s = stream_BTD[0, t].float(), act.strength
                    unit_D = v_D / v_D.norm()
                    new[0, t] = {
                        "replace": v_D, "add": h_D + s * v_D, "norm_add": h_D + s * h_D.norm() * unit_D,
                        "norm_replace": s * h_D.norm() * unit_D, "mix": (1 - s) * h_D + s * v_D,
                        "project_out": h_D - s * (h_D @ unit_D) * unit_D,
                    }[act.operator]  # fmt: skip
            return new

        return hook

    with reading(), blocks.hooked([(a.layer, hook_of(a)) for a in acts]):
        logits_TV = subject.engine.model(input_ids=tensor(ids), use_cache=False).logits[0]
    return logits_TV[-1].float().cpu().log_softmax(-1)


def acts_for(subject: Local, n: int, schedule: str = "prefill") -> list[tuple[Injection, ...]]:
    """Another operator, layer, position and vector for each of n rows; the second row has two at one place."""
    last = len(subject.layers) - 1
    layers = [last // 2, -1, 0, last, last // 3]
    out = []
    for i in range(n):
        positions = () if schedule in ("last", "every") else ((0,) if i % 5 == 2 else (-1, 0) if i % 5 == 3 else (1,))
        act = Injection(
            layers[i % 5], vector(subject, i), positions, OPERATORS[i % 6], (1.0, 0.5, 0.7)[i % 3], schedule
        )  # fmt: skip
        second = replace(act, operator="add", vector=vector(subject, 50 + i), strength=0.3)
        out.append((act, second) if i % 5 == 1 else (act,))
    return out
