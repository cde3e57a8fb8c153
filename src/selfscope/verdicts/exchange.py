"""What another state tells of the rivals: how much of what they leave unexplained is public, and a split without them.

A rival that misses part of what the text tells leaves it in the truth, where it is taken for private. Where the state
was changed the same item has two truths that share all that is public and nothing that is private: their product is
the public part of the truth, whatever the rivals can express. A change that replaces only part of the state leaves
more in common, so that less is called private, never more.

Axes as in `shares`: n items, K options, G clusters, q columns that are taken out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import hypot, inf, isfinite

import numpy as np

from selfscope.statistics import Array, Estimate, by_cluster, estimate, jackknife_se, t_quantile
from selfscope.verdicts.items import Items

ENOUGH = 10
"""Clusters with a changed state from which anything is computed."""
CLEAR = 0.8
"""Below this part of its square the squared error bound of a denominator leaves Fieller's interval finite and sane."""


@dataclass(frozen=True)
class Exchange:
    """missed: part of what the rivals leave of the truth that another state shares. The others: the split without
    rivals; whole is private and public together. clusters: with a changed state."""

    missed: Estimate
    private: Estimate
    whole: Estimate
    format: Estimate
    unmoved: Estimate
    public: Estimate
    clusters: int


def exchange(items: Items, level: float = 0.95) -> Exchange | None:
    """The split from two truths of an item. None where the state was changed in too few clusters."""
    if items.changed is None:
        return None
    count = len(np.unique(items.cluster[items.changed]))
    if count < ENOUGH:
        return None
    form = items.direction[..., None]
    plain = np.concatenate([form, items.dummies], axis=2)
    rivals = np.concatenate([plain, items.history[..., None], items.g1[..., None], items.g2[..., None]], axis=2)
    total, drop = _everywhere(items, plain)
    missed, missed_drop = (_ratio(v[..., 3], v[..., 1]) for v in _everywhere(items, rivals))
    theta, left = _split(total), _split(drop)

    def of(number: Array, leave_one_out: Array) -> Estimate:
        value = float(number)
        se = float(jackknife_se(leave_one_out)) if np.isfinite(leave_one_out).all() and isfinite(value) else inf
        return estimate(value if isfinite(se) else 0.0, se, count, len(items.report), level)

    private, whole, direction, public = (of(theta[i], left[:, i]) for i in range(4))
    whole = fieller(whole, total[2:4], drop[:, 2:4])
    unmoved = _difference(_difference(_constant(whole, 1.0), whole), direction)
    return Exchange(of(missed, missed_drop), private, whole, direction, unmoved, public, count)


def _split(moments: Array) -> Array:
    """(..., 4) private, whole, format, public from (..., 6) moments of `_everywhere`. The truth as its own instrument
    sees private and public, the truth in another state sees public alone."""
    rx, xx, rc, xc, e_r, e_x = (moments[..., i] for i in range(6))
    private, whole = _ratio(rx - rc, xx - xc), _ratio(rc, xc)
    return np.stack([private, whole, e_r - whole * e_x, whole - private], axis=-1)


def _ratio(top: Array, below: Array) -> Array:
    """nan where there is nothing to divide by: a change that changed nothing tells private and public apart nowhere."""
    clear = np.abs(below) > 1e-9
    return np.where(clear, top / np.where(clear, below, 1.0), np.nan)


def fieller(plain: Estimate, parts: Array, leave_one_out: Array) -> Estimate:
    """The interval of a ratio that allows for the noise of its denominator (Fieller 1954): where that comes out large,
    ratio and standard error are both too small. parts: (2,) numerator and denominator; leave_one_out: (G, 2). A
    denominator that may well be 0 has no such interval; then the plain one, which is wide, stays."""
    top, below = parts
    g = len(leave_one_out)
    away = leave_one_out - leave_one_out.mean(0)
    v = (g - 1) / g * away.T @ away * t_quantile(0.5 + plain.level / 2, plain.clusters - 1) ** 2
    a, b, c = below**2 - v[1, 1], top * below - v[0, 1], top**2 - v[0, 0]
    if v[1, 1] > CLEAR * below**2 or b * b < a * c:
        return plain
    root = float(np.sqrt(b * b - a * c))
    return replace(plain, low=float((b - root) / a), high=float((b + root) / a))


def _everywhere(items: Items, columns: Array) -> tuple[Array, Array]:
    """(6,) and, without each cluster, (G, 6): report x truth, truth x truth over all items, report x changed truth,
    truth x changed truth over those whose state was changed, all per item and with the columns (n, K, q) taken out;
    and the coefficients of the first column on report and truth."""
    assert items.changed is not None
    assert items.xa_changed is not None
    assert items.xb_changed is not None
    some = items.changed.astype(float)
    both = np.stack([items.x, (items.xa_changed + items.xb_changed) / 2, items.report], axis=2)

    def crossed(a: Array, b: Array, weights: Array) -> Array:
        return by_cluster(np.einsum("nkp,nkq,n->npq", a, b, weights), items.cluster)

    ones = np.ones(len(some))
    parts = (
        crossed(columns, columns, ones), crossed(columns, both[..., ::2], ones),
        by_cluster(np.stack([(items.report * items.x).sum(1), (items.xa * items.xb).sum(1), ones, some], axis=1),
                   items.cluster),
        crossed(columns, both, some), crossed(both, both, some), crossed(columns, columns, some),
    )  # fmt: skip
    sums = tuple(p.sum(0) for p in parts)
    return _moments(sums), _moments(tuple(s - p for s, p in zip(sums, parts, strict=True)))


def _moments(sums: tuple[Array, ...]) -> Array:
    """(..., 6) from sums over clusters; see `_everywhere`. The ridge is felt by columns alone that are nowhere."""
    cc, cv, scalars, c_some, v_some, cc_some = sums
    q = cc.shape[-1]
    size = np.trace(cc, axis1=-2, axis2=-1)[..., None, None] / q
    taken = np.linalg.solve(cc + (1e-9 * size + 1e-300) * np.eye(q), cv)  # (..., q, 2): of truth, of report
    of_x, of_r = taken[..., 0], taken[..., 1]
    rx, xx, n, m = (scalars[..., i] for i in range(4))
    rx = (rx - _dot(of_x, cv[..., 1])) / n
    xx = (xx - _dot(of_x, cv[..., 0])) / n

    def left(i: int, mine: Array, other: Array) -> Array:
        """Product of truth (0) or report (2) with the changed truth, both without the columns."""
        raw = v_some[..., i, 1] - _dot(mine, c_some[..., 1]) - _dot(other, c_some[..., i])
        return (raw + _dot(mine, (cc_some @ other[..., None])[..., 0])) / m

    return np.stack([rx, xx, left(2, of_r, of_x), left(0, of_x, of_x), of_r[..., 0], of_x[..., 0]], axis=-1)


def _dot(a: Array, b: Array) -> Array:
    return np.asarray((a * b).sum(-1))


def widened(by_rivals: dict[str, Estimate], found: Exchange) -> dict[str, Estimate]:
    """The estimates by the names of shares where the rivals may have missed something.

    private lies no higher than beside the rivals, for what they miss can only add to it, and no lower than if all that
    they miss were followed in full; a share is not below 0. public is what the whole leaves beside it. What is public
    and missed may be habit as well as input.
    """
    if not isfinite(found.whole.se):
        return by_rivals
    private = _between(by_rivals["private"], found)
    public = _difference(found.whole, private)
    public = replace(public, high=max(public.high, found.public.high if isfinite(found.public.se) else public.high))
    more = (public.value - by_rivals["habit"].value - by_rivals["input"].value) / 2
    habit, text = (_lifted(by_rivals[k], more, min(1.0, public.high)) for k in ("habit", "input"))
    return {
        "private": private, "habit": habit, "input": text, "format": found.format, "unmoved": found.unmoved,
        "public": public,
    }  # fmt: skip


def _lifted(seen: Estimate, more: float, most: float) -> Estimate:
    """With half of the public that the rivals did not find, and with room for all of it."""
    value = seen.value + more
    return replace(seen, value=value, low=min(seen.low, value), high=max(seen.high, value, most))


def _between(seen: Estimate, found: Exchange) -> Estimate:
    missed = min(max(found.missed.high, 0.0), 1.0)
    least = max(0.0, (seen.low - missed) / (1 - missed)) if missed < 1 else 0.0
    low = max(min(seen.low, least), found.private.low)
    high = max(min(seen.high, found.private.high), low)
    value = min(max(found.private.value, low), high)
    half = t_quantile(0.5 + seen.level / 2, seen.clusters - 1)
    return replace(seen, value=value, low=low, high=high, se=(high - low) / (2 * half))


def _difference(whole: Estimate, part: Estimate) -> Estimate:
    """The interval of a difference from those of its two sides (Zou and Donner 2008)."""
    value = whole.value - part.value
    low = value - hypot(whole.value - whole.low, part.high - part.value)
    high = value + hypot(whole.high - whole.value, part.value - part.low)
    return replace(whole, value=value, low=low, high=high, se=hypot(whole.se, part.se), p=None)


def _constant(like: Estimate, value: float) -> Estimate:
    return replace(like, value=value, low=value, high=value, se=0.0, p=None)
