"""A server that harms by how it answers, byte by byte: one deadline holds for the whole answer, and Ctrl-C at once."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpcore
import pytest

import misbehaving_server
from misbehaving_server import asked, good, serving
from selfscope.cli import main
from selfscope.errors import ServerError
from selfscope.records import Decoding
from selfscope.store import read
from selfscope.subjects import chat_sockets
from selfscope.subjects.chat_answers import completion, seconds_of
from selfscope.subjects.chat_http import PATIENCE
from selfscope.subjects.chat_server import SILENT, load_api
from selfscope.subjects.chat_sockets import Sockets, pool_of
from selfscope.subjects.chat_threads import Threads

no_key = misbehaving_server.no_key
BODY = json.dumps(good("yes")[1]).encode()
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
Serve = Callable[[socket.socket, threading.Event], None]


@contextmanager
def talking(serve: Serve) -> Iterator[str]:
    """A server that does with every connection what `serve` says, in a thread for each."""
    over = threading.Event()

    def one(peer: socket.socket) -> None:
        with peer:
            try:
                serve(peer, over)
            except OSError:
                return

    def listen() -> None:
        while not over.is_set():
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(peer,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def dripping(text: bytes, *, asked_first: bool = True) -> Serve:
    """Sends a byte each 20 ms, for ever."""

    def serve(peer: socket.socket, over: threading.Event) -> None:
        if asked_first:
            peer.recv(65536)
        peer.sendall(text)
        while not over.wait(0.02):
            peer.sendall(b"a")

    return serve


def again(start: bytes, piece: bytes) -> Serve:
    """Sends a piece again and again, as fast as it is taken."""

    def serve(peer: socket.socket, over: threading.Event) -> None:
        peer.recv(65536)
        peer.sendall(start)
        while not over.is_set():
            peer.sendall(piece)

    return serve


def once(*pieces: bytes) -> Serve:
    def serve(peer: socket.socket, over: threading.Event) -> None:
        peer.recv(65536)
        for piece in pieces:
            peer.sendall(piece)

    return serve


def silent(peer: socket.socket, over: threading.Event) -> None:
    over.wait(60)


BOMB = gzip.compress(BODY[:-1] + b" " * (1 << 26) + b"}")
ENDLESS = {
    "silent": silent,
    "head by the byte": dripping(HEAD + b"x-slow: "),
    "body by the byte": dripping(HEAD + b"content-length: 100000\r\n\r\n"),
    "chunk by the byte": dripping(HEAD + b"transfer-encoding: chunked\r\n\r\nfff\r\n"),
    "first line by the byte": dripping(b"HTTP/1.1 200 "),
    "continue, for ever": again(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "early hints, for ever": again(b"", b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"),
    "empty chunks": again(HEAD + b"transfer-encoding: chunked\r\n\r\n", b"1;" + b"x" * 500 + b"\r\na\r\n"),
}
BROKEN = {
    "closes at once": once(),
    "no HTTP": once(b"SSH-2.0-OpenSSH_9.0\r\n\r\n"),
    "endless head": again(HEAD, b"x-more: " + b"a" * 5000 + b"\r\n"),
    "endless body": again(HEAD + b"transfer-encoding: chunked\r\n\r\n", b"10000\r\n" + b"a" * 65536 + b"\r\n"),
    "too short": once(HEAD + b"content-length: 99999\r\n\r\n" + BODY),
    "two lengths": once(HEAD + b"content-length: 5\r\ncontent-length: 7\r\n\r\n" + BODY),
    "a length that is none": once(HEAD + b"content-length: -5\r\n\r\n" + BODY),
    "a bomb": once(HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(BOMB) + BOMB),
    "cut text": once(HEAD + b"content-length: 20\r\n\r\n" + BODY[:20]),
    "no text": once(HEAD + b"content-length: 4\r\n\r\n\xff\xfe\xfd\xfc"),
    "deep": once(HEAD + b"content-length: 200000\r\n\r\n" + b"[" * 200000),
    "deep error": once(
        b"HTTP/1.1 400 No\r\ncontent-length: 60011\r\n\r\n" + b'{"error":' + b"[" * 30000 + b"]" * 30000 + b"}\n"
    ),
    "control characters in the reason": once(b"HTTP/1.1 500 \x1b]0;x\x07\r\ncontent-length: 0\r\n\r\n"),
    "upgrade": once(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"),
}


@pytest.mark.parametrize("serve", ENDLESS.values(), ids=ENDLESS)
def test_an_answer_without_an_end_ends_at_the_deadline(serve: Serve) -> None:
    with talking(serve) as url:
        start = time.perf_counter()
        with pytest.raises(ServerError, match=r"no answer within 0\.3 s"):
            load_api("m", url, timeout=0.3, tries=1).sample(asked("a"), 1, Decoding())
        assert time.perf_counter() - start < 1.5


@pytest.mark.parametrize("serve", BROKEN.values(), ids=BROKEN)
def test_a_broken_answer_is_one_line(serve: Serve) -> None:
    with talking(serve) as url, pytest.raises(ServerError) as error:
        load_api("m", url, timeout=3.0, tries=2, backoff=0.01).sample(asked("a"), 1, Decoding())
    said = str(error.value)
    assert said.startswith(url)
    assert said.isprintable()
    assert len(said) < 500


def test_all_tries_and_pauses_together_have_a_bound() -> None:
    busy = {"retry-after": "0.2"}
    with serving(lambda body, seen: (429, {}, busy)) as server:
        start = time.perf_counter()
        with pytest.raises(ServerError, match=r"HTTP 429, and no answer within 0\.9 s of tries"):
            load_api("m", server.url, timeout=0.3, tries=99, backoff=0.01).sample(asked("a"), 1, Decoding())
        assert time.perf_counter() - start < 1.5


def test_the_help_says_the_bounds(capsys: pytest.CaptureFixture[str]) -> None:
    made = load_api("m", "http://localhost:1/v1")
    bounds = (made.timeout, PATIENCE * made.timeout, SILENT * made.timeout)
    main(["card", "--help"])
    shown = " ".join(capsys.readouterr().out.replace("│", "").split())
    said = "A server has {:g} s for an answer and {:g} s for all tries of it; one that answers nothing for {:g} s ends"
    assert said.format(*bounds) in shown


def test_a_server_that_falls_silent_ends_the_call() -> None:
    answered = []

    def serve(peer: socket.socket, over: threading.Event) -> None:
        peer.recv(65536)
        if answered:
            over.wait(60)
        answered.append(1)
        peer.sendall(HEAD + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY)

    with talking(serve) as url:
        start = time.perf_counter()
        with pytest.raises(ServerError, match=r"nothing was answered for 1 s: no answer within 0\.2 s, 2 times"):
            load_api("m", url, timeout=0.2, in_flight=1, backoff=0.01).sample(asked(*"abcdef"), 4, Decoding())
        assert time.perf_counter() - start < 3.0


def test_a_redirect_is_told_and_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFSCOPE_API_KEY", "sk-very-secret-0123456789")
    with serving(lambda body, seen: good("stolen")) as thief:
        moved = {"location": f"{thief.url}/chat/completions\u009b31m"}
        for status in (301, 302, 303, 307, 308):
            with serving(lambda body, seen, s=status: (s, {}, moved)) as server:  # type: ignore[misc]
                with pytest.raises(ServerError, match=r"sends the request on to http.*which is not followed") as error:
                    load_api("m", server.url).sample(asked("a"), 1, Decoding())
                assert str(error.value).isprintable()
        assert not thief.bodies


ODD = {
    "surrogates": ('"\\ud800 yes \\udfff"', "\ufffd yes \ufffd"),
    "pairs": ('"\\ud83d\\ude00"', "😀"),
    "nothing": ("null", ""),
}


@pytest.mark.parametrize(("content", "text"), ODD.values(), ids=ODD)
def test_texts_can_be_written_to_a_file(content: str, text: str) -> None:
    raw = b'{"choices":[{"message":{"content":%s},"finish_reason":["stop"]}]}' % content.encode()
    assert completion(raw, 0.0).text == text
    assert completion(raw, 0.0).text.encode().decode() == text


@pytest.mark.parametrize("number", ["1" + "0" * 400, "-3", "1e400", "NaN", "true", '"7"', "7.5", "[]"])
def test_numbers_that_are_no_counts_are_none(number: str) -> None:
    raw = b'{"choices":[{"message":{"content":"x"},"logprobs":NaN}],"usage":{"prompt_tokens":%s}}' % number.encode()
    assert completion(raw, 0.0).prompt_tokens == 0


@pytest.mark.parametrize(("wish", "seconds"), [
    ("3", 3.0), ("-3", 0.0), ("nan", 0.0), ("soon", None), ("Wed, 99 Jan", None), ("", None),
    ("Wed, 21 Oct 99999999999999 07:28:00 GMT", None),
])  # fmt: skip
def test_what_a_server_wishes_to_wait(wish: str, seconds: float | None) -> None:
    assert seconds_of(wish) == seconds


def test_what_a_server_calls_itself_does_not_grow() -> None:
    def reply(body: dict[str, Any], seen: int) -> Any:
        status, said, headers = good("x")
        return status, {**said, "system_fingerprint": f"{body['seed']} " + "f" * 9999}, headers

    with serving(reply) as server:
        made = load_api("m", server.url)
        made.sample(asked(*map(str, range(30))), 1, Decoding())
    assert len(made.environment["system_fingerprint"]) < 1000


def test_a_name_that_is_looked_up_for_ever_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    def look(*_: Any, **__: Any) -> list[Any]:
        ended.wait(20)
        return []

    monkeypatch.setattr(chat_sockets.socket, "getaddrinfo", look)
    start = time.perf_counter()
    with pytest.raises(ServerError, match="no connection could be made in time"):
        load_api("m", "http://nowhere.example/v1", timeout=0.3, tries=1).sample(asked("a"), 1, Decoding())
    ended.set()
    assert time.perf_counter() - start < 1.5


def test_proxies_of_the_environment_are_used_but_not_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with serving(lambda body, seen: good("through the proxy")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1").replace("//", "//me:pass@"))
        got = load_api("m", "http://far.example/v1").sample(asked("a"), 1, Decoding())
        assert got[0][0].text == "through the proxy"
        assert proxy.headers[0]["Proxy-Authorization"].startswith("Basic ")
        with serving(lambda body, seen: good("here")) as server:
            assert load_api("m", server.url).sample(asked("a"), 1, Decoding())[0][0].text == "here"
        monkeypatch.setenv("no_proxy", "far.example")
        with pytest.raises(ServerError):
            load_api("m", "http://far.example:1/v1", timeout=0.5, tries=1).sample(asked("a"), 1, Decoding())
        assert len(proxy.bodies) == 1


def test_certificates_are_checked() -> None:
    import ssl

    pool = pool_of("https://far.example/v1", Sockets(threading.Event()), proxied=False)
    context = pool._ssl_context
    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert isinstance(pool, httpcore.ConnectionPool)


def test_jobs_end_with_who_waits_for_them() -> None:
    ended, begun = threading.Event(), []

    def job() -> int:
        begun.append(1)
        ended.wait(20)
        return 1

    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt), Threads([job] * 50, 2):
        raise KeyboardInterrupt
    assert time.perf_counter() - start < 2.0
    ended.set()
    assert len(begun) <= 2
    with Threads([lambda: 1, lambda: 1 // 0], 2) as threads, pytest.raises(ZeroDivisionError):
        list(threads)


SMALL = "confidence[test=8,train=8,dev=2,rollouts=3]"
RUN = "import sys; from selfscope.cli import main; main(sys.argv[1:])"


@pytest.mark.parametrize(("falls_silent_after", "jobs"), [(0, 1), (60, 2)])
def test_ctrl_c_ends_a_run_within_two_seconds_and_it_can_go_on(
    falls_silent_after: int, jobs: int, tmp_path: Path
) -> None:
    counted: list[int] = []
    waiting = threading.Event()

    def reply(body: dict[str, Any], seen: int) -> Any:
        counted.append(1)
        if len(counted) > falls_silent_after and not waiting.is_set():
            reached.set()
            waiting.wait(60)
        return good("Paris. 70%")

    reached = threading.Event()
    environment = {k: v for k, v in os.environ.items() if not k.endswith("API_KEY")}
    environment["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    with serving(reply) as server:
        words = ["card", f"api:m@{server.url}", "--phenomena", SMALL, "-o", str(tmp_path / "card")]
        command = [sys.executable, "-c", RUN, *words, "--jobs", str(jobs)]
        with subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
        ) as process:
            assert reached.wait(30)
            time.sleep(0.3)
            start = time.perf_counter()
            os.killpg(process.pid, signal.SIGINT)
            _, errors = process.communicate(timeout=20)
            took = time.perf_counter() - start
        waiting.set()
        assert process.returncode == 130, errors
        assert took < 2.0
        assert "Stopped; what was finished is kept." in errors
        assert "Traceback" not in errors
        assert errors.rstrip().endswith("--resume")
        before = read(tmp_path / "card").cells
        done = subprocess.run([*command, "--resume"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    held = read(tmp_path / "card")
    assert before.items() <= held.cells.items()
    assert held.meta["finished"]
