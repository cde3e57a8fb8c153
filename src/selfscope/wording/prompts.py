"""From a trial and a format to the prompt that asks it, and what each scored candidate stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from selfscope.errors import BadInput
from selfscope.records import FORMATS, Message, Prompt, Question, Trial, to_jsonable
from selfscope.wording.answers import Shot, answer_text, candidates_of, reply_tokens
from selfscope.wording.carriers import asked_turns, in_a_new_thread, shown_to_observers
from selfscope.wording.phrases import ANSWER_PREFIX
from selfscope.wording.questions import question_text


@dataclass(frozen=True)
class AskedPrompt:
    """What a subject is given to answer one question in one format.

    Attributes
    ----------
    prompt : Prompt
        What is scored or continued.
    candidates : tuple of str, or None
        (C,) texts to score; None where the reply is sampled.
    option_index : tuple of int
        (C,) for each candidate the canonical index of the option that it means (``percent`` answers: the per cent
        of canonical "yes").
    options : tuple of str
        (K,) the texts of the options as shown, in canonical order. Empty for an open question.
    first : int or None
        The canonical index of the option that stands first, or that "yes" means on this item: the format direction.
        None for an open question, which has none.
    max_tokens : int
        Tokens at most of a reply.
    stop : tuple of str
        What ends a reply.
    """

    prompt: Prompt
    candidates: tuple[str, ...] | None
    option_index: tuple[int, ...]
    options: tuple[str, ...]
    first: int | None
    max_tokens: int
    stop: tuple[str, ...] = ()


def fits(question: Question, format: str) -> bool:
    """Whether the format can ask the question.

    A probability needs a yes/no question; an open question (no options) can be asked in the format ``free`` alone.
    No format of another name fits anything.
    """
    if format not in FORMATS:
        return False
    if question.open:
        return format == "free"
    return question.binary or not FORMATS[format].binary


def phrase(
    trial: Trial,
    format: str,
    *,
    chat: bool = True,
    prefill: bool = True,
    hide_state: bool = False,
    shots: Sequence[Shot] = (),
) -> AskedPrompt:
    """The prompt that asks the trial's question in a format.

    Parameters
    ----------
    trial : Trial
        Where its ``public`` text is empty it is about nothing: the question stands alone, without a carrier. Where its
        question has no options it is open: it is asked in its own words, and the reply is free text.
    format : str
        A name of ``FORMATS`` that fits the question.
    chat : bool
        Messages. False: one running text, for base models.
    prefill : bool
        The reply starts with "Answer:" (counts never do).
    hide_state : bool
        The hidden messages, the mask and the interventions of the object prompt are left out, as for an observer of
        this subject.
    shots : sequence of Shot
        Worked examples before the question.

    Returns
    -------
    AskedPrompt
        The same for the same trial, whatever else is asked.

    Raises
    ------
    BadInput
        The format does not fit the question, or the question has no wording.
    """
    question = trial.question
    if not fits(question, format):
        able = ", ".join(name for name in FORMATS if fits(question, name))
        what = f"{question.quantity!r} with {len(question.options)} options"
        raise BadInput(f"format {format!r} cannot ask {what}; these can: {able}")
    if hide_state:
        trial = replace(trial, prompt=shown_to_observers(trial.prompt), state="plain")
    system = tuple(m for m in trial.prompt.messages if m.role == "system")
    own_turns, asked = asked_turns(trial, question_text(trial, format))
    turns = (*system, *_worked(shots, format), *own_turns)
    # A mask needs messages; a subject without a template makes the same running text of them.
    masked = trial.prompt.masked if not hide_state and any(m.secret for m in turns) else ""
    led = prefill and FORMATS[format].answer != "counts"
    prompt = Prompt(
        messages=turns if chat or masked else (),
        text=None if chat or masked else _running_text(turns),
        prefix=ANSWER_PREFIX if led else "",
        interventions=() if hide_state else trial.prompt.interventions,
        tag=_tag(trial, format),
        masked=masked,
        asked=asked,
    )
    candidates, option_index = candidates_of(question, format)
    return AskedPrompt(
        prompt,
        candidates,
        option_index,
        question.shown_texts,
        None if question.open else question.first_option(format),
        reply_tokens(question, format, led=led),
        ("\n",) if led else (),
    )


def _worked(shots: Sequence[Shot], format: str) -> list[Message]:
    turns = []
    for shot in shots:
        turns.append(Message("user", in_a_new_thread(shot.trial, question_text(shot.trial, format))))
        turns.append(Message("assistant", answer_text(shot, format)))
    return turns


def _running_text(messages: Sequence[Message]) -> str:
    """A conversation as one text for a base model. A single question stands without speaker names."""
    if len(messages) == 1:
        return messages[0].content + "\n"
    names = {"system": "Instructions", "user": "User", "assistant": "Assistant"}
    return "".join(f"{names[m.role]}: {m.content}\n\n" for m in messages) + "Assistant: "


def _tag(trial: Trial, format: str) -> dict[str, Any]:
    """What a scripted subject answers from; real subjects ignore it."""
    question = trial.question
    return {
        "role": "report",
        "trial": trial.id,
        "phenomenon": trial.phenomenon,
        "source": trial.source,
        "quantity": question.quantity,
        "person": question.person,
        "placement": question.placement,
        "framing": question.framing,
        "format": format,
        "state": trial.state,
        "control": trial.control,
        "object": to_jsonable(trial.prompt),
        "question": to_jsonable(question),
        "public": trial.public,
        "cluster": trial.cluster,
    }
