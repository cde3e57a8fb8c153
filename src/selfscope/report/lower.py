"""Material -> the two files of a card, as text. Pure: the same material gives the same bytes."""

from __future__ import annotations

import json
import math
from typing import Any

from selfscope.records import SCHEMA, to_jsonable
from selfscope.report.compose import compose
from selfscope.report.document import Document, Material
from selfscope.report.html import page


def card(material: Material) -> tuple[str, str]:
    """(index.html, card.json)."""
    document = compose(material)
    return page(document), as_json(document, material)


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
