"""Rows joined with their trials and truths, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

from selfscope.errors import StoreError, UnknownName
from selfscope.records import Parts, Row, Trial, Truth
from selfscope.store.contents import META, Contents, read
from selfscope.store.folder import write_atomically
from selfscope.store.parquet import write_parquet
from selfscope.tables import Table, html

FORMATS = ("csv", "jsonl", "parquet")
SHOWN = ("phenomenon", "reader", "control", "public", "options", "reading", "truth", "outcome")
"""What a notebook shows of a row."""
FIRST, LONG = 20, 120
"""Rows that a notebook shows, and characters of each of their cells."""


def flat(row: Row, trial: Trial | None, truth: Truth | None) -> dict[str, Any]:
    """One row: what was asked, what was said, what was true, as scalars and lists of them."""
    reading, score = row.reading, row.score
    question = trial.question if trial else None
    return {
        "subject": row.subject,
        "phenomenon": trial.phenomenon if trial else row.phenomenon,
        "configuration": row.phenomenon,
        "reader": row.reader,
        "rung": row.rung,
        "control": row.control,
        "arm": trial.arm if trial else None,
        "seed": row.seed,
        "trial": row.trial,
        "base": trial.base or trial.id if trial else None,
        "source": trial.source if trial else None,
        "cluster": trial.cluster if trial else None,
        "task": trial.task if trial else None,
        "split": trial.split if trial else None,
        "state": trial.state if trial else None,
        "quantity": question.quantity if question else None,
        "template": question.template if question else None,
        "negated": question.negated if question else None,
        "options": [o.text for o in question.options] if question else None,
        "public": trial.public if trial else None,
        "outcome": reading.outcome.value,
        "reading": _floats(reading.distribution),
        "text": reading.text,
        "mass": None if reading.mass is None else float(reading.mass),
        "truth": _floats(truth.mean) if truth else None,
        "rollouts": truth.n if truth else None,
        "observation": trial.observation if trial else None,
        "grade": truth.grade if truth else None,
        "brier": score.brier if score else None,
        "log": score.log if score else None,
        "hit": score.hit if score else None,
        "calls": reading.cost.calls,
        "seconds": reading.cost.seconds,
        "cell": row.cell,
    }


def _floats(distribution: Sequence[float] | None) -> list[float] | None:
    return None if distribution is None else [float(p) for p in distribution]


COLUMNS = (
    "subject", "phenomenon", "configuration", "reader", "rung", "control", "arm", "seed", "trial", "base", "source",
    "cluster", "task", "split", "state", "quantity", "template", "negated", "options", "public", "outcome", "reading",
    "text", "mass", "truth", "rollouts", "observation", "grade", "brier", "log", "hit", "calls", "seconds", "cell",
)  # fmt: skip
"""What `flat` says of a row."""


def _line(record: Mapping[str, Any]) -> str:
    """A line of JSON that every reader takes: a number that is not finite is null."""
    finite = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in record.items()}
    return json.dumps(finite, ensure_ascii=False, allow_nan=False)


Joined = tuple[Row, Trial | None, Truth | None]


class Rows(Sequence[Row]):
    """Rows with their trials and truths: a list, a table in a notebook, a data frame on request.

    Rows of several studies stand one study after the other; a trial that two of them share has a truth in each.

    Parameters
    ----------
    joined
        Each row with its trial and its truth, None where there is none.
    parts
        What the readers, controls and phenomena of these rows say of themselves (None: nothing).
    """

    def __init__(self, joined: Sequence[Joined], parts: Parts | None = None) -> None:
        self._joined = tuple(joined)
        self.parts = parts or Parts()
        """What the readers, controls and phenomena of these rows say of themselves."""

    @property
    def trials(self) -> dict[str, Trial]:
        """What was asked, by id."""
        return {trial.id: trial for _, trial, _ in self._joined if trial is not None}

    @property
    def truths(self) -> dict[str, Truth]:
        """What is true of each trial, by the trial's id."""
        return {truth.trial: truth for _, _, truth in self._joined if truth is not None}

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Rows: ...

    def __getitem__(self, index: int | slice) -> Row | Rows:
        return Rows(self._joined[index], self.parts) if isinstance(index, slice) else self._joined[index][0]

    def __len__(self) -> int:
        return len(self._joined)

    def __repr__(self) -> str:
        return f"<{len(self)} rows of {len({(r.subject, r.seed, r.trial) for r in self})} trials>"

    def records(self) -> Iterator[dict[str, Any]]:
        """Each row joined with its trial and truth, flat.

        Returns
        -------
        Iterator[dict[str, Any]]
            One a row: what was asked, what was said, what was true, as scalars and lists of them. The texts of the
            rollouts behind a truth stand in `data/observations.jsonl`, on the line whose `key` is `observation`.
        """
        for row, trial, truth in self._joined:
            yield flat(row, trial, truth)

    def to_pandas(self) -> Any:
        """The rows as a data frame.

        Returns
        -------
        Any
            A pandas DataFrame, one line a row; the columns are those of `records`.

        Raises
        ------
        StoreError
            pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise StoreError("to_pandas needs pandas: pip install 'selfscope[pandas]'") from None
        return pandas.DataFrame(list(self.records()))

    def _repr_html_(self) -> str:
        shown = tuple(
            tuple("–" if record[name] is None else str(record[name])[:LONG] for name in SHOWN)
            for record in self[:FIRST].records()
        )
        note = f"{len(self)} rows; the first {len(shown)} are shown."
        return html(Table("", SHOWN, shown, note=note))


def rows(folder: Path | str) -> Rows:
    """The rows of a study's folder, or of all studies in a folder.

    Parameters
    ----------
    folder
        Of a study, or one that holds folders of studies.

    Returns
    -------
    Rows
        One study after the other, by name.

    Raises
    ------
    StoreError
        There is none.
    """
    return rows_of_contents(read(place, observations=False) for place in studies(Path(folder)))


def rows_of_contents(contents: Iterable[Contents]) -> Rows:
    """The rows of folders that were read.

    Parameters
    ----------
    contents
        What each folder holds.

    Returns
    -------
    Rows
        One folder after the other.
    """
    joined: list[Joined] = []
    parts = Parts()
    for one in contents:
        joined += [(r, one.trials.get(r.trial), one.truths.get(r.trial)) for r in one.rows]
        parts = parts.joined(one.parts)
    return Rows(joined, parts)


def studies(folder: Path) -> list[Path]:
    """Where studies are.

    Parameters
    ----------
    folder
        Of a study, or one that holds folders of studies.

    Returns
    -------
    list[Path]
        Those right below it that hold a study, by name; else the folder itself.
    """
    if not (folder / META).exists() and folder.is_dir():
        below = sorted(p for p in folder.iterdir() if (p / META).exists())
        if below:
            return below
    return [folder]


def export(folder: Path | str, to: str, path: Path | str | None = None) -> Path:
    """Writes the joined rows to a file.

    Parameters
    ----------
    folder
        Of a study, or one that holds folders of studies.
    to
        csv, jsonl or parquet.
    path
        The file (default: rows.<to> in the folder).

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UnknownName
        Another format.
    StoreError
        parquet is asked for without duckdb.
    FileError
        The file cannot be written.
    """
    if to not in FORMATS:
        raise UnknownName("row format", to, FORMATS)
    target = Path(path) if path is not None else Path(folder) / f"rows.{to}"
    table = rows(folder)
    if to == "parquet":
        write_parquet(as_text(table, "jsonl"), COLUMNS, target)
    else:
        write_atomically(target, as_text(table, to))
    return target


def as_text(table: Rows, to: str) -> str:
    """The joined rows as text.

    Parameters
    ----------
    table
        The rows.
    to
        csv (with a head line; lists are JSON text) or jsonl.

    Returns
    -------
    str
        A line a row.
    """
    if to == "jsonl":
        return "".join(_line(record) + "\n" for record in table.records())
    out = io.StringIO()
    writer: csv.DictWriter[str] | None = None
    for record in table.records():
        if writer is None:
            writer = csv.DictWriter(out, fieldnames=list(record), lineterminator="\n")
            writer.writeheader()
        writer.writerow({k: json.dumps(v, ensure_ascii=False) if isinstance(v, list) else v for k, v in record.items()})
    return out.getvalue()
