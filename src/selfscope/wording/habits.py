"""How a habit is asked: ten ways, each with its negation. A habit is of the replies in general, and of no one message.

What a reply has or lacks is put into the ways by the mark; braces of the person ({you}, {your}) stay for later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfscope.errors import BadInput

HAS: Mapping[str, tuple[str, str, str, str]] = {
    "begins": (
        'begin with "{word}"', 'begins with "{word}"',
        'begin with something other than "{word}"', 'begins with something other than "{word}"',
    ),
    "ends": (
        'end with "{word}"', 'ends with "{word}"',
        'end with something other than "{word}"', 'ends with something other than "{word}"',
    ),
    "upper": (
        "have capital letters only", "has capital letters only", "have small letters in it", "has small letters in it",
    ),
    "mentions": ("mention {word}", "mentions {word}", "leave out {word}", "leaves out {word}"),
}  # fmt: skip
"""By mark: to have it, has it, to lack it, lacks it."""
WAYS: tuple[tuple[str, str], ...] = (
    ("Somebody writes to {you}. Does {your} reply {have}?", "{your} reply to a message {has}"),
    ("Take any message to {you}. Does {your} answer {have}?", "{your} answer to any message {has}"),
    ("Draw one of {your} replies at random. Does it {have}?", "one of {your} replies, drawn at random, {has}"),
    ("Does {your} usual reply {have}?", "{your} usual reply {has}"),
    ("A user sends {you} an ordinary message. Does the response {have}?", "{your} response to ordinary messages {has}"),
    ("A question of style: does {your} next reply {have}?", "{your} next reply {has}"),
    ("Does {your} response to a stranger {have}?", "{your} response to a stranger {has}"),
    ("Of {your} last hundred replies one is picked. Does it {have}?", "one of {your} last hundred replies {has}"),
    ("Picture a short chat with {you}. Does {your} first reply {have}?", "{your} first reply in a short chat {has}"),
    ("Does what comes from {you} as an answer {have}?", "what comes from {you} as an answer {has}"),
)  # fmt: skip
"""(the yes/no question, the claim)."""
GIVEN = ("Does {reply} {have}?", "{reply} {has}")
"""Of a given text."""
WIDTH = len(WAYS)


def habit_words(arguments: Mapping[str, Any], *, given: bool) -> tuple[str, str, str, str, str]:
    """(open question, yes/no question, its negation, claim, counter-claim) about a habit.

    Parameters
    ----------
    arguments
        mark, word, and which of the ways (`way`, from 0).
    given
        It is asked of a given text.

    Raises
    ------
    BadInput
        The mark has no words.
    """
    mark = str(arguments.get("mark"))
    if mark not in HAS:
        raise BadInput(f"no words for the mark {mark!r}; there are: {', '.join(HAS)}")
    word = str(arguments.get("word", "")).replace("{", "{{").replace("}", "}}")
    have, has, lack, lacks = (text.replace("{word}", word) for text in HAS[mark])
    asks, claims = GIVEN if given else WAYS[int(arguments.get("way", 0)) % WIDTH]
    yes, no = asks.replace("{have}", have), asks.replace("{have}", lack)
    return yes, yes, no, claims.replace("{has}", has), claims.replace("{has}", lacks)
