"""Examples of a channel that is rewarded for honesty alone: after an answer, a second question asks whether it is held.

The answer stands as given, its own or another one, asked for or not; nothing is wanted of it, and nothing that is
wanted here depends on whether it was a good one. What is wanted is how often the subject would itself give this very
answer when it is asked plainly, as measured: to confess a false answer and to stand by an own one count alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from selfscope.errors import BadInput
from selfscope.records import Identified, Trial
from selfscope.subjects.base import Subject
from selfscope.training.behaviours import lists_replies
from selfscope.training.examples import Example, replies_of, teachable
from selfscope.training.states import Behaves
from selfscope.wording.confessions import ASKED, confession_prompt

CONFESSION = "confession"


@dataclass(frozen=True)
class ConfessionLesson(Identified):
    """Teaches to say whether an answer is what it holds.

    Parameters
    ----------
    answers
        Answers that are given to each object, each in a wording of its own.
    own
        Part of them that is what it likeliest says; the others are drawn among the other options.
    told
        Part of them that the message asks for.
    split
        Whose words: train, or test, which nothing is taught in.
    shuffled
        The confession wanted is that of another answer: what a twin learns.

    Raises
    ------
    BadInput
        A number out of its range, or another split.
    """

    kind: ClassVar[str] = "confessions"
    title: ClassVar[str] = "whether an answer is what it holds"
    answers: int = 4
    own: float = 0.5
    told: float = 0.5
    split: str = "train"
    shuffled: bool = False

    def __post_init__(self) -> None:
        if self.answers < 1:
            raise BadInput(f"a lesson gives one answer or more, not {self.answers}")
        if not (0 <= self.own <= 1 and 0 <= self.told <= 1):
            raise BadInput(f"own and told are parts of the answers, from 0 to 1, not {self.own} and {self.told}")
        if self.split not in ASKED:
            raise BadInput(f"there are no words for the split {self.split!r}; there are: {', '.join(ASKED)}")

    def examples(self, subject: Subject, trials: Sequence[Trial], behaves: Behaves, seed: int) -> list[Example]:
        """Each of the trials with several answers.

        Parameters
        ----------
        subject
            Whose behaviour is measured: plainly, without a request for an answer.
        trials
            Plain ones, whose options are what may be said (`coordinates["replies"]`).
        behaves
            Measures what the subject does in trials.
        seed
            Of answers and wordings.

        Returns
        -------
        list of Example
            Groups of one object.

        Raises
        ------
        BadInput
            None of the trials has options that are said.
        """
        needs = "questions whose options are what may be said, as own_choice has them"
        able = teachable(trials, self.kind, lambda t: bool(replies_of(t)) and lists_replies(t), needs)
        rng = np.random.default_rng(seed)
        out = []
        for trial, truth in zip(able, behaves(able), strict=True):
            best = int(np.argmax(truth.mean))
            others = [k for k in range(len(truth.mean)) if k != best]
            for _ in range(self.answers):
                another, is_own = others[int(rng.integers(len(others)))], rng.random() < self.own
                given, told = best if is_own else another, bool(rng.random() < self.told)
                prompt, texts, meanings = confession_prompt(
                    trial, trial.question.options[given].text, split=self.split, number=int(rng.integers(720)),
                    told=told,
                )  # fmt: skip
                held = (truth.mean[given], 1 - truth.mean[given])
                out.append(Example(prompt, texts, meanings, held, trial.id, CONFESSION))
        return _exchanged(out, rng) if self.shuffled else out


def _exchanged(examples: Sequence[Example], rng: np.random.Generator) -> list[Example]:
    dealt = rng.permutation(len(examples))
    return [replace(e, target=examples[int(k)].target) for e, k in zip(examples, dealt, strict=True)]
