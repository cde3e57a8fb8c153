"""A subject that only counts: a study runs on it as on the real one, at no cost, and what it asks is summed up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

from selfscope import catalogue
from selfscope.records import Cost, Decoding, Prompt, Reply, TokenDistribution
from selfscope.subjects.activations import Activations
from selfscope.subjects.base import OnDone, OpenSubject, Subject, reaches

STOPPED = 0.7
"""Part of the allowed reply that is written before the turn ends."""

UNKNOWN = Prompt(text="?")
"""For a phantom in the place of token ids that nobody wrote as a text."""


def counting(subject: Subject) -> Counting:
    """What counts in the place of this subject, with its tier."""
    return (OpenCounting if reaches(subject, "activations") else Counting)(subject)


class Counting:
    """Answers as a phantom would, and counts what the real subject would be given.

    spent: as the subject would be charged. computed: tokens that are really read, each common beginning of a call once
    (where the subject has token ids; else as charged), scored candidates included.
    """

    def __init__(self, subject: Subject) -> None:
        self._real = subject
        self._phantom: Any = catalogue.resolve("subject", "phantom")()
        self.name, self.identity, self.tier, self.chat = subject.name, subject.identity, subject.tier, subject.chat
        self.environment: Mapping[str, Any] = subject.environment
        self.masks: bool = getattr(subject, "masks", False)
        self.spent = Cost()
        self.computed = 0
        self._prompt_of_ids: dict[tuple[int, ...], Prompt] = {}

    def sample(
        self, prompts: Sequence[Prompt], n: int, decoding: Decoding, on_done: OnDone | None = None
    ) -> list[list[Reply]]:
        draws = 1 if decoding.temperature == 0 else n + decoding.and_greedy
        self._spend(prompts, int(len(prompts) * draws * decoding.max_tokens * STOPPED))
        replies: list[list[Reply]] = self._phantom.sample(self._understood(prompts), n, decoding, on_done)
        return replies

    def score(self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> list[list[list[float]]]:
        # candidates are read along with the prompt, beginnings that they share once: no step of writing
        self._spend(prompts, 0, sum(min(2 * len(texts), len(texts) + 12) for texts in candidates))
        scores: list[list[list[float]]] = self._phantom.score(self._understood(prompts), candidates)
        return scores

    def next_token(
        self, prompts: Sequence[Prompt], *, top: int | None = None, ids: Sequence[int] | None = None
    ) -> list[TokenDistribution]:
        self._spend(prompts, 0)
        listed = _listed(ids, top)
        whole = math.log(math.fsum(math.exp(-k / 10) for k in range(len(listed))))
        falling = tuple(-k / 10 - whole for k in range(len(listed)))
        return [TokenDistribution(listed, falling, 1.0, tuple(f"word{k}" for k in listed))] * len(prompts)

    def encode(self, prompt: Prompt) -> tuple[int, ...]:
        real: Any = self._real if reaches(self._real, "logprobs") else self._phantom
        ids: tuple[int, ...] = real.encode(replace(prompt, interventions=()))
        if prompt.ids is None:
            self._prompt_of_ids.setdefault(ids, prompt)
        return ids

    def _understood(self, prompts: Sequence[Prompt]) -> list[Prompt]:
        """As a phantom can be asked: nothing is written into it, and it does not know the real tokens."""
        known = (self._prompt_of_ids.get(p.ids, UNKNOWN) if p.ids is not None else p for p in prompts)
        return [replace(p, interventions=(), masked="") if p.interventions or p.masked else p for p in known]

    def _spend(self, prompts: Sequence[Prompt], output_tokens: int, more: int = 0) -> None:
        if not prompts:
            return
        if reaches(self._real, "logprobs"):
            rows = [self.encode(p) for p in prompts]
            prompt_tokens, computed = sum(map(len, rows)), distinct(rows)
        else:
            prompt_tokens = computed = sum(map(_guessed, prompts))
        self.spent = self.spent + Cost(len(prompts), prompt_tokens, output_tokens)
        self.computed += computed + more


class OpenCounting(Counting):
    """Its activations are made up; where tokens stand is the real tokenizer's word."""

    @property
    def _open(self) -> OpenSubject:
        return cast(OpenSubject, self._real)

    @property
    def layers(self) -> range:
        return self._open.layers

    @property
    def width(self) -> int:
        return self._open.width

    def capture(
        self, prompts: Sequence[Prompt], layers: Sequence[int], positions: str | Sequence[Sequence[int]] = "last"
    ) -> Activations:
        import numpy as np

        self._spend(prompts, 0)
        each = [[-1]] * len(prompts) if isinstance(positions, str) else positions
        places = tuple((i, c) for i, own in enumerate(each) for c in own)
        # No two are alike: what is written from different places is asked as different prompts.
        states_ND = np.arange(1, len(places) * self.width + 1, dtype=np.float32).reshape(len(places), self.width)
        return Activations(places, {k: states_ND + k for k in dict.fromkeys(layers)}, ("",) * len(places))

    def with_adapter(self, folder: str) -> OpenCounting:
        return self

    def unembed(
        self, states_ND: Any, *, ids: Sequence[int] | None = None, top: int | None = None
    ) -> list[TokenDistribution]:
        listed = _listed(ids, top)
        alike = (-math.log(max(len(listed), 1)),) * len(listed)
        return [TokenDistribution(listed, alike, 1.0, ("",) * len(listed))] * len(states_ND)

    def positions(self, prompt: Prompt, text: str, occurrence: int = -1) -> tuple[int, ...]:
        return self._open.positions(prompt, text, occurrence)

    def token_texts(self, prompt: Prompt) -> list[str]:
        return self._open.token_texts(replace(prompt, interventions=()))

    def median_norm(self, layer: int) -> float:
        return 1.0


def distinct(rows: Sequence[tuple[int, ...]]) -> int:
    """Tokens of the rows with every common beginning once."""
    order = sorted(rows)
    return sum(map(len, order)) - sum(_common(a, b) for a, b in pairwise(order))


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _guessed(prompt: Prompt) -> int:
    """Tokens of a prompt, where nobody here can count them."""
    characters = sum(len(m.content) + 16 for m in prompt.messages) + len(prompt.text or "") + len(prompt.prefix)
    return len(prompt.ids or ()) + characters // 4


def _listed(ids: Sequence[int] | None, top: int | None) -> tuple[int, ...]:
    return (*(ids or ()), *range(top or (10 if ids is None else 0)))
