"""Items that a decoder is tested with as the trials of a study: what every reader of activations can be asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from selfscope.records import Option, Question, Trial, Truth, content_hash
from selfscope.training.decoder_material import Material
from selfscope.training.items import Item, partners

PHENOMENON = "bank"


def trials_of(material: Material, items: Sequence[Item]) -> tuple[list[Trial], list[Truth]]:
    """The items as trials, and what is right.

    Parameters
    ----------
    material : Material
        Holds their sources.
    items : sequence of Item
        Some of it.

    Returns
    -------
    (list of Trial, list of Truth)
        In their order. A cluster is a value; the split is that of the item.
    """
    trials, truths = [], []
    for item in items:
        source = material.sources[item.source]
        texts = [text.strip() for text in item.options]
        canonical = sorted(texts)
        order = tuple(canonical.index(text) for text in texts)
        options = tuple(Option(text, text) for text in canonical)
        asked = Question("custom", options, {"ask": item.question}, shared=False, order=order)
        name = content_hash(PHENOMENON, item)
        trials.append(Trial(
            name, PHENOMENON, item.message, item.value, item.kind, item.split, asked, source.prompt, "", f"o{name}",
            base=name, coordinates={}, evidence=source,
        ))  # fmt: skip
        mean = tuple(float(text == texts[item.answer]) for text in canonical)
        truths.append(Truth(name, mean, mean, mean, 0, "record", canonical.index(texts[item.answer])))
    return trials, truths


def shuffled(material: Material, items: Sequence[Item], trials: Sequence[Trial], seed: int) -> list[Trial]:
    """The trials of items, each with the evidence of another value of its split and kind."""
    return [
        replace(t, id=content_hash(t.id, "shuffled"), arm="shuffled", evidence=material.sources[source])
        for t, source in zip(trials, partners(items, seed), strict=True)
    ]
