"""A study on the disk: append-only segments with checksums, atomic, resumable; and the ways to read it back."""

from selfscope.store.export import FORMATS, Rows, as_text, export, rows, studies
from selfscope.store.folder import Contents, Store, fingerprint, read, read_meta, write_atomically

__all__ = [
    "FORMATS", "Contents", "Rows", "Store", "as_text", "export", "fingerprint", "read", "read_meta", "rows",
    "studies", "write_atomically",
]  # fmt: skip
