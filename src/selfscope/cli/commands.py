"""What the commands do."""

from __future__ import annotations

import json as js
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfscope.cli.options import Hardware, Plan
from selfscope.cli.progress import Bar
from selfscope.errors import SelfscopeError
from selfscope.records import to_jsonable


def ask(
    model: str, question: str, rest: tuple[Sequence[str], str | None, str | None], hardware: Hardware, json: bool
) -> None:
    """rest: options, the prompt that it is about, another model."""
    from selfscope.api.ask import ask as put
    from selfscope.api.loading import load

    options, about, other = rest
    answers = put(load(model, **hardware.given()), question, options=options, about=about, other=other)
    if json:
        _data(to_jsonable(answers))
    else:
        print(answers.table(colour=sys.stdout.isatty()))


def read(
    model: str,
    question: str,
    rest: tuple[str | None, str, int | None, int, Sequence[str]],
    hardware: Hardware,
    json: bool,
) -> None:
    """rest: the text, the reader, its layer, the token, options."""
    from selfscope.api.loading import load
    from selfscope.api.read_state import read as put
    from selfscope.errors import SelfscopeError

    about, reader, layer, token, options = rest
    if about is None:
        raise SelfscopeError(f"{reader} reads the state of a token: give its text with --about")
    subject = load(model, **hardware.given())
    try:
        reads = put(subject, question, about=about, reader=reader, layer=layer, token=token, options=options)
    except ValueError as error:
        raise SelfscopeError(str(error)) from None
    if json:
        _data(to_jsonable(reads))
    else:
        print(reads.table(colour=sys.stdout.isatty()))


def card(model: str, plan: Plan, hardware: Hardware, to: tuple[int, Path, bool, bool]) -> None:
    """to: seed, folder, resume, json."""
    from selfscope.api.cards import redraw, run

    seed, output, resume, json = to
    planned = _study(model, plan, hardware, seed)
    with Bar(quiet=json) as bar:
        run(planned, output, resume=resume, progress=bar)
    _drawn(redraw(output), json)


def study(models: Sequence[str], plan: Plan, to: tuple[Sequence[int], Path, bool, bool]) -> None:
    """to: seeds, folder, resume, json."""
    from selfscope.api.card_set import cards

    seeds, output, resume, json = to
    with Bar(quiet=json) as bar:
        done = cards(models, output, seeds=seeds, resume=resume, progress=bar, **_wish(plan))
    _show(done, json)


def _show(found: Any, json: bool) -> None:
    from selfscope.api.card_set import HEAD

    for card in found.cards:
        _warn(card.folder)
    if json:
        _data([dict(zip((h.replace(" ", "_") for h in HEAD), line, strict=True)) for line in found.lines()])
    else:
        print(found.table(colour=sys.stdout.isatty()))
        print("\nThe cards:")
        for card in found.cards:
            print(f"  {card.page}")


def doctor(model: str, hardware: Hardware, json: bool) -> None:
    from selfscope.api.doctor import examine
    from selfscope.api.loading import load
    from selfscope.errors import BadModel

    with Bar(quiet=json, first="loading") as bar:
        bar.plan(2)
        subject = load(model, **hardware.given())
        bar.step("measuring", 1)
        found = examine(subject)
    if json:
        _data(to_jsonable(found.data))
    else:
        print(found.table(colour=sys.stdout.isatty()))
    if found.data.refused:
        raise BadModel(f"the activations of {model} are not to be read or written: {found.data.refused}")


def dry_run(model: str, plan: Plan, hardware: Hardware, how: tuple[int, bool]) -> None:
    """how: seed, json."""
    from selfscope.api.cost_estimate import forecast

    seed, json = how
    planned = _study(model, plan, hardware, seed)
    with Bar(quiet=json, first="counting") as bar:
        found = forecast(planned, bar)
    if json:
        _data(to_jsonable(found))
    else:
        print(found)


def report(folder: Path, json: bool) -> None:
    from selfscope.api.cards import redraw
    from selfscope.store import studies

    places = studies(folder)
    if places != [folder]:
        from selfscope.api.card_set import Cards

        for place in places:
            redraw(place)
        _show(Cards(folder), json)
        return
    _drawn(redraw(folder), json)


def _drawn(done: Any, json: bool) -> None:
    _say(done.folder, done.drawn.warnings)
    if json:
        print((done.folder / "card.json").read_text(encoding="utf-8"))
    else:
        print(done.table(colour=sys.stdout.isatty()))
        print(f"\nThe card: {done.page}")


def rows(folder: Path, to: str, output: Path | None) -> None:
    from selfscope import store

    if output is not None and str(output) == "-":
        if to == "parquet":
            raise SelfscopeError("parquet is no text: give a file with -o")
        sys.stdout.write(store.as_text(store.rows(folder), to))
    else:
        print(store.export(folder, to, output))
    _warn(folder)


def listing(kind: str, json: bool) -> None:
    from selfscope import catalogue

    found = catalogue.describe(kind)
    if json:
        _data(found)
    else:
        _table(("name", ""), list(found.items()))
        print('\nYour own goes in as "module:object".')


def models(json: bool) -> None:
    from selfscope.subjects import bundled_models

    found = [
        {"name": p.name, "title": p.title, "licence": p.licence, "megabytes": p.megabytes, "note": p.note,
         "chat": p.chat, "path": None if bundled_models.path(p.name) is None else str(bundled_models.path(p.name))}
        for p in bundled_models.PACKAGES.values()
    ]  # fmt: skip
    if json:
        _data(found)
        return
    lines = []
    for m in found:
        title, size = f"{m['title']} ({m['note']})", f"{m['megabytes']} MB"
        lines.append((str(m["name"]), title, str(m["licence"]), size, str(m["path"] or "–")))
    _table(("name", "model", "licence", "download", "folder"), lines)


def fetch(name: str) -> None:
    from selfscope.subjects import bundled_models

    print(bundled_models.get(name, lambda line: print(line, file=sys.stderr)))


def where(name: str) -> None:
    from selfscope.subjects import bundled_models

    folder = bundled_models.path(name)
    if folder is None:
        raise SelfscopeError(f"{name} is not here yet: selfscope models get {name}")
    print(folder)


def resume_command(given: Sequence[str]) -> str:
    """The command that goes on with an interrupted one."""
    return shlex.join(["selfscope", *given, *([] if "--resume" in given else ["--resume"])])


def _study(model: str, plan: Plan, hardware: Hardware, seed: int) -> Any:
    from selfscope.api.cards import planned
    from selfscope.api.loading import load

    wish = _wish(plan)
    return planned(load(model, **hardware.given()), seed=seed, **wish)


def _wish(plan: Plan) -> dict[str, Any]:
    if plan.items is not None and not plan.items.is_file():
        raise SelfscopeError(f"--items: there is no file {plan.items}")
    return {**vars(plan), "items": None if plan.items is None else str(plan.items)}


def _warn(folder: Path) -> None:
    from selfscope.store import read, studies

    for place in studies(folder):
        _say(place, read(place).warnings)


def _say(folder: Path, warnings: Sequence[str]) -> None:
    for line in warnings:
        print(f"selfscope: {folder}: {line}", file=sys.stderr)


def _data(value: Any) -> None:
    print(js.dumps(value, indent=1, ensure_ascii=False))


def _table(head: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> None:
    from selfscope.tables import Table, terminal

    print(terminal(Table("", head, tuple(lines)), colour=sys.stdout.isatty()))
