"""What stands around the words of a question: the object that it is about, whom it speaks of, the turns before it."""

from __future__ import annotations

from dataclasses import replace

from selfscope.records import Message, Prompt, Question, Trial
from selfscope.wording import trained
from selfscope.wording.phrases import CARRIERS, FRAMINGS, NAME, PERSONS, SAME, phrase_of
from selfscope.wording.trained import worded

ARROW = "→"
TAIL = 120
"""Characters of an object prompt that stand before the arrow where a question is about a given continuation."""


def person_of(question: Question) -> tuple[str, str]:
    """Whom the question is about, as (you, your)."""
    name = question.arguments.get("target" if question.person == "target" else "name", NAME)
    you, your = PERSONS[question.person]
    return you.format(name=name), your.format(name=name)


def noun_of(trial: Trial) -> str:
    """What the question speaks of: "your reply", "your next answer", "this text"."""
    question = trial.question
    noun = _carrier(question)[1]
    if question.given_text is not None:
        return noun
    # A conversation has replies already: the question is about the one that comes.
    coming = "next " if _is_conversation(trial) and phrase_of(question).carrier in ("reply", "custom") else ""
    return f"{person_of(question)[1]} {coming}{noun}"


def in_a_new_thread(trial: Trial, words: str) -> str:
    """The words of a question, told what they are about; the words alone where they are about nothing.

    Parameters
    ----------
    trial : Trial
        Its ``public`` text, or the given text of its question, is the object.
    words : str
        The question with its answer instruction.
    """
    return _told(trial, words)[0]


def _told(trial: Trial, words: str) -> tuple[str, str]:
    """(the words of a question told what they are about, the part of them that stands behind the object)."""
    question, about = trial.question, trial.public
    if question.given_text is not None:
        about = question.given_text
        if phrase_of(question).carrier in ("continue", "branch"):
            about = f"{trial.public[-TAIL:]} {ARROW} {about}"
    elif not about:
        return words, words
    you, your = person_of(question)
    what = "conversation" if _is_conversation(trial) else "message"
    quoted = f'"""{about}"""'
    told = _carrier(question)[0].format(you=you, your=your, what=what, object=quoted, question=words)
    shown, _, behind = told.partition(quoted)
    return told, (behind or shown).strip()


def asked_turns(trial: Trial, words: str) -> tuple[tuple[Message, ...], str]:
    """(the turns that ask a trial's question: its context, then the question in a new thread or behind the object; the
    end of the last one from where it is asked, which nothing of the object is in).

    Parameters
    ----------
    trial : Trial
        Its question's ``placement`` says where it is asked, its ``framing`` what is said first.
    words : str
        The question with its answer instruction.
    """
    question, before, talk = trial.question, _context_turns(trial), _object_turns(trial)
    if question.placement != "same" or question.given_text is not None or not talk:
        told, asked = _told(trial, words)
        return (*before, Message("user", _framed(question, told))), asked
    if trial.prompt.prefix:
        talk.append(Message("assistant", trial.prompt.prefix))
    way = "partial" if trial.prompt.prefix else "ended" if talk[-1].role == "assistant" else "open"
    lead = worded(SAME[way], trained.SAME.get(way, ()), question.template)
    asked = _framed(question, lead.format(question=words))
    if way != "open":
        return (*before, *talk, Message("user", asked)), asked
    # Two user turns in a row are refused by some chat templates: the question joins the last one.
    return (*before, *talk[:-1], Message("user", f"{talk[-1].content}\n\n{asked}")), asked


def shown_to_observers(prompt: Prompt) -> Prompt:
    """The prompt without its hidden messages; a prompt of hidden messages alone stays as it is."""
    visible = tuple(m for m in prompt.messages if not m.hidden)
    if len(visible) in (0, len(prompt.messages)):
        return prompt
    hidden = sum(m.hidden for m in prompt.messages[: prompt.context])
    return replace(prompt, messages=visible, context=prompt.context - hidden, masked="")


def _carrier(question: Question) -> tuple[str, str]:
    """(the frame of the question, the noun that it speaks of)."""
    # A control asks something else in the very frame of the question that it stands beside.
    kind = str(question.arguments.get("carrier", phrase_of(question).carrier))
    if question.given_text is not None:
        kind = "continued" if kind in ("continue", "branch") else "material"
    return worded(CARRIERS[kind], trained.CARRIERS.get(kind, ()), question.template)


def _framed(question: Question, text: str) -> str:
    lead = FRAMINGS[question.framing]
    return f"{lead}\n{text}" if lead else text


def _context_turns(trial: Trial) -> list[Message]:
    """The turns before the object, without system messages: a report stands behind them as the behaviour does."""
    return [m for m in trial.prompt.messages[: trial.prompt.context] if m.role != "system"]


def _object_turns(trial: Trial) -> list[Message]:
    return [m for m in trial.prompt.messages[trial.prompt.context :] if not m.hidden]


def _is_conversation(trial: Trial) -> bool:
    return len(_object_turns(trial)) > 1
