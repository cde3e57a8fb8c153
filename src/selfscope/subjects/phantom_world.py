"""How a phantom behaves: a repertoire of replies, a habit that the text tells, and a private state that it does not.

p = (1 - rho) h0(x) + rho q(s). The raw habit h0 is a softmax over the repertoire, linear in features of the reply with
coefficients that the text x sets; the state s is one reply of the repertoire, drawn without regard to the text;
q = 0.9 on s and 0.1 spread evenly. The published habit h = (1 - rho) h0 + rho / M is the mean of p given the text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from selfscope import quantities
from selfscope.records import Message, Prompt, Question, content_hash

Array = npt.NDArray[np.float64]
HELD = 0.9
"""Weight of a state on its own reply."""
PLAIN_REPLIES = ("Yes.", "No", "I think so", "Blue", "The second one is good.", "Seven", "12", "It is hard to say.")
FEATURES = ("first_char", "second_char", "first_word", "ends_with_vowel", "parity", "word_count")


@dataclass(frozen=True)
class Scene:
    """What a phantom is shown: the public text, the hidden text, and what it might say. source: as in the tag."""

    source: str
    public: str
    hidden: str
    replies: tuple[str, ...]


@dataclass(frozen=True)
class Behaviour:
    """Distributions (M,) over the repertoire: what it does, its published habit, how anyone reads the text."""

    replies: tuple[str, ...]
    p: Array
    h: Array
    g: Array


def scene(prompt: Prompt) -> Scene:
    """What a prompt shows. The tag may bring the repertoire ("replies"); else it is made of the text's own words."""
    prompt = decoded(prompt)
    tag = prompt.tag
    said = "\n".join(m.content for m in prompt.messages if m.role != "system") + (prompt.text or "")
    hidden = "\n".join(m.content for m in prompt.messages if m.role == "system")
    if str(tag.get("state", "")).startswith("sham"):
        hidden = ""  # a sham has nothing to do with what is asked, and moves nothing
    public = f"{said}\n{prompt.prefix}" if prompt.prefix else said
    replies = tuple(str(r) for r in tag.get("replies", ())) or _from_text(public)
    return Scene(str(tag.get("source", "")), public, hidden, replies)


def behaviour(shown: Scene, *, seed: int, rho: float) -> Behaviour:
    """What the phantom with this seed does there."""
    count = len(shown.replies)
    features = np.stack([_features(reply) for reply in shown.replies])
    # W is the same for every phantom: how anyone reads the text. D is this phantom's own.
    reads, own = _coefficients("W", 0, shown), _coefficients("D", seed, shown)
    raw = _softmax(features @ (reads + own))
    state = int(content_hash("state", seed, shown.public, shown.hidden, shown.replies)[:12], 16) % count
    held = np.full(count, (1 - HELD) / count)
    held[state] += HELD
    return Behaviour(
        shown.replies, (1 - rho) * raw + rho * held, (1 - rho) * raw + rho / count, _softmax(features @ reads)
    )


def pushed(question: Question, replies: Sequence[str], *weights: Array) -> list[tuple[float, ...]]:
    """For each weighting (M,) of the replies the distribution (K,) of the question's options under it."""
    keys = [option.key for option in question.options]
    if question.quantity == "entropy_bin":
        nats = [entropy(first_words(replies, w)) for w in weights]
        return [_one(keys.index(quantities.entropy_key(x)), len(keys)) for x in nats]
    if question.quantity in ("correct_shown", "correct_after"):
        right = quantities.measure(question, str(question.arguments["answer"]))
        return [_one(keys.index(right or "no"), len(keys))] * len(weights)
    found = [quantities.measure(question, reply) for reply in replies]
    falls = np.array([[float(key == k) for k in keys] for key in found])  # (M, K)
    sums = [w @ falls for w in weights]
    # Where no reply can say it, every option is as likely as any.
    even = tuple(1 / len(keys) for _ in keys)
    return [tuple(float(x) for x in s / s.sum()) if s.sum() > 0 else even for s in sums]


def first_words(replies: Sequence[str], weights: Array) -> dict[str, float]:
    """Probability of each first word, likeliest first."""
    sums: dict[str, float] = {}
    for reply, weight in zip(replies, weights, strict=True):
        word = (reply.split() or [""])[0]
        sums[word] = sums.get(word, 0.0) + float(weight)
    return dict(sorted(sums.items(), key=lambda pair: (-pair[1], pair[0])))


def entropy(shares: Mapping[str, float]) -> float:
    """Nats."""
    return -math.fsum(p * math.log(p) for p in shares.values() if p > 0)


def encoded(prompt: Prompt) -> tuple[int, ...]:
    """Token ids of a prompt: code points of its content."""
    prompt = decoded(prompt)
    content = {"messages": [[m.role, m.content] for m in prompt.messages], "text": prompt.text, "prefix": prompt.prefix}
    return tuple(map(ord, json.dumps(content, sort_keys=True, ensure_ascii=False)))


def decoded(prompt: Prompt) -> Prompt:
    """The prompt that ids of `encoded` stand for; other prompts as they are."""
    if prompt.ids is None:
        return prompt
    content = json.loads("".join(map(chr, prompt.ids)))
    messages = tuple(Message(role, text) for role, text in content["messages"])
    return Prompt(messages, content["text"], prefix=content["prefix"], tag=prompt.tag)


def _from_text(public: str) -> tuple[str, ...]:
    """A repertoire for a prompt that brings none: its own last words and a few that fit anywhere."""
    own = list(dict.fromkeys(re.findall(r"[^\W_]{3,}", public)))[-4:]
    return (*(word.capitalize() for word in own), *PLAIN_REPLIES[: 8 - len(own)])


@lru_cache(maxsize=65536)
def _features(reply: str) -> Array:
    """(F,) which option of each plain property the reply falls under."""
    marks = []
    for name in FEATURES:
        options = quantities.PROPERTIES[name].options
        key = quantities.measure(Question(name, options), reply)
        marks += [float(option.key == key) for option in options]
    return np.array(marks)


def _coefficients(name: str, seed: int, shown: Scene) -> Array:
    """(F,) of the features, from the source and, more weakly, from the words of the text."""
    said = dict.fromkeys(quantities.words(shown.public))
    many = [_normal(name, seed, word) for word in list(said)[:40]]
    of_words = np.sum(many, axis=0) / math.sqrt(len(many)) if many else 0.0
    return _normal(name, seed, f"source={shown.source}") + 0.5 * of_words


@lru_cache(maxsize=65536)
def _normal(name: str, seed: int, key: str) -> Array:
    width = sum(len(quantities.PROPERTIES[f].options) for f in FEATURES)
    stream = np.random.default_rng([*bytes.fromhex(content_hash("phantom", name, seed, key))])
    return stream.normal(0.0, 1.0, size=width)


def _softmax(logits: Array) -> Array:
    weights = np.exp(logits - logits.max())
    return np.asarray(weights / weights.sum())


def _one(at: int, k: int) -> tuple[float, ...]:
    return tuple(float(i == at) for i in range(k))
