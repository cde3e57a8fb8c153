"""One question to one model: what it says, and beside it what others would say in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from selfscope.api.card_beside import Measured, beside, card_of, told
from selfscope.api.loading import load
from selfscope.api.one_item import options_of, run_once
from selfscope.controls.words import ContentFree, ThirdPerson
from selfscope.errors import BadInput
from selfscope.phenomena.one_question import OneQuestion
from selfscope.readers.ask import Ask
from selfscope.readers.base import Reader
from selfscope.readers.other_model import OtherModel
from selfscope.records import PLAIN, ControlPart, Reading, Row, id_of
from selfscope.store import Contents
from selfscope.study import PhenomenonPlan, Progress, Study
from selfscope.subjects.base import Subject, reaches
from selfscope.tables import Table, Tabular

NOTE = (
    "One answer is no evidence of access: compare it with the lines below it, "
    "and run `selfscope card` to measure what is true."
)


@dataclass(frozen=True)
class Answer:
    """What one observer said.

    Attributes
    ----------
    who, rung
        The observer.
    text
        Of an answer in its own words.
    distribution
        (K,) over the options as given, the mean over all orders in which they were shown.
    moved
        How far the order moved a probability at most.
    """

    who: str
    rung: str
    text: str | None = None
    distribution: tuple[float, ...] | None = None
    moved: float | None = None


@dataclass(frozen=True)
class Answers(Tabular):
    """Every observer's answer to one question. Shows itself as a table, in a terminal and in a notebook.

    Attributes
    ----------
    model
        Who was asked.
    question, about, options
        What was asked.
    answers
        One an observer, the model itself first.
    note
        What stands below the table.
    measured
        With a card: what it measured of this kind of question, else of all the kinds that it measured.
    """

    model: str
    question: str
    about: str | None
    options: tuple[str, ...]
    answers: tuple[Answer, ...]
    note: str = NOTE
    measured: tuple[Measured, ...] = ()

    def _table(self) -> Table:
        title = self.question + (f"\nabout: {self.about}" if self.about else "")
        head = ("who", *self.options, "moved by order") if self.options else ("who", "says")
        numeric = tuple(range(1, len(head))) if self.options else ()
        return Table(title, head, tuple(map(tuple, self._lines())), numeric, self.note)

    def _lines(self) -> list[list[str]]:
        if not self.options:
            return [[a.who, a.text or "–"] for a in self.answers]
        lines = []
        for a in self.answers:
            shares = a.distribution or ()
            cells = [f"{p:.2f}" for p in shares] or ["–"] * len(self.options)
            lines.append([a.who, *cells, "–" if a.moved is None else f"{a.moved:.2f}"])
        return lines


def ask(
    model: str | Subject,
    question: str,
    *,
    options: Sequence[str] = (),
    about: str | None = None,
    other: str | Subject | None = None,
    rollouts: int = 10,
    card: Path | str | None = None,
    progress: Progress | None = None,
) -> Answers:
    """Asks a model one question about itself, and puts beside its answer what a typical assistant is said to answer,
    what is left without the question's content, what another model says about it, and (with `about`) what it does.
    A study of one item: the same readers, controls and words as on a card.

    Parameters
    ----------
    model
        A name (see `load`) or a subject.
    question
        In your own words.
    options
        At least two answers to choose from: probabilities are read, averaged over the orders of the options.
    about
        The prompt that the question is about; the model then also does it.
    other
        Another model that answers about this one.
    rollouts
        How often the model does it.
    card
        The folder of a card of this model: what it measured stands below the answers.
    progress
        Told of the work ahead and of each piece that is done.

    Returns
    -------
    Answers
        One line an observer. Shows itself as a table.

    Raises
    ------
    SelfscopeError
        An empty question, one option, twice the same option, a card of another model, or a model that cannot be asked
        in this way.
    """
    choices = options_of(options)
    if not question.strip():
        raise BadInput("the question is empty")
    subject = load(model) if isinstance(model, str) else model
    known = None if card is None else card_of(card, subject)
    observer = load(other) if isinstance(other, str) else other
    item = OneQuestion(question, choices, about or "", rollouts)
    study = _study(subject, observer, item)
    contents = run_once(study, progress)
    plan = study.plans[0]
    readers = {id_of(reader): reader for reader in plan.readers}
    answers = []
    for reader, control in _order(contents.rows, [id_of(c) for c in plan.controls]):
        rows = [r for r in contents.rows if (r.reader, r.control) == (reader, control)]
        who, rung = _who(subject, readers[reader], contents.parts.controls.get(control))
        answers.append(_answer(who, rung, [row.reading for row in rows]))
    note = NOTE
    if about:
        answers.append(_behaviour(subject, item, contents))
        note = _untold(answers[-1], item) + note
    measured: tuple[Measured, ...] = ()
    if known is not None and card is not None:
        own = answers[0].distribution
        # Which option a reply will name: what cards measure of questions in a user's own words.
        quantity = "option" if about and item.options else ""
        measured = beside(known, quantity, id_of(plan.readers[0]), max(own) if own else None)
        note = f"{told(card, measured)}\n{note}"
    return Answers(subject.name, question, about, item.options, tuple(answers), note, measured)


def _study(subject: Subject, observer: Subject | None, item: OneQuestion) -> Study:
    def format_for(reporter: Subject) -> str:
        return "choice_lp" if item.options and reaches(reporter, "logprobs") else "free"

    readers: list[Reader] = [Ask(format_for(subject))]
    if observer is not None:
        readers.append(OtherModel(observer, format=format_for(observer)))
    controls = (ThirdPerson(), ContentFree())
    plan = PhenomenonPlan(item, tuple(readers), controls, id_of(readers[0]), all_trials=True)
    return Study(subject, (plan,), per_cluster=max(1, len(item.options)))


def _order(rows: Sequence[Row], controls: Sequence[str]) -> list[tuple[str, str]]:
    """(reader, control) of each line: the subject plainly and under each control, then the others."""
    pairs = list(dict.fromkeys((r.reader, r.control) for r in rows))
    first = pairs[0][0] if pairs else ""
    places = [PLAIN, *controls]
    return sorted(pairs, key=lambda pair: (pair[0] != first, places.index(pair[1])))


def _who(subject: Subject, reader: Reader, control: ControlPart | None) -> tuple[str, str]:
    observer = getattr(reader, "observer", None)
    if observer is not None:
        return f"{observer.name} about {subject.name}", reader.rung
    if control is None:
        return f"{subject.name} about itself", reader.rung
    if control.role == "person":
        return f"{subject.name} about a typical AI", "input"
    return control.title, "prior"


def _answer(who: str, rung: str, readings: Sequence[Reading]) -> Answer:
    """The mean over all orders in which the options were shown, and how far the order moved it; or the text."""
    each = [reading.distribution for reading in readings if reading.distribution is not None]
    if not each:
        return Answer(who, rung, next((r.text for r in readings if r.kind == "text" and r.text), None))
    k = len(each[0])
    mean = tuple(sum(d[i] for d in each) / len(each) for i in range(k))
    moved = max(max(d[i] for d in each) - min(d[i] for d in each) for i in range(k))
    return Answer(who, rung, distribution=mean, moved=moved)


def _behaviour(subject: Subject, item: OneQuestion, contents: Contents) -> Answer:
    """What it then does: how often each option is named, where replies name one; else the replies."""
    replies = next(iter(contents.observations.values())).replies
    truth = next(iter(contents.truths.values()))
    shown = " | ".join(" ".join(reply.split())[:40] for reply in replies[:4])
    does = f"what {subject.name} then does"
    if not item.options:
        return Answer(f"{does} ({len(replies)} times)", "behaviour", shown)
    if not truth.mean:
        return Answer(f"{does}: none of {len(replies)} replies names an option ({shown})", "behaviour", shown)
    named = f"{truth.n} of {len(replies)} replies name an option"
    return Answer(f"{does}: {named}", "behaviour", distribution=truth.mean)


def _untold(does: Answer, item: OneQuestion) -> str:
    """What is said where there is nothing to compare the answers with."""
    if not item.options or does.distribution is not None:
        return ""
    return (
        "No reply names an option, so they do not tell whether the answer is right: a question with a property in "
        "--items is measured.\n"
    )
