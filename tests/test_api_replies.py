"""A model behind a chat server: what is sent, and how what comes back becomes replies."""

from __future__ import annotations

import time
from typing import Any

import pytest

import misbehaving_server
from misbehaving_server import Said, asked, echo, good, serving, subject
from selfscope.api.loading import load
from selfscope.errors import Unsupported
from selfscope.records import Decoding, Message, Prompt, Reply
from selfscope.subjects.base import Subject, reaches
from selfscope.subjects.chat_server import load_api

no_key = misbehaving_server.no_key


def test_it_is_a_chat_subject_of_the_text_tier_named_after_model_and_server() -> None:
    made = load("api:qwen/qwen3@http://localhost:8000/v1/")
    assert isinstance(made, Subject)
    assert (made.tier, made.chat, made.name) == ("text", True, "api:qwen/qwen3@http://localhost:8000/v1")
    assert not reaches(made, "logprobs")
    assert not hasattr(made, "score")
    same, other = load_api("qwen/qwen3", "http://localhost:8000/v1"), load_api("qwen", "http://localhost:8000/v1")
    assert made.identity == same.identity != other.identity


def test_replies_stand_in_order_with_one_seeded_request_a_draw() -> None:
    def late_first(body: dict[str, Any], seen: int) -> Said:
        time.sleep(0.1 if body["messages"][-1]["content"] == "p0" else 0.0)
        return echo(body, seen)

    prompts = asked(*(f"p{i}" for i in range(12)))
    done: list[tuple[int, list[Reply]]] = []
    with serving(late_first) as server:
        made = subject(server)
        got = made.sample(prompts, 3, Decoding(9, 0.7, 5, ("\n", "b", "c", "d", "e")), lambda i, r: done.append((i, r)))
        alone = subject(server).sample(prompts[5:6], 3, Decoding(9, 0.7, 5))
        other = subject(server).sample(prompts[5:6], 3, Decoding(9, 0.7, 6))
    assert [[r.text.split(" #")[0] for r in many] for many in got] == [[f"p{i}"] * 3 for i in range(12)]
    assert len({r.text for many in got for r in many}) == 36, "every draw has a seed of its own"
    assert alone[0] == [Reply(r.text, r.finish, cost=a.cost) for r, a in zip(got[5], alone[0], strict=True)]
    assert {r.text for r in other[0]}.isdisjoint({r.text for r in alone[0]})
    assert sorted(i for i, _ in done) == list(range(12))
    assert done[0][0] != 0, "prompts are told as they finish"
    assert all(got[i] == replies for i, replies in done)
    sent = server.bodies[0]
    assert (sent["model"], sent["max_tokens"], sent["temperature"], sent["stop"]) == (
        "m",
        9,
        0.7,
        ["\n", "b", "c", "d"],
    )
    assert made.spent.calls == 36
    assert (made.spent.prompt_tokens, made.spent.output_tokens) == (36 * 7, 36 * 3)
    assert 0.0 < made.spent.seconds < 5.0
    assert all(r.cost.calls == 1 and r.cost.seconds > 0 for r in got[0])


def test_greedy_is_asked_once_and_copied() -> None:
    with serving(echo) as server:
        made = subject(server)
        got = made.sample(asked("a", "b"), 4, Decoding(5, 0.0, 1))
    assert len(server.bodies) == 2
    assert [len(many) for many in got] == [4, 4]
    assert len({r.text for r in got[0]}) == 1
    assert sum(r.cost.calls for many in got for r in many) == 2 == made.spent.calls


def test_many_requests_are_in_flight_but_never_more_than_allowed() -> None:
    def slow(body: dict[str, Any], seen: int) -> Said:
        time.sleep(0.05)
        return echo(body, seen)

    with serving(slow) as server:
        start = time.perf_counter()
        subject(server, in_flight=6).sample(asked(*map(str, range(24))), 1, Decoding())
        took = time.perf_counter() - start
    assert 4 <= server.most <= 6
    assert took < 24 * 0.05


def test_what_the_model_says_becomes_a_reply() -> None:
    says = {
        "cut": good("one\ntwo"),
        "long": good("one two", "length"),
        "filtered": good("", "content_filter"),
        "refusal": good("", refusal="I cannot."),
        "null": (200, {"choices": [{"message": {"content": None}, "finish_reason": "stop"}]}, {}),
    }
    with serving(lambda body, seen: says[body["messages"][-1]["content"]]) as server:
        got = subject(server).sample(asked(*says), 1, Decoding(stop=("\n",)))
    assert [(r.text, r.finish) for (r,) in got] == [
        ("one", "stop"), ("one two", "length"), ("", "refused"), ("I cannot.", "refused"), ("", "stop"),
    ]  # fmt: skip
    assert (got[4][0].cost.prompt_tokens, got[4][0].cost.output_tokens) == (0, 0)


def test_a_prefix_is_a_last_assistant_message_and_cut_when_repeated() -> None:
    prompt = Prompt(messages=(Message("system", "s"), Message("user", "u")), prefix="It was")
    answers = iter(["It was red", " red"])
    with serving(lambda body, seen: good(next(answers))) as server:
        got = subject(server, in_flight=1).sample([prompt], 2, Decoding())
    assert [r.text for r in got[0]] == [" red", " red"]
    roles = [(m["role"], m["content"]) for m in server.bodies[0]["messages"]]
    assert roles == [("system", "s"), ("user", "u"), ("assistant", "It was")]


def test_only_messages_are_taken() -> None:
    with serving(echo) as server:
        for prompt in (
            Prompt(text="x"),
            Prompt(ids=(1,)),
            Prompt(messages=(Message("user", "u"),), interventions=(1,)),
        ):
            with pytest.raises(Unsupported, match=r"chat server|tier text; this needs the tier activations"):
                subject(server).sample([prompt], 1, Decoding())
        assert subject(server).sample([], 3, Decoding()) == []
        assert subject(server).sample(asked("a"), 0, Decoding()) == [[]]
    assert server.bodies == []


def test_the_server_is_remembered_in_the_environment() -> None:
    prints = iter(["fp_1", "fp_1", "fp_2"])

    def reply(body: dict[str, Any], seen: int) -> Said:
        status, said, headers = echo(body, seen)
        return status, {**said, "system_fingerprint": next(prints)}, headers

    with serving(reply) as server:
        made = subject(server, in_flight=1)
        assert "date" not in made.environment
        made.sample(asked("a"), 3, Decoding())
    assert made.environment["system_fingerprint"] == "fp_1, fp_2", "it changed under way"
    assert made.environment["server_model"] == "m-0613"
    assert made.environment["date"].startswith("20")
    assert made.environment["server"] == server.url
