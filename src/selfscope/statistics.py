"""Numbers -> Estimate. Knows nothing of models, trials or rows.

The unit of inference is the cluster: items of a cluster share a prompt, a source or a document. Clusters are given
as integers (n,) in 0..G-1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


ROUNDING = 1e-9
"""Standard errors up to here are what is left of sums: there is no spread."""


@dataclass(frozen=True)
class Estimate:
    """A number with its interval. level: two-sided coverage; clusters: independent units; p: two-sided where tested."""

    value: float
    low: float
    high: float
    se: float = 0.0
    level: float = 0.95
    clusters: int = 0
    items: int = 0
    p: float | None = None

    def at(self, level: float) -> Estimate:
        """The same estimate with an interval of another level (t with clusters - 1 degrees of freedom)."""
        half = t_quantile(0.5 + level / 2, self.clusters - 1) * self.se
        return replace(self, low=self.value - half, high=self.value + half, level=level)


def exponentials(logs: Sequence[float]) -> list[float]:
    """exp(x - max) of log-probabilities or other logits (nats), (K,): they keep their ratios and cannot overflow."""
    top = max(logs)
    return [math.exp(x - top) for x in logs]


def softmax(logs: Sequence[float]) -> tuple[float, ...]:
    """The distribution (K,) whose log-probabilities these are (nats), up to a constant.

    It stands here and not in `scoring`, since readers and phenomena both need it: this is what both may import that
    knows numbers alone. The sum is exact (`math.fsum`), so that no order of the candidates changes a share.
    """
    weights = exponentials(logs)
    total = math.fsum(weights)
    return tuple(w / total for w in weights)


def t_quantile(p: float, df: int) -> float:
    """Quantile of Student's t; df below 1 is taken as 1."""
    from scipy.special import stdtrit

    return float(stdtrit(max(df, 1), p))


def t_tail(t: float, df: int) -> float:
    """P(T > t) for Student's t."""
    from scipy.special import stdtr

    return float(stdtr(max(df, 1), -t))


def estimate(value: float, se: float, clusters: int, items: int, level: float = 0.95) -> Estimate:
    """t interval with clusters - 1 degrees of freedom, and the two-sided p of value = 0."""
    half = t_quantile(0.5 + level / 2, clusters - 1) * se
    p = 2 * t_tail(abs(value) / se, clusters - 1) if se > 0 else None
    return Estimate(float(value), float(value - half), float(value + half), float(se), level, clusters, items, p)


def by_cluster(values: Array, clusters: Ints) -> Array:
    """Sums of values (n, ...) over each cluster, (G, ...)."""
    order = np.argsort(clusters, kind="stable")
    present, starts = np.unique(clusters[order], return_index=True)
    out = np.zeros((int(clusters.max()) + 1, *values.shape[1:]))
    out[present] = np.add.reduceat(values[order], starts, axis=0)
    return out


def jackknife_se(leave_one_out: Array) -> Array:
    """Standard error from delete-one-cluster values (G, ...)."""
    g = len(leave_one_out)
    return np.asarray(np.sqrt((g - 1) / g * ((leave_one_out - leave_one_out.mean(0)) ** 2).sum(0)))


def ratio(numerator: Array, denominator: Array, clusters: Ints, level: float = 0.95) -> Estimate:
    """Sum of numerator (n,) over sum of denominator (n,), cluster jackknife. Raises ValueError where it vanishes."""
    num, den = by_cluster(numerator, clusters), by_cluster(denominator, clusters)
    total = den.sum()
    left = total - den
    if abs(total) < 1e-12 or np.any(np.abs(left) < 1e-12):
        raise ValueError("the denominator of a ratio vanishes")
    drop = (num.sum() - num) / left
    return estimate(num.sum() / total, float(jackknife_se(drop)), len(num), len(numerator), level)


def mean(values: Array, clusters: Ints, level: float = 0.95) -> Estimate:
    """Mean over items with a cluster-jackknife t interval. One cluster: no interval (-inf, inf)."""
    if int(clusters.max()) == 0:
        return Estimate(float(values.mean()), -math.inf, math.inf, math.inf, level, 1, len(values))
    return ratio(values, np.ones(len(values)), clusters, level)


def proportion(happened: Array, clusters: Ints, level: float = 0.95) -> Estimate:
    """Part of the items (n,) that have something (0 or 1), with Wilson's interval of as many items as their clusters
    are worth: where all items agree that is one a cluster, so that no interval is a point."""
    n, groups = len(happened), int(clusters.max()) + 1
    p = float(happened.mean())
    spread = ratio(happened, np.ones(n), clusters, level).se if groups > 1 else 0.0
    worth = groups if spread <= ROUNDING else min(float(n), max(p * (1 - p) / spread**2, 1.0))
    low, high = wilson(p * worth, worth, level)
    return Estimate(p, min(low, p), max(high, p), spread, level, groups, n)


def within(x: Estimate, low: float, high: float) -> Estimate:
    """The estimate with its interval in the range that the value can have."""
    return replace(x, low=max(low, x.low), high=min(high, x.high))


def bootstrap(
    statistic: Callable[[Array], float], clusters: int, *, draws: int = 2000, seed: int = 0, level: float = 0.95
) -> Estimate:
    """Percentile interval over resampled clusters; statistic(weights (G,)) with multinomial weights of the clusters."""
    rng = np.random.default_rng([seed, clusters, draws])
    weights = rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=draws).astype(float)
    values = np.array([statistic(w) for w in weights])
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(
        statistic(np.ones(clusters)), float(low), float(high), float(values.std(ddof=1)), level, clusters
    )  # fmt: skip


def sign_flip(values: Array, clusters: Ints, *, draws: int = 10_000, seed: int = 0) -> float:
    """Two-sided p of paired differences being symmetric about 0: cluster means change sign together, exactly up to
    20 clusters, otherwise `draws` random sign patterns with the +1 correction."""
    sums = by_cluster(values, clusters)
    g = len(sums)
    observed = abs(sums.sum()) - 1e-12
    if g <= 20:
        bits = (np.arange(1 << g)[:, None] >> np.arange(g)) & 1
        return float((np.abs((1 - 2 * bits) @ sums) >= observed).mean())
    signs = np.random.default_rng([seed, g, draws]).integers(0, 2, size=(draws, g)) * 2 - 1
    return float((1 + (np.abs(signs @ sums) >= observed).sum()) / (draws + 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values, family-wise error (Holm 1979), in the order given."""
    m = len(p_values)
    order = sorted(range(m), key=lambda i: p_values[i])
    out, running = [0.0] * m, 0.0
    for rank, i in enumerate(order):
        running = max(running, min(1.0, (m - rank) * p_values[i]))
        out[i] = running
    return out


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values, false discovery rate (Benjamini and Hochberg 1995), in the order given."""
    m = len(p_values)
    order = sorted(range(m), key=lambda i: p_values[i], reverse=True)
    out, running = [0.0] * m, 1.0
    for place, i in enumerate(order):
        running = min(running, p_values[i] * m / (m - place))
        out[i] = running
    return out


def below(value: Estimate, margin: float) -> bool:
    """Equivalence by two one-sided tests, the upper one: the 90 % interval of a 95 % level lies below the margin."""
    return value.at(2 * value.level - 1).high < margin if math.isfinite(value.se) else False


def minimum_detectable(se: float, clusters: int, power: float = 0.80, level: float = 0.95) -> float:
    """The effect that a test at this level finds with this power, given its standard error."""
    df = clusters - 1
    return (t_quantile(0.5 + level / 2, df) + t_quantile(power, df)) * se


def auroc(scores: Array, positive: npt.NDArray[np.bool_]) -> float:
    """P(score of a positive > score of a negative), ties half. Raises ValueError when one class is empty."""
    from scipy.stats import rankdata

    n1, n0 = int(positive.sum()), int((~positive).sum())
    if n1 == 0 or n0 == 0:
        raise ValueError("an AUROC needs positives and negatives")
    ranks = rankdata(scores)
    return float((ranks[positive].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


def placed(value: float, others: Array) -> float:
    """Two-sided p of a value by its size among those of a null (n,), with the +1 correction."""
    return float((1 + (np.abs(others) >= abs(value) - 1e-12).sum()) / (len(others) + 1))


@dataclass(frozen=True)
class BrierParts:
    """Murphy 1973: brier = reliability - resolution + uncertainty, up to the spread of forecasts within bins."""

    brier: float
    reliability: float
    resolution: float
    uncertainty: float


def brier_parts(forecast: Array, happened: Array, bins: int = 10) -> BrierParts:
    """Parts of the Brier score over equal-count bins of the forecast; happened may be a rate."""
    reliability = resolution = 0.0
    base = float(happened.mean())
    for rows in equal_bins(forecast, bins):
        weight = len(rows) / len(forecast)
        level, rate = float(forecast[rows].mean()), float(happened[rows].mean())
        reliability += weight * (level - rate) ** 2
        resolution += weight * (rate - base) ** 2
    return BrierParts(float(((forecast - happened) ** 2).mean()), reliability, resolution, base * (1 - base))


def equal_bins(values: Array, bins: int) -> list[Ints]:
    """Row numbers by increasing value in at most `bins` groups of nearly equal size."""
    order = np.argsort(values, kind="stable")
    return [part for part in np.array_split(order, min(bins, len(values))) if len(part)]


def calibration_error(forecast: Array, happened: Array, bins: int = 10) -> float:
    """ECE over equal-count bins. Never publish it without `calibration_null`."""
    return float(
        sum(
            len(r) / len(forecast) * abs(forecast[r].mean() - happened[r].mean()) for r in equal_bins(forecast, bins)
        )
    )


def calibration_null(forecast: Array, *, bins: int = 10, draws: int = 500, seed: int = 0) -> tuple[float, float]:
    """95 % band of the ECE of a perfectly calibrated forecaster with these forecasts."""
    rng = np.random.default_rng([seed, len(forecast), draws])
    values = [
        calibration_error(forecast, (rng.random(len(forecast)) < forecast).astype(float), bins) for _ in range(draws)
    ]
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def calibration_line(forecast: Array, happened: Array) -> tuple[float, float]:
    """(intercept, slope) of happened on logit(forecast) by logistic regression with soft labels; slope 1 and
    intercept 0 are calibration."""
    p = np.clip(forecast, 1e-4, 1 - 1e-4)
    x = np.stack([np.ones_like(p), np.log(p / (1 - p))], axis=1)
    beta = np.array([0.0, 1.0])
    for _ in range(50):
        q = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        hessian = (x * (q * (1 - q) + 1e-9)[:, None]).T @ x + 1e-6 * np.eye(2)
        step = np.linalg.solve(hessian, x.T @ (happened - q))
        beta = beta + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    return float(beta[0]), float(beta[1])


def spearman(x: Array, y: Array) -> float:
    """Rank correlation; 0 when either is constant."""
    from scipy.stats import rankdata

    a, b = rankdata(x), rankdata(y)
    a, b = a - a.mean(), b - b.mean()
    size = math.sqrt(float((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / size) if size > 0 else 0.0


def normal_quantile(p: float) -> float:
    """Quantile of the standard normal distribution."""
    from scipy.special import ndtri

    return float(ndtri(p))


def wilson(successes: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a proportion; (0, 1) for n = 0."""
    if n == 0:
        return 0.0, 1.0
    z = normal_quantile(0.5 + level / 2)
    p = successes / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)
