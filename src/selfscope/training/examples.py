"""What a model is trained on: one question, what may be said, and what should be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from selfscope.errors import BadInput
from selfscope.records import FORMATS, Prompt, Trial, content_hash, fault_of
from selfscope.wording import phrase

BEHAVIOUR = "behaviour"
"""The kind of an example that is what the subject does, where the reports of its group are asked about it."""


@dataclass(frozen=True)
class Example:
    """One question with the answer that is wanted.

    Attributes
    ----------
    prompt : Prompt
        Asks it.
    candidates : tuple of str
        (C,) texts that may follow.
    option_index : tuple of int
        (C,) the option that each candidate means, from 0 to K - 1.
    target : tuple of float
        (K,) the distribution over the options that is wanted.
    group : str
        Examples of a group begin alike, and are computed together.
    kind : str
        What it is for, in what is logged.
    weight : float
        What it counts.
    rest : float
        Of the probability, what is beside the candidates; the target shares out what is left. Above 0 the whole
        distribution counts, under every objective.
    stated : tuple of tuple of float
        (C, K) the distribution that each candidate states in so many words ("30%"); empty where each names an option.
    reference : tuple of float
        (C,) log-probabilities (nats) of the candidates before anything is trained; empty where nobody asks for them.
    objective : str
        Its own, where it is not that of the run: an ordinary reply is kept, whatever reports are taught by.

    Raises
    ------
    BadInput
        No candidates, another number of meanings or references than of candidates, or a target or a stated probability
        that is no distribution.
    """

    prompt: Prompt
    candidates: tuple[str, ...]
    option_index: tuple[int, ...]
    target: tuple[float, ...]
    group: str = ""
    kind: str = "report"
    weight: float = 1.0
    rest: float = 0.0
    stated: tuple[tuple[float, ...], ...] = ()
    reference: tuple[float, ...] = ()
    objective: str = ""

    def __post_init__(self) -> None:
        meanings = self.stated or self.option_index
        if not self.candidates or len(self.candidates) != len(meanings):
            raise BadInput(f"an example has {len(self.candidates)} candidates and {len(meanings)} meanings")
        if self.reference and len(self.reference) != len(self.candidates):
            raise BadInput(f"an example has {len(self.candidates)} candidates and {len(self.reference)} references")
        wrong = next((why for own in self.stated if (why := fault_of(own, len(self.target)))), None)
        if wrong:
            raise BadInput(f"a candidate states no distribution over the options: {wrong}")
        why = fault_of(self.target, len(self.target))
        if why or (not self.stated and set(self.option_index) != set(range(len(self.target)))):
            raise BadInput(f"the target of an example is no distribution over its options: {why or self.target}")
        if not self.weight >= 0:
            raise BadInput(f"an example counts 0 or more, not {self.weight}")
        if not 0 <= self.rest < 1:
            raise BadInput(f"what is beside the candidates is a part below 1 of the probability, not {self.rest}")


def example_of(
    trial: Trial, target: Sequence[float], format: str, *, chat: bool, kind: str = "report", group: str = ""
) -> Example:
    """The question of a trial in a format whose answers are scored, with the answer that is wanted.

    Raises BadInput for a format that cannot ask it or scores nothing."""
    asked = phrase(trial, format, chat=chat)
    if asked.candidates is None:
        raise BadInput(f"the format {format!r} scores no answers: choose one that does, as choice_lp")
    prompt = replace(asked.prompt, tag={})  # inert for who can be trained
    where = group or trial.observation
    if FORMATS[format].answer == "percent":
        stated = tuple((n / 100, 1 - n / 100) for n in asked.option_index)
        return Example(prompt, asked.candidates, (), tuple(target), where, kind, stated=stated)
    return Example(prompt, asked.candidates, asked.option_index, tuple(target), where, kind)


def teachable(trials: Sequence[Trial], lesson: str, able: Callable[[Trial], bool], needs: str) -> list[Trial]:
    """Those of the trials that a lesson can be taught with, found before anything is measured.

    Raises BadInput, with what the lesson needs, where there are none."""
    if not trials:
        raise BadInput("there are no trials of the train split to teach with: give the phenomenon some, as train=80")
    found = [trial for trial in trials if able(trial)]
    if not found:
        posed = trials[0].phenomenon
        raise BadInput(f"the lesson {lesson} needs {needs}, and {posed} has none: give another phenomenon")
    return found


def replies_of(trial: Trial) -> list[str]:
    """What may be said to the object, as a lesson that sets states needs it: two replies or more, to a message; else
    nothing."""
    replies = list(dict.fromkeys(map(str, trial.coordinates.get("replies", ()))))
    return replies if len(replies) > 1 and trial.prompt.messages else []


def fingerprint(examples: Sequence[Example]) -> str:
    """Hash of all that the examples say, in their order."""
    return content_hash(*[_decides(example) for example in examples])


def _decides(e: Example) -> tuple[Any, ...]:
    """What came later enters only where it says something, so that a run that was begun before goes on."""
    first = (e.prompt, e.candidates, e.option_index, e.target, e.group, e.weight)
    later = (e.rest, e.stated, e.reference, e.objective, e.kind if e.kind == BEHAVIOUR else "")
    return (*first, *later) if any(later) else first
