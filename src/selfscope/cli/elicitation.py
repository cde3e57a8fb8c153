"""`selfscope elicit`, `audit`: one phenomenon asked in every way, and what a taught report learnt."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from selfscope.cli.app import app
from selfscope.cli.options import HERE, NUMBERS, Hardware, Jobs, Json, Model, Resume, Seed
from selfscope.cli.output import print_data
from selfscope.cli.progress import Bar
from selfscope.terminal import say

FOLDERS = Parameter(consume_multiple=True, negative="", show_default=False)
SIZES = "token_probability[test=60,train=60,dev=0]"


@app.command
def elicit(
    model: Model,
    /,
    *,
    phenomenon: Annotated[str, Parameter(help="What is asked about, with its sizes in brackets.")] = SIZES,
    taught: Annotated[tuple[Path, ...], FOLDERS, Parameter(help="Folders of adapters, as `fit` writes them.")] = (),
    counts: Annotated[tuple[int, ...], NUMBERS, Parameter(help="Verified examples, each in every framing.")] = (
        0,
        4,
        16,
    ),
    other: Annotated[str | None, Parameter(help="Another model that forecasts this one from examples.")] = None,
    other_taught: Annotated[
        tuple[Path, ...], FOLDERS, Parameter(help="Adapters of that model, taught this one's labels.")
    ] = (),
    each: Annotated[bool, Parameter(negative="", help="Also a table for each kind of question.")] = False,
    output: Annotated[Path, Parameter(name=["-o", "--output"])] = Path("elicitation"),
    seed: Seed = 0,
    resume: Resume = False,
    jobs: Jobs = 1,
    hardware: Annotated[Hardware, Parameter(name="*")] = HERE,
    json: Json = False,
) -> None:
    """Ask in every way: plainly, in other framings, after verified examples, with taught adapters, beside rivals.

    For example:

        selfscope elicit phantom --phenomenon "token_probability[test=20,train=20,dev=0]" -o /tmp/ladder

        selfscope elicit smollm2-135m --taught lora-100 lora-1000 -o ladder

    Parameters
    ----------
    output
        The folder of the study; elicitation.svg in it draws skill against rung.
    resume
        Go on with the study in that folder.
    """
    from selfscope.api.elicit import elicit as asked
    from selfscope.records import to_jsonable

    with Bar(quiet=json) as bar:
        found = asked(
            model, output, phenomenon, taught=taught, other=other, other_taught=other_taught, counts=counts, seed=seed,
            resume=resume, jobs=jobs, hardware=hardware.chosen(), progress=bar,
        )  # fmt: skip
    (output / "elicitation.svg").write_text(found.figure(), encoding="utf-8")
    if json:
        print_data(to_jsonable(found))
        return
    for quantity in found.rungs if each else [next(iter(found.rungs))]:
        say(str(found.of(quantity)))


@app.command
def audit(
    folder: Annotated[Path, Parameter(help="An adapter, as `fit` writes it.")],
    /,
    *,
    phenomenon: Annotated[str, Parameter(help="What is asked about: as it was taught, with the same sizes.")],
    twin: Annotated[Path | None, Parameter(help="An adapter that was taught as many labels of something else.")] = None,
    shifted: Annotated[
        tuple[Path, ...], FOLDERS, Parameter(help="Organisms that change what the model does: does the report follow?")
    ] = (),
    model: Annotated[str | None, Parameter(help="Its base, where that has another name now.")] = None,
    seed: Seed = 0,
    hardware: Annotated[Hardware, Parameter(name="*")] = HERE,
    json: Json = False,
) -> None:
    """Ask what a taught report learnt: against its twin, under shifted behaviour, of nothing, in words.

    For example:

        selfscope audit lora-300 --phenomenon "token_probability[test=60,train=60,dev=0]" --twin twin-300
    """
    from selfscope.api.audit import audit as asked
    from selfscope.records import to_jsonable

    with Bar(quiet=json) as bar:
        found = asked(
            folder, phenomenon, model=model, twin=twin, shifted=shifted, seed=seed, hardware=hardware.chosen(),
            progress=bar,
        )  # fmt: skip
    if json:
        print_data(to_jsonable(found))
    else:
        say(str(found))
