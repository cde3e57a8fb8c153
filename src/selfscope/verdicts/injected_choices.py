"""The tasks of an injection that a shift towards yes cannot pass, and what they support: an alarm, or content.

A subject that finds the touched sentence just as well when a random direction is written has noticed *that* it was
touched. What was written it knows only if it can say which concept it was. n items, G clusters; parts are from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from selfscope.records import PLAIN, REAL, Reading
from selfscope.statistics import Array, Estimate, mean, minimum_detectable, normal_quantile, proportion
from selfscope.verdicts.arm_gaps import right
from selfscope.verdicts.assemble import Table, numbered

CHOICES = ("localisation", "strength", "identification")
"""Tasks that a shift towards yes cannot pass, most trusted first."""
UNRELATED = "unrelated"
"""The quantity, and the control, of unrelated questions under the same injection."""
PLACES = ("random", "early", "input", "against", "mismatch")
"""Arms of a localisation: what else may make an answer name the touched sentence, or keep it from doing so."""
CONTENT, ALARM, ADDRESS, NOTHING = "content", "alarm with an address", "address", "not supported"
"""What the choices support: which concept it was; where anything was, a random direction too; where the concept's own
direction was (no random one does as well, or none was tried); nothing."""
SMALLEST = 1e-6


@dataclass(frozen=True)
class Written:
    """What was injected: at a layer, in medians of the norm of ordinary tokens there, and in lengths of the concept's
    own vector (mean)."""

    layer: int
    medians: float
    natural: float


@dataclass(frozen=True)
class Choice:
    """One of CHOICES: the part that is right; the same after each option's log-probability under the clean twin was
    subtracted (a bias for a place or a letter then decides nothing; None without twins); what guessing gets.

    arms: the part that names the touched sentence, by PLACES. over_random: real less random, on the same items.
    coherent: the probability that the listed answers hold together under the injection, before they are made shares.
    least: the smallest difference from guessing that could be found (as `right` has it)."""

    right: Estimate
    over_clean: Estimate | None
    chance: float
    arms: Mapping[str, Estimate] = field(default_factory=dict)
    over_random: Estimate | None = None
    coherent: Estimate | None = None
    least: float | None = None

    @property
    def best(self) -> Estimate:
        """By which it is judged."""
        return self.over_clean or self.right

    @property
    def passed(self) -> bool:
        """Better than guessing."""
        return self.best.low > self.chance


def supported(choices: Mapping[str, Choice]) -> str:
    """CONTENT, ALARM, ADDRESS or NOTHING. Content is claimed from identification alone."""
    named, found = choices.get("identification"), choices.get("localisation")
    if named is not None and named.passed:
        return CONTENT
    if found is None or not found.passed:
        return NOTHING
    return ALARM if found.over_random is not None and found.over_random.low <= 0 else ADDRESS


def answers_of(table: Table, reader: str, quantity: str, arm: str) -> dict[str, Reading]:
    """Answers by base trial; one whose base was not run is paired with nothing."""
    control = UNRELATED if quantity == UNRELATED else PLAIN
    cells = table.answered(reader, control, arm=arm)
    return {
        i: r for i, r in cells.items()
        if i in table.trials and i in table.truths and table.trials[i].question.quantity == quantity
    }  # fmt: skip


def choices_of(table: Table, reader: str) -> dict[str, Choice]:
    """Those of CHOICES that were asked."""
    return {task: choice for task in CHOICES if (choice := _choice(table, reader, task)) is not None}


def written_of(table: Table, reader: str) -> Written | None:
    """What was injected; None where the trials do not say."""
    found = [table.trials[i].coordinates for task in CHOICES for i in answers_of(table, reader, task, REAL)]
    told = [at for at in found if {"layer", "strength", "natural"} <= set(at)]
    if not told:
        return None
    layer, medians, natural = ([float(at[name]) for at in told] for name in ("layer", "strength", "natural"))
    return Written(int(layer[0]), float(np.mean(medians)), float(np.mean(natural)))


def _choice(table: Table, reader: str, task: str) -> Choice | None:
    real, clean = (answers_of(table, reader, task, arm) for arm in (REAL, "clean"))
    injected = {i: r for i, r in real.items() if table.trials[i].prompt.interventions}
    ids = list(injected)
    if not ids:
        return None
    own = _part(table, injected, ids)
    both = [i for i in ids if i in clean]
    over = {i: _over(injected[i], clean[i]) for i in both}
    beside = {arm: answers_of(table, reader, task, arm) for arm in PLACES}
    paired = [i for i in ids if i in beside["random"]]
    gain = _hits(table, injected, paired) - _hits(table, beside["random"], paired)
    masses = [i for i in ids if injected[i].mass is not None]
    return Choice(
        own,
        _part(table, over, both) if both else None,
        float(np.mean([1 / len(table.trials[i].question.options) for i in ids])),
        {arm: _part(table, cells, list(cells)) for arm, cells in beside.items() if cells},
        _mean(table, paired, gain) if paired else None,
        _mean(table, masses, np.array([injected[i].mass for i in masses], dtype=float)) if masses else None,
        minimum_detectable(_spread(own), own.clusters) if own.clusters > 1 else None,
    )  # fmt: skip


def _spread(part: Estimate) -> float:
    """Standard error; of a part without any spread what its interval says."""
    return part.se or (part.high - part.low) / (2 * normal_quantile(0.5 + part.level / 2))


def _hits(table: Table, cells: Mapping[str, Reading], ids: Sequence[str]) -> Array:
    """(n,) whether each names what was right of the injected trial."""
    return np.array([right(cells[i], table.truths[i]) for i in ids])


def _mean(table: Table, ids: Sequence[str], values: Array) -> Estimate:
    return mean(values, numbered([table.trials[i].cluster for i in ids]))


def _part(table: Table, cells: Mapping[str, Reading], ids: Sequence[str]) -> Estimate:
    return proportion(_hits(table, cells, ids), numbered([table.trials[i].cluster for i in ids]))


def _over(real: Reading, clean: Reading) -> Reading:
    """What the injection added to each option."""
    return replace(real, distribution=tuple((logs(real) - logs(clean)).tolist()))


def logs(reading: Reading) -> Array:
    """(K,) log-probabilities."""
    assert reading.distribution is not None
    return np.log(np.clip(np.array(reading.distribution), SMALLEST, 1))
