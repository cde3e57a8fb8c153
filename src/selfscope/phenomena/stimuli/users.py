"""Users who differ in one thing: matched openings, stated or hinted, and requests that may be answered otherwise.

An opening is one sentence with two fillings, as in "My [husband|wife] is late.": everything else about the two users is
alike. A hint never names what it hints at. No user is a real person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from selfscope.errors import LONGEST_PATH, BadInput
from selfscope.phenomena.counterbalance import generator, shuffled, split_items
from selfscope.quantities import load_table, words
from selfscope.records import Message, Prompt
from selfscope.subjects.base import Subject

OWN, FRAMINGS = "own", "framings"
"""The sources of openings that ship with the package: of users, and of what is said of the chat itself."""
SLOT = re.compile(r"\[([^\[\]|]+)\|([^\[\]|]+)\]")
FULL_NAME = re.compile(r"(?<![.!?] )(?<!^)\b[A-Z][a-z]+ (?:[A-Z]\. )?[A-Z][a-z]+\b|^[A-Z][a-z]+ [A-Z][a-z]+\b")
"""A given name and a family name, as people are called."""
THANKS = ("Thank you for telling me.", "I see.", "That is good to know.", "All right.")
STATED, HINTED, FRAMED = "stated", "hinted", "framed"
Dealt = list[tuple[str, str, int, "Opening"]]


@dataclass(frozen=True)
class Opening:
    """What two users say first, who differ in one thing.

    Attributes
    ----------
    attribute : str
        What they differ in.
    way : str
        stated or hinted; framed where it says something of the chat.
    said : tuple of str
        (2,) by the attribute's value, from 0.
    """

    attribute: str
    way: str
    said: tuple[str, str]


@dataclass(frozen=True)
class Request:
    """A request with two short answers.

    Attributes
    ----------
    about : str
        The attribute that its answers lean on, a kind of exploitation, or "null".
    text : str
        What the user says.
    answers : tuple of str
        (2,) the one that would go to a user with the first value, and the other. Of an exploitation the first is the
        harmful one.
    """

    about: str
    text: str
    answers: tuple[str, str]


def attributes(source: str = OWN) -> tuple[str, ...]:
    """What users may differ in, by name."""
    return tuple(table(source))


def need_openings(only: Sequence[str], each: int, stated: int, source: str = OWN) -> None:
    """Raises BadInput for less than one request, less than no stated openings, and an attribute that there is not."""
    if each < 1 or stated < 0:
        raise BadInput(f"each is 1 or more and stated 0 or more, not {each} and {stated}")
    known = attributes(source)
    missing = [name for name in only if name not in known]
    if missing:
        raise BadInput(f"there is no attribute {missing[0]!r}; there are: {', '.join(known)}")


def values(attribute: str, source: str = OWN) -> tuple[tuple[str, str], ...]:
    """(2, 2) key and text of each value of an attribute."""
    return tuple((str(key), str(text)) for key, text in table(source)[attribute]["values"])


def openings(attribute: str, way: str, source: str = OWN) -> list[Opening]:
    """Those of an attribute, in the order of the table. way: stated or hinted."""
    lines = table(source)[attribute]["hints" if way == HINTED else "stated"]
    return [Opening(attribute, way, filled(line)) for line in lines]


def filled(line: str) -> tuple[str, str]:
    """Both sentences of a line with one [a|b] in it."""
    slot = SLOT.search(line)
    if slot is None or len(SLOT.findall(line)) != 1:
        raise BadInput(f"an opening has one slot with two fillings, as in 'My [husband|wife] is late.': {line[:80]!r}")
    before, after = line[: slot.start()], line[slot.end() :]
    return f"{before}{slot[1]}{after}", f"{before}{slot[2]}{after}"


def requests(attribute: str, source: str = OWN) -> list[Request]:
    """Requests whose answers might lean on an attribute."""
    return _requests(attribute, table(source)[attribute]["requests"])


def exploiting() -> list[Request]:
    """Requests that a vulnerable user could be exploited at: a purchase, flattery, help that is discouraged."""
    return [one for kind, rows in load_table("users")["exploitation"].items() for one in _requests(kind, rows)]


def nulls() -> list[Request]:
    """Requests whose answer should be the same for everybody."""
    return _requests("null", load_table("users")["nulls"])


def _requests(about: str, rows: Sequence[Sequence[str]]) -> list[Request]:
    """In every second one the second answer is named first: the order is no sign of the user."""
    out = []
    for k, (asks, a, b) in enumerate(rows):
        listed = f"{b} or {a}" if k % 2 else f"{a} or {b}"
        out.append(Request(about, f"{asks}: {listed}? Answer with one word.", (a, b)))
    return out


def begun(said: str, request: Request, tag: Mapping[str, Any]) -> Prompt:
    """A user's opening and a reply that says nothing: from here the request and a question are two forks."""
    thanks = THANKS[int(generator("thanks", request.text).integers(len(THANKS)))]
    turns = (Message("user", said), Message("assistant", thanks))
    return Prompt(messages=turns, tag={"role": "behave", "state": "plain", **tag})


def conversation(subject: Subject, said: str, request: Request, tag: Mapping[str, Any]) -> Prompt:
    """What is begun, and the request: what the subject would reply to is the object."""
    return going_on(subject, begun(said, request, tag), request.text)


def going_on(subject: Subject, prompt: Prompt, request: str) -> Prompt:
    """The fork in which the user asks for something."""
    turns = (*prompt.messages, Message("user", request))
    return replace(prompt, messages=turns, prefix="" if subject.chat else "Answer:")


def held_out(attribute: str, source: str = OWN) -> tuple[list[Opening], list[Opening]]:
    """(those that are learnt from, those that are tested on), hinted: whatever the seed, an opening stays what it is,
    so that nothing is taught with what is asked."""
    every = openings(attribute, HINTED, source)
    half = (len(every) + 1) // 2
    return every[half:], every[:half]


def dealt(names: Sequence[str], sizes: Mapping[str, int], stated: int, seed: int, source: str = OWN) -> Dealt:
    """(split, attribute, number within both, opening), from all attributes equally; no opening is in two splits.

    sizes: hinted openings of each split, at most as many as there are. stated: stated ones of test.
    """
    tested = {n: shuffled(held_out(n, source)[1], "openings", seed, n) for n in names}
    learnt = {n: shuffled(held_out(n, source)[0], "openings", seed, n) for n in names}
    told = {n: shuffled(openings(n, STATED, source), "openings", seed, n) for n in names}
    dev = min(sizes.get("dev", 0), _most(tested) // 4)
    wanted = {"test": min(sizes.get("test", 0), _most(tested) - dev), "dev": dev}
    train = {"train": min(sizes.get("train", 0), _most(learnt))}
    found = split_items(tested, wanted) + split_items(learnt, train)
    return found + split_items(told, {"test": min(stated, _most(told))})


def _most(pools: Mapping[str, Sequence[Opening]]) -> int:
    """As many as are dealt out equally."""
    return min(map(len, pools.values())) * len(pools)


@lru_cache(maxsize=4)
def known_users(source: str = OWN) -> Mapping[str, tuple[str, int]]:
    """What a user said first -> (attribute, number of the value)."""
    return {
        said: (name, side)
        for name in attributes(source)
        for way in (STATED, HINTED)
        for one in openings(name, way, source)
        for side, said in enumerate(one.said)
    }


@lru_cache(maxsize=4)
def table(source: str = OWN) -> Mapping[str, Mapping[str, Any]]:
    """The attributes of the package, what it says of a chat, or a file of the same layout.

    Parameters
    ----------
    source
        own, framings, or the path of a JSON file: attribute -> {"values": [[key, text], [key, text]], "stated": [...],
        "hints": [...], "requests": [[asks, answer, answer], ...]}.

    Raises
    ------
    BadInput
        A file that cannot be read or has another layout; openings that differ in nothing, name what they hint at, or
        name a person.
    """
    if source == OWN:
        own: Mapping[str, Mapping[str, Any]] = load_table("users")["attributes"]
        return own
    if source == FRAMINGS:
        said: Mapping[str, Mapping[str, Any]] = load_table("framings")
        return said
    try:
        read = json.loads(Path(source).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(
            f"cannot read the users {source[:LONGEST_PATH]!r} ({type(error).__name__}): give a JSON file, "
            "attribute -> values, stated, hints, requests"
        ) from None
    if not isinstance(read, dict) or not read:
        raise BadInput("a file of users is an object, attribute -> values, stated, hints, requests")
    for name, own in read.items():
        _checked(name, own)
    return read


def _checked(name: str, own: Any) -> None:
    lacking = [k for k in ("values", "stated", "hints", "requests") if not isinstance(own, dict) or not own.get(k)]
    if lacking:
        raise BadInput(f"the attribute {name!r} lacks {', '.join(lacking)}: give each of them at least one line")
    if not (isinstance(own["values"], list) and len(own["values"]) == 2 and all(_texts(v, 2) for v in own["values"])):
        raise BadInput(f"the attribute {name!r} has two values, each [key, text]")
    if own["values"][0][0] == own["values"][1][0]:
        raise BadInput(f"the truth of {name!r} does not vary: both of its values are {own['values'][0][0]!r}")
    if not all(_texts(row, 3) for row in own["requests"]):
        raise BadInput(f"a request about {name!r} is [what is asked, an answer, another answer]")
    if any({"yes", "no"} == {row[1].casefold(), row[2].casefold()} for row in own["requests"]):
        raise BadInput(f"answers to a request about {name!r} are not yes and no, which ask another way: choose others")
    named = {word for _, text in own["values"] for word in words(text)} - {"a", "an", "the", "very"}
    for line in [*own["stated"], *own["hints"]]:
        if not isinstance(line, str):
            raise BadInput(f"an opening of {name!r} is a text, not {type(line).__name__}")
        first, second = filled(line)
        if first == second:
            raise BadInput(f"the truth of {name!r} does not vary in this opening: {line[:80]!r}")
        for said in (first, second):
            if (person := FULL_NAME.search(said)) is not None:
                raise BadInput(f"{person[0]!r} looks like the name of a person: users are made up and have no names")
            if line in own["hints"] and named & set(words(said)):
                raise BadInput(f"a hint at {name!r} names it ({', '.join(sorted(named & set(words(said))))}): {said!r}")


def _texts(row: Any, count: int) -> bool:
    return isinstance(row, list) and len(row) == count and all(isinstance(x, str) and x.strip() for x in row)
