"""`selfscope steer`: a model moved through a decoder of its states."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from selfscope.cli.app import app
from selfscope.cli.options import HERE, Hardware, Json, Model, Resume, Seed
from selfscope.cli.output import print_data
from selfscope.cli.progress import Bar
from selfscope.terminal import say

if TYPE_CHECKING:
    from selfscope.training.schedule import Schedule
    from selfscope.training.wishes import MovePlan

STEERING = Group("Steering")


@dataclass(frozen=True)
class Moving:
    """By what a model is moved, and how that is trained."""

    by: Annotated[
        Literal["vector", "adapter"],
        Parameter(group=STEERING, help="One vector that is added to every token, or a low-rank adapter."),
    ] = "vector"
    layer: Annotated[
        int | None, Parameter(group=STEERING, help="Where it is added (default: halfway to what the decoder reads).")
    ] = None
    limit: Annotated[
        float, Parameter(group=STEERING, help="The longest that the vector gets, in medians of ordinary norms there.")
    ] = 1.0
    reads: Annotated[int, Parameter(group=STEERING, help="Questions to the decoder that are trained on.")] = 192
    guard: Annotated[
        int, Parameter(group=STEERING, help="Places in ordinary replies of its own that are held where they are.")
    ] = 64
    weight: Annotated[
        float, Parameter(group=STEERING, help="What one of them counts, against one question to the decoder.")
    ] = 1.0
    held: Annotated[int, Parameter(group=STEERING, help="Messages that it is measured on.")] = 32
    epochs: Annotated[float, Parameter(group=STEERING, help="Times that everything is seen.")] = 1.5
    rate: Annotated[
        float | None, Parameter(group=STEERING, help="Learning rate, at its highest (default: by what is trained).")
    ] = None
    at_once: Annotated[int, Parameter(group=STEERING, help="Questions in one forward: fewer need less memory.")] = 16

    def plan(self) -> MovePlan:
        """As `steer` takes it."""
        from selfscope.training.wishes import MovePlan

        return MovePlan(self.by, self.layer, self.limit, self.reads, self.guard, self.weight, self.held)

    def schedule(self, seed: int) -> Schedule:
        """As the loop takes it."""
        from dataclasses import replace

        from selfscope.api.steer import usual_schedule

        usual = usual_schedule(self.plan(), seed)
        rate = usual.rate if self.rate is None else self.rate
        return replace(usual, epochs=self.epochs, rate=rate, at_once=self.at_once)


USUALLY = Moving()


@app.command
def steer(
    wish: Annotated[str, Parameter(help="The answer that the decoder should give, as in topic=chess.")],
    model: Model,
    /,
    *,
    decoder: Annotated[Path, Parameter(help="Folder of a decoder of this model; it stays as it is.")],
    twin: Annotated[Path | None, Parameter(help="Folder of its twin, which learnt from states of other items.")] = None,
    output: Annotated[Path, Parameter(name=["-o", "--output"])] = Path("steered"),
    moving: Annotated[Moving, Parameter(name="*")] = USUALLY,
    seed: Seed = 0,
    resume: Resume = False,
    hardware: Annotated[Hardware, Parameter(name="*")] = HERE,
    json: Json = False,
) -> None:
    """Move a model until a decoder reads a wanted answer in its states, and measure what that changed.

    For example:

        selfscope steer topic=chess smollm2-135m --decoder reader -o chess

        selfscope ask smollm2-135m "What do you like to talk about?" --adapter chess

    Parameters
    ----------
    output
        The folder of the vector or adapter, with a sidecar. While it is trained, OUTPUT.run stands beside it.
    resume
        Go on with the run in OUTPUT.run.
    """
    from selfscope.api.steer import steer as moved
    from selfscope.records import to_jsonable

    with Bar(quiet=json) as bar:
        plan, schedule = moving.plan(), moving.schedule(seed)
        done = moved(
            model, decoder, wish, output, plan=plan, schedule=schedule, twin=twin, resume=resume,
            hardware=hardware.chosen(), progress=bar,
        )  # fmt: skip
    if json:
        print_data({"folder": str(done.folder), **to_jsonable(done.sidecar)})
    else:
        say(str(done))
