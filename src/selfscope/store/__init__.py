"""A study on the disk: append-only segments with checksums, atomic, resumable; and the ways to read it back."""

from selfscope.store.contents import Contents, fingerprint, read, read_meta
from selfscope.store.export import FORMATS, Rows, as_text, export, rows, rows_of_contents, studies
from selfscope.store.folder import Store, check_free, write_atomically

__all__ = [
    "FORMATS", "Contents", "Rows", "Store", "as_text", "check_free", "export", "fingerprint", "read", "read_meta",
    "rows", "rows_of_contents", "studies", "write_atomically",
]  # fmt: skip
