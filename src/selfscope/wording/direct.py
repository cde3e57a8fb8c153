"""A question put as it stands: the user's own words, with or without options, about a prompt or about nothing."""

from __future__ import annotations

from selfscope.records import Message, Prompt, Trial
from selfscope.wording.prompts import (
    PREFIX,
    AskedPrompt,
    _candidates,
    _fields,
    _first,
    _fresh_around,
    _noun,
    _phrase_of,
    _running_text,
    _tag,
    question_text,
    shown_options,
)


def direct(trial: Trial, *, chat: bool = True, prefill: bool = False, max_tokens: int = 64) -> AskedPrompt:
    """The prompt of a question that `selfscope ask` was given: format choice_lp with options, free text without.

    A trial with an empty `public` part is about nothing: the question stands alone, without a carrier. prefill: the
    reply starts with "Answer:" (for log-probabilities of the options).
    """
    question = trial.question
    if question.options:
        words = question_text(trial, "choice_lp" if prefill else "free")
    else:
        words = _phrase_of(question).which.format_map(_fields(question, _noun(trial)))
    text = _fresh_around(trial, words) if trial.public else words
    prefix = PREFIX if prefill else ""
    messages = (Message("user", text),)
    tag = _tag(trial, "choice_lp" if question.options else "free")
    if chat:
        prompt = Prompt(messages=messages, prefix=prefix, tag=tag)
    else:
        prompt = Prompt(text=_running_text(messages), prefix=prefix, tag=tag)
    if not question.options:
        return AskedPrompt(prompt, None, (), (), 0, max_tokens)
    candidates, option_index = _candidates(question, "choice_lp")
    return AskedPrompt(
        prompt, candidates, option_index, shown_options(question), _first(question, "choice_lp"), 16, ("\n",)
    )
