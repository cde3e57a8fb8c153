"""A reader of activations over a grid of layers and tokens of one's own prompt, as an array with named axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from selfscope.api.one_item import run_once, state_of
from selfscope.api.read_state import reader_of_states
from selfscope.controls.sweep import Sweep
from selfscope.errors import BadInput
from selfscope.readers.base import Reader
from selfscope.records import Outcome, id_of
from selfscope.study import PhenomenonPlan, Progress, Study
from selfscope.subjects.base import Subject, depths, middle

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class SweepArray:
    """What a reader answers at every cell of a grid.

    Attributes
    ----------
    values
        With options (..., K) probabilities, without them (...) texts: one axis for each of `axes`, in their order.
    axes
        name -> its values: layer, target_layer, token, strength as they were asked for, then option.
    unsupported
        Cells that the reader could not read: their values are nan, or empty texts.
    """

    values: npt.NDArray[Any]
    axes: Mapping[str, tuple[Any, ...]]
    unsupported: int = 0

    def at(self, **where: Any) -> npt.NDArray[Any]:
        """The values at some places of the axes, as in `at(layer=5, option="ships")`.

        Parameters
        ----------
        where
            Name of an axis -> one of its values.

        Returns
        -------
        npt.NDArray[Any]
            With the other axes, in their order.

        Raises
        ------
        BadInput
            An axis or a value that does not exist; it names those that do.
        """
        index: list[Any] = []
        for name in where:
            if name not in self.axes:
                raise BadInput(f"there is no axis {name!r}; there are: {', '.join(self.axes)}")
        for name, values in self.axes.items():
            if name in where and where[name] not in values:
                raise BadInput(f"{name} has no {where[name]!r}; it has: {', '.join(map(str, values))}")
            index.append(values.index(where[name]) if name in where else slice(None))
        return cast("npt.NDArray[Any]", self.values[tuple(index)])


def sweep(
    model: str | Subject,
    about: str,
    question: str,
    *,
    reader: str | Reader = "patchscope",
    options: Sequence[str] = (),
    layers: Sequence[int] = (),
    target_layers: Sequence[int] = (),
    tokens: Sequence[int] = (-1,),
    strengths: Sequence[float] = (),
    progress: Progress | None = None,
) -> SweepArray:
    """Asks a question about the states of tokens of a text at every cell of a grid, in batches.

    Parameters
    ----------
    model
        A name (see `load`) or a subject whose activations can be reached.
    about
        The text whose tokens are read.
    question
        In your own words.
    reader
        A reader of activations, by name or as an object.
    options
        Answers to choose from; without them the answers are texts.
    layers
        Where states are read (none given: seven depths).
    target_layers, strengths
        Where and how strongly they are written, for readers that write; none given: as the reader says.
    tokens
        Which tokens of the text, BOS included; negative ones count from the end.
    progress
        Told of the work ahead and of each piece that is done.

    Returns
    -------
    SweepArray
        Axes layer, target_layer, token, strength (those with several or given values) and option.

    Raises
    ------
    Unsupported
        The subject's activations cannot be reached.
    BadInput
        A layer or token that does not exist, a question that is empty, one option, or twice the same.
    """
    import numpy as np

    subject, item = state_of(model, question, about, tokens, options)
    chosen = reader_of_states(reader, None, middle(subject))
    axes: dict[str, tuple[Any, ...]] = {"layer": tuple(layers) or tuple(depths(subject))}
    axes |= {"target_layer": tuple(target_layers)} if target_layers else {}
    axes |= {"token": tuple(tokens)} if len(tokens) > 1 else {}
    axes |= {"strength": tuple(strengths)} if strengths else {}
    grid = Sweep(axes["layer"], tuple(target_layers), tuple(range(len(tokens))) * (len(tokens) > 1), tuple(strengths))
    plan = PhenomenonPlan(item, (chosen,), sweeps=((id_of(chosen), grid),), all_trials=True)
    contents = run_once(Study(subject, (plan,)), progress)
    shape = tuple(map(len, axes.values()))
    values: npt.NDArray[Any] = np.full((*shape, len(item.options)), np.nan) if options else np.full(shape, "", object)
    unsupported = 0
    for row in (r for r in contents.rows if r.control == id_of(grid)):
        where = contents.trials[row.trial].coordinates
        place = tuple(
            int(where["position"]) if name == "token" else axes[name].index(where[name]) for name in axes
        )  # fmt: skip
        unsupported += row.reading.outcome == Outcome.UNSUPPORTED
        if row.reading.distribution is not None:
            values[place] = row.reading.distribution
        elif not options:
            values[place] = row.reading.text or ""
    return SweepArray(values, {**axes, **({"option": item.options} if options else {})}, unsupported)


