"""What was likely before training, kept with the examples; and how far reports and behaviour moved since.

The reference of an objective is the same subject without what is trained. It is measured once: the objective stays a
pure function of an example, and a run that goes on has the very same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from selfscope.statistics import Estimate, mean
from selfscope.subjects.live_adapters import Adapter
from selfscope.subjects.local_weights import LocalWeights
from selfscope.training.examples import BEHAVIOUR, Example
from selfscope.training.loop import scored
from selfscope.training.objectives import shift
from selfscope.training.trainable import Trainable

REPORT = "report"


@dataclass(frozen=True)
class Shift:
    """Which side moved: KL (nats) of the shares of the options before training from those now.

    Attributes
    ----------
    report : Estimate
        Of what is said.
    behaviour : Estimate or None
        Of what is done, where the examples hold that; an adapter that is switched leaves it at 0.
    """

    report: Estimate
    behaviour: Estimate | None

    def __str__(self) -> str:
        sides = {"reports": self.report, "behaviour": self.behaviour}
        told = [f"{k} {e.value:.3f} nats [{e.low:.3f}, {e.high:.3f}]" for k, e in sides.items() if e is not None]
        return f"moved from the base: {', '.join(told)}"


def referred(subject: LocalWeights, examples: Sequence[Example], *, at_once: int = 8) -> list[Example]:
    """The examples with the log-probabilities of their candidates under the subject as it is, nothing trained."""
    known: dict[int, tuple[float, ...]] = {}
    for found, part in scored(subject, (), examples, at_once=at_once):
        known.update({id(e): tuple(float(v) for v in x) for x, e in zip(found, part, strict=True)})
    return [replace(e, reference=known[id(e)]) for e in examples]


def shift_of(
    subject: LocalWeights, what: Trainable | Adapter, examples: Sequence[Example], *, at_once: int = 8
) -> Shift | None:
    """How far what was trained moved the reports and the behaviour of examples that have a reference; a cluster is a
    group. None where there are no reports."""
    able = [e for e in examples if e.reference and e.kind in (REPORT, BEHAVIOUR)]
    moved: dict[str, list[tuple[str, float]]] = {REPORT: [], BEHAVIOUR: []}
    for found, part in scored(subject, what, able, at_once=at_once):
        for x, e in zip(found, part, strict=True):
            moved[e.kind].append((e.group, shift(x, e)))
    report, behaviour = (_mean(moved[kind]) for kind in (REPORT, BEHAVIOUR))
    return None if report is None else Shift(report, behaviour)


def _mean(moved: Sequence[tuple[str, float]]) -> Estimate | None:
    if not moved:
        return None
    place = {group: k for k, group in enumerate(dict.fromkeys(group for group, _ in moved))}
    return mean(np.array([v for _, v in moved]), np.array([place[group] for group, _ in moved]))
