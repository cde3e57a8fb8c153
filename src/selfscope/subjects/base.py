"""What a subject offers, by access tier. A subject is exactly what is asked: weights, adapter, template, dtype."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from selfscope.errors import Unsupported
from selfscope.records import Decoding, Prompt, Reply, TokenDistribution
from selfscope.subjects.activations import Activations

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
        """The exact next-token distribution at temperature 1: the listed ids, then the `top` likeliest (10 where
        nothing is listed)."""
        ...

    def encode(self, prompt: Prompt) -> tuple[int, ...]:
        """Exact token ids of a prompt, template and BOS included."""
        ...


@runtime_checkable
class OpenSubject(ScoringSubject, Protocol):
    """Tier activations: its residual stream is read and written. Injections ride on the prompts of any other call.

    Layer k is the output of block k, from 0, before the final norm; -1 is what enters block 0. D is the width.
    """

    @property
    def layers(self) -> range:
        """Numbers of its blocks."""
        ...

    @property
    def width(self) -> int:
        """D."""
        ...

    def capture(
        self, prompts: Sequence[Prompt], layers: Sequence[int], positions: str | Sequence[Sequence[int]] = "last"
    ) -> Activations:
        """States at every (layer, position). positions: "last" | "all" (ordinary tokens) | "every" | those of each
        prompt."""
        ...

    def unembed(
        self, states_ND: Any, *, ids: Sequence[int] | None = None, top: int | None = None
    ) -> list[TokenDistribution]:
        """Its own final norm and head on states: (N, D) in, N distributions out; ids and top as in `next_token`."""
        ...

    def positions(self, prompt: Prompt, text: str, occurrence: int = -1) -> tuple[int, ...]:
        """Columns of the tokens that spell `text` in a prompt."""
        ...

    def token_texts(self, prompt: Prompt) -> list[str]:
        """The tokens of a prompt as text, by position."""
        ...

    def median_norm(self, layer: int) -> float:
        """The median norm of ordinary tokens at a layer."""
        ...


def reaches(subject: Subject, tier: str) -> bool:
    """Whether the subject's access tier includes `tier`."""
    return TIERS.index(subject.tier) >= TIERS.index(tier)


def lacking(name: str, tier: str, needed: str) -> Unsupported:
    """The error of a subject of this name whose tier does not reach the needed one: raise it."""
    where = "a model that runs here, as smollm2-135m" if needed in ("activations", "weights") else "another subject"
    return Unsupported(f"{name} offers the tier {tier}; this needs the tier {needed}: {where}")


class Lacking(Unsupported, AttributeError):
    """A part of a higher tier was looked up: to `hasattr` it is not there."""


DEPTHS = (0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 1.0)
"""Parts of the depth among which a layer is chosen where none is given."""


def depths(subject: OpenSubject) -> list[int]:
    """Layers at DEPTHS, in order."""
    last = len(subject.layers) - 1
    return sorted({round(d * last) for d in DEPTHS})


def middle(subject: OpenSubject) -> int:
    """The middle one of `depths`."""
    return depths(subject)[len(DEPTHS) // 2]
