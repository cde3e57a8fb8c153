"""A tiny model and adapters that were taught its deeds: with few labels, with more, and a twin of the latter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selfscope.api.fit import Fitted, fit
from selfscope.phenomena.token_probability import TokenProbability
from selfscope.subjects.local import Local, load
from selfscope.training.schedule import Schedule
from selfscope.training.truths import TruthLesson
from tiny import build

ABOUT = TokenProbability(test=5, train=8, dev=0)
QUICK = Schedule(groups=4, at_once=4, rate=1e-2)
MORE = TruthLesson(labels=12)
LESSONS = {"few": TruthLesson(labels=6), "more": MORE, "twin": replace(MORE, shuffled=True)}


def model(folders: pytest.TempPathFactory) -> Local:
    return load(str(build("llama", folders.mktemp("llama"), deep=True, roomy=True)))


def adapters(local: Local, folders: pytest.TempPathFactory) -> dict[str, Fitted]:
    place = folders.mktemp("made")
    return {k: fit(local, place / k, one, phenomenon=ABOUT, schedule=QUICK) for k, one in LESSONS.items()}
