"""What a control is: a function from trials to trials, and how its trials are named and paired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from selfscope.quantities import given
from selfscope.records import Trial, content_hash
from selfscope.subjects.base import OpenSubject
from selfscope.wording import phrase_of

FIXED = ("fact", "listed_last", "chosen_before")
"""Quantities of no object, whose truth is given with the question: no state moves it."""
STANDING = ("habit", "treated_otherwise", "statement")
"""Quantities of all replies and of no one object, or of two at once: what stands before one is no state of theirs."""


@runtime_checkable
class Control(Protocol):
    """A function from trials to trials that swaps one part.

    A frozen dataclass; its fields are its whole configuration, and so its id (`records.id_of`), which its trials carry
    as `Trial.control`.

    Attributes
    ----------
    kind, title
        May be left out: its word on the command line (else the name of its class), and what people read.
    role
        May be left out: what it is for, one of `records.parts.ROLES` (else "wording").
    known_answer
        May be left out: whether its questions bring the key of the right option in `coordinates["answer"]`.
    """

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        """New trials, each paired by `base` to the one that it was made from.

        Parameters
        ----------
        trials
            Plain trials. One to which the operation does not apply is dropped.
        seed
            Of whatever is drawn.

        Returns
        -------
        list[Trial]
            `Question.order` and `negated` map a reading of one back to the plain question.
        """
        ...


@runtime_checkable
class Prepared(Protocol):
    """A control that has to look at the subject before it can make trials, as one that writes vectors does."""

    def prepared(self, subject: OpenSubject, trials: Sequence[Trial], seed: int) -> Control:
        """The control with what it needs of the subject for these trials; its configuration is the same."""
        ...


def derived(trial: Trial, control: str, *which: Any, **fields: Any) -> Trial:
    """A control's copy of a trial, some fields replaced. control: its id. which: what tells it from other copies that
    the control makes of the same trial, as its arm does. `base` is the id of the trial that it was made from."""
    base = trial.base or trial.id
    name = content_hash(base, control, fields.get("arm", trial.arm), *which)
    return replace(trial, id=name, base=base, control=control, **fields)


def movable(trial: Trial) -> bool:
    """Whether a hidden state could change the truth of a trial: a conversation without hidden messages, and a question
    about what the subject does."""
    messages = trial.prompt.messages
    measured = trial.question.given_text is None and trial.question.quantity not in (*FIXED, *STANDING)
    measured = measured and not given(trial.question.quantity)
    return measured and bool(messages) and messages[-1].role == "user" and not any(m.hidden for m in messages)


def listed_last(trial: Trial) -> Trial:
    """The trial with its options kept, asked which of them stands last in the list: the same words in the same frame,
    and nothing about the subject. `coordinates["answer"]` holds the key of the right one."""
    q = trial.question
    texts = [q.options[i].text for i in q.shown]
    arguments = {"listed": ", ".join(texts), "carrier": phrase_of(q).carrier}
    answer = q.options[q.shown[-1]].key
    if q.binary:  # asked as a yes/no question it speaks of the option that means yes
        answer = "yes" if texts[-1] == q.options[0].text else "no"
    asked = replace(q, quantity="listed_last", arguments=arguments, person="self", negated=False)
    return replace(trial, question=asked, coordinates={**trial.coordinates, "answer": answer})


def pick(count: int, *key: Any) -> int:
    """A whole number below `count`, spread evenly over keys and the same in every process."""
    return int(content_hash("pick", *key, size=12), 16) % count
