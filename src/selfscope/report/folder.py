"""A study's folder -> its card. Reads rows and claims, writes index.html and card.json. No model, no estimating."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfscope.errors import StoreError

if TYPE_CHECKING:
    from selfscope.report.document import Material, Words
    from selfscope.verdicts.claims import Claim

CLAIMS, PAGE, DATA = "claims.json", "index.html", "card.json"


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
    """What the folder holds, in memory. A folder without claims gives a card without verdicts, not an error."""
    from selfscope.report.document import Material
    from selfscope.store import read

    held = read(folder, observations=False)
    claims, estimated_from = _claims(folder / CLAIMS)
    warnings = list(held.warnings)
    if estimated_from is not None:
        from selfscope.store import fingerprint

        if estimated_from != fingerprint(folder):
            warnings.append("The rows changed after the claims were estimated: estimate them again.")
    from selfscope.verdicts.detection import detections
    from selfscope.verdicts.gaps import gaps, grids

    measured = (held.rows, held.trials, held.truths)
    return Material(
        held.meta, *measured, claims, tuple(warnings),
        gaps=tuple(gaps(*measured)), grids=tuple(grids(*measured)), injected=tuple(detections(*measured)),
    )  # fmt: skip


def _claims(path: Path) -> tuple[tuple[Claim, ...], str | None]:
    """The claims, and the fingerprint of the rows that they were estimated from where it was kept."""
    import json

    from pydantic import TypeAdapter, ValidationError

    from selfscope.verdicts.claims import Claim

    if not path.exists():
        return (), None
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        kept = content if isinstance(content, Mapping) else {"claims": content}
        claims = TypeAdapter(tuple[Claim, ...]).validate_python(kept.get("claims", ()))
    except (json.JSONDecodeError, UnicodeDecodeError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise StoreError(f"{path} cannot be read ({first}): delete it and estimate the claims again") from None
    stated = kept.get("fingerprint")
    return claims, str(stated) if stated else None
