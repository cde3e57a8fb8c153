"""In which precision products are computed: half where the device has instructions for it, else full.

A processor without them emulates bf16 many times more slowly than it computes fp32: what was asked for to save time
would hardly end.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from selfscope.subjects.local_weights import LocalWeights
    from selfscope.training.schedule import Schedule


def halves(device: torch.device) -> bool:
    """Whether a device computes bf16 by instructions of its own. Of one that cannot be asked: yes."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        asked = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
        return asked is None or bool(asked())
    return True


def computed(subject: LocalWeights, schedule: Schedule) -> Schedule:
    """The schedule as it is run on the device of a subject."""
    if schedule.precision == "fp32" or halves(subject.engine.device):
        return schedule
    return replace(schedule, precision="fp32")


def products(subject: LocalWeights, schedule: Schedule) -> AbstractContextManager[object]:
    """In which a loss is computed."""
    if computed(subject, schedule).precision == "fp32":
        return nullcontext()
    return torch.autocast(subject.engine.device.type, torch.bfloat16)


def instead(asked: Schedule, run: Schedule) -> str:
    """A line where something else was run than was asked for; else empty."""
    if asked.precision == run.precision:
        return ""
    return f"products in {run.precision}: this device has no instructions for {asked.precision}"
