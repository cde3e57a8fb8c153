"""The words of a question: what is asked, the options in their shown order, what an answer should look like."""

from __future__ import annotations

from typing import Any

from selfscope.errors import BadInput
from selfscope.records import FORMATS, Trial
from selfscope.wording import trained
from selfscope.wording.carriers import noun_of, person_of
from selfscope.wording.phrase import Phrase
from selfscope.wording.phrases import CHANCE, COUNTS, OPTIONS, YES_NO, phrase_of
from selfscope.wording.trained import worded


def question_text(trial: Trial, format: str) -> str:
    """The words of the question and its answer instruction, without the prompt that it is about.

    Parameters
    ----------
    trial : Trial
        Asks the question; without options it is open, and the words are the question alone.
    format : str
        A name of ``FORMATS``. A name that is no format (a target prompt's template) gets the words of ``free``.

    Raises
    ------
    BadInput
        The quantity has no phrase, or the question's arguments lack what its phrase needs.
    """
    question, shape = trial.question, FORMATS.get(format, FORMATS["free"])
    template = question.template
    words, fields = phrase_of(question), _fields(trial)
    if shape.answer == "percent":
        claim = (words.counter if question.negated else words.claim).format_map(fields)
        return worded(CHANCE, (), template).format(claim=claim)
    core = _core(trial, words).format_map(fields)
    if question.open:
        return core
    if shape.answer == "yes_no":
        return f"{core} {worded(YES_NO, trained.YES_NO, template)}"
    texts = question.shown_texts
    listed = " | ".join(texts[i] for i in question.shown)
    if shape.answer == "counts":
        example = f'"{texts[question.shown[0]]}: 3"'
        return f"{core}\n{worded(COUNTS, (), template).format(options=listed, example=example)}"
    choice, instruction = worded(OPTIONS, trained.OPTIONS, template, pace=3)
    question_lines = f"{core}\n{choice.format(options=listed)}"
    return question_lines if shape.scored else f"{question_lines}\n{instruction}"


def question_core(trial: Trial) -> str:
    """The question alone: neither its options nor what an answer should look like.

    Parameters
    ----------
    trial : Trial
        Asks it.

    Raises
    ------
    BadInput
        As `question_text` does.
    """
    return _core(trial, phrase_of(trial.question)).format_map(_fields(trial))


def _core(trial: Trial, words: Phrase) -> str:
    question = trial.question
    if not question.binary:
        return worded((words.which,), trained.WHICH.get(question.quantity, ()), question.template, pace=2)
    pairs = trained.WHETHER.get(question.quantity, ())
    return worded(((words.yes, words.no),), pairs, question.template, pace=2)[question.negated]


class _Fields(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        raise BadInput(f"the question's arguments lack {key!r}, which its phrase needs; it has: {', '.join(self)}")


def _fields(trial: Trial) -> _Fields:
    you, your = person_of(trial.question)
    persons = {"you": you, "your": your, "You": you[:1].upper() + you[1:], "Your": your[:1].upper() + your[1:]}
    return _Fields({**trial.question.arguments, **persons, "reply": noun_of(trial)})
