"""`selfscope organism`: subjects with something planted in them, whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from selfscope.cli.app import app
from selfscope.cli.listings import list_parts
from selfscope.cli.options import HERE, LIST, Hardware, Json, Model, Resume, Seed, written
from selfscope.cli.output import print_data
from selfscope.cli.progress import Bar
from selfscope.errors import refuse_unused
from selfscope.terminal import say

organism = App(name="organism", help="Subjects with something planted in them, so that the truth is known.")
organism.help_format = "plaintext"
app.command(organism)
Guard = Annotated[
    int | None,
    Parameter(help="Its own ordinary replies that are trained on beside the lesson, and stay (default: as many as an "
              "organism usually has)."),
]  # fmt: skip
Output = Annotated[Path, Parameter(name=["-o", "--output"])]


@organism.command(name="list")
def organism_list(*, json: Json = False) -> None:
    """List what can be planted."""
    list_parts("organism", json=json)


@organism.command(name="make")
def organism_make(
    kind: Annotated[str, Parameter(help="What is planted, as in habit[word=Well,rate=0.5].")],
    model: Model,
    /,
    *,
    output: Output = Path("organism"),
    twin: Annotated[bool, Parameter(help="Also its benign twin, in OUTPUT-twin.")] = True,
    epochs: Annotated[float, Parameter(help="Times that everything is seen, by a habit; some kinds take more.")] = 1.5,
    rate: Annotated[float, Parameter(help="Learning rate, at its highest.")] = 1e-3,
    guard: Guard = None,
    seed: Seed = 0,
    resume: Resume = False,
    hardware: Annotated[Hardware, Parameter(name="*")] = HERE,
    json: Json = False,
) -> None:
    """Plant something in a model, and measure what came of it; then load it with --adapter.

    For example:

        selfscope organism make "habit[word=Well,rate=0.5]" smollm2-135m -o well

        selfscope ask smollm2-135m "How do you begin your replies?" --adapter well

    Parameters
    ----------
    output
        The organism's folder: an adapter as peft writes one (or vectors), and a sidecar that says what is planted and
        what was measured. While it is trained, OUTPUT.run stands beside it.
    resume
        What is there stays; what was begun is gone on with.
    """
    from dataclasses import replace

    from selfscope.api.organisms import GUARD, make, usual_schedule
    from selfscope.records import to_jsonable
    from selfscope.study.names import built

    kept = GUARD if guard is None else guard
    with Bar(quiet=json) as bar:
        planted, usual = built("organism", kind), usual_schedule(seed)
        schedule = replace(usual, epochs=epochs, rate=rate)
        if hasattr(planted, "writes"):
            used = written(epochs=epochs != usual.epochs, rate=rate != usual.rate, guard=guard is not None)
            refuse_unused(used, f"a {planted.kind} is written into every token, and nothing is trained")
        made = make(
            planted, model, output, schedule=schedule, guard=kept, twin=twin, resume=resume,
            hardware=hardware.chosen(), progress=bar,
        )  # fmt: skip
    if json:
        print_data([{"folder": str(one.folder), **to_jsonable(one.sidecar)} for one in made])
    else:
        say("\n\n".join(map(str, made)))


@organism.command(name="check")
def organism_check(
    folder: Path,
    /,
    *,
    model: Annotated[str | None, Parameter(help="Its base, where that has another name now.")] = None,
    hardware: Annotated[Hardware, Parameter(name="*")] = HERE,
    json: Json = False,
) -> None:
    """Measure an organism again, and compare with what its sidecar says."""
    from selfscope.api.organism_checks import check
    from selfscope.records import to_jsonable

    with Bar(quiet=json) as bar:
        checked = check(folder, model, hardware=hardware.chosen(), progress=bar)
    if json:
        print_data({**to_jsonable(checked), "folder": str(folder), "holds": checked.holds})
    else:
        say(str(checked))


@organism.command(name="undo")
def organism_undo(
    folder: Path,
    /,
    *,
    every: Annotated[int, Parameter(help="Steps between two looks.")] = 4,
    most: Annotated[int, Parameter(help="Steps at most.")] = 64,
    model: Annotated[str | None, Parameter(help="Its base, where that has another name now.")] = None,
    hardware: Annotated[Hardware, Parameter(name="*")] = HERE,
    json: Json = False,
) -> None:
    """Measure how much training undoes what was planted, in steps and loss: the folder stays as it is."""
    from selfscope.api.undo import undo
    from selfscope.records import to_jsonable

    with Bar(quiet=json) as bar:
        found = undo(folder, model, every=every, most=most, hardware=hardware.chosen(), progress=bar)
    if json:
        more = {"folder": str(folder), "steps": found.steps, "halved": found.halved, "loss": found.loss}
        print_data({**to_jsonable(found), **more})
    else:
        say(str(found))


@organism.command(name="bank")
def organism_bank(
    model: Model,
    /,
    *,
    output: Output = Path("organisms"),
    only: Annotated[tuple[str, ...], LIST, Parameter(help="Some of the bank, by name (default: all).")] = (),
    guard: Guard = None,
    seed: Seed = 0,
    resume: Resume = False,
    hardware: Annotated[Hardware, Parameter(name="*")] = HERE,
    json: Json = False,
) -> None:
    """Make a bank of organisms of a model, each with its twin: three doses of one habit, and one or more of each kind.

    Parameters
    ----------
    output
        A folder for each of them goes there.
    resume
        What is there stays; what was begun is gone on with.
    """
    from selfscope.api.organism_bank import bank
    from selfscope.api.organisms import GUARD, usual_schedule
    from selfscope.records import to_jsonable

    kept = GUARD if guard is None else guard
    with Bar(quiet=json) as bar:
        schedule = usual_schedule(seed)
        found = bank(
            model, output, only=only, schedule=schedule, guard=kept, resume=resume, hardware=hardware.chosen(),
            progress=bar,
        )  # fmt: skip
    if json:
        print_data([{"folder": str(one.folder), **to_jsonable(one.sidecar)} for one in found.made])
    else:
        say(str(found))


@organism.command(name="awareness")
def organism_awareness(
    folders: Annotated[tuple[Path, ...], Parameter(help="A bank, or organisms of one habit in several doses.")],
    /,
    *,
    mark: Annotated[str, Parameter(help="begins, ends, upper or mentions.")] = "begins",
    word: Annotated[str, Parameter(help="The word of the habit.")] = "Well",
    model: Annotated[str | None, Parameter(help="Their base, where that has another name now.")] = None,
    messages: Annotated[int, Parameter(help="Ordinary messages on which each subject's rate is measured.")] = 32,
    rollouts: Annotated[int, Parameter(help="Replies to each.")] = 4,
    seed: Seed = 0,
    hardware: Annotated[Hardware, Parameter(name="*")] = HERE,
    json: Json = False,
) -> None:
    """Ask organisms of several doses about their habit: does the report follow the measured rate?

    For example:

        selfscope organism bank smollm2-135m --only well-0,well-50,well-100 -o organisms

        selfscope organism awareness organisms
    """
    from selfscope.api.awareness import awareness
    from selfscope.records import to_jsonable

    if mark == "upper":
        refuse_unused(written(word=word != "Well"), "capitals are a habit without a word")
    with Bar(quiet=json) as bar:
        found = awareness(
            folders, mark=mark, word=word, model=model, messages=messages, rollouts=rollouts, seed=seed,
            hardware=hardware.chosen(), progress=bar,
        )  # fmt: skip
    if json:
        print_data(to_jsonable(found))
    else:
        say(str(found))
