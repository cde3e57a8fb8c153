"""One question about one token's state: what the model reads there, and beside it what every arm answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import cast

from selfscope import catalogue
from selfscope.api.one_item import run_once, state_of
from selfscope.controls.arms import Arms
from selfscope.errors import UnknownName, Unsupported, refuse_unused
from selfscope.readers.base import Reader
from selfscope.records import REAL, Outcome, Reading, id_of, reader_part
from selfscope.settings import built_with
from selfscope.study import PhenomenonPlan, Progress, Study
from selfscope.study.names import parsed
from selfscope.subjects.base import Subject
from selfscope.tables import Table, Tabular

NOTE = "The first line counts where it differs from all below it; where one says the same, the vector told nothing."


@dataclass(frozen=True)
class ArmReading:
    """What was answered under one arm.

    Attributes
    ----------
    arm
        What stood in the place of the vector, in words.
    text
        The greedy answer.
    agreement
        Part of the samples that begin with its first word (asking a decoder how sure it is does not work; agreement of
        samples does).
    relevancy
        Mean over its tokens of |p(token | vector) - p(token | none)| (Chen et al. 2024).
    distribution
        (K,) over the options, relative to no vector.
    """

    arm: str
    text: str = ""
    agreement: float | None = None
    relevancy: float | None = None
    distribution: tuple[float, ...] | None = None


@dataclass(frozen=True)
class StateReading(Tabular):
    """Every arm's answer to one question about one token. Shows itself as a table.

    Attributes
    ----------
    model
        Who was asked.
    question, about, options
        What was asked, about a token of which text.
    reader
        What the reader is called.
    layer, token, position
        Where the state was read: the token's text and its position, BOS included, from 0.
    norm
        Of the vector; None where the reader does not say.
    reads
        One an arm, the real vector first.
    note
        What stands below the table.
    """

    model: str
    question: str
    about: str
    reader: str
    layer: int
    token: str
    position: int
    norm: float | None = None
    options: tuple[str, ...] = ()
    reads: tuple[ArmReading, ...] = ()
    note: str = NOTE

    def _table(self) -> Table:
        where = f"layer {self.layer}, token {self.position} {self.token!r} of: {self.about}"
        title = f"{self.question}\n{self.reader} of {self.model}, {where}"
        head = ("vector", *self.options) if self.options else ("vector", "says", "agreement", "relevancy")
        numeric = tuple(range(1 if self.options else 2, len(head)))
        return Table(title, head, tuple(map(tuple, self._lines())), numeric, self.note)

    def _lines(self) -> list[list[str]]:
        lines = []
        for r in self.reads:
            shares = [f"{p:.2f}" for p in r.distribution or ()] or ["–"] * len(self.options)
            open_ = [r.text, _written(r.agreement), _written(r.relevancy)]
            lines.append([r.arm, *(shares if self.options else open_)])
        return lines


def _written(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def read(
    model: str | Subject,
    question: str,
    *,
    about: str,
    reader: str | Reader = "patchscope",
    layer: int | None = None,
    token: int = -1,
    options: Sequence[str] = (),
    progress: Progress | None = None,
) -> StateReading:
    """Asks a model a question about the state of one token of a text, and asks it of every arm too. A study of one
    item: the same readers and arms as on a card; neutral texts are the mean and the other item.

    Parameters
    ----------
    model
        A name (see `load`) or a subject whose activations can be reached.
    question
        In your own words.
    about
        The text whose token is read.
    reader
        A reader of activations: patchscope, selfie or logit_lens, with settings in brackets, or an object.
    layer
        Where the state is read, and written where the reader does not say otherwise (None: half way).
    token
        Which token of the text, BOS included, from 0; negative ones count from its end.
    options
        Answers to choose from: log-probabilities are read, relative to no vector. Else the answer is free.
    progress
        Told of the work ahead and of each piece that is done.

    Returns
    -------
    StateReading
        One line an arm. Shows itself as a table.

    Raises
    ------
    Unsupported
        The subject's activations cannot be reached, or the reader learns from true answers, which nobody has here.
    BadInput
        A layer or token that does not exist, a question that is empty, one option, or twice the same.
    UnknownName
        A reader that does not exist, or is none of activations.
    """
    subject, item = state_of(model, question, about, (token,), options)
    at = len(subject.layers) // 2 if layer is None else layer
    chosen = reader_of_states(reader, layer, at)
    plan = PhenomenonPlan(item, (chosen,), (Arms(),), arm_readers=(id_of(chosen),), all_trials=True)
    contents = run_once(Study(subject, (plan,)), progress)
    arm_of = {trial.id: trial.arm for trial in contents.trials.values()}
    readings = {arm_of[row.trial]: row.reading for row in contents.rows}
    real = readings[REAL]
    if real.outcome == Outcome.UNSUPPORTED:
        why = real.extra.get("why", "it has nothing to say of one state in your own words")
        raise Unsupported(f"{id_of(chosen)}: {why}")
    evidence = next(t.evidence for t in contents.trials.values() if t.arm == REAL and t.split == "test")
    assert evidence is not None
    position = evidence.positions[0]
    names = {REAL: "the real vector", **Arms.conditions}
    arms = [_arm(names[arm], readings[arm]) for arm in names if arm in readings]
    return StateReading(
        subject.name, question, about, reader_part(chosen).title, int(real.extra.get("layer", at)), evidence.text,
        position, float(real.extra.get("norm", 0.0)) or None, item.options, tuple(arms),
    )  # fmt: skip


def reader_of_states(wanted: str | Reader, layer: int | None, usual: int) -> Reader:
    """The reader, at the layer that was asked for, else the usual one where it says none itself."""
    if isinstance(wanted, str):
        kind, settings = parsed("reader", wanted)
        if layer is not None and "layer" in settings:
            refuse_unused(["layer"], f"{wanted} says itself where it reads: give one of the two")
        names = [f.name for f in fields(kind)] if is_dataclass(kind) else []
        if "layer" not in names:
            raise UnknownName("reader of one state", wanted, _known())
        own = getattr(kind, "own_layer", False) and layer is None  # it was trained at some
        at = {} if own else {"layer": usual if layer is None else layer}
        wanted = cast(Reader, built_with(kind, {**at, **settings}, wanted))
    elif layer is not None:
        refuse_unused(["layer"], f"{id_of(wanted)} is a reader as it stands: make it with that layer")
    if reader_part(wanted).rung != "probe":
        raise UnknownName("reader of one state", id_of(wanted), _known())
    if getattr(wanted, "needs_truths", False):
        raise Unsupported(
            f"{id_of(wanted)} learns from true answers, and of one state in your own words none is known: read it with "
            f"{', '.join(_known())}"
        )
    return wanted


def _known() -> list[str]:
    """Readers of one state, of which no truth is known."""
    kinds = {name: catalogue.resolve("reader", name) for name in catalogue.names("reader")}
    return [
        name
        for name, kind in kinds.items()
        if "layer" in getattr(kind, "__dataclass_fields__", {}) and not getattr(kind, "needs_truths", False)
    ]


def _arm(name: str, reading: Reading) -> ArmReading:
    agreement, relevancy = (reading.extra.get(key) for key in ("agreement", "relevancy"))
    text = reading.text or ("not had" if reading.outcome == Outcome.UNSUPPORTED else "")
    return ArmReading(name, text, agreement, relevancy, reading.distribution)
