"""The noise of sampling: one token from logits, keyed by seed, prompt, draw and step, and by nothing else.

A token is the Gumbel maximum over blocks of the vocabulary, then over the tokens of that block: exact, with noise for
some 450 numbers instead of one for every token. Another batch shape moves a logit by 1e-6; a maximum changes then only
where two perturbed values lie that close, while an inverse cumulative sum would add the errors of every token before.
Axes: B rows, V vocabulary, K blocks, W tokens of a block.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch

from selfscope.subjects.decode import Ids

BLOCK = 256
_ODD, _MIX, _MORE = (np.uint64(x) for x in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def digest(prompt: Ids) -> bytes:
    """What stands for a prompt in a key."""
    return hashlib.blake2b(np.asarray(prompt, dtype=np.int64).tobytes(), digest_size=16).digest()


def key(prompt: bytes, seed: int, draw: int, step: int) -> int:
    """The 64-bit key of one token's noise."""
    text = prompt + f"|{seed}|{draw}|{step}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def gumbels(keys: Sequence[int], n: int) -> np.ndarray:
    """(B, n) standard Gumbel numbers, row b from keys[b] alone (splitmix64: Steele, Lea and Flood 2014)."""
    count = np.arange(1, n + 1, dtype=np.uint64) * _ODD
    state = np.asarray(keys, dtype=np.uint64)[:, None] + count[None]
    state = (state ^ (state >> np.uint64(30))) * _MIX
    state = (state ^ (state >> np.uint64(27))) * _MORE
    state ^= state >> np.uint64(31)
    uniform = ((state >> np.uint64(11)).astype(np.float64) + 0.5) / float(1 << 53)
    noise: np.ndarray = -np.log(-np.log(uniform))
    return noise


def pick(logits_BV: torch.Tensor, temperature: float, keys: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """One token a row at a temperature above 0, and its log-probability at temperature 1."""
    rows, vocabulary = logits_BV.shape
    top_B1 = logits_BV.max(dim=-1, keepdim=True).values
    weights_BV = logits_BV - top_B1
    if temperature != 1:
        total_B1 = torch.logsumexp(weights_BV, dim=-1, keepdim=True)
        weights_BV /= temperature
    weights_BV.exp_()
    if vocabulary % BLOCK:
        weights_BV = torch.nn.functional.pad(weights_BV, (0, -vocabulary % BLOCK))
    weights_BKW = weights_BV.view(rows, -1, BLOCK)
    sums_BK = weights_BKW.sum(-1)  # of BLOCK numbers: what fp32 loses is below the noise of the logits
    if logits_BV.device.type != "mps":
        sums_BK = sums_BK.double()
    if temperature == 1:
        total_B1 = sums_BK.sum(-1, keepdim=True).log().to(top_B1)
    blocks = sums_BK.shape[1]
    noise = torch.from_numpy(gumbels(keys, blocks + BLOCK)).to(sums_BK)
    block_B = (sums_BK.log() + noise[:, :blocks]).argmax(-1)
    inside_BW = weights_BKW[torch.arange(rows, device=block_B.device), block_B]
    token_B = block_B * BLOCK + (inside_BW.to(noise).log() + noise[:, blocks:]).argmax(-1)
    logprob_B = (logits_BV.gather(1, token_B[:, None]) - top_B1 - total_B1)[:, 0]
    return token_B, logprob_B
