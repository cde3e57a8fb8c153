"""A study's folder -> its card. Reads rows and findings, writes index.html and card.json. No model, no estimating."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfscope.errors import StoreError

if TYPE_CHECKING:
    from selfscope.report.document import Material, Words
    from selfscope.verdicts.findings import Findings

FINDINGS, PAGE, DATA = "findings.json", "index.html", "card.json"


def write(folder: Path | str, *, words: Words | None = None) -> Path:
    """Draws the card of a folder; returns the path of the page. The same folder gives the same bytes.

    words: (trial, format) -> the question's text, `wording.question_text`; without it questions are shown as data.
    Raises StoreError when the folder holds no study, or claims that cannot be read.
    """
    from selfscope.report.lower import card
    from selfscope.store import write_atomically

    folder = Path(folder)
    html, data = card(replace(load(folder), words=words))
    write_atomically(folder / DATA, data)
    write_atomically(folder / PAGE, html)
    return folder / PAGE


def terminal(folder: Path | str, width: int | None = None, *, colour: bool = False) -> str:
    """The summary and the verdict table as text, `width` columns wide (default: the terminal's width)."""
    from selfscope.report.compose import compose
    from selfscope.report.text import table

    return table(compose(load(Path(folder))), width, colour=colour)


def load(folder: Path) -> Material:
    """What the folder holds, in memory. A folder without findings gives a card without verdicts, not an error."""
    from selfscope.report.document import Material
    from selfscope.store import read

    held = read(folder, observations=False)
    found, estimated_from = _findings(folder / FINDINGS)
    warnings = list(held.warnings)
    if estimated_from is not None:
        from selfscope.store import fingerprint

        if estimated_from != fingerprint(folder):
            warnings.append("The rows changed after the claims were estimated: estimate them again.")
    return Material(
        held.meta, held.rows, held.trials, held.truths, found.claims, tuple(warnings),
        gaps=found.gaps, grids=found.grids, injected=found.injected,
    )  # fmt: skip


def _findings(path: Path) -> tuple[Findings, str | None]:
    """What was estimated, and the fingerprint of the rows that it was estimated from where it was kept."""
    import json

    from pydantic import TypeAdapter, ValidationError

    from selfscope.verdicts.findings import Findings

    if not path.exists():
        return Findings(), None
    try:
        kept: Any = json.loads(path.read_text(encoding="utf-8"))
        own = {k: v for k, v in kept.items() if k in Findings.__dataclass_fields__}
        found = TypeAdapter(Findings).validate_python(own)
    except (json.JSONDecodeError, UnicodeDecodeError, ValidationError, AttributeError) as error:
        first = str(error).splitlines()[0]
        raise StoreError(f"{path} cannot be read ({first}): delete it and estimate the claims again") from None
    stated = kept.get("fingerprint")
    return found, str(stated) if stated else None
