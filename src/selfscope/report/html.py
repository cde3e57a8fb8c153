"""Document -> one self-contained HTML page. Every text is escaped: by the template, or where it is drawn. What nobody
would see in a text is shown."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfscope.report import labels, plots
from selfscope.report.document import Document
from selfscope.tables import Table, html
from selfscope.terminal import all_shown

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("track", "stack", "moved", "bar", "calibration", "lines", "risks", "map_row"):
        drawn = getattr(plots, name)
        environment.globals[name] = lambda *args, _drawn=drawn: Markup(_drawn(*args))
    environment.globals["table"] = lambda table: Markup(_untitled(table))
    environment.globals["ticks"] = plots.ticks
    environment.globals["style"] = Markup((TEMPLATES / "card.css").read_text(encoding="utf-8"))
    environment.globals["signs"] = labels.STATUS
    environment.globals["meanings"] = labels.VERDICTS
    return environment


def page(document: Document) -> str:
    """The card as HTML text: no script, no link to anywhere, no request."""
    return rendered("card.html", document)


def rendered(template: str, document: Any) -> str:
    """A template's page of a document (its `card`), with what nobody would see in a text shown."""
    return _environment().get_template(template).render(card=all_shown(document))


def _untitled(table: Table) -> str:
    """The page sets a table's title as a heading above it."""
    return html(replace(table, title=""))
