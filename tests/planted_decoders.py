"""A decoder of a planted direction, done and in its folder: what a target is moved through in the tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from decoder_items import ECHO, LAYER, WORDS, contexts, world
from selfscope.api.steer import opened_decoder
from selfscope.records import Evidence, Prompt
from selfscope.subjects.live_adapters import LoraShape
from selfscope.subjects.local import Local
from selfscope.training.decoder_files import save_decoder
from selfscope.training.examples import Example
from selfscope.training.fit_decoder import Course, fit_decoder
from selfscope.training.forms import Affine, Form, Oracle
from selfscope.training.frozen_decoder import FrozenDecoder
from selfscope.training.items import Item
from selfscope.training.mover import Mover, new_mover
from selfscope.training.schedule import Schedule

ORACLE = Oracle(((LAYER,),), lora=LoraShape(4, 8.0))
HEARD = Affine(((LAYER,),), words=ECHO)
"""What it writes is what the model that says again what it reads will say."""
FITTED = Schedule(epochs=5, groups=16, at_once=16, rate=2e-2, objective="soft_labels")
QUICK = Schedule(epochs=4, groups=16, at_once=16, rate=0.1, objective="vocabulary")
WANTED = "colour"


def planted(subject: Local) -> np.ndarray:
    """(D,) the direction that means WANTED, less the mean of all: what `decoder_items.contexts` plants."""
    ways = subject.capture([Prompt(text=f"x {word}") for word in WORDS], [-1], [[2]] * len(WORDS)).at(-1)
    ways = ways / np.linalg.norm(ways, axis=1, keepdims=True)
    return np.asarray(ways[WORDS.index(WANTED)] - ways.mean(0))


def frozen(
    subject: Local, folder: Path, form: Form = HEARD, n: int = 96, *, shuffled: bool = False
) -> FrozenDecoder:
    """A decoder that reads the planted direction, or its twin. n: contexts that it learns from."""
    of, items = world(subject, contexts(subject, n, seed=1, ways="words"), columns=form.columns, layers=form.layers)
    live, _ = fit_decoder(subject, form, of, items, FITTED, course=Course(shuffled=shuffled))
    save_decoder(folder, live, {}, items)
    return opened_decoder(subject, folder)


def other(subject: Local, n: int, seed: int) -> tuple[list[Evidence], list[Item]]:
    """Contexts in which any of the words is planted, and questions whose wanted answer is one all the same."""
    sources, items = contexts(subject, n, seed=seed, ways="words")
    return sources, [replace(item, answer=item.options.index(WANTED), value=WANTED) for item in items]


def lesson(
    decoder: FrozenDecoder, by: str = "vector", *, layer: int = LAYER, guards: Sequence[Example] = (), weight: float = 1
) -> tuple[Mover, list[Example]]:
    """A mover of the decoder's subject, and what it is trained on."""
    subject = decoder.subject
    assert isinstance(subject, Local)
    sources, items = other(subject, 48, 5)
    mover = new_mover(decoder, sources, by, layer=layer if by == "vector" else None, limit=24.0)
    return mover, [*mover.reads(items), *mover.guards(guards, weight)]
