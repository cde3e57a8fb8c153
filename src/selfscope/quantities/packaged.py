"""The packaged tables, and whether a text answers one of their items rightly."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import Any

from selfscope.parsing import affirmed, denied
from selfscope.quantities.texts import numbers

INVENTED = "invented"
"""The source of items about things that do not exist: no answer is right."""
_JOINTS = re.compile(r"(?<=\w)[-–](?=\w)|[_+#@&]")


def graded(item: str, text: str) -> bool:
    """Whether a text answers a packaged item rightly. item: "source|what", as in "capitals|France".

    Numbers: the one after the last "=", else the last in the first line, must equal the answer. True or false: just
    one of the two words, or the outright denial of the other ("not true"). Names: one of the accepted answers, as whole
    words, is affirmed. Of things that do not exist nothing is right.
    Raises ValueError for an unknown item.
    """
    accepted = answers(item)
    source = item.partition("|")[0]
    if source == "arithmetic":
        return _number(text) == float(accepted[0])
    if source == "true_false":
        return _true_or_false(text) == list(accepted)
    return any(_gives(text, answer) for answer in accepted)


def stated(item: str, text: str) -> str | None:
    """Which answer a text gives to a packaged item, right or wrong: the usual spelling of what it affirms.

    Of a name it is one that the item's table has as an answer. None where it gives none, or several. Raises ValueError
    for an unknown item.
    """
    if graded(item, text):
        return answers(item)[0]
    source = item.partition("|")[0]
    if source == "arithmetic":
        value = _number(text)
        return None if value is None else str(int(value) if value == int(value) else value)
    if source == "true_false":
        said = _true_or_false(text)
        return said[0] if len(said) == 1 else None
    every = load_table("facts").get(source, {}).get("answers", {}).values()
    given = [own[0] for own in every if any(_gives(text, answer) for answer in own)]
    given = list(dict.fromkeys(given))
    return given[0] if len(given) == 1 else None


def answers(item: str) -> tuple[str, ...]:
    """The accepted answers of a packaged item, the usual one first; none of a thing that does not exist. Raises
    ValueError for an unknown item."""
    source, _, what = item.partition("|")
    if source == INVENTED and what:
        return ()
    if source == "arithmetic":
        match = re.fullmatch(r"(\d+) ([-+*]) (\d+)", what)
        if match:
            a, b = int(match.group(1)), int(match.group(3))
            return (str({"+": a + b, "-": a - b, "*": a * b}[match.group(2)]),)
    elif source == "true_false":
        member, _, kind = what.partition("|")
        kinds = load_table("words")["kinds"]
        if kind in kinds:
            return ("true" if member in kinds[kind] else "false",)
    else:
        accepted = load_table("facts").get(source, {}).get("answers", {}).get(what)
        if accepted:
            return tuple(accepted)
    raise ValueError(f"no packaged item {item!r}")


def filler(count: int, begin: int, *, odd: bool) -> str:
    """So many words about nothing that is asked: whole packaged sentences from the `begin`-th on, but for the last one.
    odd: nonsense; else what anybody might say."""
    sentences = load_table("odd")["odd" if odd else "ordinary"]
    found: list[str] = []
    while len(found) < count:
        found += sentences[begin % len(sentences)].split()
        begin += 1
    return " ".join(found[:count]).rstrip(".,:") + "." if count > 0 else ""


@lru_cache(maxsize=8)
def load_table(name: str) -> Mapping[str, Any]:
    """A packaged table: words, facts or contexts."""
    return json.loads((resources.files("selfscope") / "data" / f"{name}.json").read_text(encoding="utf-8"))


def _number(text: str) -> float | None:
    """The number after the last "=", else the last one in the first line."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    values = numbers(line.rpartition("=")[2]) or numbers(line)
    return values[-1] if values else None


def _true_or_false(text: str) -> list[str]:
    """Those of the two words that a text affirms; what is not the one is the other."""
    pair = ("true", "false")
    said = affirmed(text, pair) or [1 - k for k in denied(text, pair)]
    return [pair[k] for k in said]


def _gives(text: str, answer: str) -> bool:
    """Whether a text affirms an answer, as whole words, however they are joined ("Addis-Ababa", "_Paris_")."""
    return bool(affirmed(text if re.search(r"\d", answer) else _JOINTS.sub(" ", text), [answer]))
