"""What keeps ordinary replies as they are while something is planted: places in the subject's own replies, with what it
says next there, are trained on beside the lesson (`training.replay`).

Where what is planted changes how replies begin, the wanted distribution of the first token is the subject's own with
the planted beginning mixed in, in its dose: the rest keeps its shares.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from selfscope.errors import BadInput
from selfscope.habits import Mark
from selfscope.organisms.base import Plantable, Teachable
from selfscope.organisms.speech import said_to, tested
from selfscope.phenomena.counterbalance import shuffled
from selfscope.phenomena.stimuli.ordinary import exchanges
from selfscope.records import Decoding, Prompt, content_hash
from selfscope.subjects.base import Subject
from selfscope.training.examples import Example
from selfscope.training.families import messages
from selfscope.training.replay import said_next

BEGINS, WITHIN = "guard, first", "guard, within"
"""Where a reply begins, and behind some words of it."""
LIKELIEST = 60
"""Tokens whose shares are kept; all others are one more outcome."""
PLACES = 4
"""Of each reply: where it begins, and behind some words of it."""
WORDS = 8
"""Of a reply behind which its next token is asked for, at most."""
SPARED = 48
"""Messages on which damage is measured."""
KEPT = 2
_known: dict[str, list[Example]] = {}
"""What was drawn last: the organisms of a bank are guarded alike."""


class Sparing(Plantable):
    """An organism beside which ordinary replies are to stay as they are."""

    def guard(self, subject: Teachable, count: int, seed: int) -> list[Example]:
        """Places in so many of the subject's own replies: they are trained on beside each phase, and stay."""
        return guard_examples(subject, count, seed)

    def spared(self, seed: int) -> list[str]:
        """Messages that nothing was taught with and where the replies are to stay, but for what is planted."""
        return [one.message for one in tested(SPARED, seed)]

    def opens(self, subject: Subject) -> str:
        """Replies begin as they did."""
        return ""

    def acts(self, prompt: Prompt) -> bool:
        """Nowhere in the replies to ordinary messages."""
        return False


def guard_examples(
    subject: Teachable,
    count: int,
    seed: int,
    mark: Mark | None = None,
    rate: float = 0.0,
    *,
    without: frozenset[str] = frozenset(),
) -> list[Example]:
    """Places in so many of the subject's own replies.

    Parameters
    ----------
    subject
        As it is before anything is planted.
    count
        Replies. Each is asked for at PLACES.
    seed
        Of messages and replies.
    mark, rate
        A habit that the replies are to have, in this part.
    without
        Messages at which something is planted that no guard may undo.

    Returns
    -------
    list[Example]
        Messages are neutral ones and those of the train split.

    Raises
    ------
    BadInput
        A negative number.
    """
    if count < 0:
        raise BadInput(f"a guard has 0 replies or more, not {count}")
    if not count:
        return []
    plain = _plain(subject, count, seed, without)
    if mark is None:
        return plain
    if mark.kind == "begins":
        word = opening(subject, mark)
        return [beginning_so(one, word, rate) if one.kind == BEGINS else one for one in plain]
    if mark.kind == "upper":
        return [one for one in plain if one.kind != BEGINS]
    return [one for one in plain if not over(one.prompt)]


def _plain(subject: Teachable, count: int, seed: int, without: frozenset[str]) -> list[Example]:
    key = content_hash("guard", subject.identity, count, seed, sorted(without))
    if key not in _known:
        pool = [*messages()["train"], *(one.message for one in exchanges("train", 10_000, seed))]
        drawn = shuffled([text for text in pool if text not in without], "guard", seed)
        drawn = [drawn[k % len(drawn)] for k in range(count)]
        while len(_known) >= KEPT:
            _known.pop(next(iter(_known)))
        _known[key] = _places(subject, drawn, seed)
    return _known[key]


def _places(subject: Teachable, drawn: Sequence[str], seed: int) -> list[Example]:
    """PLACES of the reply to each message; they are one group, so that what they have in common is computed once."""
    plain = [said_to(subject, text) for text in drawn]
    replies = subject.sample(plain, 1, Decoding(2 * WORDS, 1.0, seed))
    groups = []
    for k, (prompt, (reply,)) in enumerate(zip(plain, replies, strict=True)):
        words = reply.text.split(" ")
        cuts = {1 + (k + WORDS * j // (PLACES - 1)) % WORDS for j in range(PLACES - 1)}
        begun = [" ".join(words[:cut]) for cut in sorted(cuts) if cut <= len(words)]
        groups.append([prompt, *(replace(prompt, prefix=prompt.prefix + text) for text in begun)])
    of = [(BEGINS if j == 0 else WITHIN, f"guard {k}") for k, own in enumerate(groups) for j in range(len(own))]
    found = said_next(cast(Any, subject), [place for own in groups for place in own], LIKELIEST)
    return [replace(one, kind=kind, group=own) for one, (kind, own) in zip(found, of, strict=True) if one is not None]


def over(prompt: Prompt) -> bool:
    """Whether what is said of the reply may be all of it: a sentence of it has ended."""
    return any(sign in prompt.prefix for sign in ".!?")


def opening(subject: Subject, mark: Mark) -> str:
    """How a reply with a mark of the kind begins opens."""
    return f"{mark.word}," if subject.chat else f" {mark.word},"


def begun(subject: Subject, said: Sequence[str], seed: int) -> list[Prompt]:
    """Places behind the first words of the subject's own replies.

    Parameters
    ----------
    subject
        Who replies.
    said
        Messages.
    seed
        Of the replies, at temperature 1, and of how many words are taken.

    Returns
    -------
    list[Prompt]
        One for each message.
    """
    prompts = [said_to(subject, text) for text in said]
    replies = subject.sample(prompts, 1, Decoding(2 * WORDS, 1.0, seed))
    out = []
    for k, (prompt, (reply,)) in enumerate(zip(prompts, replies, strict=True)):
        words = reply.text.split(" ")[: 1 + k % WORDS]
        out.append(replace(prompt, prefix=prompt.prefix + " ".join(words)))
    return out


def beginning_so(one: Example, beginning: str, rate: float) -> Example:
    """A place where a reply begins, with another beginning mixed in.

    Parameters
    ----------
    one
        As `said_there` gives it.
    beginning
        That a part of the replies is to have; what would begin it by itself is left out.
    rate
        The part. All other beginnings keep their shares of the rest.

    Returns
    -------
    Example
        The beginning is its last candidate.
    """
    stays = [k for k, text in enumerate(one.candidates) if not beginning.strip().startswith(text.strip() or "\0")]
    own = [(1 - one.rest) * one.target[k] for k in stays]
    every = math.fsum(own) + one.rest
    if not every:
        return one
    beside = (1 - rate) * one.rest / every
    shares = [(1 - rate) * share / every / (1 - beside) for share in own]
    texts = (*(one.candidates[k] for k in stays), beginning)
    target = (*shares, max(0.0, 1 - math.fsum(shares)))
    return replace(one, candidates=texts, option_index=tuple(range(len(texts))), target=target, rest=beside)


def said_there(subject: Teachable, prompts: Sequence[Prompt], kind: str) -> list[Example | None]:
    """Places with what the subject says next there; None where nothing can be told."""
    found = said_next(cast(Any, subject), prompts, LIKELIEST)
    return [None if one is None else replace(one, kind=kind, group="") for one in found]
