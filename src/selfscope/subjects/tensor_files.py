"""Tensors to disk and back, in safetensors alone: no pickle is written or read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfscope.errors import FileError, StoreError, reaching


def save_tensors(file: Path, tensors: Mapping[str, Any]) -> None:
    """Writes tensors, or arrays. Raises FileError where it cannot be written."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    with reaching(file):
        try:
            save_file({k: torch.as_tensor(v).contiguous() for k, v in tensors.items()}, file)
        except SafetensorError as error:  # it tells faults of the system as its own
            raise FileError(f"cannot write {str(file)!r}: {error}") from error


def load_tensors(file: Path) -> dict[str, Any]:
    """Raises StoreError for a damaged file, FileError for one that cannot be read."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    with reaching(file):
        try:
            found: dict[str, Any] = load_file(file)
        except SafetensorError as error:
            raise StoreError(f"{file} is damaged ({error}): restore it, or delete its folder to begin anew") from error
    return found
