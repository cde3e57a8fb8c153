"""Several subjects and seeds in one folder: a study and a card for each, resumed as a whole."""

from __future__ import annotations

import gc
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfscope.api.cards import Card, connection, planned, redraw
from selfscope.api.executing import execute
from selfscope.api.loading import load
from selfscope.api.telling import told_by
from selfscope.errors import SelfscopeError, check_writable
from selfscope.records import check_seed
from selfscope.store import Rows, read_meta, rows, studies
from selfscope.tables import Table, Tabular

if TYPE_CHECKING:
    from selfscope.study import Progress
    from selfscope.subjects.base import Subject

HEAD = ("subject", "seed", "question", "verdict", "goes with what it does", "items")
NAME = 48
"""Characters of a subject's name in the name of its folder."""


@dataclass(frozen=True)
class Cards(Tabular):
    """The cards of several subjects and seeds. `print` gives every verdict.

    Attributes
    ----------
    folder
        Where their studies are, one folder each.
    """

    folder: Path

    @property
    def cards(self) -> tuple[Card, ...]:
        """One card a subject and seed, by the names of their folders."""
        return tuple(Card(place) for place in studies(self.folder))

    @property
    def rows(self) -> Rows:
        """Every reading of every study; the columns `subject` and `seed` tell them apart."""
        return rows(self.folder)

    def lines(self) -> list[tuple[str, ...]]:
        """Every verdict as text.

        Returns
        -------
        list[tuple[str, ...]]
            HEAD, a line a subject, seed and kind of question.
        """
        from selfscope.report.compose import verdicts

        rows: list[tuple[str, ...]] = []
        every = [(card, read_meta(card.folder)) for card in self.cards]
        for card, meta in every:
            who = _told_apart(meta, [other for _, other in every]), str(meta["settings"].get("seed", ""))
            for v in verdicts(card.claims, card.material.names):
                share = v.tracking.both if v.tracking else "not known"
                rows.append((*who, v.title, v.badge, share, v.items))
        return rows

    def _table(self) -> Table:
        """A subject and seed are named once."""
        rows: list[tuple[str, ...]] = []
        before: tuple[str, ...] = ()
        for line in self.lines():
            rows.append(("", "", *line[2:]) if line[:2] == before else line)
            before = line[:2]
        return Table("", HEAD, tuple(rows))


def cards(
    models: Sequence[str | Subject],
    folder: Path | str | None = None,
    *,
    seeds: Sequence[int] = (0,),
    resume: bool = False,
    progress: Progress | None = None,
    jobs: int = 1,
    **options: Any,
) -> Cards:
    """Asks several models, with every seed.

    What was finished before an error or a kill stays, and `resume=True` goes on from there: a study that is complete
    costs nothing.

    Parameters
    ----------
    models
        Names or subjects; one is loaded at a time.
    folder
        Where to; None makes a new temporary one.
    seeds
        Of everything random (trials, draws).
    resume
        Go on with the studies in the folder.
    progress
        Told of the work ahead and of each piece that is done.
    jobs
        Processes that share the work; each loads the model.
    options
        What else `card` takes.

    Returns
    -------
    Cards
        One card a subject and seed.

    Raises
    ------
    SelfscopeError
        A user's mistake, in one line.
    """
    if not models or not seeds:
        raise SelfscopeError("give at least one model and one seed")
    if "seed" in options:
        raise SelfscopeError("several studies take seeds=(0, 1), not seed")
    for seed in seeds:
        check_seed(seed)
    _refuse_twice(models)
    told = told_by(progress)
    where = Path(folder) if folder is not None else Path(tempfile.mkdtemp(prefix="selfscope-"))
    check_writable(where)
    taken: dict[Path, str] = {}
    for model in models:
        told("loading", 0.0)
        subject = load(model) if isinstance(model, str) else model
        for seed in dict.fromkeys(seeds):
            place = where / folder_of(subject, seed)
            if place in taken:
                raise SelfscopeError(f"{subject.name} was asked already, as {taken[place]}: give each model once")
            taken[place] = subject.name
            study = planned(subject, seed=seed, **options)
            connect = connection(model, {**options, "seed": seed})
            execute(study, place, resume=resume, progress=progress, jobs=jobs, connect=connect)
            told("judging", 0.0)
            redraw(place)
        del subject
        gc.collect()  # two models at once may not fit
    return Cards(where)


def _refuse_twice(models: Sequence[str | Subject]) -> None:
    """Before anything is asked: one model, twice, would have one folder."""
    seen: set[tuple[str, str]] = set()
    for model in models:
        who = (model, "") if isinstance(model, str) else (model.name, model.identity)
        if who in seen:
            raise SelfscopeError(f"{who[0]} is there twice: give each model once")
        seen.add(who)


def _told_apart(meta: Mapping[str, Any], every: Sequence[Mapping[str, Any]]) -> str:
    """A subject's name, with its identity where another one is called the same."""
    name, identity = str(meta.get("subject", "")), str(meta.get("identity", ""))
    alike = any(m.get("subject") == meta.get("subject") and m.get("identity") != meta.get("identity") for m in every)
    return f"{name} ({identity[:6]})" if alike else name


def folder_of(subject: Subject, seed: int) -> str:
    """The name of a study's folder among others: the subject's name and identity, and the seed."""
    name = re.sub(r"[^A-Za-z0-9._=-]+", "-", subject.name).strip("-.")[-NAME:]
    return f"{name or 'subject'}-{subject.identity[:6]}-seed{seed}"
