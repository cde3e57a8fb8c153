"""Thurstonian utilities from pairs: P(i before j) = Phi(u_i - u_j + b f), Case V (Thurstone 1927).

A unit is the standard deviation of a difference. Shares may be frequencies, exact probabilities or reports; f is 1
where the first of the pair stands first, -1 where the second does, so that a lean to what stands first is no utility.
n pairs, m outcomes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from selfscope.statistics import Array, Ints, t_quantile

WEAK = 0.01
"""Weight of the prior, N(0, 10^2): it keeps the utility of what always wins finite, and moves no other."""
STEPS = 60
NEAREST = 1e-9
"""Of a share to 0 and 1."""


@dataclass(frozen=True)
class Scale:
    """Utilities that sum to zero.

    Attributes
    ----------
    value, se : (m,) array
        Each outcome's, and its standard error: robust, from the residuals of the pairs, with their leverage taken out.
    lean, lean_se : float
        b, and its standard error; 0 where no place was given.
    spread : float
        Standard deviation of a pair's probit around the fit.
    df : int
        Pairs less parameters.
    """

    value: Array
    se: Array
    lean: float
    lean_se: float
    spread: float
    df: int

    def half(self, level: float = 0.95) -> Array:
        """(m,) half of each interval."""
        return np.asarray(t_quantile(0.5 + level / 2, self.df) * self.se)


def fit(pair: Ints, share: Array, first: Array | None = None, start: Array | None = None) -> Scale | None:
    """Utilities by the largest likelihood.

    Parameters
    ----------
    pair
        (n, 2) numbers of outcomes, 0..m-1.
    share
        (n,) from 0 to 1: how often, or how likely, the first one is preferred.
    first
        (n,) 1 or -1, where each pair's first outcome stands; None: both orders are in the share already.
    start
        (m + 1,) where to begin: of a fit of nearly the same pairs.

    Returns
    -------
    Scale or None
        None where not all outcomes hang together, or there are no more pairs than parameters.

    References
    ----------
    Thurstone 1927, A law of comparative judgment. MacKinnon and White 1985 (leverage).
    """
    found = solved(pair, share, first, start)
    if found is None:
        return None
    beta, count = found, len(found) - 1
    x = _design(pair, count, first)
    mu, slope = _normal(x @ beta)
    weight = slope * slope / (mu * (1 - mu))
    inverse = np.linalg.inv((x * weight[:, None]).T @ x + np.diag(np.full(count + 1, WEAK)))
    leverage = np.minimum(weight * np.einsum("ij,jk,ik->i", x, inverse, x), 1 - 1e-6)
    score = x * ((share - mu) * slope / (mu * (1 - mu)) / (1 - leverage))[:, None]
    se = np.sqrt(np.maximum(np.diag(inverse @ (score.T @ score) @ inverse), 0.0))
    away = probit(share) - x @ beta
    df = len(pair) - _parameters(count, first)
    spread = math.sqrt(float((away**2).sum()) / df)
    return Scale(beta[:-1], se[:-1], float(beta[-1]), float(se[-1]), spread, df)


def solved(pair: Ints, share: Array, first: Array | None = None, start: Array | None = None) -> Array | None:
    """(m + 1,) utilities that sum to zero, and the lean, as `fit` finds them; None where it finds none."""
    count = int(pair.max()) + 1 if len(pair) else 0
    if count < 2 or len(pair) <= _parameters(count, first) or not connected(pair, count):
        return None
    x = _design(pair, count, first)
    beta = np.zeros(count + 1) if start is None else start.copy()
    penalty = np.full(count + 1, WEAK)
    for _ in range(STEPS):
        mu, slope = _normal(x @ beta)
        weight = slope * slope / (mu * (1 - mu))
        hessian = (x * weight[:, None]).T @ x + np.diag(penalty)
        step = np.linalg.solve(hessian, x.T @ ((share - mu) * slope / (mu * (1 - mu))) - penalty * beta)
        beta = beta + np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-7:
            break
    beta[:-1] -= beta[:-1].mean()
    return beta


def _parameters(count: int, first: Array | None) -> int:
    return count - 1 + (first is not None)


def _design(pair: Ints, count: int, first: Array | None) -> Array:
    """(n, m + 1) 1 and -1 at the two outcomes of each pair, and where its first one stands."""
    x, rows = np.zeros((len(pair), count + 1)), np.arange(len(pair))
    x[rows, pair[:, 0]], x[rows, pair[:, 1]] = 1.0, -1.0
    x[:, -1] = 0.0 if first is None else first
    return x


def probit(share: Array) -> Array:
    """Normal quantiles of shares (n,)."""
    from scipy.special import ndtri

    return np.asarray(ndtri(np.clip(share, NEAREST, 1 - NEAREST)))


def normal(x: Array) -> Array:
    """The standard normal distribution function (n,)."""
    from scipy.special import ndtr

    return np.asarray(ndtr(x))


def connected(pair: Ints, count: int) -> bool:
    """Whether all of so many outcomes hang together by pairs (n, 2)."""
    root = list(range(count))

    def of(k: int) -> int:
        while root[k] != k:
            root[k] = root[root[k]]
            k = root[k]
        return k

    for a, b in pair.tolist():
        root[of(a)] = of(b)
    return len({of(k) for k in range(count)}) == 1


def _normal(x: Array) -> tuple[Array, Array]:
    """(distribution function, density), held away from where they vanish."""
    x = np.clip(x, -5.5, 5.5)
    mu = np.clip(normal(x), NEAREST, 1 - NEAREST)
    return mu, np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
