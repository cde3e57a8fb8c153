"""A model behind a chat server that misbehaves on purpose: what is tried again, what ends a call, in which words."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import misbehaving_server
from misbehaving_server import Said, asked, echo, good, serving, subject
from selfscope.errors import ServerError
from selfscope.records import Decoding
from selfscope.subjects.chat_server import load_api

no_key = misbehaving_server.no_key


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_pass_is_tried_again(status: int) -> None:
    with serving(
        lambda body, seen: (status, {"error": {"message": "busy"}}, {}) if seen < 2 else echo(body, seen)
    ) as s:
        got = subject(s).sample(asked("a"), 1, Decoding())
    assert got[0][0].finish == "stop"
    assert len(s.bodies) == 3
    assert s.bodies[0] == s.bodies[2], "another try is the same request"


def test_retry_after_is_honoured() -> None:
    wait = {"retry-after": "0.4"}
    with serving(lambda body, seen: (429, {}, wait) if seen == 0 else echo(body, seen)) as server:
        start = time.perf_counter()
        subject(server).sample(asked("a"), 1, Decoding())
    assert time.perf_counter() - start >= 0.4


def test_one_prompt_that_fails_is_an_error_reply_and_the_others_stand() -> None:
    def reply(body: dict[str, Any], seen: int) -> Said:
        bad = body["messages"][-1]["content"] == "bad"
        return (500, {"error": {"message": "out of memory"}}, {}) if bad else echo(body, seen)

    done: list[int] = []
    with serving(reply) as server:
        got = subject(server, tries=3).sample(asked("bad", "a", "b"), 2, Decoding(), lambda i, r: done.append(i))
    assert [r.finish for r in got[0]] == ["error", "error"]
    assert "HTTP 500 (out of memory), 3 times" in (got[0][0].error or "")
    assert [r.finish for many in got[1:] for r in many] == ["stop"] * 4
    assert sorted(done) == [0, 1, 2]
    assert sum(b["messages"][-1]["content"] == "bad" for b in server.bodies) == 6


def test_when_all_fail_it_says_so_in_one_line_and_tells_nobody_of_replies() -> None:
    done: list[int] = []
    with serving(lambda body, seen: (503, {"error": "loading"}, {})) as server, pytest.raises(ServerError) as error:
        subject(server, tries=2).sample(asked("a", "b"), 2, Decoding(), lambda i, r: done.append(i))
    said = str(error.value)
    assert server.url in said
    assert "none of the requests was answered: HTTP 503 (loading), 2 times" in said
    assert "--resume" in said
    assert "\n" not in said
    assert done == []


def test_a_server_that_fails_everything_is_not_asked_a_thousand_times() -> None:
    with serving(lambda body, seen: (500, {}, {})) as server, pytest.raises(ServerError, match="one after the other"):
        subject(server, tries=2).sample(asked(*map(str, range(500))), 2, Decoding())
    assert len(server.bodies) < 150


def test_failures_among_successes_never_end_a_call() -> None:
    def every_other(body: dict[str, Any], seen: int) -> Said:
        return (500, {}, {}) if int(body["messages"][-1]["content"]) % 2 else echo(body, seen)

    with serving(every_other) as server:
        got = subject(server, tries=1, in_flight=1).sample(asked(*map(str, range(24))), 1, Decoding())
    assert [many[0].finish for many in got] == ["stop", "error"] * 12


def test_nobody_listening_is_said_quickly() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    start = time.perf_counter()
    with pytest.raises(ServerError, match=f"{url}: the server cannot be used.*Is the server running"):
        load_api("m", url, tries=3, backoff=0.01).sample(asked(*map(str, range(50))), 2, Decoding())
    assert time.perf_counter() - start < 3.0


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_key_or_name_ends_it_at_once(status: int) -> None:
    said = {"error": {"message": "no such model"}}
    wrong = pytest.raises(ServerError, match=f"HTTP {status}.*Check the key")
    with serving(lambda body, seen: (status, said, {})) as server, wrong:
        subject(server).sample(asked(*map(str, range(100))), 1, Decoding())
    assert len(server.bodies) <= 20, "no other try, and what was waiting is not sent"


def test_the_status_counts_before_what_the_answer_is_packed_in() -> None:
    packed = {"content-encoding": "gzip"}
    for status, says, tries in ((401, "HTTP 401.*Check the key", 1), (500, "HTTP 500", 2), (200, "compressed", 2)):
        with (
            serving(lambda body, seen, status=status: (status, b"\x1f\x8b\x00", packed)) as server,  # type: ignore[misc]
            pytest.raises(ServerError, match=says),
        ):
            subject(server, tries=2).sample(asked("a"), 1, Decoding())
        assert len(server.bodies) == tries


@pytest.mark.parametrize(
    "garbage",
    [b"<html>Welcome</html>", b"", b"[]", b"{}", {"choices": []}, {"choices": [{"text": "x"}]},
     {"choices": [{"message": {"content": ["x"]}}]}, {"error": {"message": "quota"}}, b"\xff\xfe\x00"],
)  # fmt: skip
def test_garbage_is_named(garbage: Any) -> None:
    with (
        serving(lambda body, seen: (200, garbage, {})) as server,
        pytest.raises(ServerError, match="an answer that is"),
    ):
        subject(server, tries=2).sample(asked("a"), 1, Decoding())
    assert len(server.bodies) == 2


def test_a_slow_server_and_one_that_trickles_end_at_the_deadline() -> None:
    ended = threading.Event()

    def stuck(body: dict[str, Any], seen: int) -> Said:
        ended.wait(5)
        return echo(body, seen)

    with serving(stuck) as server:
        start = time.perf_counter()
        with pytest.raises(ServerError, match=r"no answer within 0\.2 s, 2 times.*too slow"):
            subject(server, timeout=0.2).sample(asked("a"), 1, Decoding())
        assert time.perf_counter() - start < 2.0
        ended.set()
    with trickling() as url, pytest.raises(ServerError, match=r"no answer within 0\.3 s"):
        load_api("m", url, timeout=0.3, tries=1).sample(asked("a"), 1, Decoding())


@contextmanager
def trickling() -> Iterator[str]:
    """A server that sends one byte every 50 ms, for ever: no silence is ever long."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(65536)
                peer.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
                try:
                    for _ in range(60):
                        peer.sendall(b" ")
                        time.sleep(0.05)
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        thread.join()


def test_a_broken_connection_is_tried_again() -> None:
    def reply(body: dict[str, Any], seen: int) -> Said:
        status, said, _ = echo(body, seen)
        return status, said, {"content-length": "100000", "connection": "close"} if seen == 0 else {}

    with serving(reply) as server:
        got = subject(server).sample(asked("a"), 1, Decoding())
    assert got[0][0].finish == "stop"
    assert len(server.bodies) == 2


def test_parameters_that_a_server_does_not_take_are_given_up_once() -> None:
    def picky(body: dict[str, Any], seen: int) -> Said:
        if "max_tokens" in body:
            return 400, {"error": {"message": "Unsupported parameter: use 'max_completion_tokens' instead."}}, {}
        return (422, {"detail": "extra input: seed"}, {}) if "seed" in body else good("yes")

    with serving(picky) as server:
        made = subject(server, in_flight=1)
        got = made.sample(asked("a", "b"), 1, Decoding(5))
        made.sample(asked("c"), 1, Decoding(5))
    assert [many[0].text for many in got] == ["yes", "yes"]
    assert len(server.bodies) == 2 + 3, "learnt once"
    assert server.bodies[-1]["max_completion_tokens"] == 5
    assert made.environment["seed"] == "not taken by the server"
