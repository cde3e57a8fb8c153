"""A study of one item, run in a folder that is gone afterwards: what `ask` and `read` are made of."""

from __future__ import annotations

import tempfile
from pathlib import Path

from selfscope.api.cards import execute
from selfscope.store import Contents, read
from selfscope.study import Progress, Study


def run_once(study: Study, progress: Progress | None = None) -> Contents:
    """All that the study's folder held."""
    with tempfile.TemporaryDirectory(prefix="selfscope-") as folder:
        execute(study, Path(folder) / "one", progress=progress)
        return read(Path(folder) / "one")
