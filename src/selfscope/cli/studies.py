"""`selfscope card`, `study`, `report`, `compare`, `rows`: studies, their cards and their rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from selfscope.cli.app import app
from selfscope.cli.options import HERE, NUMBERS, USUAL, Hardware, Jobs, Json, Model, Questions, Resume, Seed
from selfscope.cli.output import coloured, print_data, print_dim, print_warnings
from selfscope.cli.progress import Bar
from selfscope.errors import SelfscopeError
from selfscope.terminal import say, say_json

if TYPE_CHECKING:
    from selfscope.api.card_set import Cards
    from selfscope.api.cards import Card
    from selfscope.api.times import Times


@app.command
def card(
    model: Model,
    /,
    *,
    questions: Annotated[Questions, Parameter(name="*")] = USUAL,
    seed: Seed = 0,
    output: Annotated[Path, Parameter(name=["-o", "--output"])] = Path("card"),
    resume: Resume = False,
    jobs: Jobs = 1,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    before: Path | None = None,
    hardware: Annotated[Hardware, Parameter(name="*")] = HERE,
    json: Json = False,
) -> None:
    """Write an introspection card: what the model says about itself, what is true, whom to believe.

    For example:

        selfscope card phantom -o /tmp/phantom

        selfscope card smollm2-135m --profile full --resume

        selfscope card MODEL --items questions.jsonl --readers "ask[free],behaviour_ceiling" --other gemma3-270m

    Parameters
    ----------
    output
        The folder of the study and its card (index.html, card.json).
    resume
        Go on with the study in that folder.
    dry_run
        Only say what it would take: calls, tokens, minutes, memory.
    before
        A folder with a card of the model as it was, whose verdicts then stand beside these: of --adapter, as a rule.
    """
    from selfscope.api.cards import connection, planned
    from selfscope.api.cost_estimate import forecast
    from selfscope.api.executing import execute
    from selfscope.api.times import timed_redraw
    from selfscope.records import to_jsonable
    from selfscope.report import said_in
    from selfscope.store import check_free

    options = {**questions.keywords(), "seed": seed, "hardware": hardware.chosen()}
    if dry_run:
        with Bar(quiet=json) as bar:
            study = planned(model, **options)
            bar.step("counting", 0.0)
            estimate = forecast(study, bar)
        if json:
            print_data(to_jsonable(estimate))
        else:
            say(str(estimate))
        return
    with Bar(quiet=json) as bar:
        kept = said_in(before)
        check_free(output, resume=resume)
        study = planned(model, **options)
        execute(
            study, output, resume=resume, progress=bar, jobs=jobs, connect=connection(model, options), before=kept
        )  # fmt: skip
        bar.step("judging", 0.0)
        drawn = timed_redraw(output)
    _print_card(*drawn, json=json)


@app.command
def study(
    models: Annotated[tuple[str, ...], Parameter(help="Models, each as `card` takes it.")],
    /,
    *,
    seeds: Annotated[tuple[int, ...], NUMBERS, Parameter(help="Seeds, with commas.")] = (0,),
    questions: Annotated[Questions, Parameter(name="*")] = USUAL,
    output: Annotated[Path, Parameter(name=["-o", "--output"])] = Path("study"),
    resume: Resume = False,
    jobs: Jobs = 1,
    json: Json = False,
) -> None:
    """Ask several models with several seeds: a card for each, in one folder, and all verdicts in one table.

    For example:

        selfscope study phantom:access=0.6 phantom:habit=0.6 --seeds 0,1,2 --phenomena self_prediction -o sizes

        selfscope study smollm2-135m gemma3-270m --profile full -o both --resume

        selfscope rows both --to parquet

    Parameters
    ----------
    output
        The folder of the studies, one folder a model and seed.
    resume
        Go on with the studies in that folder: what is complete costs nothing.
    """
    from selfscope.api.card_set import cards

    with Bar(quiet=json) as bar:
        result = cards(
            models, output, seeds=seeds, resume=resume, progress=bar, jobs=jobs, **questions.keywords()
        )  # fmt: skip
    _print_cards(result, json=json)


@app.command
def report(folder: Path, /, *, json: Json = False) -> None:
    """Draw the card of a folder again (of a study: every card), from its rows alone: no model, no torch.

    For example:

        selfscope report card
    """
    from selfscope.api.card_set import Cards
    from selfscope.api.cards import redraw
    from selfscope.store import studies

    places = studies(folder)
    with Bar(quiet=json, first="judging"):
        drawn = [redraw(place) for place in places]
    if places == [folder]:
        _print_card(drawn[0], json=json)
    else:
        _print_cards(Cards(folder), json=json)


@app.command
def compare(
    before: Path,
    after: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["-o", "--output"])] = None,
    json: Json = False,
) -> None:
    """Say what differs between two cards: their verdicts, and what moved of what the model says it is. No model.

    For example:

        selfscope card MODEL --phenomena self_model -o before

        selfscope card MODEL --adapter trained --phenomena self_model -o after

        selfscope compare before after -o moved.html

    Parameters
    ----------
    before, after
        Folders of cards.
    output
        A page with the map of the self-model, and where each statement was before.
    """
    from selfscope.api.comparing import compare as compared
    from selfscope.records import to_jsonable
    from selfscope.store import write_atomically

    with Bar(quiet=json, first="comparing"):
        both = compared(before, after)
        text = both.table(colour=coloured())
        if output is not None:
            write_atomically(output, both.page())
    if json:
        print_data({"tables": to_jsonable(both.drawn.tables), "changes": to_jsonable(both.changes)})
        return
    say(text, coloured=coloured())
    if output is not None:
        say(f"\nThe map: {output}")


@app.command
def rows(
    folder: Path,
    /,
    *,
    to: Literal["csv", "parquet", "jsonl"] = "csv",
    output: Annotated[Path | None, Parameter(name=["-o", "--output"], allow_leading_hyphen=True)] = None,
) -> None:
    """Write every reading with its trial and truth as one table.

    For example:

        selfscope rows card --to parquet

        selfscope rows card --to jsonl -o - | head -1

    Parameters
    ----------
    to
        csv, parquet (needs duckdb) or jsonl.
    output
        The file (default: rows.csv in the folder); - writes csv or jsonl to the standard output, where control
        characters are shown (csv) or escaped (jsonl).
    """
    from selfscope import store

    if output is not None and str(output) == "-":
        if to == "parquet":
            raise SelfscopeError("parquet is no text: give a file with -o")
        with Bar(first="reading"):
            text = store.as_text(store.rows(folder), to)
        if to == "jsonl":
            say_json(text)
        elif text:
            say(text.removesuffix("\n"))
    else:
        with Bar(first="writing"):
            written = store.export(folder, to, output)
        say(str(written))
    for place in store.studies(folder):
        held = store.read(place)
        print_warnings(place, held.warnings + held.lost)


def _print_card(card: Card, times: Times | None = None, *, json: bool) -> None:
    print_warnings(card.folder, card.drawn.warnings)
    if json:
        say_json((card.folder / "card.json").read_text(encoding="utf-8") + "\n")
        return
    say(card.table(colour=coloured()), coloured=coloured())
    say()
    if times is not None:
        print_dim(str(times))
    say(f"The card: {card.page}")


def _print_cards(cards: Cards, *, json: bool) -> None:
    from selfscope.api.card_set import HEAD

    for card in cards.cards:
        print_warnings(card.folder, card.contents.warnings + card.contents.lost)
    if json:
        names = [head.replace(" ", "_") for head in HEAD]
        print_data([dict(zip(names, line, strict=True)) for line in cards.lines()])
        return
    say(cards.table(colour=coloured()), coloured=coloured())
    say("\nThe cards:")
    for card in cards.cards:
        say(f"  {card.page}")
