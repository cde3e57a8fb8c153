"""Local subjects: replies and their cost, and work that rows share without changing them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

import tiny_llama
from selfscope.records import Decoding, Prompt
from selfscope.subjects.decode import prefix_groups
from selfscope.subjects.gumbel_sampling import gumbels
from selfscope.subjects.local import Local
from selfscope.subjects.prefix_trees import ROW, grow, rows_of
from selfscope.subjects.rollout import compact_order
from tiny_llama import ASKED

folder = tiny_llama.folder
subject = tiny_llama.subject


def test_replies_end_at_the_end_of_a_turn_and_at_stop_strings(subject: Local) -> None:
    free = subject.sample([ASKED], 40, Decoding(30, 1.5, seed=2))[0]
    ended = [r for r in free if r.finish == "stop"]
    assert ended
    assert all(not set(r.ids or ()) & set(subject.engine.stop_ids) for r in free)
    assert all(len(r.ids or ()) == 30 for r in free if r.finish == "length")
    assert all("<|end|>" not in r.text and "</s>" not in r.text for r in free)
    stop = sorted({c for r in free for c in r.text if r.text.count(c) == 1 and 2 < r.text.index(c) < 20})[0]
    cut = subject.sample([ASKED], 40, Decoding(30, 1.5, seed=2, stop=(stop,)))[0]
    for long, short in zip(free, cut, strict=True):
        assert short.text == long.text.split(stop)[0]
        assert short.finish == ("stop" if stop in long.text else long.finish)
        assert (short.ids or ()) == (long.ids or ())[: len(short.ids or ())]


def test_greedy_replies_are_copies_and_costs_add_up(subject: Local) -> None:
    fresh = replace(subject)
    before = fresh.spent
    done: list[int] = []
    asked = [ASKED, ASKED, Prompt(text="The")]
    twice = fresh.sample(asked, 3, Decoding(5, 0), lambda i, replies: done.append(len(replies)))
    assert [len(many) for many in twice] == [3, 3, 3] == done
    assert len({(r.text, r.ids) for r in twice[0] + twice[1]}) == 1
    length = len(fresh.encode(ASKED))
    assert fresh.spent.calls - before.calls == 3
    assert fresh.spent.prompt_tokens - before.prompt_tokens == length + len(fresh.encode(Prompt(text="The")))
    assert [sum(r.cost.prompt_tokens for r in many) for many in twice[:2]] == [length, 0]
    assert twice[0][0].cost.seconds > 0
    assert len(twice[0][0].logprobs or ()) == len(twice[0][0].ids or ())


def test_rows_that_go_on_move_as_little_as_possible() -> None:
    assert compact_order([0, 1, 2]) == [0, 1, 2]
    assert compact_order([0, 2, 5, 6]) == [0, 5, 2, 6]
    assert compact_order([5]) == [5]


def test_common_beginnings_are_computed_once() -> None:
    trunk = tuple(range(20, 40))
    prompts = [trunk + (1, 2), trunk + (1, 3), trunk + (1, 2), (7, 8, 9)]
    trees = grow(prompts, [[(4, 5), (4, 6)], [(4,)], [(4, 5)], [(1, 2, 3)]], 0, range(4))
    assert sorted(len(t.ids) for t in trees) == [5, 24]
    assert [len(t.ids) for t in rows_of(trees)] == [29], "short trees stand in one row"
    [rooted] = grow(prompts[:2], [[], []], 20, range(2))
    assert (rooted.ids, rooted.parent) == ([1, 2, 3], [-1, 0, 0])


def test_trees_are_cut_where_it_costs_least() -> None:
    # Six prompts with a long trunk between prompts that share ten tokens: a trunk is never cut in two.
    start, trunk = tuple(range(20, 30)), tuple(range(40, 40 + ROW // 2))
    prompts = [(*start, i, *range(60, 120)) for i in range(3)] + [(*start, *trunk, 200 + i) for i in range(6)]
    trees = grow(prompts, [()] * len(prompts), 0, range(len(prompts)))
    whole = [t for t in trees if any(i >= 3 for i in t.ends)]
    assert len(whole) == 1
    assert set(range(3, 9)) <= set(whole[0].ends)
    assert all(len(t.ids) <= ROW for t in trees)
    assert sorted(i for t in trees for i in t.ends) == list(range(9))


def forest() -> list[tuple[int, ...]]:
    """Three families of 20 rows behind a common beginning of 10 tokens, and three rows that go on alone."""
    start = tuple(range(10, 20))
    rows = [(*start, *range(30 + 40 * f, 60 + 40 * f), 200 + i, 7 + f) for i in range(20) for f in range(3)]
    return [*rows, (*start, 3, 4), (*start, 3, 5, 6), (*start, 9)]


def test_families_hold_every_row_once_and_share_their_beginning() -> None:
    rows = forest()
    found = prefix_groups(rows)
    assert sorted(i for _, members in found for i in members) == list(range(len(rows)))
    assert sorted((cut, len(members)) for cut, members in found) == [(10, 3), (40, 20), (40, 20), (40, 20)]
    for cut, members in found:
        assert len({rows[i][:cut] for i in members}) == 1
        assert all(len(rows[i]) > cut for i in members), "every row keeps a token of its own"
    assert prefix_groups([]) == []
    assert prefix_groups([(5, 6)]) == [(0, [0])]
    assert prefix_groups([(5, 6)] * 40) == [(0, list(range(40)))], "too short to be worth it"
    same = [tuple(range(60))] * 40
    assert prefix_groups(same) == [(59, list(range(40)))]


def test_families_change_no_score_and_no_draw(subject: Local) -> None:
    rows = forest()
    prompts = [Prompt(ids=row) for row in rows]
    words = [(" red", " seven or eleven")] * len(rows)
    together, drawn = subject.score(prompts, words), subject.sample(prompts, 2, Decoding(4, 1.0, 5))
    for i in (0, 1, 25, 59, 60, 62):
        [alone] = subject.score([prompts[i]], [words[i]])
        assert [x for many in alone for x in many] == pytest.approx([x for many in together[i] for x in many], abs=1e-4)
        [again] = subject.sample([prompts[i]], 2, Decoding(4, 1.0, 5))
        assert [r.ids for r in again] == [r.ids for r in drawn[i]]


def test_noise_is_keyed_and_gumbel() -> None:
    drawn = gumbels([3, 4], 20_000)
    assert (gumbels([4], 20_000)[0] == drawn[1]).all()
    assert (gumbels([3], 10)[0] == drawn[0, :10]).all()
    assert drawn.mean() == pytest.approx(0.5772, abs=0.03)
    assert drawn.var() == pytest.approx(math.pi**2 / 6, abs=0.06)
    assert abs(float((drawn[0] * drawn[1]).mean()) - float(drawn[0].mean() * drawn[1].mean())) < 0.05
