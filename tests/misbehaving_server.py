"""A chat server of the tests' own that says and does whatever a test wants, and subjects behind it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from selfscope.records import Message, Prompt
from selfscope.subjects.chat_server import ApiSubject, load_api

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
