"""Readers that let a model act: each reply as long as its phenomenon says, equal prompts once, costs of all draws."""

from __future__ import annotations

from typing import Any

from selfscope.readers.replies import reading_of, replies_at
from selfscope.records import Cost, Message, Outcome, Prompt, Reply


class Echo:
    """Says how long it may be, and remembers what it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []

    def sample(self, prompts: Any, n: int, decoding: Any) -> list[list[Reply]]:
        self.calls.append((len(prompts), decoding.max_tokens))
        good = Reply(f"{decoding.max_tokens}", cost=Cost(calls=1))
        return [[good] * (n - 1) + [Reply("", finish="error", cost=Cost(calls=1))] for _ in prompts]


def test_each_length_is_a_call_and_equal_prompts_are_asked_once() -> None:
    one, two = (Prompt(messages=(Message("user", text),)) for text in ("one", "two"))
    model: Any = Echo()
    found = replies_at(model, [one, two, one, one], [4, 9, 4, 9], 3, 0)
    assert [texts for texts, _ in found] == [["4", "4"], ["9", "9"], ["4", "4"], ["9", "9"]]
    assert model.calls == [(1, 4), (2, 9)]
    assert all(cost.calls == 3 for _, cost in found)


def test_replies_that_say_nothing_are_an_error() -> None:
    replies = (["a", "b"], Cost(calls=2))
    assert reading_of(replies, None).outcome == Outcome.ERROR
    assert reading_of(replies, (0.5, 0.5)).text == "a\n---\nb"
