"""The secrets that leave this machine, known in one place: what is written or printed is cleaned of them here.

A secret is what stands in an environment variable that holds a key, the password of a proxy, and what `keep` was told.
A process of `--jobs` has the same environment, so it knows the same ones.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from html.entities import codepoint2name
from typing import Any
from urllib.parse import unquote, urlsplit

KEYS = ("SELFSCOPE_API_KEY", "OPENAI_API_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_HUB_TOKEN")
"""Environment variables that hold a key."""
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
"""Environment variables whose address may hold a user and a password."""
SHORTEST, SHORTEST_PLAIN = 8, 16
"""Characters of a key, and of one that holds only letters or only digits: a shorter one is a word or a number that
replies hold, and would turn them to stars."""
STARS = "***"
_kept: dict[str, None] = {}


def is_key(text: str) -> bool:
    """Whether a text can be a key: printable ASCII without quotes and backslashes, and no word or number of a reply."""
    least = SHORTEST_PLAIN if text.isalpha() or text.isdigit() else SHORTEST
    return len(text) >= least and re.fullmatch(r"[!#-&(-\[\]-_a-~]+", text) is not None


def keep(secret: str) -> None:
    """From now on this is a secret of this process."""
    if is_key(secret):
        _kept[secret] = None


def cleaned(text: str) -> str:
    """A text with stars where a secret stood: as it is, or percent-encoded, with entities, with escapes of JSON, in
    hexadecimal digits, or in base64 at any offset."""
    for secret in _known():
        for sign, pattern in _patterns(secret):
            if sign in text:
                text = pattern.sub(STARS, text)
    return text


def cleaned_json(text: str, *, indent: int | None = None) -> str:
    """JSON with stars where a secret stood. It is read and written anew where there is one: an escape that a secret
    began in would be cut otherwise."""
    if cleaned(text) == text:
        return text
    separators = (",", ":") if indent is None else None
    return json.dumps(cleaned_data(json.loads(text)), ensure_ascii=False, indent=indent, separators=separators)


def cleaned_data(value: Any) -> Any:
    """JSON-ready data with stars in their texts where a secret stood."""
    if isinstance(value, str):
        return cleaned(value)
    if isinstance(value, dict):
        return {cleaned(key): cleaned_data(item) for key, item in value.items()}
    if isinstance(value, list):
        return [cleaned_data(item) for item in value]
    return value


def without_logins(text: str) -> str:
    """A line with stars where an address in it holds a user, a password or a key: for errors, which quote what was
    given."""
    text = re.sub(r"(?<=:/)(/?)[^\s/@]+@", rf"\1{STARS}@", text)
    return re.sub(r"(?i)([?&][\w-]*(?:key|token|secret|password|sig|auth)[\w-]*=)[^\s&#'\"]+", rf"\1{STARS}", text)


def _known() -> list[str]:
    found = dict(_kept)
    for name in KEYS:
        if is_key(key := os.environ.get(name, "").strip()):
            found[key] = None
    for name in PROXIES:
        for address in (os.environ.get(name), os.environ.get(name.upper())):
            if address and "@" in address:
                found.update(dict.fromkeys(_passwords(address)))
    return sorted(found, key=len, reverse=True)


@lru_cache(maxsize=64)
def _passwords(address: str) -> tuple[str, ...]:
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
    except ValueError:
        return ()
    login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return tuple(text for text in (login, login.partition(":")[2]) if parts.password and is_key(text))


@lru_cache(maxsize=64)
def _patterns(secret: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """(a text without which the pattern cannot be found, pattern) of each way to write a secret."""
    found = [(secret, re.compile(re.escape(secret)))]
    escaped = "".join(f"(?:{_character(c)})" for c in secret)
    found += [(sign, re.compile(escaped)) for sign in ("%", "\\", "&")]
    digits = secret.encode().hex()
    found += [(sign, re.compile(f"(?i){digits}")) for sign in dict.fromkeys([digits[:4], digits[:4].upper()])]
    return (*found, *_in_base64(secret.encode()))


def _character(c: str) -> str:
    code = ord(c)
    name = codepoint2name.get(code)
    ways = [
        re.escape(c), rf"%(?:25)*(?i:{code:02x})", rf"\\+u00(?i:{code:02x})", rf"\\+x(?i:{code:02x})",
        rf"\\+{re.escape(c)}",
        rf"&(?:amp;)*#0*{code};?", rf"&(?:amp;)*#[xX]0*(?i:{code:x});?", *([rf"&(?:amp;)*{name};?"] if name else []),
    ]  # fmt: skip
    if c.isalnum():
        ways.remove(rf"\\+{re.escape(c)}")  # a backslash before a letter is an escape of something else
    return "|".join(ways)


def _in_base64(secret: bytes) -> Iterator[tuple[str, re.Pattern[str]]]:
    """What does not hang on the bytes around it, at each offset, in both alphabets; with the characters beside it,
    which hold a part of its first and last byte."""
    for offset in range(3):
        whole = base64.b64encode(b"\0" * offset + secret).decode()
        first, last = (0, 2, 3)[offset], (8 * (offset + len(secret))) // 6
        for core in dict.fromkeys([whole[first:last], whole[first:last].replace("+", "-").replace("/", "_")]):
            slashes = re.escape(core).replace("/", r"\\*/")
            head = core.partition("/")[0]
            yield head, re.compile(r"[A-Za-z0-9+/_-]?" + slashes + r"[A-Za-z0-9+/_-]?=*")
