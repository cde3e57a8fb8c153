"""Joined rows as a Parquet file: each column has its type, whatever the texts in it look like."""

from __future__ import annotations

import os
from pathlib import Path

from selfscope.errors import StoreError, file_error, reaching
from selfscope.store.folder import write_atomically

TYPES = {
    "seed": "BIGINT", "template": "BIGINT", "rollouts": "BIGINT", "calls": "BIGINT", "negated": "BOOLEAN",
    "mass": "DOUBLE", "brier": "DOUBLE", "log": "DOUBLE", "hit": "DOUBLE", "seconds": "DOUBLE", "options": "VARCHAR[]",
    "reading": "DOUBLE[]", "truth": "DOUBLE[]",
}  # fmt: skip
"""Columns that are no text: all others are, also where every text is a date or a number."""


def write_parquet(lines: str, columns: tuple[str, ...], target: Path) -> None:
    """Writes a file, as a whole or not at all.

    Parameters
    ----------
    lines
        JSON Lines.
    columns
        What each line holds, in this order.
    target
        The file.

    Raises
    ------
    StoreError
        duckdb is not installed.
    FileError
        The file cannot be written.
    """
    try:
        import duckdb
    except ImportError:
        raise StoreError("parquet needs duckdb: pip install 'selfscope[parquet]', or take --to csv or jsonl") from None
    source, fresh = (target.with_name(f".{target.name}.{os.getpid()}.{end}") for end in ("jsonl", "parquet"))
    types = ", ".join(f"'{name}': '{TYPES.get(name, 'VARCHAR')}'" for name in columns)
    names = [str(p).replace("'", "''") for p in (source, fresh)]
    write_atomically(source, lines)
    try:
        with reaching(target):
            with duckdb.connect() as connection:
                connection.execute(
                    f"COPY (SELECT * FROM read_json('{names[0]}', format='newline_delimited', columns={{{types}}})) "
                    f"TO '{names[1]}' (FORMAT parquet)"
                )
            os.replace(fresh, target)
    except duckdb.Error as error:
        raise file_error(OSError(" ".join(str(error).split())), target) from error
    finally:
        for path in (source, fresh):
            if path.is_file():
                path.unlink()
