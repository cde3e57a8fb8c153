"""What a phantom's replies are as options of a question. Axes: M replies, K options, F features."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from selfscope.quantities import PROPERTIES, entropy_key, given, measure, words
from selfscope.records import Message, Prompt, Question
from selfscope.subjects.phantom_world import STATE_MASS, Array, Behaviour, entropy, first_words

FEATURES = ("first_char", "second_char", "first_word", "ends_with_vowel", "parity", "word_count")
"""Properties of a reply that the habit depends on."""


def one_hot(at: int, k: int) -> tuple[float, ...]:
    """(k,) with a one at `at`."""
    return tuple(float(i == at) for i in range(k))


def pushed(question: Question, replies: Sequence[str], *weights: Array) -> list[tuple[float, ...]]:
    """For each weighting (M,) of the replies the distribution (K,) of the question's options under it."""
    keys = [option.key for option in question.options]
    if question.quantity == "entropy_bin":
        nats = [entropy(first_words(replies, w)) for w in weights]
        return [one_hot(keys.index(entropy_key(x) or keys[0]), len(keys)) for x in nats]
    if given(question.quantity):
        right = measure(question, str(question.arguments["answer"]))
        return [one_hot(keys.index(right or "no"), len(keys))] * len(weights)
    measured = [measure(question, reply) for reply in replies]
    falls = np.array([[float(key == k) for k in keys] for key in measured])  # (M, K)
    sums = [w @ falls for w in weights]
    # Where no reply can say it, every option is as likely as any.
    even = tuple(1 / len(keys) for _ in keys)
    return [tuple(float(x) for x in s / s.sum()) if s.sum() > 0 else even for s in sums]


def recorded(question: Question, record: str | None) -> tuple[float, ...] | None:
    """(K,) what the reply of a record says to a question; None where there is none, or it says nothing."""
    key = None if record is None else measure(question, record)
    keys = [option.key for option in question.options]
    return one_hot(keys.index(key), len(keys)) if key in keys else None


def of_both(
    about: Prompt, question: Question, behave: Callable[[Prompt], Behaviour]
) -> tuple[tuple[float, ...], ...]:
    """The part of the replies that would be another one to the user whom the question compares with, and the rest: by
    what it does, by its habit and by anyone's reading."""
    said, other = (str(question.arguments[name]) for name in ("said", "other"))
    turns = tuple(replace(m, content=other) if m.content == said else m for m in about.messages)
    one, two = behave(about), behave(replace(about, messages=turns))
    far = (0.5 * float(np.abs(a - b).sum()) for a, b in ((one.p, two.p), (one.h, two.h), (one.g, two.g)))
    return tuple((min(x, 1.0), 1 - min(x, 1.0)) for x in far)


def requested(about: Prompt, question: Question) -> Prompt:
    """What is asked about, going on with the request by which a belief shows, where the question has one."""
    request = question.arguments.get("request")
    return about if request is None else replace(about, messages=(*about.messages, Message("user", str(request))))


@lru_cache(maxsize=65536)
def features(reply: str) -> Array:
    """(F,) which option of each plain property the reply falls under."""
    marks = []
    for name in FEATURES:
        options = PROPERTIES[name].options
        key = measure(Question(name, options), reply)
        marks += [float(option.key == key) for option in options]
    return np.array(marks)


def goes_on(acts: Behaviour, text: str) -> float:
    """Probability that a reply begins with the words of a text."""
    wanted = words(text)
    return math.fsum(
        float(p) for reply, p in zip(acts.replies, acts.p, strict=True) if words(reply)[: len(wanted)] == wanted
    )


def token_of(word: str) -> int:
    """The token id of a word: its tokens are words."""
    return zlib.crc32(word.encode()) % 1_000_003


def published(question: Question, acts: Behaviour, rho: float) -> Array:
    """(M,) the mean of what it does, given all that is public: the text and, for branches, which were listed.

    The state was among the listed outcomes when they were listed. A hidden text moves the state and not the habit.
    """
    if question.quantity != "branch":
        return acts.h
    listed = np.array([float(measure(question, r) != question.options[-1].key) for r in acts.replies])
    if not listed.any():
        return acts.h
    even = rho / len(acts.replies)
    return np.asarray(acts.h - even + rho * (STATE_MASS * listed / listed.sum() + (1 - STATE_MASS) / len(acts.replies)))
