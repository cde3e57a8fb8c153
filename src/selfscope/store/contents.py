"""What a study's folder holds, read into memory. Needs no model and no torch."""

from __future__ import annotations

import gc
import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from selfscope.errors import StoreError, file_error, lacking_folder
from selfscope.records import SCHEMA, Cost, Observation, Outcome, Parts, Row, Trial, Truth, checked, from_json
from selfscope.records.json import strict_json
from selfscope.store.segments import lines

T = TypeVar("T")
KINDS = ("trials", "observations", "truths", "rows", "cells")
META = "study.json"
_RESTORE = "restore it, or run again in a new folder"
_AGAIN = "the card is drawn from the rest; restore the file, or run again in a new folder"


@dataclass(frozen=True)
class Contents:
    """All that a folder holds, in memory: cells and their rows in the study's order, the rest as it was written.

    cells: finished cells by id, each the mapping given to `Store.finish`. warnings: lines that could not be read.
    """

    meta: Mapping[str, Any]
    trials: Mapping[str, Trial]
    observations: Mapping[str, Observation]
    truths: Mapping[str, Truth]
    rows: tuple[Row, ...]
    cells: Mapping[str, Mapping[str, Any]]
    warnings: tuple[str, ...] = ()

    @cached_property
    def parts(self) -> Parts:
        """What the study's readers, controls and phenomena say of themselves."""
        try:
            return from_json(Parts, json.dumps(self.meta.get("parts", {})))
        except (ValidationError, RecursionError) as error:
            raise StoreError(f"the parts in {META} cannot be read ({_fault(error)}): {_RESTORE}") from None

    @property
    def costs(self) -> dict[str, Cost]:
        """What the finished cells took, by who asked."""
        return costs_of(self.cells.values())

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds of the finished cells by stage: posed, observed, fitted, asked."""
        return seconds_of(self.cells.values())

    @cached_property
    def lost(self) -> tuple[str, ...]:
        """What was written and is not there any more: whatever is made of the rest must say so."""
        return tuple(_lost(self))


def _lost(held: Contents) -> Iterator[str]:
    there = Counter(row.cell for row in held.rows)
    by_phenomenon: dict[str, list[int]] = {}
    for name, mark in held.cells.items():
        if made := int(mark.get("rows", 0)):
            counts = by_phenomenon.setdefault(str(mark.get("phenomenon") or "this study"), [0, 0])
            counts[0] += made
            counts[1] += max(0, made - there[name])
    for phenomenon, (made, gone) in by_phenomenon.items():
        if gone:
            yield f"rows.jsonl: {gone} of {made} readings of {phenomenon} are not there: {_AGAIN}"
    asked = {row.trial for row in held.rows}
    for file, known in (("trials.jsonl", held.trials.keys()), ("truths.jsonl", held.truths.keys())):
        if gone := len(asked - known):
            yield f"{file}: {gone} of {len(asked)} that were asked are not there: {_AGAIN}"


def costs_of(cells: Iterable[Mapping[str, Any]]) -> dict[str, Cost]:
    sums: dict[str, Cost] = {}
    for cell in cells:
        for caller, spent in cell.get("costs", {}).items():
            sums[caller] = sums.get(caller, Cost()) + Cost(**spent)
    return sums


def seconds_of(cells: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for cell in cells:
        for stage, seconds in cell.get("seconds", {}).items():
            sums[stage] = sums.get(stage, 0.0) + seconds
    return sums


def read(folder: Path, *, observations: bool = True) -> Contents:
    """Everything in a study's folder. Needs no model and no torch; reading a folder that is being written is safe.

    Raises StoreError when the folder holds no study, or one of another schema version. Lines that cannot be read are
    left out and named in `warnings`; a row whose cell is not finished is left out without a word.
    """
    meta = read_meta(folder)
    with _uncollected():
        return _contents(folder, meta, observations)


def _contents(folder: Path, meta: dict[str, Any], observations: bool) -> Contents:
    warnings: list[str] = []
    data = folder / "data"
    # Which process was done first must not reach a result: cells and their rows stand in the study's order.
    marks = sorted(_marks(data / "cells.jsonl", warnings), key=_place)
    cells = {mark["cell"]: mark for mark in marks}
    trials = {t.id: t for t in _records(Trial, data / "trials.jsonl", warnings)}
    truths = {t.trial: t for t in _records(Truth, data / "truths.jsonl", warnings)}
    observed = {o.key: o for o in _records(Observation, data / "observations.jsonl", warnings)} if observations else {}
    rows: dict[tuple[str, str], Row] = {}
    unsound = read_rows = 0
    for row in _records(Row, data / "rows.jsonl", warnings):
        read_rows += 1
        if row.cell in cells:
            sound = _sound(row, trials.get(row.trial))
            unsound += sound is not row
            rows[row.cell, row.trial] = sound  # a cell that was done again replaces what a damaged file left of it
    if read_rows and not cells:
        warnings.append(f"cells.jsonl: no finished cell is there, and {read_rows} readings are: {_AGAIN}")
    if unsound:
        warnings.append(f"rows.jsonl: {unsound} readings hold no distribution: they count as errors")
    ordered = sorted(rows.values(), key=lambda row: _place(cells[row.cell]))
    return Contents(meta, trials, observed, truths, tuple(ordered), cells, tuple(warnings))


def _sound(row: Row, trial: Trial | None) -> Row:
    """The row; one whose numbers are no distribution over its trial's options is an error and has no score."""
    if trial is None:
        return row
    reading = checked(row.reading, len(trial.question.options))
    if reading is row.reading and row.score is not None and not all(map(math.isfinite, vars(row.score).values())):
        reading = replace(reading, outcome=Outcome.ERROR, distribution=None, extra={"why": "its score is no number"})
    return row if reading is row.reading else replace(row, reading=reading, score=None)


def _place(mark: Mapping[str, Any]) -> int:
    return int(mark.get("place", -1))


@contextmanager
def _uncollected() -> Iterator[None]:
    """No search for garbage while a hundred thousand records are made that all stay: it takes twice their time."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def _records(kind: type[T], path: Path, warnings: list[str]) -> Iterable[T]:
    for number, payload in lines(path, warnings):
        try:
            yield from_json(kind, payload)
        except (ValidationError, RecursionError) as error:
            warnings.append(f"{path.name}:{number}: not a {kind.__name__}: {_fault(error)}; it was left out")


@dataclass(frozen=True)
class _Mark:
    """What a line of cells.jsonl has to hold."""

    cell: str
    rows: int = 0
    place: int = -1
    phenomenon: str = ""
    costs: Mapping[str, Cost] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)


def _marks(path: Path, warnings: list[str]) -> Iterator[dict[str, Any]]:
    """The finished cells of a file, each as it was written."""
    for number, payload in lines(path, warnings):
        try:
            from_json(_Mark, payload)
            yield strict_json(payload)
        except (ValueError, RecursionError) as error:
            warnings.append(f"{path.name}:{number}: not a finished cell: {_fault(error)}; it was left out")


def _fault(error: Exception) -> str:
    if isinstance(error, ValidationError):
        fault = error.errors()[0]
        return f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}".removeprefix(": ")
    return "is nested too deeply" if isinstance(error, RecursionError) else str(error)


def read_meta(folder: Path) -> dict[str, Any]:
    """The settings of a study. Raises StoreError when there is none, or it is of another schema version."""
    path = folder / META
    try:
        meta = strict_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        why = lacking_folder(folder, META, "study")
        raise StoreError(f"{why}: give a folder that `selfscope card` wrote") from None
    except OSError as error:
        raise file_error(error, path) from error
    except ValueError as error:
        if "null byte" in str(error):
            raise file_error(error, folder) from error
        raise StoreError(f"{path} cannot be read: it {error}; {_RESTORE}") from None
    if not isinstance(meta, dict) or meta.get("schema") != SCHEMA:
        raise StoreError(f"{path} {_other_schema(meta if isinstance(meta, dict) else {})}")
    return meta


def _other_schema(meta: Mapping[str, Any]) -> str:
    """Of which schema the meta data are, and what reads it."""
    author = " ".join(["selfscope", *([str(meta["version"])] if "version" in meta else [])])
    when = f" of {str(meta['date'])[:10]}" if "date" in meta else ""
    return (
        f"has schema {meta.get('schema')}, and this version reads {SCHEMA}: {author}{when}, which wrote it, reads it; "
        "or run the study again in a new folder"
    )


def fingerprint(folder: Path) -> str:
    """Digest of all that is estimated from: the bytes of trials, observations, truths, rows and finished cells."""
    digest = hashlib.sha256()
    for kind in KINDS:
        path = folder / "data" / f"{kind}.jsonl"
        digest.update(kind.encode())
        if path.exists():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
