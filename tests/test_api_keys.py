"""A model behind a chat server: where the key goes, and where it never does."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

import misbehaving_server
from misbehaving_server import Said, asked, echo, serving, subject
from selfscope.api.loading import load
from selfscope.errors import SelfscopeError, ServerError
from selfscope.records import Decoding
from selfscope.subjects.chat_http import key_name
from selfscope.subjects.chat_server import load_api

no_key = misbehaving_server.no_key
KEY = "sk-very-secret-0123456789"


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
