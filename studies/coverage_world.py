"""A study of a phantom as the product makes it, but for the controls that no share needs: questions, truths and rivals
are the product's own and are made once, so that many dials are judged in one world.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from selfscope.controls.states import Changed
from selfscope.readers.ask import Ask
from selfscope.readers.base import Reader
from selfscope.records import Parts, Reading, Row, Trial, Truth, id_of
from selfscope.study.plan import StudyOptions, plan
from selfscope.study.sampling import chosen_questions, treated
from selfscope.subjects.phantom import Phantom
from selfscope.subjects.phantom_dials import Dials
from selfscope.verdicts.claims import Claim
from selfscope.verdicts.judging import judge
from selfscope.verdicts.settings import Settings

RIVALS = ("prior", "input", "history")
FAST = Settings(shuffles=1)
"""Shuffled pairings are a control and change no share."""


@dataclass(frozen=True)
class Posed:
    """Everything of a study but the answers. rows: of the rivals. primary, other: formats of the reader that speaks for
    the phenomenon and of the one that names an option, with the trials that each is asked; changed: those of the first
    under a changed state."""

    seed: int
    phenomenon: str
    parts: Parts
    trials: dict[str, Trial]
    truths: dict[str, Truth]
    rows: tuple[Row, ...]
    primary: tuple[str, tuple[Trial, ...]]
    other: tuple[str, tuple[Trial, ...]]
    changed: tuple[Trial, ...]


def posed(seed: int, profile: str, phenomenon: str) -> Posed:
    """The study of the phantom with this seed. What it does depends on the seed alone, not on the dials."""
    subject = Phantom(seed=seed)
    study = plan(subject, StudyOptions(profile=profile, phenomena=(phenomenon,), seed=seed))
    own = replace(study.plans[0], controls=(Changed(),))
    chosen = chosen_questions(study, own, own.phenomenon.pose(subject, seed))
    all_of_it = treated(study, own, [t for t in chosen if t.split != "dev"])
    every = all_of_it.every
    truths = {t.trial: t for t in own.phenomenon.truth(every, own.phenomenon.observe(subject, every))}
    test = [t for t in all_of_it.trials if t.split == "test"]
    rows: list[Row] = []
    asked: list[tuple[str, tuple[Trial, ...]]] = []
    for reader, trial_sets in all_of_it.by_reader():
        if reader.rung in RIVALS:
            fitted = reader.fit(subject, all_of_it.train, [truths[t.id] for t in all_of_it.train])
            rows += said(subject, reader, test, fitted.read(subject, test))
        elif isinstance(reader, Ask):
            asked.append((reader.format, tuple(trial_sets[0][1])))
    named = next((a for a in asked if a[0] == "free"), ("free", tuple(all_of_it.one_per_cluster)))
    changed = tuple(t for _, trials in all_of_it.treated for t in trials)
    trials = {t.id: t for t in (*test, *changed)}
    return Posed(seed, phenomenon, study.parts(), trials, truths, tuple(rows), asked[0], named, changed)


def judged(world: Posed, dials: Dials, form: str) -> Claim:
    """What the product says of a phantom with these dials. form: dist | choice (the primary reader, which answers with
    a distribution or with one option drawn from it) | free (one greedy reply, which names an option)."""
    drawn = "choice" if form == "choice" else "dist"
    subject = Phantom(dials=replace(dials, form=drawn, seed=world.seed), seed=world.seed)
    reader = Ask(world.primary[0])
    trials = (*world.primary[1], *world.changed)
    rows = [*world.rows, *said(subject, reader, trials, reader.read(subject, trials))]
    if form == "free":
        reader = Ask(world.other[0])
        rows += said(subject, reader, world.other[1], reader.read(subject, world.other[1]))
    claims = judge(rows, world.trials, world.truths, world.parts, FAST)
    return next(claim for claim in claims if claim.reader == id_of(reader))


def said(subject: Phantom, reader: Reader, trials: Sequence[Trial], readings: Sequence[Reading]) -> list[Row]:
    """A reader's rows."""
    return [
        Row("", subject.identity, t.phenomenon, t.id, id_of(reader), reader.rung, t.control, 0, reading)
        for t, reading in zip(trials, readings, strict=True)
    ]
