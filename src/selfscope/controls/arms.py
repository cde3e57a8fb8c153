"""What stands in the place of the vector that is read: the arms of every reading of activations.

none: no vector. random: a random direction of the same norm. shuffled: another item's. mean: the mean of many. text:
what the read tokens spell out, in words (Li et al. 2025: much that is read from activations is in the text). full: all
the text, the controlling one included: a ceiling. Readers carry them out; shuffled evidence is swapped in here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from selfscope.controls.base import derived, pick
from selfscope.records import Identified, Trial

KINDS = ("none", "random", "shuffled", "mean", "text", "full")


@dataclass(frozen=True)
class Arms(Identified):
    """Each trial with evidence under every arm: what stands in the place of the vector that is read.

    Trials without evidence are dropped; a trial that has no other cluster of its kind gets no shuffled arm.

    Parameters
    ----------
    kinds
        none: no vector. random: a random direction of the same norm. shuffled: another item's. mean: the mean of many.
        text: what the read tokens spell out, in words. full: all the text, the controlling one included: a ceiling.

    References
    ----------
    Li et al. 2025, Do Natural Language Descriptions of Model Activations Convey Privileged Information?
    """

    kind: ClassVar[str] = "arms"
    role: ClassVar[str] = "arm"
    title: ClassVar[str] = "what stands in the place of the vector"
    kinds: tuple[str, ...] = KINDS

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        """All trials of an arm stand together, in the order of `kinds`."""
        given = [t for t in trials if t.evidence is not None]
        found = []
        for kind in self.kinds:
            for trial in given:
                if kind != "shuffled":
                    found.append(derived(trial, self.id, arm=kind))
                    continue
                other = _partner(trial, given, seed)
                if other is not None:
                    found.append(derived(trial, self.id, arm=kind, evidence=other.evidence))
        return found


def _partner(trial: Trial, trials: Sequence[Trial], seed: int) -> Trial | None:
    """A trial of the same split and question about another cluster, the same one in every process."""
    quantity = trial.question.quantity
    others = [
        t for t in trials
        if t.cluster != trial.cluster and t.split == trial.split and t.question.quantity == quantity
    ]  # fmt: skip
    return others[pick(len(others), "shuffled", seed, trial.id)] if others else None
