"""Token tasks: the right ids at the right place, and wrong ones that are wrong."""

from __future__ import annotations

import numpy as np
import pytest

from selfscope.errors import BadInput
from selfscope.training.token_tasks import TokenTask, next_tokens, own_tokens, previous_tokens

ROWS = [[0, 11, 12, 13, 11, 15], [0, 21, 22, 12]]
MAKERS = {"own": own_tokens, "previous": previous_tokens, "next": next_tokens}


def named(tasks: list[TokenTask]) -> list[tuple[int, int, tuple[int, ...]]]:
    return [(task.row, task.position, task.targets) for task in tasks]


def test_one_token() -> None:
    assert named(own_tokens(ROWS[1:])) == [(0, 0, (0,)), (0, 1, (21,)), (0, 2, (22,)), (0, 3, (12,))]
    assert named(previous_tokens(ROWS[1:])) == [(0, 1, (0,)), (0, 2, (21,)), (0, 3, (22,))]
    assert named(next_tokens(ROWS[1:])) == [(0, 0, (21,)), (0, 1, (22,)), (0, 2, (12,))]


def test_windows_are_read_from_left_to_right() -> None:
    assert named(own_tokens(ROWS, 3))[-2:] == [(1, 2, (0, 21, 22)), (1, 3, (21, 22, 12))]
    assert named(previous_tokens(ROWS, 2))[-2:] == [(1, 2, (0, 21)), (1, 3, (21, 22))]
    assert named(next_tokens(ROWS, 2))[-2:] == [(1, 0, (21, 22)), (1, 1, (22, 12))]
    assert [len(make(ROWS, 9)) for make in MAKERS.values()] == [0, 0, 0]


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("k", [1, 2, 4])
def test_windows_are_where_they_should_be_on_any_rows(kind: str, k: int) -> None:
    rng = np.random.default_rng(0)
    rows = [[int(i) for i in rng.integers(0, 40, rng.integers(0, 12))] for _ in range(30)]
    tasks = MAKERS[kind](rows, k, skip=(3, 5))
    first = {"own": 1 - k, "previous": -k, "next": 1}[kind]
    wanted = [
        (r, p, tuple(row[p + first : p + first + k]))
        for r, row in enumerate(rows)
        for p in range(len(row))
        if p + first >= 0 and p + first + k <= len(row) and not {3, 5} & {row[p], *row[p + first : p + first + k]}
    ]
    assert named(tasks) == wanted
    assert wanted
    for task in tasks:
        assert not any({3, 5} & set(run) or run == task.targets or len(run) != k for run in task.distractors)
        assert task.targets == tuple(rows[task.row][task.start : task.start + k])
        assert len(set(task.distractors)) == len(task.distractors) == 8


def test_distractors_are_near_ones_first_then_those_of_other_rows() -> None:
    made = own_tokens(ROWS, skip=(0,), pool=5)
    by_position = {(t.row, t.position): tuple(i for (i,) in t.distractors) for t in made}
    assert by_position[0, 3] == (12, 11, 15, 21, 22)
    assert by_position[0, 1] == (12, 13, 15, 21, 22)
    assert by_position[1, 1] == (22, 12, 11, 13, 15)
    assert [t.distractors for t in own_tokens([[7, 7]])] == [(), ()]


def test_distractors_are_as_long_as_the_targets_and_share_no_place_with_them() -> None:
    row = list(range(10, 19))
    by_position = {(t.row, t.position): t.distractors for t in next_tokens([row, [30, 31, 32, 33, 34]], 2, pool=6)}
    assert by_position[0, 2] == ((11, 12), (15, 16), (10, 11), (16, 17), (17, 18), (30, 31))


def test_what_is_no_token_id_is_refused() -> None:
    for bad in ([1, -1], [1, True], [1.0]):
        with pytest.raises(BadInput, match="row 1 holds what is no token id"):
            own_tokens([[1], bad])  # type: ignore[list-item]
    with pytest.raises(BadInput, match="one token or more, not 0"):
        next_tokens(ROWS, 0)
