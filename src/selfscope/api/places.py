"""Where something that is made goes, looked at before the work begins."""

from __future__ import annotations

from pathlib import Path

from selfscope.errors import StoreError, check_writable, reaching


def free(target: Path, run: Path, *, resume: bool) -> None:
    """Raises StoreError where something stands in the way, and FileError where nothing can be written."""
    with reaching(target):
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise StoreError(f"{target} is there already: give another folder, or delete it")
        if run.exists() and not resume:
            raise StoreError(f"{run} holds a run that was not finished: go on with --resume, or delete it")
    check_writable(target.absolute().parent)  # it is written as a draft beside it, and moved there as a whole
