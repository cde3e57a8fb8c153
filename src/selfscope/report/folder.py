"""A study's folder -> its card, read once. Writes index.html and card.json. No model."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfscope.records import SCHEMA, to_jsonable

if TYPE_CHECKING:
    from selfscope.report.document import Document
    from selfscope.report.material import Material, Words
    from selfscope.store import Contents
    from selfscope.verdicts.findings import Findings

PAGE, DATA = "index.html", "card.json"


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


def material_of(
    folder: Path | str,
    contents: Contents | None = None,
    findings: Findings | None = None,
    *,
    words: Words | None = None,
) -> Material:
    """What a card is made of. contents, findings: of this folder where they are known already, else read and estimated.
    words: (trial, format) -> the question's text; without it questions are shown as data.

    Raises StoreError when the folder holds no study."""
    from selfscope.report.estimates import estimates
    from selfscope.report.material import Material
    from selfscope.store import read

    contents = contents or read(Path(folder))
    findings = findings or estimates(Path(folder), contents)
    warnings = contents.warnings + contents.lost
    return Material(
        contents.meta, contents.rows, contents.trials, contents.truths, findings.claims, warnings, words,
        findings.gaps, findings.grids, findings.injected, findings.crossed, contents.parts, contents.costs,
        contents.cells, findings.forecasts, findings.known, findings.channels, findings.treatments, findings.told,
        findings.lies, findings.preferences, findings.self_maps,
    )  # fmt: skip


def draw(folder: Path | str, material: Material) -> Drawn:
    """What the card of a folder says; nothing is written. See `write`."""
    from selfscope.report.compose import compose

    return Drawn(Path(folder) / PAGE, compose(material), material.warnings)


def said_in(folder: Path | str | None) -> dict[str, Any] | None:
    """What the card of a folder says, to stand beside another; None for None. Raises StoreError where there is none."""
    from selfscope.report.before import said

    return None if folder is None else said(draw(folder, material_of(folder)).document)


def write(folder: Path | str, material: Material) -> Drawn:
    """Draws the card of a folder: index.html and card.json. The same material gives the same bytes."""
    from selfscope.report.html import page
    from selfscope.store import write_atomically

    drawn = draw(folder, material)
    write_atomically(Path(folder) / DATA, as_json(drawn.document, material))
    write_atomically(Path(folder) / PAGE, page(drawn.document))
    return drawn


def as_json(document: Document, material: Material) -> str:
    """The document and the claims, keys sorted; a number that is not finite becomes null."""
    content = {"schema": SCHEMA, "card": to_jsonable(document), "claims": to_jsonable(material.claims)}
    return json.dumps(_finite(content), sort_keys=True, ensure_ascii=True, indent=1, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return value
