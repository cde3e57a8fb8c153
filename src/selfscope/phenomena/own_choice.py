"""Which of four words would you name? The truth is exact: how likely each of them is as the whole answer.

Every category is a cluster. Those of test never occur in train or dev: what is learnt of words there is no help.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from selfscope.errors import BadInput
from selfscope.phenomena.counterbalance import (
    Item,
    counterbalance,
    draft_trial,
    object_prompt,
    observation_key,
    shuffled,
)
from selfscope.phenomena.option_shares import answer_logs, scoring
from selfscope.phenomena.rollouts import by_key, distinct, known
from selfscope.quantities import load_table
from selfscope.records import Cost, Identified, Observation, Option, Question, Trial, Truth
from selfscope.statistics import softmax
from selfscope.subjects.base import Subject

LISTED = 4
ASK = "Name one {kind}: {words}. Answer with one word."
TABLE = "choices"


@dataclass(frozen=True)
class OwnChoice(Identified):
    """Which of four listed words the subject would name. A cluster is a category of words.

    Parameters
    ----------
    test, train, dev
        Clusters of each split, at most as many as there are: 40 categories of test, 101 of the others.
    rollouts
        Not used: the truth is exact.
    each
        Sets of four words of a category.

    Raises
    ------
    BadInput
        Less than one set.
    """

    test: int = 40
    train: int = 80
    dev: int = 20
    rollouts: int = 20
    each: int = 2
    kind: ClassVar[str] = "own_choice"
    title: ClassVar[str] = "Own choices"
    asks: ClassVar[str] = "Which of four words would it name?"
    tier: ClassVar[str] = "logprobs"
    formats: ClassVar[tuple[str, ...]] = ("choice_lp",)

    def __post_init__(self) -> None:
        if self.each < 1:
            raise BadInput(f"each is a number of sets from 1 on, not {self.each}")

    def pose(self, subject: Subject, seed: int) -> list[Trial]:
        """Trials of all splits; the subject does not act. Raises Unsupported below the tier logprobs."""
        scoring(subject, self.kind)
        table = load_table(TABLE)
        test = shuffled(table["test"].items(), "own choice", seed)[: self.test]
        others = shuffled(table["train"].items(), "own choice", seed)
        splits = {"test": test, "train": others[: self.train], "dev": others[self.train : self.train + self.dev]}
        trials = []
        for split, categories in splits.items():
            for kind, words in categories:
                for listed in sets_of(words, self.each, seed, kind):
                    text = ASK.format(kind=kind, words=", ".join(listed))
                    tag = {"phenomenon": self.kind, "source": "category", "cluster": kind, "replies": list(listed)}
                    prompt = object_prompt(subject, text, tag=tag)
                    options = tuple(Option(word, word) for word in shuffled(listed, "options", seed, kind))
                    trials.append(draft_trial(
                        self.kind, split, Item("category", kind, prompt), Question("choice", options, shared=False),
                        observation=observation_key(self.kind, prompt), coordinates={"replies": list(listed)},
                    ))  # fmt: skip
        return counterbalance(trials, seed)

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """exact: {"words": {word: log-probability of it as the answer, as it stands or with a capital}}."""
        first = distinct(trials)
        found = answer_logs(subject, list(first.values()))
        return [
            Observation(key, exact={"words": logs}, cost=Cost(calls=1)) for key, logs in zip(first, found, strict=True)
        ]

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """Probabilities of the listed words, as shares of all of them."""
        observation_of = by_key(observations)
        out = []
        for trial in trials:
            logs = observation_of[trial.observation].exact["words"]
            out.append(known(trial, softmax([float(logs[o.key]) for o in trial.question.options]), "exact"))
        return out


def sets_of(words: Sequence[str], count: int, seed: int, kind: str) -> list[tuple[str, ...]]:
    """Different sets of four words, none of which begins another; fewer where the category has fewer."""
    out: dict[frozenset[str], tuple[str, ...]] = {}
    for turn in range(8 * count):
        chosen: list[str] = []
        for word in shuffled(words, "set", seed, kind, turn):
            low = word.casefold()
            if not any(low.startswith(c.casefold()) or c.casefold().startswith(low) for c in chosen):
                chosen.append(word)
        if len(chosen) >= LISTED:
            out.setdefault(frozenset(chosen[:LISTED]), tuple(chosen[:LISTED]))
        if len(out) == count:
            break
    return list(out.values())
