"""Attention over a common beginning that is held once for all rows: no copy of its keys and values a row.

The queries of all rows meet the beginning in one product, each row's own tokens in another; the two softmaxes are
joined by their log-sum-exp. Axes: B rows, H query heads, K key-value heads, S new tokens, P tokens of the beginning,
T own tokens, E width of a head.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import AttentionInterface
from transformers.cache_utils import DynamicCache, DynamicLayer

NAME = "selfscope_cascade"


class Beside(DynamicLayer):
    """One layer's keys and values: those of the beginning (1, K, P, E) beside a layer of the rows' own."""

    def __init__(self, header: Any, own: Any) -> None:
        super().__init__()
        self.header_keys, self.header_values = header.keys, header.values
        self.own = own
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Any, Any]:
        keys, values = self.own.update(key_states, value_states)
        return (self, keys), (self, values)

    def get_seq_length(self) -> int:
        return int(self.header_keys.shape[-2]) + int(self.own.get_seq_length())

    def keep(self, order: Sequence[int]) -> None:
        """See `InPlaceLayer.keep`."""
        self.own.keep(order)


class BesideCache(DynamicCache):
    """A cache of `Beside` layers: the model has to attend with `attending`."""


def shared_prefix_cache(header: Any, owns: Sequence[Any] | None = None) -> BesideCache:
    """A cache of any number of rows behind a one-row cache of their common beginning. owns: the rows' own layers;
    without them they are empty."""
    cache = BesideCache()
    owns = owns or [DynamicLayer() for _ in header.layers]
    cache.layers = [Beside(layer, own) for layer, own in zip(header.layers, owns, strict=True)]
    return cache


@contextmanager
def attending(model: Any) -> Iterator[None]:
    """While this block runs the model attends to `Beside` layers; afterwards as before, also after an exception."""
    config = model.config.get_text_config()
    before = config._attn_implementation
    config._attn_implementation = NAME
    try:
        yield
    finally:
        config._attn_implementation = before


def cascade(
    module: Any,
    query_BHSE: torch.Tensor,
    key: Any,
    value: Any,
    attention_mask: torch.Tensor | None = None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **more: Any,
) -> tuple[torch.Tensor, None]:
    """What transformers calls in each attention layer. attention_mask: additive, over the rows' own tokens alone
    (B, 1, S, T); without one S has to be 1. Raises NotImplementedError for a soft cap or sinks inside attention."""
    if more.get("softcap") or more.get("s_aux") is not None or more.get("position_bias") is not None:
        raise NotImplementedError("attention with a soft cap, sinks or a bias takes the plain way")
    (layer, own_keys), (_, own_values) = key, value
    b, h, s, e = query_BHSE.shape
    groups = h // own_keys.shape[1]
    scale = scaling if scaling is not None else e**-0.5
    if s > 1 and attention_mask is None:
        raise NotImplementedError("several new tokens need a mask")
    if query_BHSE.device.type != "cpu" or s * layer.header_keys.shape[-2] <= 4096:
        out_BHSE = _joined(query_BHSE * scale, layer, own_keys, own_values, attention_mask, groups)
    else:
        one_BHSE, one_BHS = _flash(
            query_BHSE.transpose(0, 1).reshape(1, h, b * s, e), layer.header_keys, layer.header_values, None, scale
        )
        one_BHSE = one_BHSE.view(h, b, s, e).transpose(0, 1)
        one_BHS = one_BHS.reshape(h, b, s).transpose(0, 1)
        two_BHSE, two_BHS = _flash(query_BHSE, own_keys, own_values, attention_mask, scale)
        share_BHS1 = torch.sigmoid(one_BHS - two_BHS)[..., None].to(query_BHSE.dtype)
        out_BHSE = two_BHSE + share_BHS1 * (one_BHSE - two_BHSE)
    return out_BHSE.transpose(1, 2), None


def _flash(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor | None, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """(output, log-sum-exp) without the matrix of weights."""
    groups = query.shape[1] // keys.shape[1]
    out, summed = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query.contiguous(), keys.repeat_interleave(groups, dim=1), values.repeat_interleave(groups, dim=1), 0.0, False,
        attn_mask=mask, scale=scale,
    )  # fmt: skip
    return out, summed.to(torch.float32)


def _joined(
    query_BHSE: torch.Tensor,
    layer: Beside,
    own_keys: torch.Tensor,
    own_values: torch.Tensor,
    mask: torch.Tensor | None,
    groups: int,
) -> torch.Tensor:
    """One softmax over both parts: for few new tokens. query: scaled."""
    b, h, s, e = query_BHSE.shape
    k, p = h // groups, layer.header_keys.shape[-2]
    grouped_BKXE = query_BHSE.reshape(b, k, groups * s, e)
    flat_KYE = grouped_BKXE.transpose(0, 1).reshape(k, b * groups * s, e)
    header_BKXP = torch.bmm(flat_KYE, layer.header_keys[0].transpose(1, 2)).view(k, b, groups * s, p).transpose(0, 1)
    own_BKXT = torch.matmul(grouped_BKXE, own_keys.transpose(2, 3))
    if mask is not None:
        own_BKXT = own_BKXT + mask.repeat(1, 1, groups, 1)
    weights = torch.cat([header_BKXP, own_BKXT], dim=-1).softmax(-1, dtype=torch.float32).to(query_BHSE.dtype)
    out = torch.matmul(weights[..., p:], own_values)
    shared_KYP = weights[..., :p].transpose(0, 1).reshape(k, b * groups * s, p)
    out = out + torch.bmm(shared_KYP, layer.header_values[0]).view(k, b, groups * s, e).transpose(0, 1)
    return out.reshape(b, h, s, e)


AttentionInterface.register(NAME, cascade)
