"""A study's folder: trials, what the subject did, truths and rows, each written once and never changed.

    study.json            what is studied: settings, schema version, subject and its environment, time spent
    data/trials.jsonl     one Trial a line            data/observations.jsonl   what the subject did, raw
    data/truths.jsonl     one Truth a line            data/rows.jsonl           one reading of one trial a line
    data/cells.jsonl      one line a finished cell: written after its rows are on the disk

A row counts when its cell is finished. A process that is killed at any moment therefore loses at most the cells that
it was working on, and a resumed run writes none twice.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, TypeVar

from selfscope.errors import TRIED, BadInput, SelfscopeError, ServerError, StoreError, check_writable, reaching
from selfscope.records import SCHEMA, Cost, Observation, Row, Trial, Truth, to_json, to_jsonable
from selfscope.records.json import strict_json
from selfscope.secrets import cleaned, cleaned_json
from selfscope.store.contents import KINDS, META, costs_of, read, read_meta, seconds_of
from selfscope.store.segments import Segment

T = TypeVar("T")
SHOWN = 3
"""Differences that are named where a folder holds another study."""


@dataclass
class _State:
    """What is on the disk, while a store is open for writing."""

    trials: dict[str, Trial] = field(default_factory=dict)
    observations: dict[str, Observation] = field(default_factory=dict)
    truths: dict[str, Truth] = field(default_factory=dict)
    cells: dict[str, Mapping[str, Any]] = field(default_factory=dict)


def write_atomically(path: Path, text: str) -> None:
    """Replaces a file as a whole: a reader, or a kill, sees the old text or the new one. Secrets are not written."""
    text = _without_secrets(path, text)
    with reaching(path):
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with fresh.open("w", encoding="utf-8", errors="replace") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, path)
        except OSError:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise


def _without_secrets(path: Path, text: str) -> str:
    if path.suffix == ".json":
        return cleaned_json(text, indent=1)
    if path.suffix == ".jsonl":
        return "\n".join(cleaned_json(line) for line in text.split("\n")) if cleaned(text) != text else text
    return cleaned(text)


def check_free(folder: Path | str, *, resume: bool) -> None:
    """What a store would refuse of a folder whatever is studied, before a model is loaded for it. Raises StoreError
    and FileError."""
    place = Path(folder)
    with reaching(place):
        if place.exists() and not place.is_dir():
            raise StoreError(f"{place} is a file: give a folder")
        check_writable(place)
        if not place.exists():
            return
        if (place / META).exists():
            if not resume:
                raise StoreError(f"{place} already holds a study: add --resume, or give another folder")
            return
        names = sorted(p.name for p in place.iterdir())
        strangers = [name for name in names if name not in ("lock", "data") and not name.startswith(TRIED)]
        if strangers:
            raise StoreError(f"{place} holds other files ({strangers[0]} ...): give another folder")


class Store:
    """A study's folder, open for writing by this process alone.

    settings: what makes this study this study (JSON-ready); a folder is resumed only with the same settings.
    Raises StoreError when another process writes there (naming its pid), when the folder holds a study and `resume`
    was not asked for, or when that study has other settings (naming which); BadInput for settings that could not be
    read back.
    """

    def __init__(self, folder: Path | str, settings: Mapping[str, Any], *, resume: bool = False) -> None:
        self.folder = Path(folder)
        first = {"schema": SCHEMA, "settings": to_jsonable(settings)}
        self._text(first)
        self._new = False
        self._made = not os.path.lexists(self.folder)
        with reaching(self.folder):
            check_free(self.folder, resume=True)
            (self.folder / "data").mkdir(parents=True, exist_ok=True)
            self._lock = _Lock(self.folder / "lock")
        try:
            self.meta = self._settle(first, resume)
            self.warnings: tuple[str, ...] = ()
            self._segments = {kind: Segment(self.folder / "data" / f"{kind}.jsonl") for kind in KINDS}
            self._state = self._load()
        except BaseException:
            if self._new and self._made:
                self._undo()
            self._lock.release()
            raise

    def _text(self, meta: Mapping[str, Any]) -> str:
        """What study.json will hold. Raises BadInput where it could not be read back."""
        try:
            text = json.dumps(meta, indent=1, ensure_ascii=False)
            strict_json(text.encode("utf-8", "replace"))
        except ValueError as error:
            raise BadInput(
                f"{self.folder / META} could not be read back: it {error}. Use finite numbers of 64 bits"
            ) from None
        return text

    def _settle(self, first: dict[str, Any], resume: bool) -> dict[str, Any]:
        settings = first["settings"]
        if not (self.folder / META).exists():
            check_free(self.folder, resume=resume)
            self._new = True
            write_atomically(self.folder / META, self._text(first))
            return first
        meta = read_meta(self.folder)
        check_free(self.folder, resume=resume)
        old: dict[str, Any] = meta.get("settings", {})
        other = list(_differences(old, settings))
        if other:
            shown = ", ".join(other[:SHOWN])
            raise StoreError(f"{self.folder} holds another study ({shown}): use its settings or another folder")
        return meta

    def _load(self) -> _State:
        contents = read(self.folder)
        rows_in: dict[str, int] = {}
        for row in contents.rows:
            rows_in[row.cell] = rows_in.get(row.cell, 0) + 1
        # a finished cell that lost rows to damage is not finished: it is done again
        cells = {k: c for k, c in contents.cells.items() if rows_in.get(k, 0) >= c.get("rows", 0)}
        self.warnings = contents.warnings
        return _State(dict(contents.trials), dict(contents.observations), dict(contents.truths), cells)

    @property
    def trials(self) -> Mapping[str, Trial]:
        return self._state.trials

    @property
    def observations(self) -> Mapping[str, Observation]:
        return self._state.observations

    @property
    def truths(self) -> Mapping[str, Truth]:
        return self._state.truths

    @property
    def cells(self) -> Mapping[str, Mapping[str, Any]]:
        """Finished cells by id."""
        return self._state.cells

    @property
    def costs(self) -> dict[str, Cost]:
        """What the finished cells took, by who asked."""
        return costs_of(self._state.cells.values())

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds of the finished cells by stage."""
        return seconds_of(self._state.cells.values())

    def add_trials(self, trials: Sequence[Trial]) -> None:
        """Keeps trials that are not there yet. Raises StoreError when an id comes back with another content."""
        self._add("trials", self._state.trials, {t.id: t for t in trials})

    def add_observations(self, observations: Sequence[Observation]) -> None:
        self._add("observations", self._state.observations, {o.key: o for o in observations})

    def add_truths(self, truths: Sequence[Truth]) -> None:
        self._add("truths", self._state.truths, {t.trial: t for t in truths})

    def _add(self, kind: str, known: dict[str, T], records: Mapping[str, T]) -> None:
        fresh = {k: r for k, r in records.items() if k not in known}
        if kind == "trials":
            for key in records.keys() - fresh.keys():
                if cleaned_json(to_json(known[key])) != cleaned_json(to_json(records[key])):
                    raise StoreError(f"trial {key} of {self.folder} would change: it was posed differently before")
        self._segments[kind].append(to_json(r) for r in fresh.values())
        known.update(fresh)

    def finish(self, cell: str, rows: Sequence[Row] = (), **facts: Any) -> None:
        """Stores a cell's rows, then marks it finished. `facts` (JSON-ready) are kept with the mark."""
        if cell in self._state.cells:
            return
        self._segments["rows"].append(to_json(r) for r in rows)
        mark = {"cell": cell, "rows": len(rows), **to_jsonable(facts)}
        self._segments["cells"].append([to_json(mark)])
        self._state.cells[cell] = mark

    def note(self, **facts: Any) -> None:
        """Adds facts about the run (environment, time, cost) to study.json. They are no part of the settings."""
        meta = {**self.meta, **to_jsonable(facts)}
        write_atomically(self.folder / META, self._text(meta))
        self.meta = meta

    def close(self) -> None:
        try:
            for segment in self._segments.values():
                segment.close()
        finally:
            self._lock.release()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        mistake = isinstance(error, SelfscopeError) and not isinstance(error, ServerError)  # which running again helps
        if mistake and self._new and not (self.trials or self.observations or self.cells):
            self._undo()
        self.close()

    def _undo(self) -> None:
        """A mistake that ended a study before a trial was kept leaves nothing in the way of the next try."""
        with suppress(OSError):
            for name in (META, "lock", *(f"data/{kind}.jsonl" for kind in KINDS)):
                (self.folder / name).unlink(missing_ok=True)
            (self.folder / "data").rmdir()
            if self._made:
                self.folder.rmdir()


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """What is not the same, down to the very setting, the parts of the study first: `seed: 0 there, 1 now`."""
    for key in sorted({**old, **new}, key=lambda k: (k != "parts", k)):
        there, now = old.get(key), new.get(key)
        if key not in new:
            yield f"{key} there alone"
        elif key not in old:
            yield f"{key} now alone"
        elif isinstance(there, Mapping) and isinstance(now, Mapping):
            yield from (f"{key}: {what}" for what in _differences(there, now))
        elif there != now:
            yield f"{key}: {_short(there)} there, {_short(now)} now"


def _short(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


class _Lock:
    """One writer a folder. The kernel drops the lock with the process, so that a killed run leaves none behind."""

    def __init__(self, path: Path) -> None:
        import fcntl

        self._file: IO[str] | None = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            pid = self._file.read().strip() or "unknown"
            self._file.close()
            raise StoreError(
                f"another run (pid {pid}) is writing to {path.parent}: wait for it, stop it, or give another folder"
            ) from None
        self._file.seek(0)
        self._file.truncate()
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
