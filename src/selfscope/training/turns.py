"""Examples that teach a report to follow a change that matters and to leave one that does not.

Of every object: secret turns in which one of the replies was given, which move what the subject does, and turns about
something else, which hardly do. What is wanted is what the subject does behind these very turns, as measured, so that
where an irrelevant turn leaves the behaviour the report has to stay. A third person has not had the turns.

A state that is text can be read off: what such a lesson teaches may be to copy. The lesson `states` sets states that
no report can read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from selfscope.errors import BadInput
from selfscope.records import Identified, Message, Trial, content_hash
from selfscope.subjects.base import Subject
from selfscope.training.examples import Example, example_of, replies_of, teachable
from selfscope.training.states import Behaves, about_another, reworded

IRRELEVANT = (
    ("How many days has a week?", "A week has seven days."), ("Is ice cold?", "Yes, ice is cold."),
    ("What do bees make?", "Bees make honey."), ("Where do fish live?", "Fish live in water."),
    ("Which month comes after May?", "June comes after May."), ("What is snow made of?", "Snow is made of ice."),
    ("How many wheels has a bicycle?", "A bicycle has two wheels."), ("What do cows eat?", "Cows eat grass."),
)  # fmt: skip
"""Exchanges that no shipped control has."""
MOST = 2
"""Times at most that an exchange is repeated."""
NEEDS = "questions about a message and what may be said to it, as own_choice has them"
STATES = ("plain", "relevant", "irrelevant")


@dataclass(frozen=True)
class TurnLesson(Identified):
    """Teaches reports that follow what turns before the object change, and nothing else.

    Parameters
    ----------
    objects
        Objects that are drawn, each without turns, behind relevant and behind irrelevant ones.
    persons
        Third persons that are asked about behind the relevant turns.
    shuffled
        The report behind turns is given the answer of another reply's turns: what a twin learns.

    Raises
    ------
    BadInput
        A number out of its range.
    """

    kind: ClassVar[str] = "turns"
    title: ClassVar[str] = "a report that follows what turns change"
    format: ClassVar[str] = "choice_lp"
    objects: int = 400
    persons: int = 1
    shuffled: bool = False

    def __post_init__(self) -> None:
        if self.objects < 1 or self.persons < 0:
            raise BadInput(f"a lesson has objects from 1 and persons from 0, not {self.objects} and {self.persons}")

    def examples(self, subject: Subject, trials: Sequence[Trial], behaves: Behaves, seed: int) -> list[Example]:
        """The lesson on these trials.

        Parameters
        ----------
        subject
            Whose behaviour is the truth.
        trials
            Plain ones of the train split, whose ``coordinates["replies"]`` are what may be said.
        behaves
            Measures what the subject does in trials.
        seed
            Of all that is drawn.

        Returns
        -------
        list of Example
            Groups of one object; the kind of each is report or person.

        Raises
        ------
        BadInput
            No trials to teach with: none at all, or none whose replies are known.
        """
        able = teachable(trials, self.kind, lambda t: bool(replies_of(t)), NEEDS)
        rng = np.random.default_rng(seed)
        drawn = [able[int(rng.integers(len(able)))] for _ in range(self.objects)]
        states = [_states(trial, rng) for trial in drawn]
        done = [behaves([own[k] for own in states]) for k in range(4)]
        wanted = [done[0], done[3] if self.shuffled else done[1], done[2]]
        out = []
        for i, (trial, own) in enumerate(zip(drawn, states, strict=True)):
            asked = [(own[k], wanted[k][i].mean, "report") for k in range(len(STATES))]
            asked += [(about_another(own[1], rng), done[0][i].mean, "person") for _ in range(self.persons)]
            group = f"{trial.id}:{i}"
            for one, target, kind in asked:
                asking = reworded(one, rng)
                out.append(example_of(asking, target, self.format, chat=subject.chat, kind=kind, group=group))
        return out


def _states(trial: Trial, rng: np.random.Generator) -> tuple[Trial, Trial, Trial, Trial]:
    """(without turns, behind a reply, behind irrelevant turns, behind another reply)."""
    replies = list(map(str, trial.coordinates["replies"]))
    given = int(rng.integers(len(replies)))
    other = (given + 1 + int(rng.integers(len(replies) - 1))) % len(replies)
    times = 1 + int(rng.integers(MOST))
    question, answer = IRRELEVANT[int(rng.integers(len(IRRELEVANT)))]
    talk = tuple(m for m in trial.prompt.messages[trial.prompt.context :] if not m.hidden)

    def said(k: int) -> tuple[Message, ...]:
        lead = f"{trial.prompt.prefix} " if trial.prompt.prefix else ""
        return (*talk, Message("assistant", f"{lead}{replies[k].strip()}")) * times

    plain = (Message("user", question), Message("assistant", answer)) * times
    return trial, behind(trial, said(given)), behind(trial, plain), behind(trial, said(other))


def behind(trial: Trial, turns: Sequence[Message]) -> Trial:
    """The trial behind secret turns, which stand before its object in behaviour and reports alike.

    Parameters
    ----------
    trial : Trial
        A conversation.
    turns : sequence of Message
        What stands before.

    Returns
    -------
    Trial
        With an observation of its own.
    """
    secret = tuple(Message(m.role, m.content, secret=True) for m in turns)
    context = trial.prompt.context
    before, about = trial.prompt.messages[:context], trial.prompt.messages[context:]
    prompt = replace(trial.prompt, messages=(*before, *secret, *about), context=context + len(secret))
    return replace(trial, prompt=prompt, observation=content_hash(trial.observation, secret))
