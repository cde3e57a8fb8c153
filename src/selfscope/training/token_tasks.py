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
    distractors : tuple of int
        Other token ids, each once: those of the same row first, the nearest to the targets before the others, so that
        the text alone does not tell; then those of later rows, beginning again at the first.
    """

    row: int
    position: int
    targets: tuple[int, ...]
    distractors: tuple[int, ...]


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
        later = (i for other in (*rows[number + 1 :], *rows[:number]) for i in other)
        far = list(islice(dict.fromkeys(i for i in later if i not in left_out), pool + k))
        for position in range(len(row)):
            start, end = position + window[0], position + window[1]
            if start < 0 or end > len(row):
                continue
            targets = tuple(row[start:end])
            if left_out.isdisjoint((row[position], *targets)):
                near = (i for i in _outwards(row, start, end) if i not in left_out)
                others = dict.fromkeys(i for i in chain(near, far) if i not in targets)
                out.append(TokenTask(number, position, targets, tuple(islice(others, pool))))
    return out


def _outwards(row: Sequence[int], start: int, end: int) -> Iterator[int]:
    """The ids around a window, the nearest first, to the left before to the right."""
    for distance in range(1, len(row)):
        for at in (start - distance, end - 1 + distance):
            if 0 <= at < len(row):
                yield row[at]
