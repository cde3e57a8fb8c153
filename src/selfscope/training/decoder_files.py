"""A decoder on disk: what it was trained on, its tensors, and its adapter as peft writes one. Frozen from then on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from selfscope.errors import FileError, reaching
from selfscope.records import content_hash, to_json
from selfscope.records.contracts import CONTRACT, LABELS, SCHEMA, TENSORS, DecoderContract
from selfscope.subjects.adapter_files import save_adapter
from selfscope.subjects.cache import make_folder
from selfscope.subjects.live_adapters import Adapter
from selfscope.subjects.local_weights import LocalWeights
from selfscope.subjects.tensor_files import save_tensors
from selfscope.training.items import Item
from selfscope.training.live_decoder import LiveDecoder
from selfscope.wording.decoder_prompts import example_ids

NEIGHBOURS = 8192
"""Contexts of the train split that are kept beside a decoder, at most: what the nearest of them is labelled is its
rival. Kinds of questions have as many each."""


def save_decoder(
    folder: Path | str, live: LiveDecoder, made: Mapping[str, Any], items: Sequence[Item] = ()
) -> DecoderContract:
    """Writes a decoder. The folder is there whole, or not at all.

    Parameters
    ----------
    folder : Path or str
        Replaced where it holds another decoder.
    live : LiveDecoder
        As it is now.
    made : mapping
        JSON-ready: how it was trained.
    items : sequence of Item
        Those of the split train become the neighbours of what is read later.

    Returns
    -------
    DecoderContract
        As it was written.

    Raises
    ------
    FileError
        It cannot be written, or the folder holds something else.
    """
    form = live.form
    own = {name: t.numpy() for name, t in {**live.fixed, **live.state()}.items() if not name.startswith("adapter.")}
    tensors = {**own, **_units(live)}
    near, labels = _neighbours(live, [item for item in items if item.split == "train"])
    contract = DecoderContract(
        form.kind, live.subject.identity, live.subject.name, live.subject.vocabulary_hash, form.combinations,
        form.columns, form.prepared, form.layer, form.operator, form.strength, live.words,
        form.copies, example_ids(live.subject, live.words, form.combinations[0]), made=dict(made),
    )  # fmt: skip
    return write_decoder(Path(folder), live.subject, contract, {**tensors, **near}, live.adapter, labels)


def write_decoder(
    folder: Path,
    subject: LocalWeights,
    contract: DecoderContract,
    tensors: Mapping[str, Any],
    adapter: Adapter | None,
    labels: Sequence[tuple[str, str]] = (),
) -> DecoderContract:
    """Writes its parts. labels: of each neighbour the kind of its question, and the right answer. Raises FileError."""
    contract = sealed(contract, tensors, "" if adapter is None else adapter.identity, labels)
    with reaching(folder):
        if folder.exists() and any(folder.iterdir()) and not (folder / CONTRACT).exists():
            raise FileError(f"{folder} holds other files: give the decoder a folder of its own")
        folder.parent.mkdir(parents=True, exist_ok=True)

        def whole(draft: Path) -> None:
            if adapter is not None:
                save_adapter(draft, subject, adapter, "reader", contract.made)
            save_tensors(draft / TENSORS, tensors)
            (draft / LABELS).write_text(json.dumps(list(labels), ensure_ascii=False), encoding="utf-8")
            written = {"schema": SCHEMA, "contract": json.loads(to_json(contract))}
            (draft / CONTRACT).write_text(json.dumps(written, ensure_ascii=False, indent=1), encoding="utf-8")

        make_folder(folder, whole)
    return contract


def sealed(
    contract: DecoderContract, tensors: Mapping[str, Any], adapter: str, labels: Sequence[tuple[str, str]]
) -> DecoderContract:
    """The contract with the hash of all that decides what the decoder, or its nearest neighbour, says; how it was made
    is not part of it."""
    digest = sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensors[name]).tobytes())
    bare = replace(contract, made={}, published={}, content="", adapter=adapter)
    content = content_hash(bare, digest.hexdigest(), [list(label) for label in labels])
    return replace(contract, adapter=adapter, content=content)


def _units(live: LiveDecoder) -> dict[str, Any]:
    """Mean and deviation of the train split, by layer and column."""
    out = {}
    for layer in live.form.layers:
        out[f"unit.mean.{layer}"] = live.features.means[layer]
        out[f"unit.scale.{layer}"] = live.features.scales[layer]
    return out


def _neighbours(live: LiveDecoder, items: Sequence[Item]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """States of the train split, one row for each context and kind of question, and what the right answer was."""
    first: dict[str, dict[int, str]] = {}
    for item in items:
        first.setdefault(item.kind, {}).setdefault(item.source, item.options[item.answer].strip())
    turns = zip_longest(*([(kind, *one) for one in own.items()] for kind, own in first.items()))
    every = [one for turn in turns for one in turn if one is not None][:NEIGHBOURS]
    if not every:
        return {}, []
    rows = [live.features.rows[source] for _, source, _ in every]
    layers = live.form.combinations[0]
    near = np.stack([joined([live.prepared(layer)[list(own)] for layer in layers], live.form.columns) for own in rows])
    return {"near": near.astype(np.float16)}, [(kind, label) for kind, _, label in every]


def joined(states: Sequence[Any], columns: Sequence[int]) -> Any:
    """States of one context (of each layer a row a column) as one row: where all positions are read, their mean."""
    return np.concatenate([own.reshape(-1) if columns else own.mean(0) for own in states])
