"""Will you get this right; is this shown answer right: asked before, without and after answering.

Three questions with three truths (blackbox F4): `correct_before` - the share of right answers among the subject's own
rollouts; `correct_shown` - whether a given answer is right; `correct_after` - whether the subject's own last answer,
standing in the conversation, is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from selfscope.phenomena.answering import (
    ONLY_TEST,
    after,
    answer_truth,
    candidate_of,
    first_line,
    led_replies,
    observed_answers,
    problem_prompt,
    question_of,
)
from selfscope.phenomena.counterbalance import Item, counterbalance, draft_trial, observation_key, split_items
from selfscope.phenomena.rollouts import LINE_END, by_key
from selfscope.phenomena.stimuli.problems import problems
from selfscope.records import Decoding, Identified, Observation, Trial, Truth, content_hash
from selfscope.subjects.base import Subject

OWN = 2_000_003
"""Added to the seed of the draw that is shown: it is none of those that the truth is made of."""


@dataclass(frozen=True)
class Confidence(Identified):
    """Correctness of answers to problems with known solutions. A cluster is one problem.

    Four questions each: before answering, a shown candidate (right and wrong equally often), a shown draw of its own,
    and after answering.

    Parameters
    ----------
    test, train, dev
        Clusters of each split.
    rollouts
        Answers at temperature 1 behind the truth of `correct_before`.
    max_tokens
        Of an answer.
    """

    test: int = 150
    train: int = 80
    dev: int = 30
    rollouts: int = 20
    max_tokens: int = 6
    kind: ClassVar[str] = "confidence"
    title: ClassVar[str] = "Confidence"
    asks: ClassVar[str] = "Will it get this right, and is this answer right?"
    formats: ClassVar[tuple[str, ...]] = ("yesno_lp", "prob_text", "prob_ev", "choice_lp")
    events: ClassVar[Mapping[str, str]] = {
        "correct_before": "before it answers", "correct_shown": "shown an answer", "correct_after": "after it answered",
    }  # fmt: skip

    def pose(self, subject: Subject, seed: int) -> list[Trial]:
        """Lets the subject answer once greedily and once at temperature 1: the answers that it is shown."""
        sizes = {"test": self.test, "train": self.train, "dev": self.dev}
        dealt_out = split_items(problems(seed), sizes, only_test=ONLY_TEST)
        prompts = [problem_prompt(subject, self.kind, source, problem) for _, source, _, problem in dealt_out]
        both = subject.sample(prompts, 1, Decoding(self.max_tokens, 1.0, seed + OWN, LINE_END, and_greedy=True))
        sampled, greedy = ([own_replies[:1] for own_replies in both], [own_replies[1:] for own_replies in both])
        trials = []
        shown = zip(dealt_out, prompts, map(first_line, greedy), map(first_line, sampled), strict=True)
        for (split, source, number, problem), prompt, own, other in shown:
            item = Item(source, problem.item, prompt)
            acts = observation_key(self.kind, prompt, self.rollouts, self.max_tokens, seed)
            shown_key = content_hash("given", problem.item)
            candidate = candidate_of(problem, number, seed)
            cases = [
                ("correct_before", None, [], prompt, acts),
                ("correct_shown", candidate, ["given"], prompt, shown_key),
                ("correct_shown", other.rstrip(" .!,"), ["own"], prompt, shown_key),
                ("correct_after", own, ["own"], after(prompt, own), shown_key),
            ]
            if candidate == cases[2][1] or not cases[2][1]:
                del cases[2]
            for quantity, answer, whose, about, key in cases:
                question = question_of(quantity, problem, answer)
                where = {"seed": seed, "max_tokens": self.max_tokens, "replies": led_replies(problem),
                         "prefix": prompt.prefix, "context": prompt.context, "authors": whose}  # fmt: skip
                trials.append(
                    draft_trial(self.kind, split, item, question, prompt=about, observation=key, coordinates=where)
                )
        return counterbalance(trials, seed)

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """Rollouts where the truth is a rate; for shown answers the accepted ones alone, without asking the subject."""
        return observed_answers(subject, trials, self.rollouts, self.max_tokens)

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """Accuracy over rollouts, with greedy correctness; or whether the shown answer is right (grade program)."""
        observation_of = by_key(observations)
        return [answer_truth(trial, observation_of[trial.observation]) for trial in trials]
