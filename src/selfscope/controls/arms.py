"""What stands in the place of the vector that is read: the arms of every reading of activations.

none: no vector. random: a random direction of the same norm. shuffled: another item's. mean: the mean of many. text:
what the read tokens spell out, in words (Li et al. 2025: much that is read from activations is in the text). full: all
the text, the controlling one included: a ceiling. Readers carry them out; shuffled evidence is swapped in here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from selfscope.controls.base import derived, pick
from selfscope.records import Identified, Trial

CONDITIONS = {
    "none": "no vector", "random": "random vector", "shuffled": "another item’s", "mean": "mean vector",
    "text": "text only", "full": "full text (ceiling)",
}  # fmt: skip
KINDS = tuple(CONDITIONS)


@dataclass(frozen=True)
class Arms(Identified):
    """Each trial with evidence under every arm: what stands in the place of the vector that is read.

    Trials without evidence are dropped; those of train get no arms.

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
    conditions: ClassVar[Mapping[str, str]] = CONDITIONS
    kinds: tuple[str, ...] = KINDS

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        """Trials without evidence are dropped; those of train get no arms and lend their evidence where a split has no
        other cluster of the kind; a trial that has none anywhere gets no shuffled arm."""
        holders = [t for t in trials if t.evidence is not None]
        arms = []
        # Kinds are the outer loop: a reader gets its trials in this order, so that its batches are of one arm. Prompts
        # that hold the evidence in words are longer than those that a vector is written into, and would pad them.
        for kind in self.kinds:
            for trial in (t for t in holders if t.split != "train"):
                if kind != "shuffled":
                    arms.append(derived(trial, self.id, arm=kind))
                    continue
                other = _partner(trial, holders, seed)
                if other is not None:
                    arms.append(derived(trial, self.id, arm=kind, evidence=other.evidence))
        return arms


def _partner(trial: Trial, trials: Sequence[Trial], seed: int) -> Trial | None:
    """A trial of the same question about another cluster, of the same split where it has one, else of train; the same
    one in every process."""
    quantity = trial.question.quantity
    strangers = [t for t in trials if t.cluster != trial.cluster and t.question.quantity == quantity]
    others = [t for t in strangers if t.split == trial.split] or [t for t in strangers if t.split == "train"]
    return others[pick(len(others), "shuffled", seed, trial.id)] if others else None
