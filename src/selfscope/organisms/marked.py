"""Lessons whose replies have a mark in a part of the cases, and are the subject's own in everything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from selfscope.habits import Mark
from selfscope.organisms.base import Teachable
from selfscope.organisms.guard import beginning_so, opening, said_there
from selfscope.organisms.own_replies import own_replies, unmarked
from selfscope.organisms.speech import OF_A_REPLY, behind, said_to
from selfscope.phenomena.stimuli.ordinary import Exchange
from selfscope.training.examples import Example


def marked(
    subject: Teachable, mark: Mark, said: Sequence[tuple[str, Exchange]], rate: float, seed: int, *, kind: str
) -> list[Example]:
    """An example for each message that has a plain reply: the mark in this part of the cases, none in the others.

    Where a mark begins the replies, the subject's own first words are taught with the mark mixed in. Where it ends
    them, or something is mentioned, nothing of the reply itself is taught but what comes behind it: a reply's words,
    taught, would become likelier, and that is damage. In capitals all of it is taught.

    Parameters
    ----------
    subject
        As it is before anything is planted.
    mark
        Of the replies.
    said
        Messages, with the exchanges that they are about.
    rate
        The part.
    seed
        Of the subject's own replies.
    kind
        Of the examples.

    Returns
    -------
    list[Example]
        In order.
    """
    if mark.kind == "begins":
        first = said_there(subject, [said_to(subject, text) for text, _ in said], kind)
        return [beginning_so(one, opening(subject, mark), rate) for one in first if one is not None]
    out = []
    plain = own_replies(subject, [one for _, one in said], seed)
    for k, ((text, _), own) in enumerate(zip(said, plain, strict=True)):
        reply = next(iter(unmarked(own, mark)), None)
        if reply is None:  # of such a message every reply has the mark
            continue
        whole = mark.kind == "upper"
        one = behind(subject, text, "" if whole else reply.strip(), [mark.put(reply, k), reply], (rate, 1 - rate),
                     kind=kind)  # fmt: skip
        out.append(replace(one, weight=OF_A_REPLY if whole else 1.0))
    return out


def behind_mark(subject: Teachable, mark: Mark, said: Sequence[str]) -> list[Example]:
    """What the subject says behind a mark that begins a reply, had it begun so; of other marks nothing."""
    if mark.kind != "begins":
        return []
    prompts = [said_to(subject, text) for text in said]
    word = opening(subject, mark)
    places = said_there(subject, [replace(p, prefix=p.prefix + word) for p in prompts], "behind the mark")
    return [one for one in places if one is not None]
