"""A study of a phantom as the product makes it, but for what no observational share needs: its questions, truths and
rivals are the product's own and are kept, so that many dials can be judged in one world.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from selfscope.readers.ask import Ask
from selfscope.records import PLAIN, Parts, Reading, Row, Trial, Truth, id_of
from selfscope.study.base import Study
from selfscope.study.plan import StudyOptions, plan
from selfscope.study.sampling import chosen_questions
from selfscope.subjects.phantom import Phantom
from selfscope.subjects.phantom_dials import Dials
from selfscope.verdicts.assemble import Table, class_reports, items_of, tables
from selfscope.verdicts.shares import Items, against_modes

Array = npt.NDArray[np.float64]
RIVAL_RUNGS = ("prior", "input", "history")


@dataclass(frozen=True)
class Posed:
    """Everything of a study but the answers. rows: of the rivals. test: the trials that are asked."""

    seed: int
    phenomenon: str
    parts: Parts
    trials: dict[str, Trial]
    truths: dict[str, Truth]
    rows: tuple[Row, ...]
    test: tuple[Trial, ...]


def posed(seed: int, profile: str, phenomenon: str) -> Posed:
    """The study of the phantom with this seed. What it does depends on the seed alone, not on the dials."""
    subject = Phantom(seed=seed)
    study: Study = plan(subject, StudyOptions(profile=profile, phenomena=(phenomenon,), seed=seed))
    own = study.plans[0]
    every = chosen_questions(study, own, own.phenomenon.pose(subject, seed))
    trials = [t for t in every if t.split in ("test", "train")]
    truths = {t.trial: t for t in own.phenomenon.truth(trials, own.phenomenon.observe(subject, trials))}
    train = [t for t in trials if t.split == "train" and t.plain]
    test = tuple(t for t in trials if t.split == "test")
    rows = []
    for reader in own.readers:
        if reader.rung in RIVAL_RUNGS and getattr(reader, "observer", None) is None:
            fitted = reader.fit(subject, train, [truths[t.id] for t in train])
            rows += _rows(subject, phenomenon, reader, test, fitted.read(subject, test), seed)
    return Posed(seed, phenomenon, study.parts(), {t.id: t for t in test}, truths, tuple(rows), test)


def table(world: Posed, dials: Dials, format: str) -> tuple[Table, str]:
    """The rows of one phantom as `judge` takes them, and the name of its self reader."""
    subject = Phantom(dials=replace(dials, seed=world.seed), seed=world.seed)
    reader = Ask(format)
    own = _rows(subject, world.phenomenon, reader, world.test, reader.read(subject, world.test), world.seed)
    return tables([*world.rows, *own], world.trials, world.truths, world.parts)[0], id_of(reader)


def fitted(world: Posed, dials: Dials, format: str) -> tuple[list[str], Items]:
    """What `shares` is given in `judge`."""
    rows, reader = table(world, dials, format)
    found = items_of(rows, reader)
    assert found is not None
    ids, items = found
    return ids, against_modes(items) if class_reports(rows, reader, ids) else items


def _rows(
    subject: Phantom, phenomenon: str, reader: object, trials: Sequence[Trial], readings: Sequence[Reading], seed: int
) -> list[Row]:
    return [
        Row("cell", subject.identity, phenomenon, t.id, id_of(reader), reader.rung, PLAIN, seed, x)  # type: ignore[attr-defined]
        for t, x in zip(trials, readings, strict=True)
    ]
