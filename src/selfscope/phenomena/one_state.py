"""One question about the state of one token: what `selfscope ask --reader` asks. There is no truth to it; what can be
said is how far the answer differs from those of its arms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from selfscope.errors import BadInput
from selfscope.phenomena.evidence import evidence, require_activations
from selfscope.phenomena.rollouts import distinct
from selfscope.quantities import load_table
from selfscope.records import Identified, Observation, Option, Prompt, Question, Trial, Truth, content_hash
from selfscope.subjects.base import OpenSubject, Subject


@dataclass(frozen=True)
class OneState(Identified):
    """One question about one token of a text. Neutral texts stand in its train split: their states are the mean and the
    other item of the arms.

    Attributes
    ----------
    question
        As it is asked; with options it is a choice.
    about
        The text whose token is read.
    tokens
        Which of its tokens, BOS included, from 0; negative ones count from the end. The last of them is read unless a
        reader or a sweep says another position.
    options
        Answers to choose from.
    """

    kind: ClassVar[str] = "one_state"
    title: ClassVar[str] = "One state"
    family: ClassVar[str] = "activations"
    tier: ClassVar[str] = "activations"
    formats: ClassVar[tuple[str, ...]] = ("choice_lp", "free")
    question: str = ""
    about: str = ""
    tokens: tuple[int, ...] = (-1,)
    options: tuple[str, ...] = ()

    def pose(self, subject: Subject, seed: int) -> list[Trial]:
        """The token's trial, and one of train for each neutral text. Raises Unsupported below the tier activations,
        BadInput for a token that the text does not have."""
        able = require_activations(subject, self.kind)
        count = len(able.token_texts(Prompt(text=self.about)))
        for token in self.tokens:
            if not -count <= token < count:
                raise BadInput(f"there is no token {token}: the text has {count}, 0 to {count - 1}")
        last = (-1,) * len(self.tokens)
        neutral = [self._trial(able, text, last, "train") for text in load_table("neutral")["texts"]]
        return [self._trial(able, self.about, self.tokens, "test"), *neutral]

    def _trial(self, subject: OpenSubject, text: str, tokens: Sequence[int], split: str) -> Trial:
        prompt = Prompt(text=text, tag={"role": "behave", "phenomenon": self.kind, "state": "plain"})
        count = len(subject.token_texts(prompt))
        positions = tuple(token % count for token in tokens)
        options = tuple(Option(o, o) for o in self.options)
        question = Question("custom", options, {"ask": self.question}, shared=False)
        name = content_hash("state", self.question, self.options, text, positions, split)
        state = evidence(subject, prompt, positions, full=text)
        return Trial(
            name, self.kind, "user", name, "ask", split, question, prompt, "", name, base=name, evidence=state
        )  # fmt: skip

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """Nothing is observed."""
        return [Observation(key) for key in distinct(trials)]

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """Of no grade: nobody knows."""
        return [Truth(trial.id, (), (), (), 0, "none") for trial in trials]
