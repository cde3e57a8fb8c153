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
        line = next((line for line in text.splitlines() if line.strip()), "")
        values = numbers(line.rpartition("=")[2]) or numbers(line)
        return bool(values) and values[-1] == float(accepted[0])
    if source == "true_false":
        pair = ("true", "false")  # what is not the one is the other
        said = affirmed(text, pair) or [1 - k for k in denied(text, pair)]
        return [pair[k] for k in said] == list(accepted)
    return any(_gives(text, answer) for answer in accepted)


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


@lru_cache(maxsize=8)
def load_table(name: str) -> Mapping[str, Any]:
    """A packaged table: words, facts or contexts."""
    return json.loads((resources.files("selfscope") / "data" / f"{name}.json").read_text(encoding="utf-8"))


def _gives(text: str, answer: str) -> bool:
    """Whether a text affirms an answer, as whole words, however they are joined ("Addis-Ababa", "_Paris_")."""
    return bool(affirmed(text if re.search(r"\d", answer) else _JOINTS.sub(" ", text), [answer]))
