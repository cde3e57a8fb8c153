"""Replies as a careful reader reads them: `replies.jsonl`, one reply a line with its right reading.

A third of it was written after the grammar worked (`held_out`). What a reader would call ambiguous is unreadable.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from selfscope.parsing import Parsed, asserted, parse_counts, parse_option, parse_percent
from selfscope.quantities import graded, measure
from selfscope.records import Option, Outcome, Question, Reply

LINES = Path(__file__).with_name("replies.jsonl").read_text("utf-8").split("\n")
EVERY = [json.loads(line) for line in LINES if line]
ENTRIES = [entry for entry in EVERY if entry["format"] != "truth"]
TRUTHS = [entry for entry in EVERY if entry["format"] == "truth"]
BESIDE = [
    ("1", "1.5", "15", "-1", "1.05"), ("3", "3.14", "31", "-3", "0.3"), ("New", "New York", "York", "New Yorker"),
    ("no", "not sure", "none", "yes"), ("C", "C++", "C#", "Objective-C"), ("-5", "5", "0", "55"),
    ("🙂", "🙁", "👩‍🚀", "👩"), ("<b>", "<i>", "<br>", "b"), ("a, b", "a", "b", "a,c"), ("red", "dark red", "redder"),
    ("是", "不是", "是否"), ("да", "нет", "да или нет"), ("A", "AB", "B", "ABC"), ("5%", "5", "50%", "0.5%"),
    ("?", "!", "..."), ("true", "untrue", "not true"), ("ß", "s", "t"), ("I", "II", "III"), ("a", "A"),
]  # fmt: skip
"""Options that begin, end or hold each other, and options that are no words."""


def read(entry: dict[str, Any]) -> Parsed:
    reply = Reply(entry["reply"], entry.get("finish", "stop"))
    if entry["format"] == "percent":
        return parse_percent(reply)
    return (parse_counts if entry["format"] == "counts" else parse_option)(reply, entry["options"])


def right(entry: dict[str, Any]) -> tuple[str, Any]:
    answer = entry.get("answer")
    if isinstance(answer, str):
        answer = [float(option == answer) for option in entry["options"]]
    return entry["outcome"], None if answer is None else pytest.approx(tuple(answer), abs=1e-9)


def test_every_reply_is_read_as_a_careful_reader_reads_it() -> None:
    assert len(ENTRIES) >= 500
    wrong = [(e["reply"], read(e)) for e in ENTRIES if (str(read(e).outcome), read(e).value) != right(e)]
    assert [w for w in wrong if w[1].value is not None] == [], "no reply is taken for an answer that it is not"
    assert len(wrong) <= 2, "and next to none is left unread"


@pytest.mark.parametrize("entry", TRUTHS, ids=lambda entry: f"{entry.get('item', 'option')}: {entry['reply'][:60]}")
def test_every_truth_is_what_a_careful_reader_would_grade(entry: dict[str, Any]) -> None:
    """What a subject's own reply is measured as: whether it is right, or which of the options it has."""
    if "item" in entry:
        assert graded(entry["item"], entry["reply"]) == entry["answer"]
        return
    options = tuple(Option(text, text) for text in (*entry["options"], "something else"))
    assert measure(Question("option", options, shared=False), entry["reply"]) == (entry["answer"] or "something else")


def test_the_corpus_is_about_everything_that_replies_do() -> None:
    outcomes = {e["outcome"] for e in ENTRIES}
    assert outcomes == {"answered", "refused", "unreadable", "truncated"}
    assert sum(bool(e.get("held_out")) for e in ENTRIES) * 3 >= len(ENTRIES)
    assert sum(e["outcome"] == "unreadable" for e in ENTRIES) > 150


@pytest.mark.parametrize("options", BESIDE, ids=lambda options: options[0])
def test_law_an_option_is_read_as_itself_however_it_is_set(options: tuple[str, ...]) -> None:
    for k, option in enumerate(options):
        for frame in ("{}", "{}\n", " {} ", '"{}"', "**{}**", "`{}`", "“{}”"):
            assert asserted(frame.format(option), options) == k, frame.format(option)
        for frame in ("The answer is {}", "Answer: {}", "I choose {}", "My answer is **{}**"):
            assert asserted(frame.format(option), options) == k, frame.format(option)


@pytest.mark.parametrize("options", BESIDE[:10], ids=lambda options: options[0])
def test_law_to_deny_an_option_or_to_name_two_asserts_none(options: tuple[str, ...]) -> None:
    for k, option in enumerate(options):
        for frame in ("not {}", "It isn't {}.", "The answer is not {}."):
            said = asserted(frame.format(option), options)
            assert said is None or options[said] == frame.format(option), (frame, option)
        other = options[(k + 1) % len(options)]
        for frame in ("{} or {}", "Either {} or {}.", "Is it {} or {}?"):
            assert asserted(frame.format(option, other), options) is None, frame.format(option, other)


def test_a_reply_that_is_cut_off_where_a_longer_option_goes_on_is_truncated() -> None:
    assert parse_option(Reply("The answer is New", "length"), ("New", "New York")).outcome == Outcome.TRUNCATED
    assert parse_option(Reply("The answer is 1", "length"), ("1", "1.5")).outcome == Outcome.TRUNCATED
    assert parse_option(Reply("The answer is New York", "length"), ("New", "New York")).value == (0.0, 1.0)
    assert parse_option(Reply("The answer is New.", "stop"), ("New", "New York")).value == (1.0, 0.0)


@pytest.mark.parametrize(
    "text",
    ["yes " * 20000, " " * 200000, "no, " * 20000, "<think>" * 20000, "a\n" * 20000, "(" * 50000, "1" * 100000,
     "yes" + " " * 100000 + "no", "\ue000\ue001" * 1000, "not " * 30000 + "yes", "*" * 50000 + "yes",
     "not a " * 20000 + "true", "no doubt true " * 9000, "not without any " * 9000, "than the " * 20000 + "true"],
    ids=lambda text: text[:9],
)  # fmt: skip
def test_no_reply_takes_long(text: str) -> None:
    start = time.process_time()
    reply = Reply(text)
    for parsed in (parse_option(reply, ("yes", "no")), parse_percent(reply), parse_counts(reply, "ab")):
        assert isinstance(parsed, Parsed)
    assert graded("true_false|trout|fish", text) in (True, False)
    assert time.process_time() - start < 4
