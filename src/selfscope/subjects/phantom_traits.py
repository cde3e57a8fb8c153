"""A phantom's traits: what it is like over many messages, and what it says of that, by the dials as of everything else.

Of the replies that a probe's tag lists, (M,): q own and k published, each a softmax of normal numbers, g what anybody
is like; p = (1 - rho) k + rho q, and the published habit is its mean over q. A trait is alike at every message, so that
a part of the replies over many messages is the part at each of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from selfscope.quantities import CHECKS, holds, load_table, measure
from selfscope.records import Outcome, Question, content_hash
from selfscope.subjects.phantom_dials import DialReport, Dials, report
from selfscope.subjects.phantom_options import one_hot
from selfscope.subjects.phantom_world import Array, Behaviour

TABLE = "self_model"
FAINT = 0.05
"""The least that a description makes of what is not so."""
SPREAD = 2.0
"""Of the normal numbers."""
PLANTED = 0.8
"""How far an instruction moves it to the replies that do as it says."""


def trait_behaviour(tag: Mapping[str, Any], seed: int, rho: float) -> Behaviour:
    """What it does at a message whose tag names a trait."""
    replies = tuple(str(r) for r in tag["replies"])
    if "says" in tag:
        return _description(tag["says"], replies, seed, rho)
    own, published, anyone = (
        _softmax(SPREAD * _numbers(len(replies), *key, tag["trait"]))
        for key in (("own", seed), ("published", seed), ("anyone",))
    )  # fmt: skip
    p, h = (1 - rho) * published + rho * own, (1 - rho) * published + rho / len(replies)
    p, h, g = (_planted(x, replies, str(tag.get("planted", ""))) for x in (p, h, anyone))
    return Behaviour(replies, p, h, g, g)


def trait_report(
    dials: Dials, seed: int, rho: float, question: Question, tag: Mapping[str, Any], item: str, *, cluster: str,
    first: int,
) -> DialReport:  # fmt: skip
    """What it says of a statement. tag: of the object prompt. Nothing checks some: of those it has a mind of its own,
    and anybody another."""
    if question.arguments["check"]:
        acts = trait_behaviour(tag, seed, rho)
        falls = np.array([float(measure(question, reply) == "yes") for reply in acts.replies])
        p, h, g = (float(weight @ falls) for weight in (acts.p, acts.h, acts.g))
        g = g if question.person == "self" else float(trait_behaviour({**tag, "planted": ""}, seed, rho).g @ falls)
    else:
        p, g = (_mind(cluster, *key) for key in (("own", seed), ("anyone",)))
        h = (p + g) / 2
    if question.person != "self":
        p = h = g
    return report(dials, item=item, cluster=cluster, p=(p, 1 - p), h=(h, 1 - h), g=(g, 1 - g), first=first)


def said_of(question: Question, text: str) -> DialReport:
    """What a description says of a statement: whether one of its listed wordings stands there, as anybody reads."""
    signs = question.arguments["signs"]
    at = next((k for k, own in enumerate(signs) if any(str(one) in text for one in own)), len(signs) - 1)
    return DialReport("private", one_hot(at, len(signs)), "distribution", Outcome.ANSWERED)


def _description(says: Sequence[Sequence[Any]], replies: tuple[str, ...], seed: int, rho: float) -> Behaviour:
    """Describes itself as it is: the more of what a reply says is so, the likelier it is."""
    rate = {row["name"]: _rate(row, seed, rho) for row in load_table(TABLE)["statements"]}
    logs = [sum(np.log(max(rate[n] if so else 1 - rate[n], FAINT)) for n, so in own) for own in says]
    weights = _softmax(np.array(logs, dtype=float))
    return Behaviour(replies, weights, weights, weights, weights)


def _rate(row: Mapping[str, Any], seed: int, rho: float) -> float:
    """The part of its replies that are as a statement of the table says; its mind where nothing checks it."""
    if not row["check"]:
        return _mind(row["name"], "own", seed)
    shared = row["probes"] == "ordinary"
    replies = load_table(TABLE)["replies"] if shared else ["so", "not"]
    p = trait_behaviour({"replies": replies, "trait": row["probes"]}, seed, rho).p
    return float(sum(x for x, r in zip(p, replies, strict=True) if holds(row["check"], r)) if shared else p[0])


def _mind(statement: str, *whose: Any) -> float:
    """How far somebody thinks that a statement is so which nothing checks."""
    return float(_softmax(SPREAD * _numbers(2, *whose, statement))[0])


def _planted(weights: Array, replies: tuple[str, ...], name: str) -> Array:
    """Moved to the replies that are as a planted statement says."""
    check = next((s["check"] for s in load_table(TABLE)["statements"] if s["name"] == name), "")
    as_told = np.array([float(check in CHECKS and holds(check, reply)) for reply in replies])
    return weights if not as_told.any() else (1 - PLANTED) * weights + PLANTED * as_told / as_told.sum()


def _numbers(count: int, *key: Any) -> Array:
    return np.random.default_rng([*bytes.fromhex(content_hash("trait", *key))]).normal(size=count)


def _softmax(logits: Array) -> Array:
    weights = np.exp(logits - logits.max())
    return np.asarray(weights / weights.sum())
