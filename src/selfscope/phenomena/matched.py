"""Matched trials: the same question, in the same words, where one text of the context is another one."""

from __future__ import annotations

from dataclasses import replace

from selfscope.phenomena.counterbalance import observation_key, public_text
from selfscope.records import Prompt, Trial, content_hash


def spoken(prompt: Prompt, said: str, other: str) -> Prompt:
    """The prompt with another text wherever a turn is this one."""
    turns = tuple(replace(m, content=other) if m.content == said else m for m in prompt.messages)
    return replace(prompt, messages=turns)


def mirrored(first: Trial, said: str, other: str, phenomenon: str, seed: int) -> Trial:
    """The matched trial of one that has its wording already: template, order and direction are the same, so that a
    difference between the two is none of the question. `coordinates["setting"]` is what sets its state."""
    prompt = spoken(first.prompt, said, other)
    key = content_hash("matched", seed, first.id, prompt.messages, first.question)
    return replace(
        first, id=key, base=key, prompt=prompt, public=public_text(prompt),
        observation=observation_key(phenomenon, prompt), coordinates={**first.coordinates, "setting": other},
    )  # fmt: skip
