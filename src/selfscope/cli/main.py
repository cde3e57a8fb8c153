"""The commands and their help. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Group, Parameter

from selfscope.cli.options import HERE, LIST, QUICK, SEEDS, Hardware, Plan, Seed

EXAMPLES = """
For example:

    selfscope ask smollm2-135m "Do you prefer tea or coffee?" --options tea,coffee

    selfscope card smollm2-135m                     # quick card in ./card

    selfscope card phantom --phenomena confidence -o /tmp/phantom

    selfscope card MODEL --dry-run                  # calls, tokens, minutes, memory before spending

    selfscope rows card --to csv

MODEL is phantom, a packaged model, a folder, a hub name, api:MODEL@URL, or your own module:object.
"""
app = App(
    name="selfscope",
    help="Ask a language model about itself, and find out whether to believe the answer.\n" + EXAMPLES,
    help_format="plaintext",
    version_flags=["--version"],
    version=lambda: _version(),
    suppress_keyboard_interrupt=False,
)
models = App(name="models", help="Small real models that travel inside packages.", help_format="plaintext")
app.command(models)
DATA = Group("Output")
Json = Annotated[bool, Parameter("--json", negative="", group=DATA, help="Data for programs instead of a table.")]
Model = Annotated[
    str, Parameter(help="phantom, a packaged model, a folder, a hub name, api:MODEL@URL or module:object.")
]


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("selfscope")
    except PackageNotFoundError:
        return "source"


@app.command
def ask(
    model: Model,
    question: str,
    /,
    *,
    options: Annotated[tuple[str, ...], LIST] = (),
    about: str | None = None,
    other: str | None = None,
    reader: str | None = None,
    layer: int | None = None,
    token: Annotated[int, Parameter(allow_leading_hyphen=True)] = -1,
    hardware: Annotated[Hardware, Parameter(name="*")] = HERE,
    json: Json = False,
) -> None:
    """Ask one question: each answer with its rivals beside it.

    For example:

        selfscope ask phantom "Are you sure of your answers?" --options yes,no

        selfscope ask smollm2-135m "Will your answer start with a vowel?" --options yes,no --about "Name a fruit."

        selfscope ask smollm2-135m "What is this?" --about "The ship left the port." --reader patchscope --layer 12

    Parameters
    ----------
    question
        The question, in your own words.
    options
        Answers to choose from, with commas between: probabilities are read instead of a text.
    about
        The prompt that the question is about; the model then also does it, ten times.
    other
        Another model that answers about this one.
    reader
        Ask about the state of a token of --about instead: patchscope, selfie or logit_lens, with its arms beside it.
    layer
        Where that state is read and written (default: half way).
    token
        Which token of --about, from 0; negative counts from the end.
    """
    from selfscope.cli import commands

    if reader is not None:
        commands.read(model, question, (about, reader, layer, token, options), hardware, json)
        return
    commands.ask(model, question, (options, about, other), hardware, json)


@app.command
def card(
    model: Model,
    /,
    *,
    plan: Annotated[Plan, Parameter(name="*")] = QUICK,
    seed: Seed = 0,
    output: Annotated[Path, Parameter(name=["-o", "--output"])] = Path("card"),
    resume: Annotated[bool, Parameter(negative="")] = False,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
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
    """
    from selfscope.cli import commands

    if dry_run:
        commands.dry_run(model, plan, hardware, (seed, json))
    else:
        commands.card(model, plan, hardware, (seed, output, resume, json))


@app.command
def study(
    models: Annotated[tuple[str, ...], Parameter(help="Models, each as `card` takes it.")],
    /,
    *,
    seeds: Annotated[tuple[int, ...], SEEDS, Parameter(help="Seeds, with commas.")] = (0,),
    plan: Annotated[Plan, Parameter(name="*")] = QUICK,
    output: Annotated[Path, Parameter(name=["-o", "--output"])] = Path("study"),
    resume: Annotated[bool, Parameter(negative="")] = False,
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
    from selfscope.cli import commands

    commands.study(models, plan, (tuple(seeds), output, resume, json))


@app.command
def doctor(
    model: Model,
    /,
    *,
    hardware: Annotated[Hardware, Parameter(name="*")] = HERE,
    json: Json = False,
) -> None:
    """Examine a model before its activations are read: where its layers lie, norms, sinks, BOS, template, self-test.

    The exit code is not zero where the self-test refuses the model.

    For example:

        selfscope doctor smollm2-135m

        selfscope doctor MODEL --dtype bfloat16 --json
    """
    from selfscope.cli import commands

    commands.doctor(model, hardware, json)


@app.command
def report(folder: Path, /, *, json: Json = False) -> None:
    """Draw the card of a folder again (of a study: every card), from its rows alone: no model, no torch.

    For example:

        selfscope report card
    """
    from selfscope.cli import commands

    commands.report(folder, json)


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
        The file (default: rows.csv in the folder); - writes csv or jsonl to the standard output.
    """
    from selfscope.cli import commands

    commands.rows(folder, to, output)


@app.command
def phenomena(*, json: Json = False) -> None:
    """List what can be asked about."""
    from selfscope.cli import commands

    commands.listing("phenomenon", json)


@app.command
def readers(*, json: Json = False) -> None:
    """List the ways to get an answer."""
    from selfscope.cli import commands

    commands.listing("reader", json)


@models.command(name="list")
def models_list(*, json: Json = False) -> None:
    """List the packaged models: licence, size, whether they are here."""
    from selfscope.cli import commands

    commands.models(json)


@models.command(name="get")
def models_get(name: str, /) -> None:
    """Fetch a packaged model, check it, convert it once; print its folder."""
    from selfscope.cli import commands

    commands.fetch(name)


@models.command(name="path")
def models_path(name: str, /) -> None:
    """Print the folder of a packaged model that is here."""
    from selfscope.cli import commands

    commands.where(name)


def main(arguments: list[str] | None = None) -> None:
    """Runs a command. A user's mistake is one line on the standard error and exit code 2; Ctrl-C is 130."""
    from cyclopts import CycloptsError

    from selfscope.errors import SelfscopeError

    given = sys.argv[1:] if arguments is None else arguments
    # The rivals are fitted with many tiny matrix products: threads that wait for each other make that five times
    # slower on a busy machine. torch has its own threads.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        app(given, exit_on_error=False, print_error=False, result_action="return_value")
    except (SelfscopeError, CycloptsError) as error:
        print(f"selfscope: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        if given[:1] in (["card"], ["study"]):
            from selfscope.cli.commands import resume_command

            print(f"\nStopped; what was finished is kept. Go on with:\n  {resume_command(given)}", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
