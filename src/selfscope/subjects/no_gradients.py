"""Computing without gradients, on any device."""

from __future__ import annotations

from typing import Any

import torch

TRACKING = ("xla",)
"""Kinds of devices whose tensors keep a version counter, which inference mode forbids."""


def no_gradients(device: torch.device) -> Any:
    """The strictest mode without gradients that the device takes. The numbers are the same."""
    return torch.no_grad() if device.type in TRACKING else torch.inference_mode()
