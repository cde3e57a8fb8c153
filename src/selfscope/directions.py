"""Directions in the residual stream, on numpy arrays: differences of means, whitened ones, a logistic probe, a ridge.

N rows of states, D width, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Linear:
    """Scores (N, K) = standardised states @ weights (D, K) + bias (K,); mean and scale (D,) are those of train."""

    weights_DK: Array
    bias_K: Array
    mean_D: Array
    scale_D: Array

    def scores(self, states_ND: Any) -> Array:
        """(N, K), larger is likelier."""
        return (np.asarray(states_ND, dtype=np.float64) - self.mean_D) / self.scale_D @ self.weights_DK + self.bias_K

    def direction(self, first: int = 0, second: int = 1) -> Array:
        """(D,) along which the first class gains most on the second, in the units of the states."""
        return (self.weights_DK[:, first] - self.weights_DK[:, second]) / self.scale_D

    def probabilities(self, states_ND: Any) -> Array:
        """(N, K), rows sum to 1."""
        scores_NK = self.scores(states_ND)
        weights_NK = np.exp(scores_NK - scores_NK.max(1, keepdims=True))
        return weights_NK / weights_NK.sum(1, keepdims=True)


def mean_difference(states_ND: Any, positive_N: Any) -> Array:
    """(D,) mean of the positive rows minus mean of the others."""
    states, positive = np.asarray(states_ND, dtype=np.float64), np.asarray(positive_N, dtype=bool)
    return states[positive].mean(0) - states[~positive].mean(0)


def random_directions(count: int, width: int, *key: int) -> Array:
    """(count, D) unit vectors, evenly over all directions; the same key gives the same ones."""
    drawn_ND = np.random.default_rng([count, width, *key]).standard_normal((count, width))
    return np.asarray(drawn_ND / np.linalg.norm(drawn_ND, axis=1, keepdims=True))


def project_out(states_ND: Any, direction_D: Any) -> Array:
    """The states without their component along a direction."""
    unit_D = np.asarray(direction_D, dtype=np.float64) / np.linalg.norm(direction_D)
    states = np.asarray(states_ND, dtype=np.float64)
    return states - np.outer(states @ unit_D, unit_D)


def shrinkage(centred_ND: Array) -> float:
    """The part of the identity in a covariance estimate that loses least (Ledoit and Wolf 2004), from 0 to 1."""
    n, d = centred_ND.shape
    # All that is needed of the (D, D) covariance is in the (N, N) products.
    products_NN = centred_ND @ centred_ND.T / n
    cells_of_split = float((products_NN**2).sum())  # |S|^2
    middle = float(np.trace(products_NN)) / d
    spread = cells_of_split - d * middle**2
    noise = float((((centred_ND**2).sum(1)) ** 2).sum()) / n**2 - cells_of_split / n
    return float(np.clip(noise / spread, 0.0, 1.0)) if spread > 0 else 1.0


def discriminant(states_ND: Any, labels_N: Ints, classes: int) -> Linear:
    """Whitened differences of class means (linear discriminant) with a shrunk common covariance.

    Solved in the space of the rows, so that D may exceed N. A class without rows is never chosen."""
    mean_D, scale_D, z_ND = standardised(states_ND)
    n, d = z_ND.shape
    centres_KD = np.zeros((classes, d))
    counts_K = np.bincount(labels_N, minlength=classes)
    for k in range(classes):
        if counts_K[k]:
            centres_KD[k] = z_ND[labels_N == k].mean(0)
    within_ND = z_ND - centres_KD[labels_N]
    lam = max(shrinkage(within_ND), 1e-3)
    middle = float((within_ND**2).sum()) / (n * d) or 1.0
    # (lam m I + (1 - lam) X'X / n)^-1 by the Woodbury identity.
    a, b = lam * middle, (1 - lam) / n
    inner_NN = np.eye(n) * (a / b if b > 0 else 1.0) + within_ND @ within_ND.T
    solved_ND = np.linalg.solve(inner_NN, within_ND)

    def inverse(x_DK: Array) -> Array:
        return (x_DK - within_ND.T @ (solved_ND @ x_DK)) / a if b > 0 else x_DK / a

    weights_DK = inverse(centres_KD.T)
    prior_K = np.where(counts_K > 0, np.log(np.maximum(counts_K, 1) / n), -1e9)
    bias_K = prior_K - 0.5 * (centres_KD.T * weights_DK).sum(0)
    return Linear(weights_DK, bias_K, mean_D, scale_D)


def logistic(states_ND: Any, labels_N: Ints, classes: int, *, penalty: float = 1.0) -> Linear:
    """Multinomial logistic regression with an L2 penalty (its strength on standardised states, a row)."""
    from scipy.optimize import minimize

    mean_D, scale_D, z_ND = standardised(states_ND)
    n, d = z_ND.shape
    wanted_NK = np.eye(classes)[labels_N]

    def loss(flat: Array) -> tuple[float, Array]:
        weights_DK, bias_K = flat[: d * classes].reshape(d, classes), flat[d * classes :]
        scores_NK = z_ND @ weights_DK + bias_K
        top_N1 = scores_NK.max(1, keepdims=True)
        total_N1 = np.log(np.exp(scores_NK - top_N1).sum(1, keepdims=True)) + top_N1
        gap_NK = (np.exp(scores_NK - total_N1) - wanted_NK) / n
        value = float((total_N1[:, 0] - (scores_NK * wanted_NK).sum(1)).mean())
        value += 0.5 * penalty * float((weights_DK**2).sum()) / n
        slope = np.concatenate([(z_ND.T @ gap_NK + penalty * weights_DK / n).ravel(), gap_NK.sum(0)])
        return value, slope

    optimum = minimize(loss, np.zeros((d + 1) * classes), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    return Linear(optimum.x[: d * classes].reshape(d, classes), optimum.x[d * classes :], mean_D, scale_D)


def ridge(states_ND: Any, targets_NE: Any, *, penalty: float = 1.0) -> Linear:
    """Least squares from standardised states to targets, with an L2 penalty in units of what a row has on average.

    It has no intercept: the mean state is mapped to nothing. Solved in the space of rows, so that D may exceed N."""
    mean_D, scale_D, z_ND = standardised(states_ND)
    products_NN = z_ND @ z_ND.T
    products_NN[np.diag_indices_from(products_NN)] += penalty * (float(np.trace(products_NN)) / len(z_ND) or 1.0)
    weights_DE = z_ND.T @ np.linalg.solve(products_NN, np.asarray(targets_NE, dtype=np.float64))
    return Linear(weights_DE, np.zeros(weights_DE.shape[1]), mean_D, scale_D)


def standardised(states_ND: Any) -> tuple[Array, Array, Array]:
    """(mean (D,), scale (D,), states in these units (N, D)); a channel that does not vary keeps its unit."""
    states = np.asarray(states_ND, dtype=np.float64)
    mean_D, scale_D = states.mean(0), states.std(0)
    scale_D = np.where(scale_D > 1e-9, scale_D, 1.0)
    return mean_D, scale_D, (states - mean_D) / scale_D


def affine(from_ND: Any, to_NE: Any, *, ridge: float = 0.0) -> tuple[Array, Array]:
    """(map (D, E), shift (E,)) of least squares with bias, in fp64 on centred data.

    ridge: added to the diagonal of X'X. Where none is given and there are fewer than 10 D rows, it is a hundredth of
    the mean eigenvalue of X'X: least squares adds D / (N - D - 1) of what it cannot explain as noise (a ninth at 10 D
    rows, without a bound near D), and below D rows it has no single answer.
    """
    x, y = np.asarray(from_ND, dtype=np.float64), np.asarray(to_NE, dtype=np.float64)
    xm, ym = x.mean(0), y.mean(0)
    xc, yc = x - xm, y - ym
    n, d = xc.shape
    if ridge == 0.0 and n < 10 * d:
        ridge = 1e-2 * float((xc**2).sum()) / d
    if ridge:
        map_DE = np.linalg.solve(xc.T @ xc + ridge * np.eye(d), xc.T @ yc)
    else:
        map_DE = np.linalg.lstsq(xc, yc, rcond=None)[0]
    return map_DE, ym - xm @ map_DE


def prepared(states_ND: Any, how: str, mean_D: Any = 0.0, scale_D: Any = 1.0) -> Any:
    """States as a decoder is given them: raw, unit (their directions) or standard (less the mean, in units of scale,
    and then their directions). Directions have the length sqrt(D); a zero stays zero."""
    states = np.asarray(states_ND, dtype=np.float32)
    if how == "raw":
        return states
    if how == "standard":
        states = ((states - mean_D) / scale_D).astype(np.float32)
    norms = np.linalg.norm(states, axis=-1, keepdims=True)
    return np.where(norms > 0, states / np.maximum(norms, 1e-12) * np.sqrt(states.shape[-1]), 0.0).astype(np.float32)


def mapped(states_ND: Any, tensors: Mapping[str, Any], place: str) -> Any:
    """What is written for prepared states at a place, of numpy arrays or of tensors alike: `map.PLACE` (D, D) or
    `scale.PLACE` (D,) times the state, and `bias.PLACE` (D,); a bias alone takes the place of the state. Without any
    of them it is the state."""
    matrix, scale, bias = (tensors.get(f"{name}.{place}") for name in ("map", "scale", "bias"))
    if matrix is not None:
        out = states_ND @ matrix
    elif scale is not None:
        out = states_ND * scale
    else:
        out = states_ND if bias is None else 0.0 * states_ND
    return out if bias is None else out + bias
