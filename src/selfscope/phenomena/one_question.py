"""One question in the user's own words: what `selfscope ask` asks. Its truth is what the subject then does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from selfscope.parsing import parse_option
from selfscope.phenomena.rollouts import by_key, distinct, reply_texts
from selfscope.records import (
    Cost,
    Decoding,
    Identified,
    Message,
    Observation,
    Option,
    Prompt,
    Question,
    Reply,
    Trial,
    Truth,
    content_hash,
)
from selfscope.subjects.base import Subject


@dataclass(frozen=True)
class OneQuestion(Identified):
    """One question about the subject, or about what it does with a prompt; asked in every order of its options.

    Attributes
    ----------
    question
        As it is asked.
    options
        Answers to choose from, in canonical order; none: the reply is free text.
    about
        The prompt that the question is about; empty: about nothing but the subject.
    rollouts, max_tokens
        How often the subject then does it, and how long a reply may be.
    """

    kind: ClassVar[str] = "one_question"
    title: ClassVar[str] = "One question"
    formats: ClassVar[tuple[str, ...]] = ("choice_lp", "free")
    question: str = ""
    options: tuple[str, ...] = ()
    about: str = ""
    rollouts: int = 10
    max_tokens: int = 24

    def pose(self, subject: Subject, seed: int) -> list[Trial]:
        """One trial for each option that may stand first."""
        k = max(1, len(self.options))
        tag: dict[str, Any] = {"role": "behave", "phenomenon": self.kind, "state": "plain"}
        if self.options:
            tag["replies"] = [*self.options, "I would rather not say."]
        prompt = Prompt(text="", tag=tag)
        if self.about:
            prompt = Prompt(messages=(Message("user", self.about),), tag=tag)
        cluster = content_hash("asked", self.question, self.options, self.about)
        trials = []
        for turn in range(k):
            order = tuple((i + turn) % k for i in range(k)) if self.options else ()
            options = tuple(Option(o, o) for o in self.options)
            question = Question("custom", options, {"ask": self.question}, shared=False, order=order)
            name = content_hash(cluster, order)
            trials.append(
                Trial(name, self.kind, "user", cluster, "ask", "test", question, prompt, self.about, cluster, base=name)
            )
        return trials

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """What it does with the prompt that the question is about; nothing where there is none."""
        out = []
        for key, trial in distinct(trials).items():
            text = "\n".join(m.content for m in trial.prompt.messages)
            if not text:
                out.append(Observation(key))
                continue
            prompt = trial.prompt if subject.chat or trial.prompt.masked else Prompt(text=text, tag=trial.prompt.tag)
            replies = subject.sample([prompt], self.rollouts, Decoding(self.max_tokens))[0]
            cost = sum((reply.cost for reply in replies), Cost())
            out.append(Observation(key, reply_texts(replies, key), cost=cost))
        return out

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """Frequencies of the options among the replies that name one; of no grade, without a mean, where none does."""
        observation_of = by_key(observations)
        return [self._truth(trial, observation_of[trial.observation]) for trial in trials]

    def _truth(self, trial: Trial, observation: Observation) -> Truth:
        replies = [parse_option(Reply(text), self.options).value for text in observation.replies]
        named = [value for value in replies if value is not None] if self.options else []
        if not named:
            return Truth(trial.id, (), (), (), 0, "none")
        mean, a, b = (_mean(part) for part in (named, named[::2], named[1::2] or named))
        return Truth(trial.id, mean, a, b, len(named), "rollouts")


def _mean(values: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return tuple(sum(v[i] for v in values) / len(values) for i in range(len(values[0])))
