"""One chat completion over HTTP: retries with backoff, one deadline for the whole answer, and errors without secrets.

Written against the chat completions interface that hosted models and local servers share. The key is read from the
environment when a connection is opened; it is kept in no field that shows itself, and whatever a server says is cleaned
of it. A redirect is not followed, and an answer that is compressed is not unpacked.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpcore

from selfscope.errors import ServerError
from selfscope.secrets import SHORTEST, SHORTEST_PLAIN, is_key, keep
from selfscope.subjects.chat_answers import Answer, RequestFailed, completion, refusal
from selfscope.subjects.chat_sockets import Sockets, pool_of
from selfscope.terminal import one_line

KEYS = {"SELFSCOPE_API_KEY": "", "OPENAI_API_KEY": "openai.com"}
LONGEST_WAIT = 60.0  # seconds: what Retry-After may ask for
LARGEST_ANSWER = 1 << 22  # bytes
PATIENCE = 3
"""All tries of one answer and the pauses between them take so many times the time of one try at most."""


@dataclass
class Wire:
    """Connections to one server. Use as a context manager; `ask` may be called from many threads.

    timeout: seconds for one whole answer: looking up the name, connecting, head and body together. tries: requests at
    most for one answer (two where it is too slow), PATIENCE times the timeout in all. backoff: seconds before the
    second try; it doubles with each, with jitter. `dropped`: parameters that a server did not take.
    """

    url: str
    timeout: float
    tries: int
    backoff: float
    stopped: threading.Event = field(default_factory=threading.Event)
    answered: int = 0
    dropped: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Wire:
        key = _key(self.url)
        self._headers = [
            ("Host", urlsplit(self.url).netloc), ("Content-Type", "application/json"), ("Accept-Encoding", "identity"),
        ]  # fmt: skip
        if key:
            keep(key)
            self._headers.append(("Authorization", f"Bearer {key}"))
        self._sockets = Sockets(self.stopped)
        # A proxy cannot reach this machine's own addresses.
        self._pool = pool_of(self.url, self._sockets, proxied=not is_here(self.url))
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._pool.close()

    def stop(self) -> None:
        """Gives up all that is being asked: threads that wait for an answer go on at once."""
        self.stopped.set()
        self._sockets.drop()

    def ask(self, body: Mapping[str, Any]) -> Answer:
        """The completion of one request. Raises RequestFailed when the last try failed or none could help."""
        tried, end = 0, time.monotonic() + PATIENCE * self.timeout
        while True:
            tried += 1
            sent = self._adapted(body)
            try:
                answer = self._once(sent, min(self.timeout, end - time.monotonic()))
            except RequestFailed as failed:
                pause = self._pause(tried, failed.wait)
                if not failed.passing and self._adapt(failed, sent):
                    tried -= 1  # a parameter was given up, at most once each
                elif not failed.passing or tried >= (min(self.tries, 2) if failed.kind == "slow" else self.tries):
                    raise RequestFailed(failed.kind, _tries(failed.what, tried)) from None
                elif time.monotonic() + pause >= end:
                    within = f"{failed.what}, and no answer within {PATIENCE * self.timeout:g} s of tries"
                    raise RequestFailed(failed.kind, within) from None
                elif self.stopped.wait(pause):
                    raise RequestFailed("down", "given up") from None
                continue
            self.answered += 1
            return answer

    def _once(self, body: Mapping[str, Any], seconds: float) -> Answer:
        start = time.monotonic()
        self._sockets.begin(seconds)
        try:
            url, content = f"{self.url}/chat/completions", json.dumps(body).encode()
            with self._pool.stream("POST", url, headers=self._headers, content=content) as response:
                status, raw = response.status, self._read(response)
                headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in response.headers}
        except httpcore.ConnectTimeout:
            raise RequestFailed("down", "no connection could be made in time") from None
        except httpcore.TimeoutException:
            raise RequestFailed("slow", f"no answer within {round(max(seconds, 0), 2):g} s") from None
        except httpcore.ConnectError as error:
            raise RequestFailed("down", f"no connection ({one_line(str(error), 200)})") from None
        except _BROKEN as error:
            said = one_line(str(error), 200) or type(error).__name__
            raise RequestFailed("busy", f"the connection broke ({said})") from None
        if status != 200:
            raise refusal(status, raw, headers, key_name(self.url) is not None)
        if headers.get("content-encoding", "identity").lower() not in ("identity", ""):
            raise RequestFailed("garbage", "an answer that is compressed, which was not asked for")
        return completion(raw, time.monotonic() - start)

    def _read(self, response: httpcore.Response) -> bytes:
        pieces = bytearray()
        for piece in response.iter_stream():
            pieces += piece
            if len(pieces) > LARGEST_ANSWER:
                raise RequestFailed("garbage", f"an answer of more than {LARGEST_ANSWER >> 20} MiB")
        return bytes(pieces)

    def _pause(self, tried: int, wish: float | None) -> float:
        grown: float = min(self.backoff * 2.0 ** (tried - 1), LONGEST_WAIT / 2) * random.uniform(0.5, 1.5)
        return max(grown, min(wish, LONGEST_WAIT)) if wish is not None else grown

    def _adapted(self, body: Mapping[str, Any]) -> dict[str, Any]:
        renamed = {self.dropped.get(k, k): v for k, v in body.items()}
        return {k: v for k, v in renamed.items() if k}

    def _adapt(self, failed: RequestFailed, sent: Mapping[str, Any]) -> bool:
        """Some servers take no seed, and some call max_tokens otherwise: learnt from what they say, once each."""
        if failed.kind != "bad":
            return False
        if "max_completion_tokens" in failed.what and "max_tokens" in sent:
            self.dropped["max_tokens"] = "max_completion_tokens"
            return True
        if "seed" in failed.what and "seed" in sent:
            self.dropped["seed"] = ""
            return True
        return False


_BROKEN = (
    httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, httpcore.ProxyError,
    httpcore.ConnectionNotAvailable, OSError,
)  # fmt: skip
"""What a connection can end with, time and refusal apart."""


def key_name(url: str) -> str | None:
    """The environment variable that holds the key for a server, None when there is none: a provider's own variable
    goes to that provider's hosts alone."""
    host = urlsplit(url).hostname or ""
    for name, owner in KEYS.items():
        if (not owner or host == owner or host.endswith(f".{owner}")) and os.environ.get(name, "").strip():
            return name
    return None


def is_here(url: str) -> bool:
    """Whether a URL names this machine."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _key(url: str) -> str:
    name = key_name(url)
    key = os.environ[name].strip() if name else ""
    if key and not is_key(key):
        raise ServerError(
            f"the key in ${name} is none: a key has {SHORTEST} printable characters or more ({SHORTEST_PLAIN} where it "
            "is only letters, or only digits: a word of a reply could not be told from it), without spaces, quotes, "
            "backticks and backslashes. Set it again, or leave it unset for a server that asks for none"
        )
    return key


def _tries(what: str, tried: int) -> str:
    return what if tried <= 1 else f"{what}, {tried} times"
