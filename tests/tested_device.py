"""Where the law tests run: SELFSCOPE_TEST_DEVICE names a device and, after a colon, a dtype (`cuda`, `cuda:bfloat16`,
`xla`, `cpu:bfloat16`); the CPU in single precision where it is not set. All tolerances by dtype stand here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import torch

from selfscope.subjects.no_gradients import no_gradients

if TYPE_CHECKING:
    from selfscope.subjects.local import Local

DTYPES = ("float32", "bfloat16", "float16")
_asked = os.environ.get("SELFSCOPE_TEST_DEVICE", "") or "cpu"
_head, _, _tail = _asked.rpartition(":")
DEVICE, DTYPE = (_head or "cpu", _tail) if _tail in DTYPES else (_asked, "float32")
HERE = {"device": DEVICE, "dtype": DTYPE}
CLOSE = {"float32": 1e-4, "float16": 0.05, "bfloat16": 0.3}[DTYPE]
"""Nats by which two ways to the same number may differ."""
ROUNDING = {"float32": 1e-6, "float16": 2e-3, "bfloat16": 1e-2}[DTYPE]
"""Of a state, relative to the largest."""
SAME_WORDS = {"float32": 1e-6, "float16": 0.05, "bfloat16": 0.3}[DTYPE]
"""Nats by which a score may differ from that of the CPU."""
SAME_STATES = {"float32": 1e-7, "float16": 1e-3, "bfloat16": 1e-2}[DTYPE]
"""How far a state may be from that of the CPU, as a part of the largest of its layer."""
if DEVICE.startswith("xla"):
    import torch_xla

    # Each operation at once: many short ones of many shapes compile faster than whole graphs of them.
    torch_xla.experimental.eager_mode(True)


def tensor(rows: Sequence[Sequence[int]]) -> torch.Tensor:
    """Token ids (B, T) where the model is."""
    return torch.tensor([list(row) for row in rows], device=DEVICE)


def reading() -> Any:
    """Without gradients, as the device takes it."""
    return no_gradients(torch.device(DEVICE))


@cache
def real(name: str) -> Local:
    """A real model, loaded once for all files of tests of a process. Nobody changes it."""
    from selfscope.subjects.local import load

    return load(name, **HERE)
