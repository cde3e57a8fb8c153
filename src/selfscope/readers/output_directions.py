"""What the model's head has for each token, learnt through the head alone: where a map of states may point.

The log-probabilities of tokens after random states of one length are, up to what all tokens share, the inner products
of those states with the tokens' output embeddings (behind the final norm's scale). With as many orthogonal states as
the stream is wide they are the embeddings, turned; with fewer, a random projection, which keeps angles (Johnson and
Lindenstrauss 1984). So no subject needs to show its weights. D width, J random states.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from selfscope.subjects.base import OpenSubject

STATES = 384
"""J, at most."""
SEED = 20
TINY = 1e-9


@dataclass
class OutputDirections:
    """common_J: what the tokens of train have in common, which every option of a question has too. known: token ->
    (J,), as the head gives it."""

    common_J: Any = 0.0
    known: dict[int, Any] = field(default_factory=dict)

    def of(self, subject: OpenSubject, options: Sequence[Sequence[int]]) -> Any:
        """(K, J) unit vectors, one for each option: the mean of its tokens' ones."""
        self.learn(subject, (token for ids in options for token in ids))
        return np.stack([_unit(sum(_unit(self.known[t] - self.common_J) for t in ids)) for ids in options])

    def learn(self, subject: OpenSubject, tokens: Iterable[int]) -> None:
        """Asks the head for the tokens that are not known yet, in one batch."""
        new = [token for token in dict.fromkeys(tokens) if token not in self.known]
        if not new:
            return
        said = subject.unembed(_states(subject.width), ids=new, top=1)
        logprobs_JT = np.array([after.logprobs[: len(new)] for after in said])
        logprobs_JT = logprobs_JT - logprobs_JT.mean(0)  # a bias of the head is no direction
        self.known.update(zip(new, logprobs_JT.T, strict=True))

    def centre(self) -> None:
        """Takes what is known so far as what tokens have in common."""
        self.common_J = np.mean(list(self.known.values()), axis=0) if self.known else 0.0


def _unit(vector_J: Any) -> Any:
    return vector_J / max(float(np.linalg.norm(vector_J)), TINY)


@lru_cache(maxsize=4)
def _states(width: int) -> Any:
    """(J, D) orthogonal rows of the length of a state whose values have the size one."""
    noise_DJ = np.random.default_rng([SEED, width]).normal(size=(width, min(width, STATES)))
    return (np.linalg.qr(noise_DJ)[0].T * np.sqrt(width)).astype(np.float32)
