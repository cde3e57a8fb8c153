"""States of contexts, captured once and kept in the units of the train split: what decoders learn from.

n places, D width, C columns.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from selfscope.directions import standardised
from selfscope.errors import BadInput, reaching
from selfscope.records import Evidence, Prompt
from selfscope.subjects.activations import Activations, BadActivations, Owner
from selfscope.subjects.base import OpenSubject
from selfscope.subjects.tensor_files import save_tensors
from selfscope.training.bank import Context

UNITS = "units.safetensors"
FACTS = "features.json"
WINDOWS = ("turn", "visible")
"""What a reader may look at. turn: from the end of the user's message on. visible: all behind the controlling text."""
AT_ONCE = 512
"""Contexts of one capture."""


@dataclass(frozen=True)
class Features:
    """States of contexts at some layers and columns.

    Attributes
    ----------
    states : Activations
        Standardised, a row for each read token; its places are (context, position), its record says whose they are.
    ids : tuple of int
        (n,) the token at each place.
    column : tuple of int
        (n,) which of the columns a place is, from 0; all 0 where every position is read.
    columns : tuple of int
        The rule: indices into the evidence's positions; empty: all of them.
    means, scales : mapping of int to array of shape (C, D)
        Of the train split, by layer.
    """

    states: Activations
    ids: tuple[int, ...]
    column: tuple[int, ...]
    columns: tuple[int, ...]
    means: Mapping[int, Any]
    scales: Mapping[int, Any]

    @property
    def layers(self) -> tuple[int, ...]:
        """Layers that were captured."""
        return self.states.layers

    @cached_property
    def rows(self) -> tuple[tuple[int, ...], ...]:
        """Of each context its rows, in the order of its positions."""
        of: dict[int, list[int]] = {}
        for row, (context, _) in enumerate(self.states.places):
            of.setdefault(context, []).append(row)
        return tuple(tuple(of.get(i, ())) for i in range(1 + max(of, default=-1)))

    def raw(self, layer: int, rows: Sequence[int]) -> Any:
        """(len(rows), D) states as they were captured."""
        own = list(rows)
        where = [self.column[r] for r in own]
        return self.states.at(layer)[own] * self.scales[layer][where] + self.means[layer][where]

    def save(self, folder: Path | str) -> Path:
        """Writes states, units and facts. Raises FileError where they cannot be written."""
        path = self.states.save(folder)
        units = {f"{name}.{k}": np.ascontiguousarray(of[k], dtype=np.float32) for k in self.layers
                 for name, of in (("mean", self.means), ("scale", self.scales))}  # fmt: skip
        save_tensors(path / UNITS, units)
        facts = {"ids": self.ids, "column": self.column, "columns": self.columns}
        with reaching(path):
            (path / FACTS).write_text(json.dumps(facts), encoding="utf-8")
        return path

    @classmethod
    def load(cls, folder: Path | str, subject: str | Owner | None = None) -> Features:
        """What `save` wrote. Raises BadActivations for a damaged folder, or one of another subject."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        path = Path(folder)
        states = Activations.load(path, subject=subject)
        try:
            facts = json.loads((path / FACTS).read_text(encoding="utf-8"))
            units = load_file(path / UNITS)
            means, scales = ({k: units[f"{name}.{k}"] for k in states.layers} for name in ("mean", "scale"))
            ids, column, columns = (tuple(map(int, facts[name])) for name in ("ids", "column", "columns"))
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise BadActivations(f"{path} holds no readable features ({error}): capture again") from error
        if not len(ids) == len(column) == len(states.places):
            raise BadActivations(f"{path} lacks a part: capture again")
        return cls(states, ids, column, columns, means, scales)


def readable(subject: OpenSubject, context: Context, window: str = "turn") -> Evidence:
    """What may be read of a context: never the tokens of the controlling text.

    Parameters
    ----------
    subject : OpenSubject
        Who reads the conversation.
    context : Context
        Of the bank, or published.
    window : str
        One of WINDOWS.

    Raises
    ------
    BadInput
        There is no such window, or nothing stands behind the controlling text.
    """
    if window not in WINDOWS:
        raise BadInput(f"there is no window {window!r}; there are: {', '.join(WINDOWS)}")
    prompt = Prompt(messages=context.messages)
    hidden = set(subject.positions(prompt, context.hidden, 0)) if context.hidden else set()
    texts = subject.token_texts(prompt)
    after = max(hidden, default=0) + 1
    start = after
    if window == "turn" and context.message:
        start = max(after, subject.positions(prompt, context.message)[-1])
    at = tuple(range(start, len(texts)))
    if not at:
        raise BadInput(f"nothing stands behind the controlling text of a context: {context.hidden!r}")
    return Evidence(prompt, at, "".join(texts[c] for c in at))


def features(
    subject: OpenSubject,
    sources: Sequence[Evidence],
    layers: Sequence[int],
    columns: Sequence[int] = (-1,),
    *,
    train: Sequence[int],
) -> Features:
    """Captures states, and takes the units of the train split.

    Parameters
    ----------
    subject : OpenSubject
        Whose states they are.
    sources : sequence of Evidence
        Prompts with the positions that may be read.
    layers : sequence of int
        Where they are read.
    columns : sequence of int
        Which of the positions, as indices; none: all of them.
    train : sequence of int
        Which of the sources are the train split: means and deviations are of these alone.

    Returns
    -------
    Features
        In the order of the sources.

    Raises
    ------
    BadInput
        No train split, or a source without such a column.
    """
    if not train or not sources:
        raise BadInput("features need contexts, and a train split whose mean and deviation are taken")
    at = [_columns(source, columns) for source in sources]
    parts = [
        subject.capture([s.prompt for s in sources[k : k + AT_ONCE]], list(layers), at[k : k + AT_ONCE])
        for k in range(0, len(sources), AT_ONCE)
    ]
    places = tuple((i, c) for i, own in enumerate(at) for c in own)
    column = tuple(j if columns else 0 for own in at for j in range(len(own)))
    rows = [subject.encode(source.prompt) for source in sources]
    ids = tuple(row[c] for row, own in zip(rows, at, strict=True) for c in own)
    inside = np.isin([i for i, _ in places], sorted(set(train)))
    of = np.array(column)
    states, means, scales = {}, {}, {}
    for layer in layers:
        raw_nD = np.concatenate([part.at(layer) for part in parts])
        units = [standardised(raw_nD[inside & (of == c)])[:2] for c in range(max(1, len(columns)))]
        means[layer] = np.stack([mean for mean, _ in units]).astype(np.float32)
        scales[layer] = np.stack([scale for _, scale in units]).astype(np.float32)
        states[layer] = ((raw_nD - means[layer][of]) / scales[layer][of]).astype(np.float32)
    tokens = tuple(token for part in parts for token in part.tokens)
    record = {**parts[0].record, "prompts": [p for part in parts for p in part.record.get("prompts", ())],
              "units": "deviations of the train split"}  # fmt: skip
    return Features(replace(parts[0], places=places, states=states, tokens=tokens, record=record), ids, column,
                    tuple(columns), means, scales)  # fmt: skip


def _columns(source: Evidence, columns: Sequence[int]) -> list[int]:
    count = len(source.positions)
    for column in columns:
        if not -count <= column < count:
            raise BadInput(f"a context has {count} positions that may be read: column {column} is not one of them")
    return [source.positions[c] for c in columns] if columns else list(source.positions)
