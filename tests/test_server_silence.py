"""A server that harms by how it answers, byte by byte: one deadline holds for the whole answer, and Ctrl-C at once."""

from __future__ import annotations

import gzip
import importlib.util
import socket
import threading
import time
from typing import Any

import httpcore
import pytest

import misbehaving_server
from misbehaving_server import asked, good, serving
from selfscope.cli import main
from selfscope.errors import SelfscopeError, ServerError
from selfscope.records import Decoding
from selfscope.subjects import chat_sockets
from selfscope.subjects.chat_answers import RequestFailed, completion, seconds_of
from selfscope.subjects.chat_http import PATIENCE, Wire
from selfscope.subjects.chat_server import SILENT, load_api
from selfscope.subjects.chat_sockets import Sockets, pool_of
from talking_server import BODY, HEAD, Serve, again, dripping, once, silent, talking

no_key = misbehaving_server.no_key
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


def missing(**_: object) -> None:
    raise RuntimeError("Attempted to use SOCKS support, but the `socksio` package is not installed.")


@pytest.mark.parametrize(
    ("proxy", "says"),
    [("socks5://me:passw0rd-1@127.0.0.1:1", "pip install socksio"), ("SOCKS5H://127.0.0.1:1", "pip install socksio"),
     ("socks4://127.0.0.1:1", "cannot be used. Set ALL_PROXY"), ("ftp://me:passw0rd-1@127.0.0.1:1", "cannot be used"),
     ("http://127.0.0.1:port", "cannot be used"), ("http://", "cannot be used"), ("http://[::1", "cannot be used")],
)  # fmt: skip
def test_a_proxy_that_cannot_be_used_is_one_line(proxy: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("ALL_PROXY", proxy)
    if importlib.util.find_spec("socksio"):
        monkeypatch.setattr(httpcore, "SOCKSProxy", missing)
    with pytest.raises(ServerError) as error:
        load_api("m", "http://far.example/v1").sample(asked("a"), 1, Decoding())
    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert "passw0rd" not in str(error.value)


def test_the_seconds_that_are_told_are_those_that_were_given() -> None:
    """A last try has what is left of all tries."""
    with talking(silent) as url, Wire(url, 30.0, 1, 0.01) as wire:
        with pytest.raises(RequestFailed) as failed:
            wire._once({"messages": []}, 0.25)
        assert failed.value.what == "no answer within 0.25 s"


def test_only_an_address_in_ascii_is_one() -> None:
    for url in ("http://höst/v1", "http://host/ü/v1", "http://ho st/v1", "http://host/v1\x07", "http://\u202ehost/v1"):
        with pytest.raises(SelfscopeError, match="no address of a server") as error:
            load_api("m", url)
        assert str(error.value).isprintable()


def test_the_host_of_an_address_is_sent_as_it_stands() -> None:
    with serving(lambda body, seen: good("x")) as server:
        load_api("m", server.url).sample(asked("a"), 1, Decoding())
    assert server.headers[0]["Host"] == server.url.removeprefix("http://").removesuffix("/v1")


def test_certificates_are_checked() -> None:
    import ssl

    pool = pool_of("https://far.example/v1", Sockets(threading.Event()), proxied=False)
    context = pool._ssl_context
    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert isinstance(pool, httpcore.ConnectionPool)
