"""Tensors to disk and back, in safetensors alone: no pickle is written or read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from selfscope.errors import FileError, StoreError, reaching


def save_tensors(file: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Raises FileError where it cannot be written."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    with reaching(file):
        try:
            save_file({k: v.contiguous() for k, v in tensors.items()}, file)
        except SafetensorError as error:
            raise FileError(f"cannot write {str(file)!r}: {error}") from error


def load_tensors(file: Path) -> dict[str, torch.Tensor]:
    """Raises StoreError for a damaged file, FileError for one that cannot be read."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    with reaching(file):
        try:
            found: dict[str, torch.Tensor] = load_file(file)
        except SafetensorError as error:
            raise StoreError(f"{file} is damaged ({error}): restore it, or delete its folder to begin anew") from error
    return found
