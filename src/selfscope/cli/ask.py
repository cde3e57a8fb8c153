"""`selfscope ask`, `selfscope doctor`: one question, one checkup."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from selfscope.cli.app import app
from selfscope.cli.options import HERE, TEXTS, Hardware, Json, Model, written
from selfscope.cli.output import coloured, print_data
from selfscope.cli.progress import Bar
from selfscope.errors import BadModel, SelfscopeError, refuse_unused
from selfscope.terminal import say


@app.command
def ask(
    model: Model,
    question: str,
    /,
    *,
    options: Annotated[tuple[str, ...], TEXTS] = (),
    about: str | None = None,
    other: str | None = None,
    card: Path | None = None,
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

        selfscope ask smollm2-135m "Red or black?" --options red,black --about "Pick a colour." --card card

        selfscope ask smollm2-135m "What is this?" --about "The ship left the port." --reader patchscope --layer 12

    Parameters
    ----------
    question
        The question, in your own words.
    options
        Answers to choose from, with commas between: probabilities are read instead of a text. One that holds a comma
        stands in double quotes, as in '"tea, black",coffee'; one that begins with a hyphen behind =, as in
        --options=-5,5.
    about
        The prompt that the question is about; the model then also does it, ten times.
    other
        Another model that answers about this one.
    card
        The folder of this model's card: what it measured of such questions stands below the answers.
    reader
        Ask about the state of a token of --about instead: patchscope, selfie or logit_lens, with its arms beside it.
    layer
        Where that state is read and written (default: half way).
    token
        Which token of --about, from 0; negative counts from the end.
    """
    from selfscope.api.ask import Answers
    from selfscope.api.ask import ask as put_question
    from selfscope.api.loading import load
    from selfscope.api.read_state import StateReading, read
    from selfscope.records import to_jsonable

    result: Answers | StateReading
    if reader is None:
        refuse_unused(
            written(layer=layer is not None, token=token != -1),
            "they are of a reader of states: name one with --reader, as in --reader patchscope",
        )
        with Bar(quiet=json) as bar:
            subject = load(model, **hardware.chosen())
            result = put_question(subject, question, options=options, about=about, other=other, card=card, progress=bar)
    elif card is not None:
        raise SelfscopeError(f"{reader} reads the state of a token: a card has no verdict on that to stand beside it")
    elif other is not None:
        refuse_unused(written(other=True), f"{reader} reads a state, and no other model has it: leave out --reader")
    elif about is None:
        raise SelfscopeError(f"{reader} reads the state of a token: give its text with --about")
    else:
        with Bar(quiet=json) as bar:
            subject = load(model, **hardware.chosen())
            result = read(
                subject, question, about=about, reader=reader, layer=layer, token=token, options=options, progress=bar
            )  # fmt: skip
    if json:
        print_data(to_jsonable(result))
    else:
        say(result.table(colour=coloured()), coloured=coloured())


LAWS = 7
"""How many laws of access the doctor runs: what the bar of progress counts, without importing them."""


@app.command
def doctor(
    model: Model,
    /,
    *,
    hardware: Annotated[Hardware, Parameter(name="*")] = HERE,
    json: Json = False,
) -> None:
    """Examine a model before it is relied on: layers, norms, sinks, BOS, template, self-test, and the laws of access.

    The laws compare captures, scores and replies with the bare model, row by row. The exit code is not zero where the
    self-test refuses the model, or a law does not hold.

    For example:

        selfscope doctor smollm2-135m

        selfscope doctor MODEL --dtype bfloat16 --json
    """
    from selfscope.api.doctor import examine
    from selfscope.api.loading import load
    from selfscope.records import to_jsonable

    with Bar(quiet=json) as bar:
        bar.plan(LAWS + 1)
        subject = load(model, **hardware.chosen())
        bar.step("measuring", 1)
        checkup = examine(subject, lambda: bar.step("the laws of access", 1))
    if json:
        print_data(to_jsonable(checkup.data))
    else:
        say(checkup.table(colour=coloured()), coloured=coloured())
    if checkup.data.refused:
        raise BadModel(f"the activations of {model} are not to be read or written: {checkup.data.refused}")
    if checkup.broken:
        raise BadModel(f"a law of access does not hold for {model}: {'; '.join(checkup.broken)}")
