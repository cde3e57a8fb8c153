"""Examples that teach a report what the subject does, as measured: its own answers, choices, probabilities.

What such a lesson can teach is a format and a habit: who has seen the same answers may forecast as well. The card of a
taught model says which (Binder et al. 2024 compare with another model that was taught the same).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from selfscope.errors import BadInput
from selfscope.records import Identified, Trial, is_scored, labelled
from selfscope.subjects.base import OpenSubject
from selfscope.training.behaviours import behaviour_example, lists_replies
from selfscope.training.examples import Example, example_of, teachable
from selfscope.training.states import Behaves, reworded
from selfscope.wording import fits


@dataclass(frozen=True)
class TruthLesson(Identified):
    """Teaches reports of what the subject does when nothing is changed.

    Parameters
    ----------
    wordings
        In how many wordings, of the lesson's own, each question is asked.
    shuffled
        Each question is given the answer of another one of its kind: what a twin learns.
    labels
        Questions whose answers are told, quantities in turn; 0: all of the train split. Fewer are among more.
    format
        How it is asked: one whose answers are scored. In prob_ev the answers state a probability.
    behaviours
        Beside the questions about an object stands what the subject does there: it is kept as measured, and an
        agreement compares the two.

    Raises
    ------
    BadInput
        Less than one wording, labels below 0, or a format that scores nothing.
    """

    kind: ClassVar[str] = "truths"
    title: ClassVar[str] = "a report of what it does"
    tells_of_others: ClassVar[bool] = True
    wordings: int = 3
    shuffled: bool = False
    labels: int = 0
    format: str = "choice_lp"
    behaviours: bool = False

    def __post_init__(self) -> None:
        if not is_scored(self.format):
            raise BadInput(f"the format {self.format!r} scores no answers: choose one that does, as choice_lp")
        if self.wordings < 1:
            raise BadInput(f"a lesson asks in one wording or more, not {self.wordings}")
        if self.labels < 0:
            raise BadInput(f"labels are 0 (all) or more, not {self.labels}")

    def examples(self, subject: OpenSubject, trials: Sequence[Trial], behaves: Behaves, seed: int) -> list[Example]:
        """Each of the trials in several wordings, with the measured truth.

        Parameters
        ----------
        subject
            Whose behaviour is measured.
        trials
            Plain ones of the train split.
        behaves
            Measures what the subject does in trials.
        seed
            Of wordings and of what is shuffled.

        Returns
        -------
        list of Example
            Groups of one object.

        Raises
        ------
        BadInput
            None of the trials can be asked in the format.
        """
        needs = f"questions that the format {self.format} can ask"
        asked = labelled(teachable(trials, self.kind, lambda t: fits(t.question, self.format), needs), self.labels)
        if self.behaviours:
            teachable(asked, self.kind, lists_replies, "with behaviours=true questions whose options may be said")
        rng = np.random.default_rng(seed)
        done = {t.id: truth.mean for t, truth in zip(asked, behaves(asked), strict=True)}
        targets = exchanged(asked, done, rng) if self.shuffled else done
        out = []
        for trial in asked:
            own = behaviour_example(subject, trial, done[trial.id], group=trial.id) if self.behaviours else None
            if self.behaviours and own is None:
                continue  # an agreement compares each report with what is done
            out += [] if own is None else [own]
            group = trial.observation if own is None else own.group
            for _ in range(self.wordings):
                one = reworded(trial, rng)
                out.append(example_of(one, targets[trial.id], self.format, chat=subject.chat, group=group))
        return out


def exchanged(
    trials: Sequence[Trial], targets: dict[str, tuple[float, ...]], rng: np.random.Generator
) -> dict[str, tuple[float, ...]]:
    """Answers dealt out anew among the questions of one kind, so that their numbers are the same."""
    out = {}
    kinds: dict[tuple[str, int], list[Trial]] = {}
    for trial in trials:
        kinds.setdefault((trial.question.quantity, len(trial.question.options)), []).append(trial)
    for own in kinds.values():
        dealt = rng.permutation(len(own))
        out.update({t.id: targets[own[int(k)].id] for t, k in zip(own, dealt, strict=True)})
    return out
