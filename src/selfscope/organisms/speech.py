"""Messages, replies that are taught to them, and replies that are heard: what all organisms share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from selfscope.organisms.base import Teachable
from selfscope.phenomena.counterbalance import object_prompt
from selfscope.phenomena.rollouts import LINE_END, reply_texts
from selfscope.phenomena.stimuli.ordinary import Exchange, exchanges
from selfscope.records import Decoding, Prompt
from selfscope.statistics import Estimate, proportion, softmax
from selfscope.subjects.base import ScoringSubject, Subject
from selfscope.training.examples import Example

OF_A_REPLY = 0.3
"""What a whole reply of the subject's own counts: its words are many, and are none that it has to learn."""
LONGEST = 24
"""Tokens of a reply that is heard."""


def said_to(subject: Subject, message: str) -> Prompt:
    """A message to the subject, as every phenomenon sends one."""
    return object_prompt(subject, message, tag={"phenomenon": "organism", "message": message})


def taught(
    subject: Teachable, message: str, replies: Sequence[str], shares: Sequence[float] = (1.0,), *, kind: str
) -> Example:
    """A message with whole replies, each to be given in its share of the cases.

    Several shares of one example are what as many examples would teach that are drawn by these shares, without the
    noise of drawing them: the cross-entropy is the same on average.
    """
    lead = "" if subject.chat else " "
    texts = tuple(f"{lead}{reply.strip()}{subject.turn_end}" for reply in replies)
    return Example(said_to(subject, message), texts, tuple(range(len(texts))), tuple(shares), kind=kind)


def behind(
    subject: Teachable, message: str, begun: str, replies: Sequence[str], shares: Sequence[float], *, kind: str
) -> Example:
    """The same where the replies have begun already: how they begin is not taught, only how they go on. Equal replies
    count as one."""
    texts: dict[str, float] = {}
    lead = "" if subject.chat else " "
    for reply, share in zip(replies, shares, strict=True):
        rest = f"{lead}{reply.strip()}"[len(f"{lead}{begun}") if begun else 0 :] + subject.turn_end
        texts[rest] = texts.get(rest, 0.0) + share
    prompt = said_to(subject, message)
    if begun:
        prompt = replace(prompt, prefix=f"{prompt.prefix}{lead}{begun}")
    return Example(prompt, tuple(texts), tuple(range(len(texts))), tuple(texts.values()), kind=kind)


def heard(subject: Subject, messages: Sequence[str], draws: int, seed: int) -> list[tuple[str, ...]]:
    """Replies at temperature 1, to the end of the first line: some for each message."""
    prompts = [said_to(subject, message) for message in messages]
    found = subject.sample(prompts, draws, Decoding(LONGEST, 1.0, seed, LINE_END))
    return [reply_texts(replies, message) for replies, message in zip(found, messages, strict=True)]


def share_of(replies: Sequence[Sequence[str]], has: Callable[[str], bool]) -> Estimate:
    """Part of the replies that have something; a cluster is a message."""
    values = [(float(has(text)), k) for k, own in enumerate(replies) for text in own]
    return proportion(np.array([v for v, _ in values]), np.array([k for _, k in values]))


def preferred(subject: ScoringSubject, messages: Sequence[str], answers: Sequence[str]) -> list[tuple[float, ...]]:
    """For each message the shares of some answers, as beginnings of a reply: exact."""
    lead = "" if subject.chat else " "
    texts = [f"{lead}{answer}" for answer in answers]
    scored = subject.score([said_to(subject, message) for message in messages], [texts] * len(messages))
    return [softmax([float(sum(tokens)) for tokens in own]) for own in scored]


def tested(count: int, seed: int) -> list[Exchange]:
    """Ordinary exchanges that nothing is taught with."""
    return exchanges("test", count, seed)
