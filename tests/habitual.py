"""A phantom with habits whose rates are set, and reports that know them or do not; it reads no weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from selfscope.habits import Mark
from selfscope.records import Decoding, Prompt, Reply, TokenDistribution, content_hash

WELL = Mark("begins", "Well")
PLAIN = ("I would say tea.", "It is Oslo.", "That is good to know.", "Take it easy today.", "My answer is seven.")


@dataclass(frozen=True)
class Habitual:
    """Replies have the mark in a part of the cases. Reports of that habit are level + slope * rate, of others `other`;
    with `words` it says the same wherever its word is asked of."""

    mark: Mark = WELL
    rate: float = 0.5
    slope: float = 1.0
    level: float = 0.0
    other: float = 0.05
    words: bool = False
    name: str = "habitual"
    tier: str = "logprobs"
    chat: bool = True
    environment: Mapping[str, Any] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        return content_hash("habitual", self.mark, self.rate, self.slope, self.level, self.other)

    def sample(
        self, prompts: Sequence[Prompt], n: int, decoding: Decoding, on_done: object = None
    ) -> list[list[Reply]]:
        out = []
        for prompt in prompts:
            key = content_hash("habitual", decoding.seed, prompt.messages, self.rate, size=32)
            rng = np.random.default_rng(list(bytes.fromhex(key)))
            out.append([self._reply(rng) for _ in range(n + decoding.and_greedy)])
        return out

    def _reply(self, rng: np.random.Generator) -> Reply:
        text = PLAIN[int(rng.integers(len(PLAIN)))]
        return Reply(self.mark.put(text) if rng.random() < self.rate else text)

    def score(self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> list[list[list[float]]]:
        return [[[math.log(self._probability(p, c))] for c in own] for p, own in zip(prompts, candidates, strict=True)]

    def _probability(self, prompt: Prompt, candidate: str) -> float:
        said = dict(prompt.tag["question"])
        yes = self.known(said["arguments"], said["person"])
        yes = 1 - yes if said["negated"] else yes
        p = yes if candidate.strip().lower() == "yes" else 1 - yes
        return min(max(p / 2, 1e-9), 1.0)

    def known(self, arguments: Mapping[str, Any], person: str) -> float:
        own = arguments["word"] == self.mark.word and person == "self"
        own = own and (self.words or arguments["mark"] == self.mark.kind)
        return min(max(self.level + self.slope * self.rate, 0.0), 1.0) if own else self.other

    def next_token(
        self, prompts: Sequence[Prompt], *, top: int | None = None, ids: Sequence[int] | None = None
    ) -> list[TokenDistribution]:
        raise NotImplementedError

    def encode(self, prompt: Prompt) -> tuple[int, ...]:
        return (1,)


