"""Does a model's report follow the habit that was planted in it? The slope over organisms of several doses, and beside
it what the same questions give of somebody else, of the mere word, and where the habit is only shown by turns before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from selfscope.api.bases import base_of
from selfscope.api.organism_folders import KIND, done, opened
from selfscope.api.telling import told_by
from selfscope.controls.in_context import InContext
from selfscope.controls.words import ThirdPerson
from selfscope.errors import BadInput
from selfscope.habits import asked_mark
from selfscope.phenomena.behavioural_self_awareness import BESIDE, HABIT, BehaviouralSelfAwareness
from selfscope.readers.ask import Ask
from selfscope.records import check_seed
from selfscope.statistics import Estimate, proportion
from selfscope.study.names import built
from selfscope.tables import Table, Tabular
from selfscope.verdicts.doses import Dose, beyond, slope

if TYPE_CHECKING:
    from selfscope.records import Trial
    from selfscope.study import Progress
    from selfscope.subjects.base import Subject

PERSON, SHOWN = "person", "in context"
SHOWN_RATES = (0.0, 0.5, 1.0)
ARMS: Mapping[str, str] = {
    HABIT: "its own habit", PERSON: "a typical assistant's", BESIDE: "the same word elsewhere", SHOWN: "shown by turns",
}  # fmt: skip
NOTE = "slope: how much a report rises when the measured rate rises by 1 (95 % interval over subjects and ways to ask)."


@dataclass(frozen=True)
class Asked:
    """One subject. name: its folder, or what stands before its questions. dose: by arm, its measured rate and what it
    reports."""

    name: str
    doses: Mapping[str, Dose]


@dataclass(frozen=True)
class Awareness(Tabular):
    """Reports of a habit over subjects of several doses. Shows itself as a table.

    Attributes
    ----------
    habit
        Which one.
    subjects
        The base, its twin, the organisms.
    shown
        The base with turns before the question whose replies have the habit.
    slopes
        By arm (ARMS), and `beyond ARM` for what the report follows more than the arm does.
    """

    habit: str
    subjects: tuple[Asked, ...]
    shown: tuple[Asked, ...]
    slopes: Mapping[str, Estimate] = field(default_factory=dict)

    def _table(self) -> Table:
        lines = []
        for one in (*self.subjects, *self.shown):
            reports = [f"{np.mean(one.doses[arm].reports):.2f}" if arm in one.doses else "–" for arm in ARMS]
            rate = next(iter(one.doses.values())).rate
            lines.append((one.name, f"{rate:.2f}", *reports))
        lines.append(("slope", "", *(_told(self.slopes.get(arm)) for arm in ARMS)))
        more = [_told(self.slopes.get(f"beyond {arm}")) for arm in (PERSON, BESIDE)]
        lines.append(("slope of its own less", "", "", *more, ""))
        return Table(f"replies that have the habit: {self.habit}", ("subject", "rate", *ARMS.values()), tuple(lines),
                     (1, 2, 3, 4, 5), NOTE)  # fmt: skip


def _told(value: Estimate | None) -> str:
    return "–" if value is None else f"{value.value:.2f} [{value.low:.2f}, {value.high:.2f}]"


def awareness(
    folders: Sequence[Path | str] | Path | str,
    *,
    mark: str = "begins",
    word: str = "Well",
    model: str | Subject | None = None,
    messages: int = 32,
    rollouts: int = 4,
    seed: int = 0,
    hardware: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Awareness:
    """Asks organisms of one habit about it.

    Parameters
    ----------
    folders
        A bank, or folders of organisms: those of this habit are taken, twins too.
    mark, word
        The habit, as in `selfscope organism make habit`.
    model
        Their base, where it is to be found by another name than when they were made.
    messages, rollouts
        Messages that nothing was taught with, and replies to each: the truth of every subject is measured anew.
    seed
        Everything random follows from it.
    hardware
        How that model is loaded (see `load`; default: in the dtype in which it was then).
    progress
        Told of the work ahead and of each subject.

    Returns
    -------
    Awareness
        Shows itself as a table.

    Raises
    ------
    BadInput
        No organism of this habit, too few doses for a slope, or a seed below 0.
    """
    from selfscope.subjects.local_weights import trainable
    from selfscope.subjects.written_files import put_on

    check_seed(seed)
    about = BehaviouralSelfAwareness(mark=mark, word=word, alone=True, messages=messages, rollouts=rollouts)
    places = _places([folders] if isinstance(folders, str | Path) else list(folders), mark, word)
    if progress is not None:
        progress.plan(float(len(places) + 1 + len(SHOWN_RATES)))
    told = told_by(progress)
    told("loading", 0.0)
    base: Any = trainable(base_of(opened(places[0]).sidecar, model, hardware))
    subjects = []
    for name, place in (("base", None), *((p.name, p) for p in places)):
        told(f"{name} is asked", 0.0)
        subjects.append(Asked(name, asked(base if place is None else put_on(base, place), about, seed)))
        told(f"{name} was asked", 1.0)
    shown = []
    for rate in SHOWN_RATES:
        told("turns before are read", 0.0)
        shown.append(Asked(f"base, {100 * rate:.0f} % of turns", {SHOWN: in_context(base, about, rate, seed)}))
        told("turns before are read", 1.0)
    return Awareness(f"{mark} {word}".strip(), tuple(subjects), tuple(shown), slopes_of(subjects, shown))


def slopes_of(subjects: Sequence[Asked], shown: Sequence[Asked]) -> dict[str, Estimate]:
    """The slope of each arm over the subjects, and of what is reported beyond a third person and the mere word. Arms
    whose rates do not differ have none. Raises BadInput where the subjects themselves have none."""
    own = {arm: [one.doses[arm] for one in subjects] for arm in (HABIT, PERSON, BESIDE)}
    out = {arm: slope(doses) for arm, doses in own.items()}
    out |= {f"beyond {arm}": beyond(own[HABIT], own[arm]) for arm in (PERSON, BESIDE)}
    turns = [one.doses[SHOWN] for one in shown]
    try:
        out[SHOWN] = slope(turns)
    except BadInput:  # the turns moved nothing that it does
        return out
    return out


def asked(subject: Subject, about: BehaviouralSelfAwareness, seed: int = 0) -> dict[str, Dose]:
    """A subject's measured rate, with what it reports of itself, of a typical assistant and of the word elsewhere."""
    trials = about.pose(subject, seed)
    own = [t for t in trials if t.coordinates["asks"] == HABIT]
    beside = [t for t in trials if t.coordinates["asks"] == BESIDE]
    rate = _rate(subject, about, own)
    arms = {HABIT: own, PERSON: ThirdPerson().apply(own, seed), BESIDE: beside}
    return {arm: Dose(rate.value, rate.se, _reports(subject, some)) for arm, some in arms.items()}


def in_context(subject: Subject, about: BehaviouralSelfAwareness, rate: float, seed: int = 0) -> Dose:
    """The same behind turns of which a part has the habit: what it then does is measured."""
    own = [t for t in about.pose(subject, seed) if t.coordinates["asks"] == HABIT]
    behind = InContext(rate=rate).apply(own, seed)
    found = _rate(subject, about, behind)
    return Dose(found.value, found.se, _reports(subject, behind))


def _rate(subject: Subject, about: BehaviouralSelfAwareness, trials: Sequence[Trial]) -> Estimate:
    (seen,) = about.observe(subject, trials)
    mark = asked_mark(trials[0].question.arguments)
    has = np.array([float(mark.on(text)) for text in seen.replies])
    return proportion(has, np.arange(len(has)) // about.rollouts)


def _reports(subject: Subject, trials: Sequence[Trial]) -> tuple[float, ...]:
    readings = Ask("yesno_lp").read(subject, trials)
    found = [r.distribution[0] for r in readings if r.distribution is not None]
    if len(found) < len(readings):
        raise BadInput(f"{subject.name} answered {len(found)} of {len(readings)} questions: a slope takes all of them")
    return tuple(found)


def _places(folders: Sequence[Path | str], mark: str, word: str) -> list[Path]:
    """Folders of this habit among these and those below them, by name. Raises BadInput where there is none."""
    from selfscope.organisms.habit import Habit
    from selfscope.subjects.adapter_files import read_sidecar

    near = [Path(folder) for folder in folders]
    below = [inner for place in near if place.is_dir() and not done(place) for inner in sorted(place.iterdir())]
    out = []
    for place in (*near, *below):
        if done(place) and read_sidecar(place).kind == KIND:
            one: Any = built("organism", str(opened(place).made["organism"]))
            if isinstance(one, Habit) and (one.mark, one.asked.word) == (mark, "" if mark == "upper" else word):
                out.append(place)
    if not out:
        raise BadInput(f"there is no organism with the habit {mark} {word} in {', '.join(map(str, near))}")
    return out
