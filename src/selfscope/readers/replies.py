"""What a model does at the prompts of trials: equal ones share their replies, one call for each length of a reply."""

from __future__ import annotations

from collections.abc import Sequence

from selfscope.records import Cost, Decoding, Outcome, Prompt, Reading, content_hash
from selfscope.subjects.base import Subject

Replies = tuple[list[str], Cost]
"""Texts of the replies that are none of an error, and what all of them cost."""


def replies_at(
    model: Subject, prompts: Sequence[Prompt], lengths: Sequence[int], count: int, seed: int
) -> list[Replies]:
    """Replies at temperature 1, ended by a line's end, for each prompt.

    model: who replies. lengths: most tokens of a reply, one a prompt: the truth's replies end where the phenomenon
    says, and longer ones would have other properties. count: replies a prompt. seed: of the draws.
    """
    groups: dict[int, dict[str, Prompt]] = {}
    keys = [(_same(prompt), length) for prompt, length in zip(prompts, lengths, strict=True)]
    for (key, length), prompt in zip(keys, prompts, strict=True):
        groups.setdefault(length, {}).setdefault(key, prompt)
    found: dict[tuple[str, int], Replies] = {}
    for length, own in groups.items():
        sampled = model.sample(list(own.values()), count, Decoding(length, 1.0, seed, ("\n",)))
        for key, replies in zip(own, sampled, strict=True):
            texts = [reply.text for reply in replies if reply.finish != "error"]
            found[key, length] = texts, sum((reply.cost for reply in replies), Cost())
    return [found[key] for key in keys]


def reading_of(replies: Replies, shares: tuple[float, ...] | None) -> Reading:
    """A forecast by replies: an error where they say nothing of the question."""
    texts, cost = replies
    outcome = Outcome.ANSWERED if shares is not None else Outcome.ERROR
    return Reading(outcome, shares, text="\n---\n".join(texts), cost=cost)


def _same(prompt: Prompt) -> str:
    return content_hash(
        prompt.messages, prompt.text, prompt.ids, prompt.prefix, str(prompt.interventions), prompt.masked
    )
