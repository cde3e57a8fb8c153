"""A ridge map from states to soft tokens, and the tokens that it gives for items which it was not fitted on.

N items, D width, E width of a token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from selfscope.errors import BadInput
from selfscope.training.draws import generator


@dataclass(frozen=True)
class CrossFit:
    """A map and what it gives out of fold.

    Attributes
    ----------
    map_DE, bias_E : array
        Fitted on all items: for states that come later.
    held_out_NE : array
        Of each item what a map gives that saw neither its message nor, for half of the items, its value.
    """

    map_DE: Any
    bias_E: Any
    held_out_NE: Any


def cross_fit(
    states_ND: Any,
    targets_NE: Any,
    messages: Sequence[str],
    values: Sequence[str],
    *,
    penalty: float = 0.1,
    folds: int = 5,
    length: float | None = None,
    seed: int = 0,
) -> CrossFit:
    """Fits the map, and one for every fold.

    Parameters
    ----------
    states_ND, targets_NE : array
        Prepared states, and what they should give.
    messages, values : sequence of str
        (N,) what is held out together.
    penalty : float
        Of the ridge, in mean eigenvalues of X'X.
    folds : int
        Of messages, and of values.
    length : float, optional
        Median length that what is added to the bias gets: one factor for the map, out of fold.
    seed : int
        Of the folds.

    Raises
    ------
    BadInput
        Less than two messages: nothing can be held out.
    """
    x, y = (np.asarray(a, dtype=np.float64) for a in (states_ND, targets_NE))
    bias_E = y.mean(0)
    y = y - bias_E
    of_message, of_value = (_folds(own, folds, seed, what) for own, what in ((messages, "m"), (values, "v")))
    if len(np.unique(of_message)) < 2:
        raise BadInput("a map that is fitted out of fold needs contexts of two messages or more")
    both = np.array([generator(seed, "half", k).random() < 0.5 for k in range(len(x))])
    cells = {(m, v): _products(x, y, (of_message == m) & (of_value == v)) for m, v in product(range(folds), repeat=2)}
    count = len(x)
    held_out = np.zeros_like(y)
    for m in range(folds):
        rows = (of_message == m) & ~both
        if rows.any():
            held_out[rows] = x[rows] @ _solved(cells, penalty, count, lambda cell, m=m: cell[0] != m)
        for v in range(folds):
            rows = (of_message == m) & (of_value == v) & both
            if rows.any():
                keep = lambda cell, m=m, v=v: cell[0] != m and cell[1] != v  # noqa: E731
                held_out[rows] = x[rows] @ _solved(cells, penalty, count, keep)
    map_DE = _solved(cells, penalty, count, lambda cell: True)
    factor = 1.0
    if length is not None:
        middle = float(np.median(np.linalg.norm(held_out, axis=1)))
        factor = length / middle if middle > 0 else 1.0
    return CrossFit(*(a.astype(np.float32) for a in (factor * map_DE, bias_E, factor * held_out + bias_E)))


def _folds(names: Sequence[str], folds: int, seed: int, what: str) -> Any:
    """(N,) fold of each; a name is in one fold, and folds hold as many names."""
    known = sorted(dict.fromkeys(names))
    order = generator(seed, "folds", what).permutation(len(known))
    fold = {name: int(place) % folds for name, place in zip(known, order, strict=True)}
    return np.array([fold[name] for name in names])


def _products(x: Any, y: Any, rows: Any) -> tuple[Any, Any]:
    own = x[rows]
    return own.T @ own, own.T @ y[rows]


def _solved(cells: Any, penalty: float, count: int, keep: Any) -> Any:
    inside = [products for cell, products in cells.items() if keep(cell)]
    xx, xy = sum(a for a, _ in inside), sum(b for _, b in inside)
    middle = float(np.trace(xx)) / len(xx) or float(count)
    return np.linalg.solve(xx + penalty * middle * np.eye(len(xx)), xy)
