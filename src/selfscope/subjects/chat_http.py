"""One chat completion over HTTP: retries with backoff, a deadline for the whole answer, and errors without secrets.

Written against the chat completions interface that hosted models and local servers share. The key is read from the
environment when a connection is opened; it is kept in no field, and whatever a server says is cleaned of it.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from selfscope.errors import ServerError

KEYS = {"SELFSCOPE_API_KEY": "", "OPENAI_API_KEY": "openai.com"}
LONGEST_WAIT = 60.0  # seconds: what Retry-After may ask for
LARGEST_ANSWER = 1 << 22  # bytes
RETRIED = {408, 409, 425, 429}
PATHLESS = {401, 403, 404}
"""Statuses that say that the key, the address or the model's name is wrong: no other prompt would fare better."""


@dataclass(frozen=True)
class Answer:
    """What a server said to one request: the completion as parsed JSON, checked to hold one choice."""

    body: Mapping[str, Any]
    seconds: float


class RequestFailed(Exception):
    """A request that got no completion. kind: down | slow | busy | refused | garbage | bad."""

    def __init__(self, kind: str, what: str, *, wait: float | None = None) -> None:
        super().__init__(what)
        self.kind, self.what, self.wait = kind, what, wait

    @property
    def passing(self) -> bool:
        """Another try may succeed."""
        return self.kind in ("down", "slow", "busy", "garbage")


@dataclass
class Wire:
    """Connections to one server. Use as a context manager; `ask` may be called from many threads.

    timeout: seconds for one whole answer. tries: requests at most for one answer (two where it is too slow). backoff:
    seconds before the second try; it doubles with each, with jitter. `dropped`: parameters that a server did not take.
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
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        proxied = not is_here(self.url)  # a proxy cannot reach this machine's own addresses
        self._client = httpx.Client(headers=headers, timeout=self.timeout, trust_env=proxied, limits=_ROOM)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, body: Mapping[str, Any]) -> Answer:
        """The completion of one request. Raises RequestFailed when the last try failed or none could help."""
        tried = 0
        while True:
            tried += 1
            sent = self._adapted(body)
            try:
                answer = self._once(sent)
            except RequestFailed as failed:
                if not failed.passing and self._adapt(failed, sent):
                    tried -= 1  # a parameter was given up, at most once each
                elif not failed.passing or tried >= (min(self.tries, 2) if failed.kind == "slow" else self.tries):
                    raise RequestFailed(failed.kind, _tries(failed.what, tried)) from None
                elif self.stopped.wait(self._pause(tried, failed.wait)):
                    raise RequestFailed("down", "given up") from None
                continue
            self.answered += 1
            return answer

    def _once(self, body: Mapping[str, Any]) -> Answer:
        start = time.monotonic()
        try:
            with self._client.stream("POST", f"{self.url}/chat/completions", json=body) as response:
                status, headers = response.status_code, response.headers
                raw = self._read(response, start)
        except httpx.TimeoutException as error:
            if isinstance(error, httpx.ConnectTimeout):
                raise RequestFailed("down", "no connection could be made in time") from None
            raise RequestFailed("slow", f"no answer within {self.timeout:g} s") from None
        except httpx.ConnectError as error:
            raise RequestFailed("down", f"no connection ({_clean(str(error))})") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            message = _clean(str(error)) or type(error).__name__
            raise RequestFailed("busy", f"the connection broke ({message})") from None
        if status == 200:
            return Answer(_completion(raw), time.monotonic() - start)
        raise _refusal(status, raw, headers.get("retry-after"), key_name(self.url) is not None)

    def _read(self, response: httpx.Response, start: float) -> bytes:
        """The whole body. httpx limits the silence between two pieces; a trickle must end as well."""
        pieces = bytearray()
        for piece in response.iter_bytes():
            pieces += piece
            if time.monotonic() - start > self.timeout or self.stopped.is_set():
                raise httpx.ReadTimeout("the answer trickles")
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


_ROOM = httpx.Limits(max_connections=None, max_keepalive_connections=64)


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
    if not (key.isascii() and key.isprintable()):  # httpx would quote it in its complaint
        raise ServerError(f"the key in ${name} holds characters that no key has: set it again")
    return key


def _clean(text: str, length: int = 200) -> str:
    """One line of what a server said, without any key."""
    for name in KEYS:
        key = os.environ.get(name, "").strip()
        if key:
            text = text.replace(key, "***")
    text = " ".join(text.split())
    return text if len(text) <= length else text[:length].rstrip() + "..."


def _tries(what: str, tried: int) -> str:
    return what if tried <= 1 else f"{what}, {tried} times"


def _completion(raw: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError:
        raise RequestFailed("garbage", f"an answer that is not JSON: {_shown(raw)}") from None
    choices = body.get("choices") if isinstance(body, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict) or not isinstance(message.get("content"), str | None):
        raise RequestFailed("garbage", f"an answer that is no chat completion: {_shown(raw)}")
    return body


def _shown(raw: bytes) -> str:
    return repr(_clean(raw[:400].decode("utf-8", "replace"), 80))


def _refusal(status: int, raw: bytes, retry_after: str | None, keyed: bool) -> RequestFailed:
    """What a status other than 200 means. Servers quote keys in 401 and 403: what they say there is left out."""
    if status in (401, 403):
        return RequestFailed("refused", f"HTTP {status}: the key was not accepted" if keyed else f"HTTP {status}")
    message = _message(raw)
    what = f"HTTP {status}" + (f" ({message})" if message else "")
    if status in RETRIED or status >= 500:
        return RequestFailed("busy", what, wait=_seconds(retry_after))
    if status in PATHLESS or 300 <= status < 400:
        return RequestFailed("refused", what)
    if status < 300:
        return RequestFailed("garbage", what)
    return RequestFailed("bad", what)


def _message(raw: bytes) -> str:
    try:
        body = json.loads(raw)
    except ValueError:
        return ""  # a page for people
    error = body.get("error", body) if isinstance(body, dict) else body
    message = error.get("message", error.get("detail", "")) if isinstance(error, dict) else error
    return _clean(message if isinstance(message, str) else json.dumps(message))


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After is seconds or a date."""
    if retry_after is None:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
