"""What long studies measured, kept beside their code: a page is made anew from it, and another machine goes on with it.

What is large (adapters, states, cards) stays in teach/; a figure is here as soon as it is measured.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

FOUND = Path(__file__).resolve().parent / "found"


def known(study: str, name: str, recipe: str | None = None, place: Path = FOUND) -> Any:
    """What was measured under a name; None where nothing was, or by another recipe (None: by any)."""
    file = _file(study, name, place)
    held = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"recipe": None}
    return held["value"] if held["recipe"] and recipe in (None, held["recipe"]) else None


def keep(study: str, name: str, recipe: str, value: Any, place: Path = FOUND) -> Any:
    """Writes it whole or not at all; as it will be read again. recipe: all that decides what is measured."""
    file = _file(study, name, place)
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(f".{os.getpid()}.tmp")
    text = json.dumps({"recipe": recipe, "value": value}, ensure_ascii=False, separators=(",", ":"))
    draft.write_text(text + "\n", encoding="utf-8")
    draft.replace(file)
    return known(study, name, recipe, place)


def names(study: str, place: Path = FOUND) -> list[str]:
    """What is kept of a study, in alphabetical order."""
    return sorted(file.stem for file in (place / study).glob("*.json"))


def _file(study: str, name: str, place: Path) -> Path:
    if re.search(r"[^\w.,=()-]", name):
        raise ValueError(f"{name!r} is no name of a file: letters, digits, and . , = ( ) - _")
    return place / study / f"{name}.json"
