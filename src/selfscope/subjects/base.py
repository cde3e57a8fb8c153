"""What a subject offers, by access tier. A subject is exactly what is asked: weights, adapter, template, dtype."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from selfscope.records import Decoding, Prompt, Reply, TokenDistribution

TIERS = ("text", "logprobs", "activations", "weights")
OnDone = Callable[[int, Any], None]


@runtime_checkable
class Subject(Protocol):
    """Lists in, lists of the same length out; batching, padding and threads are inside.

    name: as the user gave it. identity: content hash of weights, adapter, tokenizer, template, dtype.
    environment: device, versions, a server's fingerprint: recorded, not hashed. tier: one of TIERS.
    chat: it has a chat template (a base model is read by log-probability formats only).
    """

    name: str
    identity: str
    tier: str
    chat: bool
    environment: Mapping[str, Any]

    def sample(
        self, prompts: Sequence[Prompt], n: int, decoding: Decoding, on_done: OnDone | None = None
    ) -> list[list[Reply]]:
        """n replies a prompt, one more with `decoding.and_greedy`. `on_done(index, replies)` is called for each."""
        ...


@runtime_checkable
class ScoringSubject(Subject, Protocol):
    """Tier logprobs: exact log-probabilities."""

    def score(self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> list[list[list[float]]]:
        """candidates: texts a prompt. Returns log-probabilities (nats) per prompt, candidate and token."""
        ...

    def next_token(
        self, prompts: Sequence[Prompt], *, top: int | None = None, ids: Sequence[int] | None = None
    ) -> list[TokenDistribution]:
        """The exact next-token distribution at temperature 1: the `top` likeliest, or the listed ids."""
        ...

    def encode(self, prompt: Prompt) -> tuple[int, ...]:
        """Exact token ids of a prompt, template and BOS included."""
        ...


def reaches(subject: Subject, tier: str) -> bool:
    """Whether the subject's access tier includes `tier`."""
    return TIERS.index(subject.tier) >= TIERS.index(tier)
