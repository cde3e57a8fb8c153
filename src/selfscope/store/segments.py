"""Append-only JSON Lines with a checksum on each line: what a killed process leaves can always be read.

A line is one record, a JSON object whose first field `crc32` is the checksum of the object without it, so that any
reader of JSON Lines reads the file. (Folders of earlier versions have the digits before the object.) A line that was
cut by a kill is the last one and has no newline: it is dropped when the file is next opened for writing. Any other line
that does not match its checksum is named by file and number, and skipped.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path

from selfscope.errors import reaching
from selfscope.secrets import cleaned, cleaned_json

HEAD = b'{"crc32":"'


def frame(payload: str) -> bytes:
    """The line that stores a record's JSON text."""
    data = payload.encode("utf-8", "replace")  # half of a character is no text: a reader of JSON would stop there
    return b'%s%08x",%s\n' % (HEAD, zlib.crc32(data), data[1:])


def lines(path: Path, warnings: list[str]) -> Iterator[tuple[int, bytes]]:
    """(line number from 1, JSON bytes) of each whole line of a segment; faults are added to `warnings`."""
    with reaching(path):
        if not path.exists():
            return
        data = path.read_bytes()
    end = data.rfind(b"\n") + 1
    for number, line in enumerate(data[:end].split(b"\n")[:-1], start=1):
        digits, payload = line[:8], line[9:]
        if line.startswith(HEAD):
            digits, payload = line[len(HEAD) : len(HEAD) + 8], b"{" + line[len(HEAD) + 10 :]
        if digits != b"%08x" % zlib.crc32(payload):
            warnings.append(f"{path.name}:{number}: the record does not match its checksum; it was left out")
            continue
        yield number, payload


class Segment:
    """One file open for appending. Nothing that was written is ever changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: FileIO | None = None

    def append(self, payloads: Iterable[str], *, sync: bool = True) -> None:
        """Writes records without secrets, and returns once they are on the disk (sync)."""
        written = list(payloads)
        whole = "\n".join(written)
        if cleaned(whole) != whole:
            written = [cleaned_json(payload) for payload in written]
        data = b"".join(map(frame, written))
        if not data:
            return
        with reaching(self.path):
            try:
                file, left = self._open(), memoryview(data)
                while left:
                    left = left[file.write(left) :]
                if sync:
                    os.fsync(file.fileno())
            except OSError:
                self.close()  # the next one who opens it drops the line that was cut
                raise

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> FileIO:
        if self._file is None:
            cut_partial_line(self.path)
            self._file = self.path.open("ab", buffering=0)  # nothing is held back that a full disk would lose
        return self._file


def cut_partial_line(path: Path) -> None:
    """Drops what follows the last newline: the record that a killed process was writing."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        step = 1 << 16
        end = size
        while end > 0:
            start = max(0, end - step)
            file.seek(start)
            at = file.read(end - start).rfind(b"\n")
            if at >= 0:
                end = start + at + 1
                break
            end = start
        if end < size:
            file.truncate(end)
