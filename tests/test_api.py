"""A model behind a chat server, against a server of the test's own that misbehaves on purpose."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from selfscope.api.loading import load
from selfscope.errors import SelfscopeError, ServerError, Unsupported
from selfscope.records import Decoding, Message, Prompt, Reply
from selfscope.subjects.base import Subject, reaches
from selfscope.subjects.chat_http import key_name
from selfscope.subjects.chat_server import ApiSubject, load_api

KEY = "sk-very-secret-0123456789"
Said = tuple[int, Any, dict[str, str]]


class Server:
    """Answers with what `reply(body, how often this body came)` says: status, body, headers."""

    def __init__(self, reply: Callable[[dict[str, Any], int], Said]) -> None:
        self.reply, self.bodies, self.headers = reply, [], []  # type: ignore[var-annotated]
        self.now = self.most = 0
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                body = json.loads(raw)
                with outer.lock:
                    seen = sum(b == body for b in outer.bodies)
                    outer.bodies.append(body)
                    outer.headers.append(dict(self.headers))
                    outer.now += 1
                    outer.most = max(outer.most, outer.now)
                status, said, headers = outer.reply(body, seen)
                with outer.lock:
                    outer.now -= 1
                data = said if isinstance(said, bytes) else json.dumps(said).encode()
                try:
                    self.send_response(status)
                    for name, value in {"content-length": str(len(data)), **headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(data)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/v1"


@contextmanager
def serving(reply: Callable[[dict[str, Any], int], Said]) -> Iterator[Server]:
    server = Server(reply)
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()
        thread.join()


def good(text: str, finish: str = "stop", **message: Any) -> Said:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    body = {"model": "m-0613", "system_fingerprint": "fp_1", "choices": [choice], "usage": usage}
    return 200, body, {}


def echo(body: dict[str, Any], seen: int) -> Said:
    return good(f"{body['messages'][-1]['content']} #{body['seed']}")


def subject(server: Server, **settings: Any) -> ApiSubject:
    return load_api("m", server.url, **{"backoff": 0.01, "timeout": 5.0, **settings})


def asked(*texts: str) -> list[Prompt]:
    return [Prompt(messages=(Message("user", text),)) for text in texts]


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SELFSCOPE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


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


def test_what_leaves_the_machine_is_said_once_before(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []

    def reply(body: dict[str, Any], number: int) -> Said:
        seen.append(capsys.readouterr().err)
        return echo(body, number)

    with serving(reply) as server:
        made = subject(server, in_flight=1)
        made.sample(asked("a"), 1, Decoding())
        made.sample(asked("b"), 1, Decoding())
    assert server.url in seen[0]
    assert "without a key" in seen[0]
    assert seen[1] == ""


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


def test_a_providers_key_goes_to_that_provider_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serving(echo) as server:
        subject(server).sample(asked("a"), 1, Decoding())
        assert not any("Authorization" in h for h in server.headers)
    assert "without a key" in capsys.readouterr().err
    for url, name in (
        ("https://api.openai.com/v1", "OPENAI_API_KEY"), ("https://eu.api.openai.com/v1", "OPENAI_API_KEY"),
        ("https://openai.com.example.org/v1", None), ("https://notopenai.com/v1", None),
    ):  # fmt: skip
        assert key_name(url) == name
    monkeypatch.setenv("SELFSCOPE_API_KEY", KEY)
    assert key_name("https://example.org/v1") == "SELFSCOPE_API_KEY"


def test_the_key_reaches_the_server_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("SELFSCOPE_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    texts: list[str] = []
    for status in (200, 400, 401, 429, 500):
        quoting = {"error": {"message": f"Incorrect key {KEY} given"}}
        with serving(lambda body, seen, s=status, q=quoting: echo(body, seen) if s == 200 else (s, q, {})) as server:  # type: ignore[misc]
            made = subject(server, tries=2)
            try:
                texts.append(str(made.sample(asked("a"), 1, Decoding())))
            except ServerError as error:
                texts += [str(error), repr(error.__cause__), repr(error.__context__)]
            assert all(h["Authorization"] == f"Bearer {KEY}" for h in server.headers)
        texts += [repr(made), str(vars(made)), str(made.environment), made.name, made.identity]
    printed = capsys.readouterr()
    assert "the key in $SELFSCOPE_API_KEY" in printed.err
    for text in (*texts, printed.out, printed.err, caplog.text):
        assert KEY not in text
        assert "secret" not in text


def test_the_key_is_in_no_file_of_a_study(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from selfscope.api.cards import planned, run

    monkeypatch.setenv("SELFSCOPE_API_KEY", KEY)
    with serving(lambda body, seen: (500, {"error": f"bad {KEY}"}, {})) as server:
        study = planned(subject(server, tries=1), phenomena=("confidence",))
        with pytest.raises(ServerError):
            run(study, tmp_path / "study")
    files = [f for f in (tmp_path / "study").rglob("*") if f.is_file()]
    assert files
    assert not [f for f in files if KEY.encode() in f.read_bytes()]


def test_an_address_with_a_secret_or_none_at_all_is_refused_without_repeating_it() -> None:
    for name in (f"api:m@http://user:{KEY}@host/v1", f"api:m@http://host/v1?key={KEY}", f"api:{KEY}"):
        with pytest.raises(SelfscopeError) as error:
            load(name)
        assert KEY not in str(error.value)
    for url in ("http://", "http://host:port/v1", "ftp://host"):
        with pytest.raises(SelfscopeError, match="localhost:8000"):
            load_api("m", url)
    with pytest.raises(SelfscopeError, match="at least 1"):
        load_api("m", "http://localhost:1/v1", in_flight=0)


def test_a_key_that_is_none_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFSCOPE_API_KEY", f"{KEY}é")
    with pytest.raises(ServerError, match="SELFSCOPE_API_KEY") as error:
        load_api("m", "http://127.0.0.1:1/v1").sample(asked("a"), 1, Decoding())
    assert KEY not in str(error.value)
