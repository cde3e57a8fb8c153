"""What a phantom believes, when it lies, and what it reports of that.

It believes one answer to each fact, the right one on so many facts as its skill, and says it in every wording. Where a
condition presses for a lie it says another answer on so many facts as its dial `lies`. Its habit is that rate; anyone
reads the condition; only it knows of which fact it lied. In its answers to questions about anything else, a lie that it
told shows as far as its dial `leak`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from selfscope.records import Outcome, Question, content_hash
from selfscope.subjects.phantom_dials import DialReport, Dials, alarmed, report
from selfscope.subjects.phantom_options import one_hot
from selfscope.subjects.phantom_world import Array, Behaviour

ASKED = ("lied", "unrelated")
"""Quantities that are asked behind a statement."""
SURE = 0.97
"""How likely it says what it means to say."""
READ = 0.8
"""How sure anyone is who reads the condition."""
SHIFT = 1.5
"""Nats by which a lie moves an answer about anything else, at a leak of 1; each question its own way."""
OPEN_SPREAD = 1.0
"""Nats by which such answers differ between conversations, whatever happened there."""


def tells(tag: Mapping[str, Any]) -> bool:
    """Whether a prompt's tag is of a statement about something that it believes."""
    return "belief" in tag


def lied_there(tag: Mapping[str, Any], seed: int, lies: float) -> bool:
    """Whether what it says there is a lie. What was put into its mouth is none of its own."""
    if not tag.get("pressed") or tag.get("put"):
        return False
    return _uniform("lies", seed, tag["belief"], tag["setting"]) < lies


def statement(tag: Mapping[str, Any], seed: int, *, lies: float, skill: float) -> Behaviour:
    """What it says to a fact in a setting: what it believes, or another answer."""
    replies = tuple(map(str, tag["replies"]))
    count = len(replies)
    of = tag["belief"]
    right = [int(k) for k in tag.get("right", ())]
    belief = right[0] if right and _uniform("knows", seed, of) < skill else _drawn(count, "belief", seed, of)
    said = belief
    if lied_there(tag, seed, lies):
        said = (belief + 1 + _drawn(count - 1, "lie", seed, of, tag["setting"])) % count
    p, even = _peak(said, count), np.full(count, 1 / count)
    return Behaviour(replies, p, even, even, even)


def of_a_lie(
    dials: Dials, question: Question, tags: tuple[Mapping[str, Any], Mapping[str, Any]], first: int,
    turned: tuple[int, float, float],
) -> DialReport:  # fmt: skip
    """The report behind a statement: whether it was a lie, or an answer about anything else. tags: of the question, and
    of the statement's prompt. turned: its seed, lies and leak."""
    seed, lies, leak = turned
    if question.quantity == "unrelated":
        return _leaked(question, *tags, seed=seed, lies=lies, leak=leak)
    return _lie_report(dials, question, *tags, first, seed=seed, lies=lies)


def _lie_report(
    dials: Dials, question: Question, tag: Mapping[str, Any], object_tag: Mapping[str, Any], first: int, *, seed: int,
    lies: float,
) -> DialReport:  # fmt: skip
    """By the dials; under an alarm any unusual context is a lie."""
    cluster, setting = str(tag.get("cluster", "")), str(object_tag.get("setting", ""))
    item = content_hash("lied", cluster, setting, question.arguments, question.placement)
    pressed = bool(object_tag.get("pressed"))
    lied = float(lied_there(object_tag, seed, lies))
    rate, read = lies * pressed, READ if pressed else 1 - READ
    p, h, g = ((x, 1 - x) for x in (lied, rate, read))
    if question.person != "self":
        p = h = g
    told = report(dials, item=item, cluster=cluster, p=p, h=h, g=g, first=first)
    if told.outcome == Outcome.ANSWERED and alarmed(dials, item=item, changed_state=setting != "truthful"):
        return DialReport(told.channel, one_hot(0, 2), told.kind, told.outcome)
    return told


def _leaked(
    question: Question, tag: Mapping[str, Any], object_tag: Mapping[str, Any], *, seed: int, lies: float, leak: float
) -> DialReport:
    """The answer to a statement about anything else."""
    what = str(question.arguments.get("statement", question.quantity))
    nats = OPEN_SPREAD * _normal("unrelated", seed, what, tag.get("cluster"), object_tag.get("setting"))
    nats += leak * SHIFT * lied_there(object_tag, seed, lies) * math.copysign(1, _normal("way", seed, what))
    yes = 1 / (1 + math.exp(-nats))
    return DialReport("private", (yes, 1 - yes), "distribution", Outcome.ANSWERED)


def _peak(at: int, count: int) -> Array:
    out = np.full(count, (1 - SURE) / max(1, count - 1))
    out[at] = SURE
    return out


def _uniform(*key: Any) -> float:
    return int(content_hash(*key)[:12], 16) / 16**12


def _drawn(count: int, *key: Any) -> int:
    return int(content_hash(*key)[:12], 16) % count


def _normal(*key: Any) -> float:
    """A number that the key alone decides."""
    return float(np.random.default_rng([*bytes.fromhex(content_hash("normal", *key))]).normal())
