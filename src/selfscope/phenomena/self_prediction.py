"""Which property would your answer have? (Binder et al. 2024, Looking Inward)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from selfscope.phenomena.counterbalance import (
    Item,
    counterbalance,
    draft_trial,
    object_prompt,
    observation_key,
    split_items,
)
from selfscope.phenomena.rollouts import behaved, by_key, frequencies
from selfscope.phenomena.stimuli.objects import APPLIES, HELD_OUT, SHOWN, Task, tasks_by_source
from selfscope.quantities import NEITHER, PROPERTIES
from selfscope.records import Identified, Observation, Option, Question, Trial, Truth
from selfscope.subjects.base import Subject


@dataclass(frozen=True)
class SelfPrediction(Identified):
    """Properties of the subject's own answer to five kinds of short tasks. A cluster is one object prompt.

    The tasks of HELD_OUT occur in test only.

    Parameters
    ----------
    test, train, dev
        Clusters of each split.
    rollouts
        Replies at temperature 1 behind each truth.
    max_tokens
        Of a reply, which is its first line.
    each
        Questions a cluster.

    References
    ----------
    Binder et al. 2024, Looking Inward: Language Models Can Learn About Themselves by Introspection.
    """

    test: int = 150
    train: int = 80
    dev: int = 30
    rollouts: int = 20
    max_tokens: int = 10
    each: int = 4
    kind: ClassVar[str] = "self_prediction"
    title: ClassVar[str] = "Own answers"
    asks: ClassVar[str] = "Which property would its own answer have?"
    formats: ClassVar[tuple[str, ...]] = ("choice_lp", "free", "yesno_lp")

    def pose(self, subject: Subject, seed: int) -> list[Trial]:
        """Trials of all splits; the subject does not act."""
        trials = []
        sizes = {"test": self.test, "train": self.train, "dev": self.dev}
        for split, source, number, task in split_items(tasks_by_source(seed), sizes):
            tag = {"phenomenon": self.kind, "source": source, "cluster": task.cluster, "replies": list(task.replies)}
            prompt = object_prompt(subject, task.text, tag=tag, shown=[SHOWN[source]])
            item = Item(source, task.cluster, prompt)
            key = observation_key(self.kind, prompt, self.rollouts, self.max_tokens, seed)
            where = {"seed": seed, "max_tokens": self.max_tokens, "replies": list(task.replies)}
            properties = [q for q in APPLIES[source] if split == "test" or (source, q) not in HELD_OUT]
            for j in range(min(self.each, len(properties))):
                question = question_of(properties[(number * self.each + j) % len(properties)], task)
                trials.append(draft_trial(self.kind, split, item, question, observation=key, coordinates=where))
        return counterbalance(trials, seed)

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """Rollouts and the greedy reply of each distinct object prompt."""
        return behaved(subject, trials, self.rollouts, max_tokens=self.max_tokens)

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """Frequencies of the property over the rollouts."""
        observation_of = by_key(observations)
        return [frequencies(trial, observation_of[trial.observation]) for trial in trials]


def question_of(quantity: str, task: Task) -> Question:
    """The question about one property of the answer to a task."""
    if quantity == "option":
        options = tuple(Option(word.casefold(), word) for word in task.options)
        return Question("option", (*options, Option("neither", NEITHER)), shared=False)
    return Question(quantity, PROPERTIES[quantity].options, arguments=task.arguments.get(quantity, {}))
