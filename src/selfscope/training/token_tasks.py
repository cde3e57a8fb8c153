"""Which tokens stand at, before or after a position: tasks made of token ids alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from selfscope.errors import BadInput


@dataclass(frozen=True)
class TokenTask:
    """One question about the state at a position.

    Attributes
    ----------
    row : int
        Which of the rows, from 0.
    position : int
        Whose state is read, from 0.
    targets : tuple of int
        (k,) the token ids to be named, left to right.
    distractors : tuple of tuple of int
        Other runs of k token ids, each once: those of the same row first that share no place with the targets, the
        nearest before the others, so that the text alone does not tell; then those of later rows, beginning again at
        the first.
    start : int
        Where the targets begin in the row.
    """

    row: int
    position: int
    targets: tuple[int, ...]
    distractors: tuple[tuple[int, ...], ...]
    start: int


def own_tokens(
    rows: Sequence[Sequence[int]], k: int = 1, *, skip: Collection[int] = (), pool: int = 8
) -> list[TokenTask]:
    """The k tokens that end at a position, itself the last.

    Parameters
    ----------
    rows
        Token ids of texts, without padding.
    k
        Length of the window.
    skip
        Ids that are never named (the special ones). A window that holds one makes no task.
    pool
        How many distractors at most.

    Returns
    -------
    list of TokenTask
        Of every position that has the window, row after row.

    Raises
    ------
    BadInput
        A window without a token, or ids that are no whole numbers from 0.
    """
    return _tasks(rows, (1 - k, 1), k, skip, pool)


def previous_tokens(
    rows: Sequence[Sequence[int]], k: int = 1, *, skip: Collection[int] = (), pool: int = 8
) -> list[TokenTask]:
    """The k tokens before a position.

    Parameters
    ----------
    rows, k, skip, pool
        As for `own_tokens`.

    Returns
    -------
    list of TokenTask
        Of every position that has the window, row after row.

    Raises
    ------
    BadInput
        As `own_tokens` does.
    """
    return _tasks(rows, (-k, 0), k, skip, pool)


def next_tokens(
    rows: Sequence[Sequence[int]], k: int = 1, *, skip: Collection[int] = (), pool: int = 8
) -> list[TokenTask]:
    """The k tokens after a position.

    Parameters
    ----------
    rows, k, skip, pool
        As for `own_tokens`.

    Returns
    -------
    list of TokenTask
        Of every position that has the window, row after row.

    Raises
    ------
    BadInput
        As `own_tokens` does.
    """
    return _tasks(rows, (1, k + 1), k, skip, pool)


def _tasks(
    rows: Sequence[Sequence[int]], window: tuple[int, int], k: int, skip: Collection[int], pool: int
) -> list[TokenTask]:
    """window: first position and the one behind the last, counted from the position that is read."""
    if k < 1:
        raise BadInput(f"a window has one token or more, not {k}")
    for number, row in enumerate(rows):
        if any(not isinstance(i, int) or isinstance(i, bool) or i < 0 for i in row):
            raise BadInput(f"row {number} holds what is no token id: ids are whole numbers from 0")
    left_out = frozenset(skip)
    out = []
    for number, row in enumerate(rows):
        later = (run for other in (*rows[number + 1 :], *rows[:number]) for run in _runs(other, k))
        far = list(islice(dict.fromkeys(run for run in later if left_out.isdisjoint(run)), pool + 1))
        for position in range(len(row)):
            start, end = position + window[0], position + window[1]
            if start < 0 or end > len(row):
                continue
            targets = tuple(row[start:end])
            if left_out.isdisjoint((row[position], *targets)):
                near = (run for run in _outwards(row, start, k) if left_out.isdisjoint(run))
                others = dict.fromkeys(run for run in chain(near, far) if run != targets)
                out.append(TokenTask(number, position, targets, tuple(islice(others, pool)), start))
    return out


def _runs(row: Sequence[int], k: int) -> Iterator[tuple[int, ...]]:
    """Runs of k ids, one behind the other."""
    return (tuple(row[at : at + k]) for at in range(0, len(row) - k + 1, k))


def _outwards(row: Sequence[int], start: int, k: int) -> Iterator[tuple[int, ...]]:
    """The runs of k ids around one, the nearest first, to the left before to the right; they share no place with it."""
    for distance in range(k, len(row)):
        for at in (start - distance, start + distance):
            if 0 <= at <= len(row) - k:
                yield tuple(row[at : at + k])
