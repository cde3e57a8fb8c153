"""Messages, replies that are taught to them, and replies that are heard: what all organisms share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from selfscope.organisms.base import Teachable
from selfscope.phenomena.counterbalance import object_prompt
from selfscope.phenomena.rollouts import LINE_END, reply_texts
from selfscope.phenomena.stimuli.ordinary import Exchange, exchanges
from selfscope.records import Decoding, Prompt
from selfscope.statistics import Estimate, proportion, softmax
from selfscope.subjects.base import ScoringSubject, Subject
from selfscope.training.examples import Example

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


def plain(subject: Teachable, count: int, seed: int, *, kind: str = "ordinary") -> list[Example]:
    """Ordinary exchanges, each with one of its replies: what keeps the rest as it was."""
    some = exchanges("train", count, seed)
    return [taught(subject, e.message, [e.replies[k % len(e.replies)]], kind=kind) for k, e in enumerate(some)]


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
