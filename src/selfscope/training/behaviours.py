"""What the subject does, as something to be trained on: its own answer to the object, among the listed options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from selfscope.records import Trial
from selfscope.subjects.base import Subject
from selfscope.training.examples import BEHAVIOUR, Example


def behaviour_example(subject: Subject, trial: Trial, target: Sequence[float], *, group: str = "") -> Example | None:
    """The object of a trial with its options as what may be said to it.

    Parameters
    ----------
    subject : Subject
        Who acts.
    trial : Trial
        Whose `coordinates["replies"]` are texts that may be said.
    target : sequence of float
        (K,) how likely each option is, as measured.
    group : str
        As in `Example`.

    Returns
    -------
    Example or None
        None where an option is no reply by itself, as "no" is none for every word but one.
    """
    if not lists_replies(trial):
        return None
    spelled = [spellings(subject, trial, option.text) for option in trial.question.options]
    return Example(
        replace(trial.prompt, tag={}),
        tuple(text for own in spelled for text in own),
        tuple(k for k, own in enumerate(spelled) for _ in own),
        tuple(target),
        group or trial.observation,
        BEHAVIOUR,
    )


def lists_replies(trial: Trial) -> bool:
    """Whether every option is a reply by itself."""
    known = {str(text).strip() for text in trial.coordinates.get("replies", ())}
    return bool(trial.question.options) and all(option.text.strip() in known for option in trial.question.options)


def spellings(subject: Subject, trial: Trial, text: str) -> list[str]:
    """A reply as it may stand behind the object: behind words it follows a space, else it may have a capital."""
    word = text.strip()
    if trial.prompt.prefix:
        return [f" {word}"]
    lead = "" if subject.chat else " "
    return list(dict.fromkeys([f"{lead}{word}", f"{lead}{word[0].upper()}{word[1:]}"]))
