"""A study's folder -> its card. Reads rows and findings, writes index.html and card.json. No model, no estimating."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfscope.errors import StoreError

if TYPE_CHECKING:
    from selfscope.report.document import Document, Material, Words
    from selfscope.verdicts.findings import Findings

FINDINGS, PAGE, DATA = "findings.json", "index.html", "card.json"


@dataclass(frozen=True)
class Drawn:
    """What a folder's card says, read once: its page's path, the document, and what was wrong with the folder."""

    page: Path
    document: Document
    warnings: tuple[str, ...]

    def terminal(self, width: int | None = None, *, colour: bool = False) -> str:
        """The summary and the verdict table as text, `width` columns wide (default: the terminal's width)."""
        from selfscope.report.text import table

        return table(self.document, width, colour=colour)


def draw(folder: Path | str, findings: Findings | None = None) -> Drawn:
    """What the card of a folder says; nothing is written. See `write`."""
    from selfscope.report.compose import compose

    material = load(Path(folder), findings)
    return Drawn(Path(folder) / PAGE, compose(material), material.warnings)


def write(folder: Path | str, findings: Findings | None = None, *, words: Words | None = None) -> Drawn:
    """Draws the card of a folder: index.html and card.json. The same folder gives the same bytes.

    findings: what was estimated from just these rows; None: what is kept in the folder. words: (trial, format) -> the
    question's text, `wording.question_text`; without it questions are shown as data. Raises StoreError when the folder
    holds no study, or findings that cannot be read.
    """
    from selfscope.report.compose import compose
    from selfscope.report.html import page
    from selfscope.report.lower import as_json
    from selfscope.store import write_atomically

    folder = Path(folder)
    material = replace(load(folder, findings), words=words)
    document = compose(material)
    write_atomically(folder / DATA, as_json(document, material))
    write_atomically(folder / PAGE, page(document))
    return Drawn(folder / PAGE, document, material.warnings)


def load(folder: Path, findings: Findings | None = None) -> Material:
    """What the folder holds, in memory; with findings None, those that it keeps. A folder that keeps none gives a card
    without verdicts, not an error."""
    from selfscope.report.document import Material
    from selfscope.store import read

    held = read(folder)
    found, estimated_from = (findings, None) if findings is not None else _findings(folder / FINDINGS)
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
