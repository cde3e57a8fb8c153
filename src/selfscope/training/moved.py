"""What moving a target changed: what the decoder reads, what the target says, and what it cost; beside arms.

n messages, D width.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch

from selfscope.errors import BadInput
from selfscope.records import Decoding, Evidence, Injection, Message, Prompt, Vector
from selfscope.statistics import Estimate, mean, proportion
from selfscope.subjects.base import OpenSubject
from selfscope.subjects.local_weights import LocalWeights
from selfscope.training.damage import Damage, damage
from selfscope.training.draws import evenly, generator
from selfscope.training.families import family, messages
from selfscope.training.frozen_decoder import FrozenDecoder
from selfscope.training.items import Item
from selfscope.training.wishes import LONGEST, Told, Wish, system_templates

TELLING = 32
"""Contexts of each kind of which a mean difference is made."""
DECODER, NONE, WORDS = "the decoder", "nothing", "words that tell it"
AT_ONCE = 32


@dataclass(frozen=True)
class Moved:
    """What one way of moving a target did, on messages that it was not moved with.

    Attributes
    ----------
    arm : str
        What moved it.
    reading : Estimate
        Share of the wanted answer among the options, as the decoder reads the moved target's states.
    leaning : Estimate
        How much likelier the moved target finds what it says when it is told the wanted value, less the same for other
        values: nats a token, against the target that was not moved.
    less : Estimate or None
        Leaning of the move through the decoder less that of this arm, on the same messages.
    mentions : Estimate
        Part of its replies that name the value.
    damage : Damage or None
        On ordinary prompts. Of the target itself there is none.
    """

    arm: str
    reading: Estimate
    leaning: Estimate
    less: Estimate | None
    mentions: Estimate
    damage: Damage | None


@dataclass(frozen=True)
class HeldOut:
    """What a moved target is measured on.

    Attributes
    ----------
    wish : Wish
        What was wanted.
    decoder : FrozenDecoder
        That reads.
    sources : sequence of Evidence
        Contexts that are read, with `items` about them.
    items : sequence of Item
        Questions whose answer is the wish.
    told : sequence of Told
        What the target says when it is told.
    draws : int
        Replies to each message in which the value may be named.
    seed : int
        Of these replies.
    """

    wish: Wish
    decoder: FrozenDecoder
    sources: Sequence[Evidence]
    items: Sequence[Item]
    told: Sequence[Told]
    draws: int
    seed: int

    def __post_init__(self) -> None:
        if len(self.told) < 2:
            raise BadInput(
                "fewer than two replies of the target can be scored again, and its behaviour is measured on them: give "
                "a larger held, or another model"
            )

    def moved(self, base: LocalWeights, arms: Sequence[tuple[str, Sequence[LocalWeights]]]) -> list[Moved]:
        """What each arm did. The move through the decoder is the first; several subjects of an arm are taken together,
        and damage is measured on the first of them.

        Parameters
        ----------
        base : LocalWeights
            The target, not moved.
        arms : sequence of (str, sequence of LocalWeights)
            Moved targets, by what moved them.
        """
        bare, telling = [t.bare for t in self.told], [t.telling for t in self.told]
        plain = self._likelihoods(base, bare)
        told = self._likelihoods(base, telling) - plain
        every = [(name, list(some)) for name, some in arms]
        leanings = {name: np.stack([self._likelihoods(s, bare) - plain for s in some]) for name, some in every}
        leanings[NONE] = 0.0 * told[None]
        first = leanings[every[0][0]].mean(0)
        out = []
        for name, some in [*every, (NONE, [base])]:
            harm = None if name == NONE else damage(cast(Any, base), cast(Any, some[0]))
            less = None if name == every[0][0] else _mean((first - leanings[name].mean(0))[None])
            reading, said = _share(np.stack([self.reading(s) for s in some])), self._said(some, bare)
            out.append(Moved(name, reading, _mean(leanings[name]), less, said, harm))
        reading = _share(self._telling_read(base)[None])
        said, less = self._said([base], telling), _mean((first - told)[None])
        words = Moved(WORDS, reading, _mean(told[None]), less, said, None)
        return [*out, words]

    def reading(self, subject: LocalWeights) -> Any:
        """(n,) share of the wanted answer in what the decoder reads of a moved target."""
        return self._read(subject, self.sources)

    def _telling_read(self, base: LocalWeights) -> Any:
        """The same where the target is told in words, and not moved."""
        system = [t.system for t in self.told]
        sources = []
        for k, source in enumerate(self.sources):
            said = source.prompt.messages or ()
            prompt = Prompt(messages=(Message("system", system[k % len(system)]), *said))
            shift = len(base.encode(prompt)) - len(base.encode(source.prompt))
            sources.append(Evidence(prompt, tuple(p + shift for p in source.positions), source.text))
        return self._read(base, sources)

    def _read(self, subject: LocalWeights, sources: Sequence[Evidence]) -> Any:
        decoder, able = self.decoder, cast(OpenSubject, subject)
        out = []
        for start in range(0, len(self.items), AT_ONCE):
            items = self.items[start : start + AT_ONCE]
            own = [sources[item.source] for item in items]
            places = [decoder.positions(source) for source in own]
            found = able.capture([source.prompt for source in own], list(decoder.layers), places)
            device = decoder.subject.engine.device
            states = {layer: torch.from_numpy(found.at(layer)).to(device) for layer in decoder.layers}
            counts = {item.source: len(own) for item, own in zip(items, places, strict=True)}
            examples = [decoder.example(item, sources[item.source]) for item in items]
            with torch.no_grad(), decoder.read(examples, states, counts) as shares:
                out += [float(x.exp()[item.answer]) for x, item in zip(shares, items, strict=True)]
        return np.array(out)

    def _likelihoods(self, subject: LocalWeights, prompts: Sequence[Prompt]) -> Any:
        """(n,) nats a token of the reply of the wanted value, less those of the other one."""
        scores = cast(Any, subject).score(prompts, [[t.wanted, t.other] for t in self.told])
        return np.array([np.mean(wanted) - np.mean(other) for wanted, other in scores])

    def _said(self, subjects: Sequence[LocalWeights], prompts: Sequence[Prompt]) -> Estimate:
        named = re.compile(rf"\b{re.escape(self.wish.value)}", re.IGNORECASE)
        hits, clusters = [], []
        for subject in subjects:
            decoding = Decoding(LONGEST, 1.0, self.seed)
            for k, replies in enumerate(cast(Any, subject).sample(prompts, self.draws, decoding)):
                hits += [float(bool(named.search(reply.text))) for reply in replies]
                clusters += [k] * len(replies)
        return proportion(np.array(hits), np.array(clusters))


def _mean(values: Any) -> Estimate:
    """Over several draws (rows) of the same messages (columns), which are the clusters."""
    rows, n = values.shape
    return mean(values.ravel(), np.tile(np.arange(n), rows))


def _share(values: Any) -> Estimate:
    """The same of shares, from 0 to 1."""
    rows, n = values.shape
    return proportion(values.ravel(), np.tile(np.arange(n), rows))


def random_writes(like: Injection, count: int, seed: int) -> list[Injection]:
    """Vectors of random direction, as long as one that was found, added in its place."""
    length = float(np.linalg.norm(like.vector.array))
    out = []
    for k in range(count):
        noise = generator("random vector", seed, k).standard_normal(len(like.vector.array))
        out.append(_like(like, noise, length))
    return out


def mean_difference_write(subject: OpenSubject, wish: Wish, like: Injection, seed: int) -> Injection:
    """The mean state of contexts that are told the wanted value less that of other values, as long as a vector that was
    found, added in its place: what can be had without a decoder."""
    of, length = family(wish.family), float(np.linalg.norm(like.vector.array))
    said = evenly(messages()["train"], TELLING, seed, "mean difference", "messages")
    ways = evenly(system_templates(of, "train"), TELLING, seed, "mean difference", "templates")
    others = evenly(wish.others, TELLING, seed, "mean difference", "others")
    fills = [(wish.fill, fill) for _, fill in others]
    prompts = [
        Prompt(messages=(Message("system", way.replace("{x}", pair[side])), Message("user", m)))
        for side in (0, 1) for way, pair, m in zip(ways, fills, said, strict=True)
    ]  # fmt: skip
    states = np.asarray(subject.capture(prompts, [like.layer]).at(like.layer), dtype=np.float64)
    return _like(like, states[:TELLING].mean(0) - states[TELLING:].mean(0), length)


def as_long(like: Injection, write: Injection) -> Injection:
    """A vector that was found in another way, made as long as one that was found, added in its place."""
    values = write.vector.array
    return _like(like, values, float(np.linalg.norm(like.vector.array))) if np.any(values) else write


def _like(like: Injection, values: Any, length: float) -> Injection:
    vector = Vector.of(values / np.linalg.norm(values) * length)
    return Injection(like.layer, vector, operator=like.operator, schedule=like.schedule)

