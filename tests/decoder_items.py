"""Planted signals for decoders: a direction written at one token of contexts whose words do not tell which."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM

from selfscope.records import Evidence, Injection, Prompt, Vector
from selfscope.records.contracts import DecoderWords
from selfscope.subjects.local import Local
from selfscope.training.features import Features, features
from selfscope.training.items import Item
from selfscope.training.live_decoder import LiveDecoder

WORDS = ("colour", "the", "and", "is")
"""A token each."""
ECHO = DecoderWords(run="{slot}", ask="", choice="")
"""The state stands last: what is written there is what is answered from."""
QUESTION = "Which of these is it?"
LAYER = 2
PLACE = 5


def contexts(
    subject: Local, n: int, *, seed: int = 0, noise: float = 0.3, split: str = "train", ways: str = "random"
) -> tuple[list[Evidence], list[Item]]:
    """Items about contexts with a planted direction and noise; sources are numbered from 0. ways: random directions,
    those of the words' embeddings ("words"), or none at all ("nothing")."""
    rng = np.random.default_rng(seed)
    found = subject.capture([Prompt(text=f"x {word}") for word in WORDS], [-1], [[2]] * len(WORDS)).at(-1)
    ways_KD = {"random": np.random.default_rng(99).standard_normal(found.shape), "words": found, "nothing": 0 * found}
    directions = ways_KD[ways] / np.maximum(np.linalg.norm(ways_KD[ways], axis=1, keepdims=True), 1e-9)
    sources, items = [], []
    for k in range(n):
        right = int(rng.integers(len(WORDS)))
        vector = directions[right] + noise * rng.standard_normal(subject.width) / np.sqrt(subject.width)
        ids = tuple(int(i) for i in rng.integers(6, 300, 7))
        act = Injection(LAYER, Vector.of(4 * subject.median_norm(LAYER) * vector), (PLACE,), "add")
        prompt = Prompt(ids=ids, interventions=(act,))
        sources.append(Evidence(prompt, (PLACE - 1, PLACE), subject.token_texts(prompt)[PLACE]))
        order = rng.permutation(len(WORDS))
        shown = tuple(WORDS[int(i)] for i in order)
        items.append(Item(k, QUESTION, shown, shown.index(WORDS[right]), WORDS[right], f"{split}{k // 2}", split))
    return sources, items


def world(
    subject: Local,
    *parts: tuple[list[Evidence], list[Item]],
    columns: Sequence[int] = (-1,),
    layers: Sequence[int] = (LAYER,),
) -> tuple[Features, list[Item]]:
    """Features and items of several parts, those of the split train as the unit."""
    sources: list[Evidence] = []
    items: list[Item] = []
    for own, asked in parts:
        items += [Item(**{**vars(i), "source": i.source + len(sources)}) for i in asked]
        sources += own
    train = [i.source for i in items if i.split == "train"]
    return features(subject, sources, layers, columns, train=train), items


def echo(folder: Path) -> Path:
    """Makes a saved model one that says again what it reads: its blocks add little, and its head is its embedding."""
    model = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "o_proj" in name or "down_proj" in name:
                weight.mul_(0.05)
        model.lm_head.weight.copy_(model.get_input_embeddings().weight)
        model.model.norm.weight.fill_(1.0)
    model.save_pretrained(folder)
    return folder


def share_right(live: LiveDecoder, items: Sequence[Item], sources: Sequence[int | None] | None = None) -> float:
    """Share of items whose answer gains most by the states of these sources, against none at all (of none: its own)."""
    read = [i.source for i in items] if sources is None else sources
    pairs = [(live.example(i, s, fresh=True), live.example(i, None)) for i, s in zip(items, read, strict=True)]
    both = [e for pair in pairs for e in pair]
    hits = 0
    with torch.no_grad(), live.subject.candidate_logprobs(
        [e.prompt for e in both], [e.candidates for e in both], adapters=live.adapters(),
        tensors=live.written([e.prompt for e in both]),
    ) as found:  # fmt: skip
        for k, (item, source) in enumerate(zip(items, read, strict=True)):
            gain = found[2 * k] - (0 if source is None else found[2 * k + 1])
            hits += int(gain.argmax()) == item.answer
    return hits / len(items)
