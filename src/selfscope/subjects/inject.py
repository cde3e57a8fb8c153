"""The one act of injection: vectors written into the residual stream, each row its own.

Two ways lead to it. Marked tokens (`marks.py`) serve the decoding of this project. `injected` serves any other use of a
transformers model, `generate` included: positions of the batch, found again under caches, chunks and repeated rows.

Axes: B rows, T tokens, D width, N written places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from selfscope.records import Injection
from selfscope.subjects.blocks import Blocks, Hook
from selfscope.subjects.places import checked_vector, positions_of

UNDEFINED_AT_ZERO = ("norm_add", "norm_replace", "project_out")
"""Operators that take a direction (as strengths in medians do): of a zero vector they do nothing, which is counted."""


def apply_operator(
    operator: str, hidden_ND: torch.Tensor, vectors_ND: torch.Tensor, strengths_N: torch.Tensor
) -> torch.Tensor:
    """The states (N, D) after the write, computed in fp32, in the stream's own dtype."""
    h, v, s = hidden_ND.float(), vectors_ND.float(), strengths_N.float()[:, None]
    if operator == "replace":
        new = v.expand_as(h)
    elif operator == "add":
        new = h + s * v
    elif operator == "mix":
        new = (1 - s) * h + s * v
    else:
        norms = v.norm(dim=-1, keepdim=True)
        unit = v / norms.clamp(min=torch.finfo(torch.float32).tiny)
        if operator == "norm_add":
            new = h + s * h.norm(dim=-1, keepdim=True) * unit
        elif operator == "norm_replace":
            new = s * h.norm(dim=-1, keepdim=True) * unit
        else:
            new = h - s * (h * unit).sum(-1, keepdim=True) * unit
        new = torch.where(norms > 0, new, h)
    return new.to(hidden_ND.dtype)


@dataclass(frozen=True)
class Group:
    """Writes of one operator at one layer. Rows and tokens (N,) index the stream of one forward."""

    operator: str
    rows: torch.Tensor
    tokens: torch.Tensor
    vectors_ND: torch.Tensor
    strengths_N: torch.Tensor

    def into(self, stream_BTD: torch.Tensor) -> torch.Tensor:
        """A new stream: the old one is kept by captures and by autograd."""
        at = (self.rows, self.tokens)
        return stream_BTD.index_put(
            at, apply_operator(self.operator, stream_BTD[at], self.vectors_ND, self.strengths_N)
        )


def hook_of(groups: Sequence[Group]) -> Hook:
    """Applies the groups in order."""

    def hook(stream_BTD: torch.Tensor) -> torch.Tensor:
        for group in groups:
            stream_BTD = group.into(stream_BTD)
        return stream_BTD

    return hook


@dataclass
class ResolvedInjection:
    """An injection checked against a model: its vector on the device, its strength in raw units."""

    layer: int
    operator: str
    vector_D: torch.Tensor
    strength: float


def resolve_injection(
    injection: Injection, blocks: Blocks, device: Any, medians: Callable[[int], float]
) -> ResolvedInjection:
    """The injection as this model takes it. medians(layer): the median norm of ordinary tokens there.

    Raises BadInput for a layer that does not exist and a vector of another width or with values that are no numbers.
    """
    layer = blocks.layer(injection.layer)
    vector_D = torch.from_numpy(checked_vector(injection.vector, blocks.width)).to(device)
    strength = injection.strength
    if injection.unit == "median":
        norm = float(vector_D.norm())
        strength = strength * medians(layer) / norm if norm else 0.0
    return ResolvedInjection(layer, injection.operator, vector_D, strength)


@contextmanager
def injected(
    model: Any,
    blocks: Blocks,
    rows: Sequence[Sequence[Injection]],
    *,
    lengths: Sequence[int],
    width: int,
    medians: Callable[[int], float] = lambda layer: 1.0,
) -> Iterator[None]:
    """While this block runs, every forward of `model` (`generate` too) writes rows[b] into row b of its batch.

    The batch is left-padded to `width` positions; lengths: tokens of each row without padding. Columns of an injection
    count from the row's first real token. Chunks of a prefill, caches, one token at a time and rows repeated for
    several samples or beams are told apart by what the cache holds before each forward.
    Raises ValueError when a forward has a number of rows that is no multiple of len(rows).
    """
    device = torch.device(model.device)
    # row, injection, positions of the batch, from where on
    table: list[tuple[int, ResolvedInjection, set[int], int | None]] = []
    for b, injections in enumerate(rows):
        pad = width - lengths[b]
        for injection in injections:
            positions, on = positions_of(injection, lengths[b])
            there = {pad + c for c in positions}
            table.append((b, resolve_injection(injection, blocks, device, medians), there, width if on else None))
    now = {"start": 0, "length": 0, "repeats": 1}

    def before(module: Any, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        row_inputs = named.get("input_ids", inputs[0] if inputs else None)
        row_inputs = named.get("inputs_embeds") if row_inputs is None else row_inputs
        assert row_inputs is not None
        count = row_inputs.shape[0]
        if count % len(rows):
            raise ValueError(f"{count} rows ran where injections for {len(rows)} are given: not a multiple")
        cache = named.get("cache", named.get("past_key_values"))
        start = 0 if cache is None else int(cache.get_seq_length())
        now.update(start=start, length=row_inputs.shape[1], repeats=count // len(rows))

    def hook_at(layer: int) -> Hook:
        mine = [one for one in table if one[1].layer == layer]

        def hook(stream_BTD: torch.Tensor) -> torch.Tensor:
            start, stop = now["start"], now["start"] + now["length"]
            for b, one, positions, on in mine:
                here = [c - start for c in range(start, stop) if c in positions or (on is not None and c >= on)]
                if here:
                    copies = range(b * now["repeats"], (b + 1) * now["repeats"])
                    at = np.array([(r, c) for r in copies for c in here])
                    rows_N, tokens_N = (torch.from_numpy(x).to(device) for x in at.T)
                    vectors_ND = one.vector_D.expand(len(at), -1)
                    strengths_N = torch.full((len(at),), one.strength, device=device)
                    stream_BTD = Group(one.operator, rows_N, tokens_N, vectors_ND, strengths_N).into(stream_BTD)
            return stream_BTD

        return hook

    handle = blocks.decoder.register_forward_pre_hook(before, with_kwargs=True)
    try:
        with blocks.hooked([(layer, hook_at(layer)) for layer in sorted({one[1].layer for one in table})]):
            yield
    finally:
        handle.remove()
