"""What was estimated of a folder's rows: made once, kept beside them, taken again while the rows are the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from selfscope.records import to_jsonable
from selfscope.store import Contents, fingerprint, write_atomically
from selfscope.verdicts import findings as findings_room
from selfscope.verdicts.findings import Findings, find

FINDINGS = "findings.json"


def estimates(folder: Path, contents: Contents) -> Findings:
    """The findings of a folder whose contents were read: those that it keeps where they were made of just these rows by
    just this code, else made anew and kept."""
    from pydantic import TypeAdapter

    stamp = {"fingerprint": fingerprint(folder), "version": package_version(), "code": code()}
    path = folder / FINDINGS
    if path.exists():
        try:
            kept: Mapping[str, Any] = json.loads(path.read_bytes())
            if {k: kept.get(k) for k in stamp} == stamp:
                own = {k: v for k, v in kept.items() if k not in stamp}
                return TypeAdapter(Findings).validate_python(own)
        except (ValueError, RecursionError, AttributeError):  # a ValidationError is a ValueError
            pass  # findings are a cache of the rows: what cannot be read is made again
    findings = find(contents.rows, contents.trials, contents.truths, contents.observations, contents.parts)
    write_atomically(path, json.dumps({**stamp, **to_jsonable(findings)}, ensure_ascii=False))
    return findings


@lru_cache(maxsize=1)
def code() -> str:
    """Hash of what estimates: a version that is being worked on keeps its number while its verdicts change."""
    room = Path(findings_room.__file__).parent
    files = [*sorted(room.glob("*.py")), room.parent / "statistics.py"]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]


def package_version() -> str:
    """Of this package; "source" where it is not installed."""
    try:
        return version("selfscope")
    except PackageNotFoundError:
        return "source"
