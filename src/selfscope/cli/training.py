"""`selfscope fit`, `artifacts`: adapters with which a model reports about itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Group, Parameter

from selfscope.cli.app import app
from selfscope.cli.options import HERE, Hardware, Json, Model, Resume, Seed
from selfscope.cli.output import print_data
from selfscope.cli.progress import Bar
from selfscope.errors import BadInput
from selfscope.terminal import say

if TYPE_CHECKING:
    from selfscope.subjects.live_adapters import LoraShape
    from selfscope.training.bias_vector import BiasShape
    from selfscope.training.schedule import Schedule

TRAINING = Group("Training")
PHENOMENON = "own_choice[train=101,dev=0,each=3]"
"""More sets of words than a card needs: the lesson draws from them."""


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
    groups: Annotated[int, Parameter(group=TRAINING, help="Objects a step, each with its questions.")] = 8
    at_once: Annotated[int, Parameter(group=TRAINING, help="Of them, in one forward: fewer need less memory.")] = 8
    rate: Annotated[float, Parameter(group=TRAINING, help="Learning rate, at its highest.")] = 1e-3
    precision: Annotated[Literal["fp32", "bf16"], Parameter(group=TRAINING, help="Of products.")] = "fp32"
    guard: Annotated[
        int, Parameter(group=TRAINING, help="Ordinary replies of its own that are trained on beside the lesson.")
    ] = 0
    objective: Annotated[
        str, Parameter(group=TRAINING, help="What is trained towards, as in soft_labels, dpo, rl_brier or agreement.")
    ] = "mostly_options"
    bias: Annotated[
        int | None, Parameter(group=TRAINING, help="Behind this block one vector is added, and that is all.")
    ] = None

    def schedule(self, seed: int) -> Schedule:
        """As the loop takes it."""
        from selfscope.training.schedule import Schedule

        return Schedule(
            epochs=self.epochs, groups=self.groups, at_once=self.at_once, rate=self.rate, precision=self.precision,
            objective=self.objective, seed=seed,
        )  # fmt: skip

    def shape(self) -> LoraShape | BiasShape:
        """As an adapter takes it. Raises BadInput for layers that are no range."""
        from selfscope.subjects.live_adapters import LoraShape
        from selfscope.training.bias_vector import BiasShape

        if self.bias is not None:
            return BiasShape(self.bias)
        first, dash, last = self.layers.partition("-")
        try:
            ends = (int(first), int(last) if dash else int(first)) if self.layers else (0, -1)
        except ValueError:
            raise BadInput(f"--layers is written 6-29, not {self.layers!r}") from None
        return LoraShape(self.rank, 2.0 * self.rank, tuple(range(ends[0], ends[1] + 1)))


USUALLY = Training()


@app.command
def fit(
    lesson: Annotated[str, Parameter(help="What is taught, as in states or states[objects=1200].")],
    model: Model,
    /,
    *,
    output: Annotated[Path, Parameter(name=["-o", "--output"])] = Path("adapter"),
    phenomenon: Annotated[str, Parameter(help="Whose questions it is taught with.")] = PHENOMENON,
    training: Annotated[Training, Parameter(name="*")] = USUALLY,
    seed: Seed = 0,
    resume: Resume = False,
    hardware: Annotated[Hardware, Parameter(name="*")] = HERE,
    json: Json = False,
) -> None:
    """Train an adapter with which a model reports about itself; then put it on with --adapter.

    For example:

        selfscope fit states smollm2-135m -o reporter

        selfscope card smollm2-135m --adapter reporter --phenomena own_choice

    Parameters
    ----------
    output
        The adapter's folder, as peft writes one, with a sidecar. While it is trained, OUTPUT.run stands beside it.
    resume
        Go on with the run in OUTPUT.run.
    """
    from selfscope.api.fit import fit as trained
    from selfscope.api.loading import load
    from selfscope.records import to_jsonable

    schedule, shape = training.schedule(seed), training.shape()
    subject = load(model, **hardware.chosen())
    with Bar(quiet=json, first="measuring what it does") as bar:
        done = trained(
            subject, output, lesson, phenomenon=phenomenon, carry=training.carry, shape=shape, schedule=schedule,
            guard=training.guard, resume=resume, progress=bar,
        )  # fmt: skip
    if json:
        print_data({"folder": str(done.folder), **to_jsonable(done.sidecar)})
    else:
        say(str(done))


artifacts = App(name="artifacts", help="What was trained: adapters with a sidecar.", help_format="plaintext")
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
def artifacts_check(folder: Path, model: str | None = None, /) -> None:
    """Whether an adapter is whole and fits its model (default: the one that it was made on)."""
    from selfscope.api.artifacts import check

    say(check(folder, model))


@artifacts.command(name="export")
def artifacts_export(folder: Path, target: Path, /) -> None:
    """Copy an adapter to a folder that peft and others read."""
    from selfscope.api.artifacts import export

    say(str(export(folder, target)))
