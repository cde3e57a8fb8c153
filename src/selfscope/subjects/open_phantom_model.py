"""An open phantom at work: prompts with their injections through its stream, next tokens, replies.

Axes: A positions that are computed, N rows of states, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from selfscope.errors import BadInput
from selfscope.records import Decoding, Injection, Prompt, TokenDistribution, content_hash
from selfscope.subjects.open_phantom_stream import LAYERS, Deviation, Stream, Write
from selfscope.subjects.open_phantom_words import (
    END,
    WIDTH,
    Array,
    columns,
    directions,
    encoded,
    rendered,
    text_of,
    vocabulary,
)
from selfscope.subjects.ordinary_tokens import NEUTRAL, median_norms
from selfscope.subjects.places import checked_vector, existing_layer, positions_of

LAST = LAYERS - 1
SHARP = 20.0
"""Nats for a state that is just a token's direction."""
ROWS = 512
"""States whose logits are held at a time."""
DIGITS = 9
"""Decimals of what it says in nats: the shape of a product, which moves the sixteenth, decides no tie."""


@dataclass(frozen=True)
class OpenPhantomModel:
    """stream: with its dials. standing: what is written into every prompt, before the prompt's own."""

    stream: Stream
    standing: tuple[Injection, ...] = ()
    _norms: dict[int, float] = field(default_factory=dict, repr=False)

    def run(
        self, prompt: Prompt, positions: Sequence[int], more: Sequence[int] = ()
    ) -> tuple[dict[int, Array], list[Deviation]]:
        """layer -> states (A, D) of the prompt and `more` tokens behind it, at positions of both; what writes changed.

        Raises BadInput for what cannot be written."""
        ids = rendered(prompt)
        size = len(ids) + len(more)
        writes = [self._write(one, prompt, len(ids), size) for one in self.standing + prompt.interventions]
        return self.stream.run((*ids, *more), [p % size for p in positions], writes)

    def median_norm(self, layer: int) -> float:
        """The median norm of ordinary tokens at a layer. Raises BadInput for one that does not exist."""
        existing_layer(layer, LAYERS)
        if not self._norms:
            rows = [encoded(text) for text in NEUTRAL]
            runs = [self.stream.run(row, range(len(row)))[0] for row in rows]
            sizes = {k: np.linalg.norm(np.concatenate([run[k] for run in runs]), axis=1) for k in range(-1, LAYERS)}
            self._norms.update(median_norms(sizes, [len(row) for row in rows]))
        return self._norms[layer]

    def logprobs(self, states_ND: Array) -> Array:
        """(N, V) in nats."""
        logits_NV = SHARP * states_ND @ directions(self.stream.seed).tokens_VD.T
        logits_NV -= logits_NV.max(axis=1, keepdims=True)
        return np.asarray(logits_NV - np.log(np.exp(logits_NV).sum(axis=1, keepdims=True)))

    def distributions(self, states_ND: Array, ids: Sequence[int] | None, top: int | None) -> list[TokenDistribution]:
        """The listed ids and then the `top` likeliest (10 where nothing is listed) behind each state."""
        most, texts = top or (10 if ids is None else 0), vocabulary().tokens
        out = []
        for start in range(0, len(states_ND), ROWS):
            for logprobs_V in self.logprobs(states_ND[start : start + ROWS]):
                listed = [*(ids or ()), *np.argsort(-logprobs_V, kind="stable")[:most].tolist()]
                entropy = round(-float((np.exp(logprobs_V) * logprobs_V).sum()), DIGITS)
                values = tuple(np.round(logprobs_V[listed], DIGITS).tolist())
                out.append(TokenDistribution(tuple(listed), values, entropy, tuple(texts[i] for i in listed)))
        return out

    def scores(self, prompt: Prompt, texts: Sequence[str]) -> list[list[float]]:
        """Log-probabilities (nats) of the tokens of each text behind the prompt. Raises ValueError for one without a
        token."""
        tokens = [encoded(text) for text in texts]
        for text, ids in zip(texts, tokens, strict=True):
            if not ids:
                raise ValueError(f"the candidate {text!r} has no token")
        last = len(rendered(prompt)) - 1
        states = [self.run(prompt, range(last, last + len(ids)), ids[:-1])[0][LAST] for ids in tokens]
        logprobs_NV = self.logprobs(np.concatenate(states)) if states else np.zeros((0, 0))
        rows = iter(logprobs_NV)
        return [[round(float(next(rows)[token]), DIGITS) for token in ids] for ids in tokens]

    def replies(self, prompt: Prompt, n: int, decoding: Decoding) -> list[tuple[str, str]]:
        """(text, finish) of n replies, and of a greedy one where it is wanted."""
        kinds = [decoding.temperature] * n + [0.0] * decoding.and_greedy
        greedy = self._reply(prompt, decoding, None) if 0.0 in kinds else ("", "")
        return [self._reply(prompt, decoding, k) if kind else greedy for k, kind in enumerate(kinds)]

    def _reply(self, prompt: Prompt, decoding: Decoding, draw: int | None) -> tuple[str, str]:
        """One reply; a greedy one where no draw is given."""
        key = content_hash("draw", decoding.seed, rendered(prompt), draw)
        uniform = np.random.default_rng([*bytes.fromhex(key)]).random(decoding.max_tokens)
        tokens: list[int] = []
        for level in uniform:
            logprobs_V = self.logprobs(self.run(prompt, [-1], tokens)[0][LAST])[0]
            token = int(np.argmax(logprobs_V))
            if draw is not None:
                edges_V = np.cumsum(np.exp((logprobs_V - logprobs_V.max()) / decoding.temperature))
                token = min(int(np.searchsorted(edges_V / edges_V[-1], level)), len(edges_V) - 1)
            if token == END:
                return text_of(tokens), "stop"
            tokens.append(token)
            text = text_of(tokens)
            cuts = [text.index(stop) for stop in decoding.stop if stop in text]
            if cuts:
                return text[: min(cuts)], "stop"
        return text_of(tokens), "length"

    def _write(self, one: Any, prompt: Prompt, length: int, size: int) -> Write:
        """An injection checked against this phantom, for a row of `size` tokens whose prompt has `length`."""
        if not isinstance(one, Injection):
            raise BadInput("a sealed injection can be passed on and not be carried out here")
        layer = existing_layer(one.layer, LAYERS)
        vector_D = checked_vector(one.vector, WIDTH).astype(np.float64)
        if one.span_text:
            one = replace(one, positions=columns(rendered(prompt), one.span_text, -1), span_text="")
        at, goes_on = positions_of(one, length)
        strength = one.strength
        if one.unit == "median":
            norm = float(np.linalg.norm(vector_D))
            strength = strength * self.median_norm(layer) / norm if norm else 0.0
        on = range(length, size) if goes_on else ()
        return Write(layer, one.operator, vector_D, strength, (*at, *on))
