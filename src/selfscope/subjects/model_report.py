"""A checkup of a model that runs here: where its residual stream lies, how large it is, what stands in its way.

Axes: N tokens, D width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from selfscope.records import Message, Prompt
from selfscope.subjects.access_laws import access_laws
from selfscope.subjects.fast_paths import WINDOWS
from selfscope.subjects.local import Local
from selfscope.subjects.ordinary_tokens import NEUTRAL, SINK
from selfscope.subjects.self_test import Check
from selfscope.subjects.tokenizer_checks import Bos, Placeholder, Template, bos_of, placeholders, template_of

FACTORS = ("embedding_multiplier", "residual_multiplier", "attention_multiplier", "logit_scale", "logits_scaling")
CAPS = ("final_logit_softcapping", "attn_logit_softcapping")
WAYS = ("scoring", "sampling", "common beginnings", "linear layers")
"""How decoding is done: each is checked against the plain way when a model is loaded."""


@dataclass(frozen=True)
class Sink:
    """A token whose norm is above `SINK` medians of its row. position: where it stands (None: in various places).
    texts: in how many of the neutral texts. first, last: the layers between which it is one. times: the largest norm,
    in medians."""

    token: str
    position: int | None
    texts: int
    first: int
    last: int
    times: float


@dataclass(frozen=True)
class Stream:
    """The residual stream. output: what a block returns, tensor or tuple. norms: median norm of ordinary tokens, of
    layer -1 first. texts: how many neutral texts were looked at for sinks. embedding: size of what enters block 0 over
    that of the rows of the embedding matrix (1 where nothing scales them); root: the same over the square root of the
    width (1 for Gemma)."""

    path: str
    output: str
    layers: int
    width: int
    norm: str
    norms: tuple[float, ...]
    sinks: tuple[Sink, ...]
    texts: int
    embedding: float
    root: float


@dataclass(frozen=True)
class Checkup:
    """What is to be known of a model before its activations are read. stream: None where the self-test refused it.
    factors, caps: of the configuration, where it has any. windows: attention windows in tokens by kind; seeing: layers
    that see the whole context where others do not. ways: how decoding is done. template: None for a base model.
    laws: see `access_laws`."""

    model: str
    identity: str
    kind: str
    parameters: int
    context: int
    dtype: str
    device: str
    attention: str
    adapter: str | None
    stream: Stream | None
    factors: Mapping[str, float]
    caps: Mapping[str, float]
    windows: Mapping[str, int]
    seeing: tuple[int, ...]
    bos: Bos
    template: Template | None
    placeholders: tuple[Placeholder, ...]
    ways: Mapping[str, str]
    checks: tuple[Check, ...]
    refused: str = ""
    laws: tuple[Check, ...] = ()


def checkup(local: Local, done: Callable[[], None] | None = None) -> Checkup:
    """Examines a loaded model. It takes one forward of eight short texts, and a few dozen calls of the tokenizer.

    done: called behind each of the access laws, which take some seconds; without it they are not run."""
    config = local.engine.model.config.get_text_config()
    known = local.environment
    kinds = list(getattr(config, "layer_types", None) or [])
    mixed = [k for k, kind in enumerate(kinds) if kind == "full_attention"]
    return Checkup(
        local.name,
        local.identity,
        str(config.model_type),
        int(known["parameters"]),
        local.context,
        str(known["dtype"]),
        str(known["device"]),
        str(known["attention"]),
        known.get("adapter"),
        None if local.refused else stream_of(local),
        _numbers(config, FACTORS),
        _numbers(config, CAPS),
        {name: int(v) for name, v in _numbers(config, WINDOWS).items()},
        () if len(mixed) == len(kinds) else tuple(mixed),
        bos_of(local.tokenizer),
        template_of(local.tokenizer),
        placeholders(local.tokenizer),
        {name: str(known[name]) for name in WAYS if name in known},
        local.checks,
        local.refused,
        () if done is None else access_laws(local, done=done),
    )


def _numbers(config: Any, names: Sequence[str]) -> dict[str, float]:
    settings = {name: getattr(config, name, None) for name in names}
    return {
        name: float(v) for name, v in settings.items() if isinstance(v, int | float) and not isinstance(v, bool) and v
    }


def stream_of(local: Local) -> Stream:
    """The residual stream, measured on neutral texts in the form in which the model is asked."""
    blocks = local.engine.blocks
    assert blocks is not None
    layers = [-1, *blocks.layers]
    prompts = [Prompt(messages=(Message("user", t),)) if local.chat else Prompt(text=t) for t in NEUTRAL]
    states = local.capture(prompts, layers, "every")
    rows = [[i for i, (p, _) in enumerate(states.places) if p == k] for k in range(len(prompts))]
    norms_LN = np.stack([np.linalg.norm(states.at(layer), axis=1) for layer in layers])
    parts = [norms_LN[:, row] / np.median(norms_LN[:, row], axis=1, keepdims=True) for row in rows]
    times_LN = np.concatenate(parts, axis=1)
    scale = _embedding_scale(local, prompts[0], states.of(0, -1))
    return Stream(
        blocks.path, blocks.output, len(blocks.blocks), blocks.width, blocks.norm_path,
        tuple(local.median_norm(layer) for layer in layers), sinks_of(times_LN, states.places, states.tokens),
        len(prompts), scale, scale / math.sqrt(blocks.width),
    )  # fmt: skip


def sinks_of(times_LN: Any, places: Sequence[tuple[int, int]], tokens: Sequence[str]) -> tuple[Sink, ...]:
    """Attention sinks by token, the largest first. times_LN: norms in medians of their row, of layer -1 first; places:
    (text, position) of each of the N tokens."""
    columns_of: dict[tuple[str, int | None], list[int]] = {}
    for n in np.flatnonzero((times_LN > SINK).any(0)).tolist():
        position = places[n][1]
        columns_of.setdefault((tokens[n], position if position == 0 else None), []).append(n)
    sinks = []
    for (token, _), where in columns_of.items():
        over_L = np.flatnonzero((times_LN[:, where] > SINK).any(1)) - 1
        positions = sorted({places[n][1] for n in where})
        texts = len({places[n][0] for n in where})
        one = positions[0] if len(positions) == 1 else None
        sinks.append(Sink(token, one, texts, int(over_L[0]), int(over_L[-1]), float(times_LN[:, where].max())))
    return tuple(sorted(sinks, key=lambda s: (-s.times, s.token)))


def _embedding_scale(local: Local, prompt: Prompt, entering_ND: Any) -> float:
    """Least-squares factor from the rows of the embedding matrix to what enters block 0."""
    model = local.engine.model
    weight_VD = model.get_input_embeddings().weight
    ids = torch.tensor(local.encode(prompt), device=weight_VD.device)
    rows_ND = weight_VD[ids].detach().float().cpu().numpy()
    if rows_ND.shape != entering_ND.shape:  # the embedding has another width
        return 1.0
    return float((rows_ND * entering_ND).sum() / (rows_ND * rows_ND).sum())
