"""A world whose state is text: hidden turns that end in a reply, which persuade the subject and can be copied.

Behaviour after: p' = (1 - lam) p + lam e_j, lam larger in some clusters than in others. The report after is the report
before, moved by a share a of what behaviour moved, and then by a share towards the reply that stands there; that share
may go with lam, as turns that persuade move behaviour and report alike. Axes: n items, K options, G clusters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from world import ROLLOUTS, Array, Ints, softmax

from selfscope.verdicts.shares import Items
from selfscope.verdicts.state_effect import Change

OPTIONS, SPREAD, EXACTNESS = 4, 0.25, 60.0
"""Options; of lam between clusters; of a report around what is meant (Dirichlet)."""
LIKENESS = 0.5
"""Correlation over clusters of how far the turns move another model with how far they move this one."""


@dataclass(frozen=True)
class Turned:
    """How a report moves under turns. follows: share of what behaviour moved. copies: mean share of the way to the
    reply. tie: correlation of that share with lam over clusters."""

    follows: float = 0.0
    copies: float = 0.0
    tie: float = 0.0


def turned(seed: int, n: int, clusters: int, how: Turned) -> tuple[Items, Change]:
    """The plain items, and the same before and after the turns; `shown` holds how another model moved that was shown
    the same."""
    rng = np.random.default_rng([13, seed, n, clusters])
    cluster = np.asarray(np.arange(n) % clusters, dtype=np.int64)
    p = softmax(1.2 * rng.normal(size=(n, OPTIONS)) + 0.6 * rng.normal(size=(clusters, OPTIONS))[cluster])
    reply = np.eye(OPTIONS)[rng.integers(0, OPTIONS, clusters)[cluster]]
    persuaded = rng.normal(size=clusters)

    def going_with(likeness: float) -> Array:
        """(n, 1) a share by cluster, from 0 to 1, that goes with lam."""
        mixed = likeness * persuaded + np.sqrt(1 - likeness**2) * rng.normal(size=clusters)
        return np.asarray(1 / (1 + np.exp(-4 * SPREAD * mixed)))[cluster][:, None]

    lam, alike, strength = going_with(1.0), going_with(LIKENESS), (2 * how.copies * going_with(how.tie)).clip(0, 1)
    after = (1 - lam) * p + lam * reply
    other = softmax(1.2 * rng.normal(size=(n, OPTIONS)))
    meant = how.follows * p + (1 - how.follows) * other
    moved = meant + how.follows * (after - p)
    said, said_after = (_said(rng, q) for q in (meant, moved + strength * (reply - moved)))
    halves = [rng.multinomial(ROLLOUTS // 2, q) / (ROLLOUTS // 2) for q in (p, p, after, after)]
    expects = 0.5 * p + 0.5 * softmax(1.2 * rng.normal(size=p.shape))  # what another model does with the object
    known = 0.8 * np.eye(OPTIONS)[rng.integers(0, OPTIONS, n)]
    c0, c1 = (known + 0.2 * rng.dirichlet(np.ones(OPTIONS), n) for _ in range(2))
    change = Change(
        said, said_after, *halves, cluster, control_before=c0, control_after=c1, copied=reply,
        shown=(alike * (reply - expects))[:, :, None],
    )  # fmt: skip
    return _plain(rng, said, halves[0], halves[1], expects, cluster), change


def _said(rng: np.random.Generator, meant: Array) -> Array:
    drawn = rng.standard_gamma(EXACTNESS * meant + 1e-3)
    return np.asarray(drawn / drawn.sum(1, keepdims=True))


def _plain(rng: np.random.Generator, said: Array, xa: Array, xb: Array, expects: Array, cluster: Ints) -> Items:
    """The plain items; nobody learnt its history."""
    n, k = said.shape
    return Items(
        said, xa, xb, np.zeros((n, k)), np.zeros((0, n, k)), expects, expects, rng.integers(0, k, n),
        np.tile(np.eye(k), (n, 1, 1)), np.ones((n, k), dtype=bool), cluster, np.full(n, ROLLOUTS),
    )  # fmt: skip
