"""The answers of a question in a format: what is scored and what it stands for, what a right reply looks like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from selfscope.errors import BadInput
from selfscope.records import FORMATS, Question, Trial, ten_counts
from selfscope.wording.phrases import ANSWER_PREFIX

YES, NO = (" Yes", " yes"), (" No", " no")
ENDS = ("", ".", "\n", "\n\n", ";", " |")
"""What may stand behind scored texts so that none of them begins another."""


@dataclass(frozen=True)
class Shot:
    """A worked example in a prompt.

    Attributes
    ----------
    trial : Trial
        Asks the question of the example.
    distribution : tuple of float
        (K,) over its options in canonical order: what counts as its answer.
    """

    trial: Trial
    distribution: tuple[float, ...]


def candidates_of(question: Question, format: str) -> tuple[tuple[str, ...] | None, tuple[int, ...]]:
    """What is scored, and what each candidate means.

    Parameters
    ----------
    question : Question
        K options; negated wording is mapped back to them.
    format : str
        A name of ``FORMATS``.

    Returns
    -------
    candidates : tuple of str, or None
        (C,) texts to score behind the prompt; None where the reply is sampled.
    option_index : tuple of int
        (C,) the canonical index of the option that a candidate means; for ``percent`` answers the per cent of
        canonical "yes". Empty where the reply is sampled.
    """
    shape = FORMATS[format]
    if not shape.scored:
        return None, ()
    if shape.answer == "option":
        return told_apart(question.shown_texts), tuple(range(len(question.options)))
    if shape.answer == "yes_no":
        yes, no = (1, 0) if question.negated else (0, 1)
        return YES + NO, (yes,) * len(YES) + (no,) * len(NO)
    numbers = range(101)
    # The per cent sign ends the number: "1" must not hold the probability of "10" and "100".
    return tuple(f" {n}%" for n in numbers), tuple(100 - n if question.negated else n for n in numbers)


def told_apart(texts: Sequence[str]) -> tuple[str, ...]:
    """Texts to score, each behind a space, so that they exclude each other.

    Where one begins another ("1" and "10", "1" and "1.5", "New" and "New York"), the longer would be a part of the
    shorter one's probability and could never win: an end is put to all.

    Parameters
    ----------
    texts : sequence of str
        What the options are called.

    Returns
    -------
    tuple of str
        (K,) in their order.

    Raises
    ------
    BadInput
        No end tells them apart.
    """
    for end in ENDS:
        ended = tuple(f" {text.strip()}{end}" for text in texts)
        if not any(i != j and b.startswith(a) for i, a in enumerate(ended) for j, b in enumerate(ended)):
            return ended
    raise BadInput(f"the options {', '.join(map(repr, texts))} cannot be told apart: give each a text of its own")


def answer_text(shot: Shot, format: str) -> str:
    """The right reply to a worked example in this format."""
    question, answer = shot.trial.question, FORMATS[format].answer
    texts = question.shown_texts
    top = max(range(len(texts)), key=lambda i: shot.distribution[i])
    if answer == "yes_no":
        return f"{ANSWER_PREFIX}{YES[0] if (top == 0) != question.negated else NO[0]}"
    if answer == "percent":
        p = 1 - shot.distribution[0] if question.negated else shot.distribution[0]
        return f"{ANSWER_PREFIX} {round(100 * p)}%"
    if answer == "counts":
        counts = ten_counts(shot.distribution)
        return "\n".join(f"{texts[i]}: {counts[i]}" for i in question.shown)
    return f"{ANSWER_PREFIX} {texts[top]}"


def reply_tokens(question: Question, format: str, *, led: bool) -> int:
    """Tokens at most of a reply.

    Parameters
    ----------
    question : Question
        An open one may take some sentences.
    format : str
        A name of ``FORMATS``.
    led : bool
        The reply starts behind "Answer:". Who was not led in may need a sentence.
    """
    shape = FORMATS[format]
    if question.open:
        return 64
    if shape.answer == "counts":
        return 14 * len(question.options) + 8
    if not led:
        return 32
    if shape.scored:
        return 1
    return 8 if shape.answer == "percent" else 16
