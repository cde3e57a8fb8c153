"""A key is known in one place, and whatever is written or printed is cleaned of it: in every way to write a key."""

from __future__ import annotations

import base64
import html
import json
import re
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import misbehaving_server
from misbehaving_server import Said, asked, good, serving, subject
from selfscope import store
from selfscope.api.cards import card, planned, run
from selfscope.api.loading import load
from selfscope.cli import main
from selfscope.errors import BadInput, SelfscopeError, ServerError
from selfscope.records import Decoding, to_json
from selfscope.secrets import STARS, cleaned, cleaned_data, cleaned_json, is_key, without_logins
from selfscope.store import write_atomically
from selfscope.store.segments import Segment, lines

no_key = misbehaving_server.no_key
KEYS = {
    "usual": "sk-very/secret+0123456789==", "hexadecimal": "1b00e5c0ffee1b00e5c0ffee", "newline": "nvapi-u0041-xyz%&<>",
}  # fmt: skip
KEY = KEYS["usual"]


def ways(key: str) -> dict[str, str]:
    """The key, in every way to write it."""
    entities = "".join(f"&#{ord(c)};" for c in key)
    found = {
        "plain": key,
        "url": quote(key, safe=""),
        "url, all": "".join(f"%{ord(c):02x}" for c in key),
        "url, twice": quote(quote(key, safe=""), safe=""),
        "json": "".join(f"\\u{ord(c):04x}" for c in key),
        "json, capitals": "".join(f"\\u{ord(c):04X}" for c in key),
        "json in json": json.dumps("".join(f"\\u{ord(c):04x}" for c in key))[1:-1],
        "slashes": key.replace("/", "\\/"),
        "hex": key.encode().hex(),
        "HEX": key.encode().hex().upper(),
        "python": "".join(f"\\x{ord(c):02x}" for c in key),
        "entities": entities,
        "entities, hex": "".join(f"&#x{ord(c):X};" for c in key),
        "entities, named": html.escape(key),
        "mixed": "".join((c, f"%{ord(c):02X}", f"\\u{ord(c):04x}", f"&#{ord(c)};")[at % 4] for at, c in enumerate(key)),
    }
    for before in ("", "a", "ab", "user:", "Bearer "):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(f"{before}{key}:after".encode()).decode()
            found[f"{encode.__name__} behind {before!r}"] = whole
    return found


def traces(text: str, key: str) -> list[str]:
    """The ways in which a text still holds the key: the part of base64 that hangs on nothing else included."""
    left = [name for name, way in ways(key).items() if "b64" not in name and way in text]
    for offset in range(3):
        whole = base64.b64encode(b"\0" * offset + key.encode()).decode()
        core = whole[(0, 2, 3)[offset] : (8 * (offset + len(key))) // 6]
        left += [f"base64 at {offset}" for c in (core, core.replace("+", "-").replace("/", "_")) if c in text]
    return left


@pytest.fixture(params=KEYS)
def key(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, no_key: None) -> str:
    monkeypatch.setenv("SELFSCOPE_API_KEY", KEYS[request.param])
    return KEYS[request.param]


def test_every_way_to_write_a_key_is_found_and_nothing_else(key: str) -> None:
    for name, way in ways(key).items():
        for around in ("{}", "before {} after", '"{}"', "<b title='{}'>", "x{}x", "{}{}"):
            clean = cleaned(around.replace("{}", way))
            assert not traces(clean, key), (name, clean)
            assert STARS in clean
    for harmless in ("", "sk-very", "secret", "1b00e5", "%73%6b", "&#115;", "\\u0073k-", "c2stdmVye", "nvapi"):
        assert cleaned(harmless) == harmless


def test_json_stays_json_whatever_a_key_is_written_beside(key: str) -> None:
    for name, way in ways(key).items():
        for text in (way, f"\\{way}", f"\x1b{key[1:]} {way}", f"\n{key[1:]} {way}", f'"{way}\\', f"\u00e5{way}"):
            for ascii in (True, False):
                clean = cleaned_json(json.dumps({"k": [text, 1.5, None], way: "x"}, ensure_ascii=ascii))
                assert not traces(json.loads(clean)["k"][0], key), name
                assert json.loads(clean)["k"][1:] == [1.5, None]
    same = '{"b": 1,  "a": "\\u0041"}'
    assert cleaned_json(same) is same, "what holds no key is not touched"
    assert cleaned_data(["x", {"a": (1,)}]) == ["x", {"a": (1,)}]


def test_all_that_is_written_passes_it(key: str, tmp_path: Path) -> None:
    for name, text in (("a.html", f"<p>{key}</p>"), ("a.json", json.dumps({"k": key})), ("a.csv", f"k\n{key}\n"),
                       ("a.jsonl", f"{json.dumps(key)}\n1\n")):  # fmt: skip
        write_atomically(tmp_path / name, text)
        assert not traces((tmp_path / name).read_text(), key)
    assert json.loads((tmp_path / "a.json").read_text()) == {"k": STARS}
    assert [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()] == [STARS, 1]
    segment = Segment(tmp_path / "s.jsonl")
    segment.append([to_json({"k": way}) for way in ways(key).values()])
    segment.close()
    faults: list[str] = []
    kept = [json.loads(payload) for _, payload in lines(tmp_path / "s.jsonl", faults)]
    assert len(kept) == len(ways(key))
    assert not faults
    assert not traces((tmp_path / "s.jsonl").read_text(), key)


def echoing(key: str) -> Any:
    """A server that puts the key wherever it can, each time in another way."""
    every, counted = list(ways(key).values()), []

    def reply(body: dict[str, Any], seen: int) -> Said:
        way = every[body["seed"] % len(every)]
        status, said, _ = good(f"Yes, {way} 7", refusal=way if body["seed"] % 5 == 0 else None)
        said = {**said, "system_fingerprint": f"fp {way}", "model": way, way: way}
        counted.append(1)
        if body["seed"] % 7 == 0 and len(counted) > 60:  # what is asked while posing has to be answered
            return 400, {"error": {"message": f"seen {way} and {key}"}}, {}
        return status, said, {"x-key": key, "server": key}

    return reply


def test_a_run_with_a_server_that_echoes_the_key_leaves_it_nowhere(
    key: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(echoing(key)) as server:
        made = subject(server, tries=1)
        study = planned(made, phenomena=("confidence",))
        plan = study.plans[0]
        small = replace(plan.phenomenon, test=4, train=4, dev=1, rollouts=3)  # type: ignore[type-var]
        study = replace(study, plans=(replace(plan, phenomenon=small, controls=plan.controls[:1]),))
        rows = run(study, tmp_path / "card")
        assert any("Authorization" in h or "authorization" in h for h in server.headers)
        main(["ask", made.name, "Are you sure?"])
        main(["ask", made.name, "Are you sure?", "--about", "Say it.", "--json"])
    assert len(rows) > 20
    for command in (["report"], ["report", "--json"], ["rows"], ["rows", "--to", "jsonl"]):
        main([command[0], str(tmp_path / "card"), *command[1:]])
    main(["rows", str(tmp_path / "card"), "--to", "csv", "-o", "-"])
    files = [f for f in tmp_path.rglob("*") if f.is_file()]
    written = {f.name for f in files}
    assert {"study.json", "rows.jsonl", "index.html", "card.json", "findings.json", "rows.csv"} <= written
    printed = capfd.readouterr()
    texts = {f.name: f.read_text(encoding="utf-8", errors="replace") for f in files}
    texts |= {"out": printed.out, "err": printed.err, "repr": repr(made), "name": made.name, "rows": repr(list(rows))}
    texts |= {"environment": str(made.environment), "html": rows._repr_html_()}
    for name, text in texts.items():
        assert not traces(text, key), name
    assert STARS in texts["rows.jsonl"], "the server did echo it"
    assert STARS in texts["study.json"]
    assert not store.read(tmp_path / "card").warnings


def test_replies_hold_no_key_in_memory_either(key: str) -> None:
    with serving(echoing(key)) as server:
        made = subject(server, tries=1)
        replies = made.sample(asked(*"abcdefgh"), 6, Decoding())
    texts = [text for many in replies for reply in many for text in (reply.text, reply.error or "")]
    assert any(STARS in text for text in texts)
    assert not [text for text in (*texts, str(made.environment)) if traces(text, key)]


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 429, 500])
def test_no_error_holds_it_or_its_chain(key: str, status: int) -> None:
    every = ways(key)
    moved = {"location": f"http://{quote(key)}:pw@elsewhere.example/{quote(key, safe='')}?key=abc"}

    def reply(body: dict[str, Any], seen: int) -> Said:
        way = every[body["messages"][-1]["content"]]
        return status, {"error": {"message": f"bad {way}"}, "choices": way}, moved

    with serving(reply) as server:
        for name in every:
            with pytest.raises(ServerError) as error:
                subject(server, tries=1).sample(asked(name), 1, Decoding())
            whole = "".join(traceback.format_exception(error.value)) + repr(error.value) + repr(error.value.__context__)
            assert not traces(whole, key)
            assert "pw@" not in whole
            assert "key=abc" not in whole


def test_errors_and_their_pickles_are_clean(key: str) -> None:
    import pickle

    error = BadInput(f"what is {key}?")
    assert str(error) == f"what is {STARS}?"
    assert not traces(repr(pickle.loads(pickle.dumps(error))), key)
    assert key.encode() not in pickle.dumps(error)


def test_a_process_of_its_own_sends_no_key_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SELFSCOPE_API_KEY", KEY)
    asked_before = []

    def reply(body: dict[str, Any], seen: int) -> Said:
        asked_before.append(1)  # posing is done here; what a process asks then fails
        return good(f"7 {KEY}") if len(asked_before) < 60 else (400, {"error": f"bad {KEY}"}, {"x": KEY})

    with serving(reply) as server, pytest.raises(SelfscopeError) as error:
        card(f"api:m@{server.url}", tmp_path / "card", phenomena=("confidence",), jobs=2)
    assert not traces("".join(traceback.format_exception(error.value)), KEY)


@pytest.mark.parametrize("name", [
    "api:m@http://user:{}@host/v1", "api:m@http://host/v1?key={}", "api:m@http://host/v1#{}", "api:m@http://host/{}/v1",
    "api:{}@http://host/v1", "api:{}", "http://user:{}@host/v1", "nothing:{}",
])  # fmt: skip
def test_an_address_or_a_name_with_a_key_is_refused_and_not_repeated(name: str, key: str) -> None:
    with pytest.raises(SelfscopeError) as error:
        load(name.replace("{}", key))
    assert not traces(str(error.value), key)


def test_a_login_in_an_address_that_is_quoted_is_no_secret_of_ours_but_is_not_repeated(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert without_logins("at http://me:pass@h/v1?api_key=12&x=1 and") == "at http://***@h/v1?api_key=***&x=1 and"
    with pytest.raises(SystemExit):
        main(["report", "http://me:mypass@host/x?token=mytoken"])
    assert not re.search("mypass|mytoken", capsys.readouterr().err)


@pytest.mark.parametrize("short", ["a", "EMPTY", "password", "12345678", "sk-123", 'sk-quoted"0123', "sk-with space01",
                                   "sk-with`tick01", "sk-with\\slash01"])  # fmt: skip
def test_a_key_that_replies_could_hold_is_refused_before_anything_is_sent(
    short: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_key(short)
    monkeypatch.setenv("SELFSCOPE_API_KEY", short)
    assert cleaned(f"a reply with {short} in it") == f"a reply with {short} in it"
    with serving(lambda body, seen: good("x")) as server:
        says = r"the key in \$SELFSCOPE_API_KEY is none: a key has 8.*without spaces, quotes, back"
        with pytest.raises(ServerError, match=says):
            subject(server).sample(asked("a"), 1, Decoding())
        assert not server.bodies


def test_the_password_of_a_proxy_and_the_tokens_of_the_hub_are_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:proxy%2Bpass9@proxy.example:3128")
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefghij0123")
    assert cleaned("no me:proxy+pass9 or proxy%2Bpass9 or hf_abcdefghij0123") == f"no {STARS} or {STARS} or {STARS}"
