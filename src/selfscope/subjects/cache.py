"""The folder where models are kept between runs: things made once, and hashes of files that were read once."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

REMEMBERED = 1 << 20
"""Bytes: smaller files are hashed anew, which is quicker than looking them up."""


def cache_dir() -> Path:
    """$SELFSCOPE_CACHE, else ~/.cache/selfscope."""
    return Path(os.environ.get("SELFSCOPE_CACHE") or Path.home() / ".cache" / "selfscope")


@contextmanager
def lock(file: Path) -> Iterator[None]:
    """One process makes a thing, the others wait for it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def make_folder(target: Path, make: Callable[[Path], None]) -> None:
    """Makes a folder that is renamed into place when it is whole, so that a kill leaves no half of it behind."""
    staging = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    try:
        make(staging)
        if target.exists():
            shutil.rmtree(target)
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def sha256(file: Path) -> str:
    """SHA-256 of what a file holds."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def file_hash(file: Path) -> str:
    """SHA-256 of a file; of a large one it is remembered by path, size and times of change."""
    stat = file.stat()
    if stat.st_size < REMEMBERED:
        return sha256(file)
    key = f"{file.resolve()}|{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ctime_ns}"
    memory = cache_dir() / "hashes.json"
    known = _remembered(memory)
    if key not in known:
        known = {k: v for k, v in known.items() if Path(k.split("|")[0]).exists()}
        known[key] = sha256(file)
        _remember(memory, known)
    return known[key]


def _remembered(memory: Path) -> dict[str, str]:
    try:
        held = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return {k: v for k, v in held.items() if isinstance(v, str)} if isinstance(held, dict) else {}


def _remember(memory: Path, known: dict[str, str]) -> None:
    draft = memory.with_name(f"hashes.{os.getpid()}.tmp")
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(known), encoding="utf-8")
        draft.replace(memory)
    except OSError:  # a cache that cannot be written to costs time and nothing else
        draft.unlink(missing_ok=True)
