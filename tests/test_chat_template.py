"""Chat templates are programs of strangers: they end in time, within a size, and their faults are one line."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import pytest

import tiny
from selfscope.errors import BadModel
from selfscope.records import Message, Prompt
from selfscope.subjects import chat_template
from selfscope.subjects.chat_template import TemplateRefuses, written
from selfscope.subjects.render import beginning, render
from selfscope.subjects.tokenizer_checks import template_of
from source_tree import files

USER = [{"role": "user", "content": "Name a colour."}]
ENDLESS = {
    "range": "{% for i in range(10**12) %}x{% endfor %}",
    "loops": "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}"
    "{% endfor %}x",
    "macros that call twice":
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "a number": "{{ 10 ** (10 ** 9) }}",
    "nested twice": "{% set n = namespace(x='a') %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% endfor %}"
    "{{ n.x }}",
    "compared twice": "{% set n = namespace(x=1, y=1) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}"
    "{% set n.y = [n.y, n.y] %}{% endfor %}{{ n.x == n.y }}",
}  # fmt: skip
GROWING = {
    "doubled": "{% set n = namespace(x='ab') %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x }}",
    "one product": "{{ 'a' * 10 ** 10 }}",
    "a list": "{{ [0] * 10 ** 10 }}",
    "written": "{% for i in range(99999) %}{{ 'word ' * 100 }}{% endfor %}",
    "a format": "{{ '%10000000000d' % 1 }}",
    "a width": "{{ '{:>10000000000}'.format(1) }}",
    "a filter": "{{ 'a' | center(10 ** 10) }}",
    "a method": "{{ 'a'.ljust(10 ** 10) }}",
    "indented": "{{ messages | tojson(indent=10 ** 9) }}",
    "replaced": "{{ ('a' * 10 ** 6) | replace('a', 'b' * 10 ** 6) }}",
    "words": "{{ lipsum(n=10 ** 7) }}",
}
FAULTS = {
    "raised": ("{{ raise_exception('no such role') }}", "no such role"),
    "no method": ("{{ messages.nothing.more }}", "has no attribute"),
    "no function": ("{{ nothing_here(1) }}", "nothing_here"),
    "a type": ("{{ 1 + 'a' }}", "unsupported operand"),
    "a division": ("{{ 1 / 0 }}", "division by zero"),
    "a key": ("{{ messages[9].content }}", "no element 9"),
    "a syntax": ("{% for %}", "Expected an expression"),
    "a file": ("{% include '/etc/passwd' %}", "no loader"),
    "forbidden": ("{{ ''.__class__.__mro__ }}", "unsafe"),
    "itself": ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "calls itself"),
    "nothing": ("{% if false %}x{% endif %}", "no text"),
    "spaces": ("  \n ", "no text"),
    "escapes": ("{{ raise_exception('\x1b]0;mine\x07 \u202eeno') }}", "␛]0;mine␇ <U+202E>eno"),
    "many lines": ("{{ raise_exception('a\n\n' * 999) }}", "a a a"),
}


def words(template: Any) -> Any:
    made = tiny.tokenizer()
    made.chat_template = template
    return made


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_template, "SECONDS", 0.2)


@pytest.mark.parametrize("template", ENDLESS.values(), ids=ENDLESS)
def test_a_template_without_an_end_is_stopped(template: str, quick: None) -> None:
    start = time.perf_counter()
    with pytest.raises(BadModel, match=r"does not come to an end|without bound|refuses"):
        written(words(template), USER)
    assert time.perf_counter() - start < 3.0


@pytest.mark.parametrize("template", GROWING.values(), ids=GROWING)
def test_a_template_that_grows_is_stopped(template: str, quick: None) -> None:
    with pytest.raises(BadModel, match=r"without bound|does not come to an end|refuses"):
        written(words(template), USER)


def test_the_two_bounds_are_told_apart(quick: None) -> None:
    with pytest.raises(BadModel, match=r"does not come to an end: it was stopped after 0\.2 s"):
        written(words(ENDLESS["loops"]), USER)
    with pytest.raises(BadModel, match="writes without bound"):
        written(words(GROWING["one product"]), USER)


@pytest.mark.parametrize("act", [
    lambda made: render(made, Prompt(messages=(Message("system", "s"), Message("user", "u")))),
    lambda made: beginning(made, (Message("user", "u"),)), template_of,
], ids=["rendered", "begun", "examined"])  # fmt: skip
def test_every_road_to_a_template_is_bounded(act: Any, quick: None) -> None:
    start = time.perf_counter()
    with pytest.raises(BadModel, match="does not come to an end"):
        act(words(ENDLESS["loops"]))
    assert time.perf_counter() - start < 3.0


@pytest.mark.parametrize(("template", "said"), FAULTS.values(), ids=FAULTS)
def test_a_fault_of_a_template_is_one_line_with_its_message(template: str, said: str) -> None:
    with pytest.raises(TemplateRefuses) as error:
        written(words(template), USER)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400
    assert beginning(words(template), (Message("user", "u"),)) is None


@pytest.mark.parametrize("template", [{"tool_use": "x"}, 7, ["x"]])
def test_what_is_no_template_is_named(template: Any) -> None:
    class Words:
        chat_template = template
        special_tokens_map: dict[str, str] = {}

    with pytest.raises(BadModel, match="chat template"):
        written(Words(), USER)


def test_after_a_template_was_stopped_the_next_is_rendered_as_ever_in_any_thread(quick: None) -> None:
    good, bad = tiny.tokenizer(), words(ENDLESS["loops"])
    wanted = {i: good.apply_chat_template(say(i), tokenize=False, add_generation_prompt=True) for i in range(40)}
    got: dict[int, str] = {}
    stopped: list[str] = []

    def work(mine: int) -> None:
        for i in range(mine, 40, 4):
            got[i] = written(good, say(i))
        try:
            written(bad, say(mine))
        except BadModel as error:
            stopped.append(str(error))

    threads = [threading.Thread(target=work, args=(mine,)) for mine in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == wanted
    assert len(stopped) == 4


def say(number: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"Is {number} odd? \u2028 \"'\\ é 🙂 \n"}]


DIALECT = (
    "{{ bos_token }}{% for m in messages %}{%- if loop.first %}{% continue %}{% endif -%}\n  {{ m | tojson }}"
    "{% generation %}{{ m['content'] | trim }}{% endgeneration %}{% endfor %}{{ strftime_now('%Y') }}"
    "{% set n = namespace(k=dict(a=1)) %}{{ n.k.items() | list }}{{ tools is none }}{{ documents }}"
    "{{ add_generation_prompt }}"
)


@pytest.mark.parametrize("generation", [True, False])
def test_it_writes_what_transformers_writes(generation: bool) -> None:
    turns = [{"role": "system", "content": " s é "}, *USER, {"role": "assistant", "content": "<b>"}, *say(3)]
    for made in (tiny.tokenizer(), words(DIALECT)):
        asked = made.apply_chat_template(turns, tokenize=False, add_generation_prompt=generation)
        assert written(made, turns, generation=generation) == asked
    several = words({"default": DIALECT, "tool_use": "{{ raise_exception('tools') }}"})
    assert written(several, turns, generation=generation) == asked


def test_no_other_file_runs_a_template_of_a_model() -> None:
    for path in files():
        text = path.read_text(encoding="utf-8")
        if path.name != "template_process.py":
            assert "apply_chat_template" not in text, path
            assert "from_string" not in text, path


def test_a_template_sees_no_key_and_writes_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFSCOPE_API_KEY", "sk-very-secret-0123456789")
    chat_template._process().close()
    written(tiny.tokenizer(), [{"role": "user", "content": "begun anew"}])
    process = chat_template._process()._process
    assert process is not None
    if os.path.exists(f"/proc/{process.pid}/environ"):
        with open(f"/proc/{process.pid}/environ", "rb") as file:
            assert b"SELFSCOPE" not in file.read()
        with open(f"/proc/{process.pid}/limits", encoding="ascii") as file:
            limits = {line[:26].strip(): line[26:].split()[0] for line in file}
        assert limits["Max file size"] == "0"
        assert int(limits["Max address space"]) <= 1 << 30


def test_a_process_that_cannot_be_begun_or_ends_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    chat_template._process().close()
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(BadModel, match="none could be begun"):
        written(tiny.tokenizer(), [{"role": "user", "content": "no python"}])
    monkeypatch.setattr("sys.executable", "/bin/true")
    with pytest.raises(BadModel, match="ended"):
        written(tiny.tokenizer(), [{"role": "user", "content": "no python"}])
    monkeypatch.undo()
    assert written(tiny.tokenizer(), [{"role": "user", "content": "no python"}])


def test_a_fork_begins_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = chat_template._process()
    monkeypatch.setattr(ours, "owner", -1)
    other = chat_template._process()
    assert other is not ours
    assert written(tiny.tokenizer(), [{"role": "user", "content": "after a fork"}])
    ours.close()
