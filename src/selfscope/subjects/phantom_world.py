"""How a phantom behaves: a repertoire of replies, a habit that the text tells, and a private state that it does not.

p = (1 - rho) h0(x) + rho q(s). The raw habit h0 is a softmax over the repertoire, linear in features of the reply with
coefficients that the text x sets; the state s is one reply of the repertoire, drawn without regard to the text;
q = 0.9 on s and 0.1 spread evenly. The published habit h = (1 - rho) h0 + rho / M is the mean of p given the text.

Hidden turns that were answered with a reply of the repertoire persuade it: p' = (1 - l) p + l q(that reply), l larger
in some conversations than in others. A skilled phantom's state is a reply that is right, where the prompt says which
are, on so many of its prompts as its skill. A vector that pushes a reply is the state (`open_phantom`). Anybody who
reads the text as it now is expects (1 - rho) g + rho q of a state that is pushed, and is persuaded alike.
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

from selfscope.records import Message, Prompt, content_hash

Array = npt.NDArray[np.float64]
STATE_MASS = 0.9
"""Weight of a state on its own reply."""
PERSUADED = (0.1, 0.9)
"""How far hidden turns that give a reply move it there, from the least to the most."""
SHAM, UNMOVED = "sham", ("plain", "sham")
"""States in which nothing was changed that is asked about."""
PLAIN_REPLIES = ("Yes.", "No", "I think so", "Blue", "The second one is good.", "Seven", "12", "It is hard to say.")


@dataclass(frozen=True)
class Scene:
    """What a phantom is shown: the public text, the hidden text, and what it might say. source: as in the tag.
    answered: the reply of the repertoire that stands in hidden turns; pushed: that of a vector; recorded: that of a
    record of earlier choices, which anybody sees and which moves nothing; -1: none. right: which of the replies are
    right, where somebody knows. valued: its state is the reply that it values most, wherever that stands."""

    source: str
    public: str
    hidden: str
    replies: tuple[str, ...]
    answered: int = -1
    pushed: int = -1
    recorded: int = -1
    right: tuple[int, ...] = ()
    valued: bool = False

    @property
    def given(self) -> str | None:
        """The reply that stands in its context, or else is pushed; None where none is."""
        at = next((i for i in (self.answered, self.recorded, self.pushed) if i >= 0), -1)
        return self.replies[at] if at >= 0 else None

    @property
    def record(self) -> str | None:
        """The reply of the record; None where there is none."""
        return self.replies[self.recorded] if self.recorded >= 0 else None


@dataclass(frozen=True)
class Behaviour:
    """Distributions (M,) over the repertoire: what it does, its published habit, how anyone reads the text, what anyone
    would then do with it, seeing what stands there now."""

    replies: tuple[str, ...]
    p: Array
    h: Array
    g: Array
    anyone: Array


def scene(prompt: Prompt) -> Scene:
    """What a prompt shows. The tag may bring the repertoire ("replies"); else it is made of the text's own words."""
    prompt = decoded(prompt)
    tag = prompt.tag
    object_ = prompt.messages[prompt.context :]
    visible = "\n".join(m.content for m in object_ if not m.hidden) + (prompt.text or "")
    hidden = "\n".join(m.content for m in prompt.messages if m.hidden)
    if tag.get("state") == SHAM:
        hidden = ""  # a sham has nothing to do with what is asked, and moves nothing
    public = f"{visible}\n{prompt.prefix}" if prompt.prefix else visible
    replies = tuple(str(r) for r in tag.get("replies", ())) or _from_text(public)
    record = str(tag.get("record", ""))
    recorded = replies.index(record) if record in replies else -1
    right = tuple(int(k) for k in tag.get("right", ()))
    return Scene(
        str(tag.get("source", "")), public, hidden, replies, _answered(prompt, hidden, replies), recorded=recorded,
        right=right, valued=bool(tag.get("valued", False)),
    )  # fmt: skip


def _answered(prompt: Prompt, hidden: str, replies: Sequence[str]) -> int:
    """Which of the replies the last hidden turn of the assistant gives, -1 for none."""
    turns = [m.content for m in prompt.messages if m.secret and m.role == "assistant"]
    if not turns or not hidden:
        return -1
    said = turns[-1].removeprefix(prompt.prefix).strip()
    return next((i for i, reply in enumerate(replies) if reply.strip() == said), -1)


def behaviour(
    shown: Scene, features: Array, text_words: Sequence[str], *, seed: int, rho: float, skill: float = 0.0
) -> Behaviour:
    """What the phantom with this seed does there. features: (M, F) of its replies; text_words: those of the text."""
    count, width = features.shape
    # W is the same for every phantom: how anyone reads the text. D is this phantom's own.
    reads, own = (_coefficients(name, of, (shown.source, text_words), width) for name, of in (("W", 0), ("D", seed)))
    raw = _softmax(features @ (reads + own))
    told = shown.answered >= 0
    state = int(content_hash("state", seed, shown.public, "" if told else shown.hidden, shown.replies)[:12], 16) % count
    if shown.valued:
        state = max(range(count), key=lambda k: content_hash("valued", seed, shown.replies[k]))
    even = np.full(count, 1 / count)
    if skill > 0 and shown.right:
        if int(content_hash("skilled", seed, shown.public)[:8], 16) / 16**8 < skill:
            state = shown.right[state % len(shown.right)]
        even = (1 - skill) * even + skill * np.mean([_peak(k, count) for k in shown.right], axis=0)
    known = _peak(state, count)
    anyone = _softmax(features @ reads)
    p, seen = (1 - rho) * raw + rho * known, (1 - rho) * anyone + rho * even
    if shown.pushed >= 0:  # a vector is the state
        p, seen = (q + rho * (_peak(shown.pushed, count) - was) for q, was in ((p, known), (seen, even)))
    if told:  # turns persuade, more in some conversations than in others
        low, high = PERSUADED
        part = low + (high - low) * int(content_hash("persuaded", shown.hidden)[:8], 16) / 16**8
        p, seen = ((1 - part) * q + part * _peak(shown.answered, count) for q in (p, seen))
    return Behaviour(shown.replies, p, (1 - rho) * raw + rho * even, anyone, seen)


def _peak(state: int, count: int) -> Array:
    """(M,) most on one reply, the rest spread evenly."""
    out = np.full(count, (1 - STATE_MASS) / count)
    out[state] += STATE_MASS
    return out


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
    content = {
        "messages": [[m.role, m.content, m.secret] for m in prompt.messages], "context": prompt.context,
        "text": prompt.text, "prefix": prompt.prefix,
    }  # fmt: skip
    return tuple(map(ord, json.dumps(content, sort_keys=True, ensure_ascii=False)))


def decoded(prompt: Prompt) -> Prompt:
    """The prompt that ids of `encoded` stand for; other prompts as they are."""
    if prompt.ids is None:
        return prompt
    content = json.loads("".join(map(chr, prompt.ids)))
    messages = tuple(Message(*turn) for turn in content["messages"])
    return Prompt(messages, content["text"], prefix=content["prefix"], context=content["context"], tag=prompt.tag)


def _from_text(public: str) -> tuple[str, ...]:
    """A repertoire for a prompt that brings none: its own last words and a few that fit anywhere."""
    own = list(dict.fromkeys(re.findall(r"[^\W_]{3,}", public)))[-4:]
    return (*(word.capitalize() for word in own), *PLAIN_REPLIES[: 8 - len(own)])


def _coefficients(name: str, seed: int, text: tuple[str, Sequence[str]], width: int) -> Array:
    """(F,) of the features, from the source and, more weakly, from the words of the text."""
    source, text_words = text
    of_word = [_normal(name, seed, word, width) for word in list(dict.fromkeys(text_words))[:40]]
    of_words = np.sum(of_word, axis=0) / math.sqrt(len(of_word)) if of_word else 0.0
    return _normal(name, seed, f"source={source}", width) + 0.5 * of_words


@lru_cache(maxsize=65536)
def _normal(name: str, seed: int, key: str, width: int) -> Array:
    stream = np.random.default_rng([*bytes.fromhex(content_hash("phantom", name, seed, key))])
    return stream.normal(0.0, 1.0, size=width)


def _softmax(logits: Array) -> Array:
    weights = np.exp(logits - logits.max())
    return np.asarray(weights / weights.sum())
