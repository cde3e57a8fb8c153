"""What the phenomena of the inside share: a subject whose activations can be reached, evidence without the controlling
text, and truths that were written down rather than measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from selfscope.errors import Unsupported
from selfscope.phenomena.rollouts import known
from selfscope.records import Evidence, Prompt, Trial, Truth
from selfscope.subjects.base import OpenSubject, Subject, reaches


def require_activations(subject: Subject, phenomenon: str) -> OpenSubject:
    """The subject with its activations. Raises Unsupported, naming the tier that is missing."""
    if not reaches(subject, "activations"):
        raise Unsupported(
            f"{phenomenon} needs the tier activations, and {subject.name} gives only {subject.tier}: "
            "load the model itself, or choose other phenomena with --phenomena"
        )
    return cast(OpenSubject, subject)


def evidence(
    subject: OpenSubject, prompt: Prompt, positions: Sequence[int], *, full: str, controlling: Sequence[str] = ()
) -> Evidence:
    """The states at these positions (from 0), and what their tokens spell out.

    controlling: texts that decide the truth. Raises ValueError where one of their tokens is among the positions: a
    reader would see what it is to infer.
    """
    forbidden = {c for text in controlling for c in subject.positions(prompt, text, 0)}
    overlap = sorted(forbidden & set(positions))
    if overlap:
        raise ValueError(f"the positions {overlap} of the evidence hold the controlling text")
    texts = subject.token_texts(prompt)
    return Evidence(prompt, tuple(positions), "".join(texts[c] for c in positions), full)


def end_of(subject: Subject, prompt: Prompt, count: int) -> Evidence | None:
    """The last tokens of a prompt, where the subject is about to answer; None of one whose states cannot be had."""
    if not reaches(subject, "activations"):
        return None
    able = cast(OpenSubject, subject)
    size = len(able.token_texts(prompt))
    text = "\n".join(m.content for m in prompt.messages)
    return evidence(able, prompt, range(max(0, size - count), size), full=f"{text}{prompt.prefix}")


def point_truth(trial: Trial, key: object, grade: str) -> Truth:
    """The truth that the option with this key is right. Raises ValueError where no option has it."""
    keys = [option.key for option in trial.question.options]
    if key not in keys:
        raise ValueError(f"trial {trial.id}: the answer {key!r} is none of its options ({', '.join(keys)})")
    return known(trial, tuple(float(k == key) for k in keys), grade)
