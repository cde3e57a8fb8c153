"""From this exact point, how would ten independent continuations end? (the ten-branch experiment)

The subject first goes on from the point `rollouts` times so that the outcomes can be listed; other draws, never seen
by the listing, are the truth. Listing and scoring on the same draws would favour the listed outcomes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from selfscope.phenomena.counterbalance import (
    Item,
    counterbalance,
    draft_trial,
    object_prompt,
    observation_key,
    shuffled,
    split_items,
)
from selfscope.phenomena.rollouts import LINE_END, behaved, by_key, exact_prompts, frequencies, reply_texts
from selfscope.phenomena.stimuli.beginnings import SHOWN, Beginning, beginnings
from selfscope.quantities import ELSE, first_content_word
from selfscope.records import Decoding, Identified, Observation, Option, Prompt, Question, Trial, Truth
from selfscope.subjects.base import Subject, reaches

LISTED = 3
LISTING = 1_000_003
"""Added to the seed of the draws that list: no draw that lists is one that scores."""
HELD_OUT = ("place/same",)
"""Tasks (source/placement) that occur in the test split only."""
PLACEMENTS = ("same", "fresh")


@dataclass(frozen=True)
class BranchDistribution(Identified):
    """How a partial reply would end, from exact token ids. A cluster is one such point.

    It is asked downstream of the point ("same") and in a thread that is told about it ("fresh"). An outcome is the
    first content word of the continuation; the listing replies are in `coordinates["listing"]`.

    Parameters
    ----------
    test, train, dev
        Clusters of each split.
    rollouts
        Draws that are the truth; half as many others list the outcomes.
    max_tokens
        Of a continuation.
    """

    test: int = 150
    train: int = 80
    dev: int = 30
    rollouts: int = 20
    max_tokens: int = 6
    kind: ClassVar[str] = "branch_distribution"
    title: ClassVar[str] = "Branches"
    asks: ClassVar[str] = "From this exact point, how would ten independent continuations end?"
    formats: ClassVar[tuple[str, ...]] = ("choice_lp", "counts10")

    def pose(self, subject: Subject, seed: int) -> list[Trial]:
        """Lets the subject go on from every point to list the outcomes; one batched call."""
        sizes = {"test": self.test, "train": self.train, "dev": self.dev}
        points = split_items(beginnings(seed), sizes)
        prompts = [self._prompt(subject, source, point) for _, source, _, point in points]
        listing = self._list(subject, prompts, seed)
        trials = []
        for (split, source, _, point), prompt, replies in zip(points, prompts, listing, strict=True):
            item = Item(source, point.cluster, prompt)
            key = observation_key(self.kind, prompt, self.rollouts, self.max_tokens, seed)
            for placement in PLACEMENTS:
                task = f"{source}/{placement}"
                if split != "test" and task in HELD_OUT:
                    continue
                question = Question("branch", options_of(replies, point), shared=False, placement=placement)
                listed = [f" {option.text}." for option in question.options if option.text != ELSE]
                where: Mapping[str, object] = {
                    "seed": seed, "max_tokens": self.max_tokens, "listing": list(replies), "replies": listed,
                }  # fmt: skip
                trials.append(
                    draft_trial(self.kind, split, item, question, task=task, observation=key, coordinates=where)
                )
        return counterbalance(trials, seed)

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """Fresh continuations from the exact token ids of each point."""
        return behaved(subject, trials, self.rollouts, max_tokens=self.max_tokens, exact_ids=True)

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """Frequencies of the listed outcomes among the fresh continuations."""
        observation_of = by_key(observations)
        return [frequencies(trial, observation_of[trial.observation]) for trial in trials]

    def _prompt(self, subject: Subject, source: str, point: Beginning) -> Prompt:
        replies = [f" {word}." for word in point.outcomes]
        tag = {"phenomenon": self.kind, "source": source, "cluster": point.cluster, "replies": replies}
        return object_prompt(subject, point.text, tag=tag, prefix=point.prefix, shown=[SHOWN[source]])

    def _list(self, subject: Subject, prompts: Sequence[Prompt], seed: int) -> list[tuple[str, ...]]:
        exact = reaches(subject, "logprobs")
        points = exact_prompts(subject, prompts) if exact else list(prompts)  # type: ignore[arg-type]
        decoding = Decoding(self.max_tokens, 1.0, seed + LISTING, LINE_END)
        replies = subject.sample(points, max(1, self.rollouts // 2), decoding)
        return [reply_texts(own, prompt.prefix) for own, prompt in zip(replies, prompts, strict=True)]


def options_of(replies: Sequence[str], point: Beginning) -> tuple[Option, ...]:
    """The likeliest outcomes among the listing replies, at least two (padded from the generic ones), and the rest."""
    outcomes = [word for word in map(first_content_word, replies) if word]
    ranked = sorted(dict.fromkeys(outcomes), key=lambda word: -outcomes.count(word))[:LISTED]
    generic = [first_content_word(word) for word in point.outcomes]
    ranked += [word for word in generic if word not in ranked][: max(0, 2 - len(ranked))]
    # Listed by frequency, the place in the list would tell a rival what the subject does.
    return (*(Option(word, word) for word in shuffled(ranked, "listed", point.cluster)), Option("else", ELSE))
