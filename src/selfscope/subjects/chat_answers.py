"""What a chat server says: a completion, checked and without secrets, or why there is none."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from selfscope.secrets import cleaned, without_logins
from selfscope.terminal import one_line

RETRIED = {408, 409, 425, 429}
PATHLESS = {401, 403, 404}
"""Statuses that say that the key, the address or the model's name is wrong: no other prompt would fare better."""
SURROGATE = re.compile("[\ud800-\udfff]")
MOST_TOKENS = 1 << 40


class RequestFailed(Exception):
    """A request that got no completion. kind: down | slow | busy | refused | garbage | bad."""

    def __init__(self, kind: str, what: str, *, wait: float | None = None) -> None:
        super().__init__(what)
        self.kind, self.what, self.wait = kind, what, wait

    @property
    def passing(self) -> bool:
        """Another try may succeed."""
        return self.kind in ("down", "slow", "busy", "garbage")


@dataclass(frozen=True)
class Answer:
    """One choice of a completion. refusal: what a server says apart where it refuses. model, system_fingerprint: what
    it says that it is, "" where it does not. seconds: from the request to the last byte."""

    text: str
    refusal: str
    finish: str
    model: str
    system_fingerprint: str
    prompt_tokens: int
    output_tokens: int
    seconds: float


def completion(raw: bytes, seconds: float) -> Answer:
    """The answer in a body. Raises RequestFailed where it is none."""
    body = _parsed(raw)
    if body is None:
        raise RequestFailed("garbage", f"an answer that is not JSON: {_quoted(raw)}")
    choices = body.get("choices") if isinstance(body, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    choice = first if isinstance(first, dict) else {}
    message = choice.get("message")
    if not isinstance(message, dict) or not isinstance(message.get("content"), str | None):
        raise RequestFailed("garbage", f"an answer that is no chat completion: {_quoted(raw)}")
    usage = body.get("usage")
    spent = [usage.get(k) if isinstance(usage, dict) else None for k in ("prompt_tokens", "completion_tokens")]
    prompt_tokens, output_tokens = (s if type(s) is int and 0 <= s < MOST_TOKENS else 0 for s in spent)
    return Answer(
        _text(message.get("content")), _text(message.get("refusal")), _text(choice.get("finish_reason")),
        _text(body.get("model")), _text(body.get("system_fingerprint")), prompt_tokens, output_tokens, seconds,
    )  # fmt: skip


def refusal(status: int, raw: bytes, headers: dict[str, str], keyed: bool) -> RequestFailed:
    """What a status other than 200 means. Servers quote keys in 401 and 403: what they say there is left out."""
    if status in (401, 403):
        return RequestFailed("refused", f"HTTP {status}: the key was not accepted" if keyed else f"HTTP {status}")
    if 300 <= status < 400:
        where = without_logins(one_line(headers.get("location", ""), 200))
        to = f" to {where}, which is not followed: it would take the key along" if where else ""
        return RequestFailed("refused", f"HTTP {status}: the server sends the request on{to}")
    message = _message(raw)
    what = f"HTTP {status}" + (f" ({message})" if message else "")
    if status in RETRIED or status >= 500:
        return RequestFailed("busy", what, wait=seconds_of(headers.get("retry-after")))
    if status in PATHLESS:
        return RequestFailed("refused", what)
    if status < 300:
        return RequestFailed("garbage", what)
    return RequestFailed("bad", what)


def seconds_of(retry_after: str | None) -> float | None:
    """Retry-After is seconds or a date."""
    if retry_after is None:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(retry_after)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def _parsed(raw: bytes) -> Any:
    """The JSON of a body; None for what is none, or is nested deeper than can be read."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _text(value: Any) -> str:
    """A text without secrets and without halves of characters, which no file can hold."""
    return cleaned(SURROGATE.sub("\ufffd", value)) if isinstance(value, str) else ""


def _quoted(raw: bytes) -> str:
    return repr(one_line(raw[:400].decode("utf-8", "replace"), 80))


def _message(raw: bytes) -> str:
    body = _parsed(raw)
    if body is None:
        return ""  # a page for people
    error = body.get("error", body) if isinstance(body, dict) else body
    message = error.get("message", error.get("detail", "")) if isinstance(error, dict) else error
    try:
        return one_line(message if isinstance(message, str) else json.dumps(message), 200)
    except RecursionError:
        return ""
