"""`selfscope fit`, `artifacts`: adapters with which a model reports about itself, and decoders of its activations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Group, Parameter

from selfscope.cli.app import app
from selfscope.cli.options import HERE, Hardware, Json, Model, Resume, Seed, given, written
from selfscope.cli.output import print_data
from selfscope.cli.progress import Bar
from selfscope.errors import BadInput, refuse_unused
from selfscope.terminal import say

if TYPE_CHECKING:
    from selfscope.subjects.live_adapters import LoraShape
    from selfscope.training.bias_vector import BiasShape
    from selfscope.training.schedule import Schedule

TRAINING = Group("Training")


@dataclass(frozen=True)
class Training:
    """How it is trained."""

    carry: Annotated[
        Literal["switched", "always"],
        Parameter(group=TRAINING, help="switched: it acts from the question on, and all else is the base's own."),
    ] = "switched"
    rank: Annotated[int, Parameter(group=TRAINING, help="Of the low-rank products.")] = 16
    layers: Annotated[str, Parameter(group=TRAINING, help="Blocks that get one, as in 6-29 (default: all).")] = ""
    epochs: Annotated[float, Parameter(group=TRAINING, help="Times that everything is seen.")] = 1.0
    groups: Annotated[
        int | None, Parameter(group=TRAINING, help="Objects a step, each with its questions (default: 8; decoder: 32).")
    ] = None
    at_once: Annotated[
        int | None, Parameter(group=TRAINING, help="Of them, in one forward: fewer need less memory (default: all).")
    ] = None
    rate: Annotated[
        float | None, Parameter(group=TRAINING, help="Learning rate, at its highest (default: 1e-3; decoder: 5e-4).")
    ] = None
    precision: Annotated[Literal["fp32", "bf16"], Parameter(group=TRAINING, help="Of products.")] = "fp32"
    guard: Annotated[
        int, Parameter(group=TRAINING, help="Ordinary replies of its own that are trained on beside the lesson.")
    ] = 0
    objective: Annotated[
        str | None,
        Parameter(group=TRAINING, help="What is trained towards, as in dpo, rl_brier, agreement (default: "
                  "mostly_options; decoder: soft_labels)."),
    ] = None  # fmt: skip
    bias: Annotated[
        int | None, Parameter(group=TRAINING, help="Behind this block one vector is added, and that is all.")
    ] = None

    def schedule(self, seed: int, usual: Schedule | None = None) -> Schedule:
        """As the loop takes it. usual: where nothing else was given; of reports by default."""
        from selfscope.training.schedule import Schedule

        base = usual or Schedule(rate=1e-3)
        given = {"groups": self.groups, "at_once": self.at_once, "rate": self.rate, "objective": self.objective}
        chosen = {"at_once": self.groups, **{name: value for name, value in given.items() if value is not None}}
        own: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
        return replace(base, epochs=self.epochs, precision=self.precision, seed=seed, **own)

    def shape(self) -> LoraShape | BiasShape:
        """As an adapter takes it. Raises BadInput for layers that are no range."""
        from selfscope.subjects.live_adapters import LoraShape
        from selfscope.training.bias_vector import BiasShape

        if self.bias is not None:
            refuse_unused(given(self, USUALLY, "rank", "layers"), "--bias adds one vector, which has neither")
            return BiasShape(self.bias)
        first, dash, last = self.layers.partition("-")
        try:
            ends = (int(first), int(last) if dash else int(first)) if self.layers else (0, -1)
        except ValueError:
            raise BadInput(f"--layers is written 6-29, not {self.layers!r}") from None
        if self.layers and ends[1] < ends[0]:
            raise BadInput(f"--layers is written from the lower to the higher, as in 6-29, not {self.layers!r}")
        return LoraShape(self.rank, 2.0 * self.rank, tuple(range(ends[0], ends[1] + 1)))


USUALLY = Training()


@app.command
def fit(
    lesson: Annotated[str, Parameter(help="What is taught, as in states or states[objects=1200].")],
    model: Model,
    /,
    *,
    output: Annotated[Path, Parameter(name=["-o", "--output"])] = Path("adapter"),
    phenomenon: Annotated[
        str | None, Parameter(help="Whose questions it is taught with (default: the lesson's own).")
    ] = None,
    training: Annotated[Training, Parameter(name="*")] = USUALLY,
    labels_of: Annotated[
        str | None, Parameter(help="Another model, whose behaviour is told in the place of its own.")
    ] = None,
    seed: Seed = 0,
    resume: Resume = False,
    hardware: Annotated[Hardware, Parameter(name="*")] = HERE,
    json: Json = False,
) -> None:
    """Train an adapter with which a model reports about itself, or a decoder that reads its activations.

    For example:

        selfscope fit states smollm2-135m -o reporter

        selfscope card smollm2-135m --adapter reporter --phenomena own_choice

        selfscope fit "decoder[form=oracle,layers=(29)]" smollm2-135m -o oracle

        selfscope card smollm2-135m --phenomena hidden_context --readers "decoder[folder=oracle]"

    Parameters
    ----------
    output
        The folder of what is trained: an adapter as peft writes one with a sidecar, or a decoder with its contract.
        While it is trained, OUTPUT.run stands beside it.
    resume
        Go on with the run in OUTPUT.run.
    """
    if lesson.partition("[")[0] == "decoder":
        refuse_unused(
            written(phenomenon=phenomenon is not None, labels_of=labels_of is not None),
            "a decoder is taught with the packaged bank alone",
        )
        _fit_decoder(lesson, model, output, training, seed, hardware, resume=resume, json=json)
        return
    from selfscope.api.fit import fit as trained
    from selfscope.records import to_jsonable
    from selfscope.training.ranks import joined

    ranks = joined()
    with Bar(quiet=json or not ranks.first) as bar:
        schedule, shape = training.schedule(seed), training.shape()
        done = trained(
            model, output, lesson, phenomenon=phenomenon, carry=training.carry, shape=shape, schedule=schedule,
            guard=training.guard, labels_of=labels_of, resume=resume, hardware=hardware.chosen(), progress=bar,
        )  # fmt: skip
    if not ranks.first:
        return
    if json:
        print_data({"folder": str(done.folder), **to_jsonable(done.sidecar)})
    else:
        say(str(done))


def _fit_decoder(
    lesson: str, model: str, output: Path, training: Training, seed: int, hardware: Hardware, *, resume: bool,
    json: bool,
) -> None:  # fmt: skip
    from selfscope.api.decoders import fit_decoder
    from selfscope.records import to_jsonable
    from selfscope.training.ranks import joined

    refuse_unused(
        given(training, USUALLY, "carry", "rank", "layers", "guard", "bias"),
        "a decoder acts on its own prompts alone: layers, rank and form are settings of it, as in "
        "decoder[layers=(7,15),rank=8] and decoder[form=bias], and it has neither carry nor guard",
    )
    ranks = joined()
    with Bar(quiet=json or not ranks.first) as bar:
        from selfscope.training.fit_decoder import USUAL

        schedule = training.schedule(seed, USUAL)
        done = fit_decoder(
            model, output, lesson, schedule=schedule, resume=resume, hardware=hardware.chosen(), progress=bar
        )  # fmt: skip
    if not ranks.first:
        return
    if json:
        print_data({"folder": str(done.folder), **to_jsonable(done.contract)})
    else:
        say(str(done))


artifacts = App(name="artifacts", help="What was trained: adapters and decoders.", help_format="plaintext")
app.command(artifacts)


@artifacts.command(name="list")
def artifacts_list(folder: Path = Path(), /, *, json: Json = False) -> None:
    """List what was trained into a folder and those below it."""
    from selfscope.api.artifacts import artifacts as found
    from selfscope.records import to_jsonable

    every = found(folder)
    if json:
        print_data(to_jsonable(list(every.items)))
    elif every.items:
        say(str(every))
    else:
        say(f"nothing in {folder} was trained here")


@artifacts.command(name="check")
def artifacts_check(
    folder: Path, model: str | None = None, /, *, hardware: Annotated[Hardware, Parameter(name="*")] = HERE
) -> None:
    """Whether an adapter or a decoder is whole and fits its model (default: the one that it was made on)."""
    from selfscope.api.artifacts import check

    with Bar():
        found = check(folder, model, hardware=hardware.chosen())
    say(found)


@artifacts.command(name="export")
def artifacts_export(folder: Path, target: Path, /) -> None:
    """Copy an adapter, a decoder's adapter or its vectors to a folder that peft and others read."""
    from selfscope.api.artifacts import export

    say(str(export(folder, target)))
