"""Whether numbers from outside are a distribution: the one check of readings, truths and next tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

from selfscope.records.readings import Outcome, Reading
from selfscope.records.replies import Reply, TokenDistribution

CLOSE = 1e-3
"""How far a sum may be from one: distributions are written with three decimals."""
ROUNDED = 1e-2
"""How far above one the probabilities of different tokens may sum: half precision."""
WITHIN = ("jackknife", "halves", "sets")
"""What a reading's extra holds of distributions, a list of them each."""


def fault_of(distribution: Any, options: int) -> str:
    """Why numbers are no distribution over so many options; empty where they are one.

    Parameters
    ----------
    distribution : sequence of float
        (K,) as it came.
    options : int
        K, as it should be.

    Returns
    -------
    str
        One phrase, as "it sums to 2".
    """
    if isinstance(distribution, str) or not hasattr(distribution, "__len__"):
        return "it is no list of numbers"
    if len(distribution) != options:
        return f"it holds {len(distribution)} numbers for {options} options"
    if not all(map(_number, distribution)):
        return "it holds what is no number"
    values = [float(p) for p in distribution]
    if not all(map(math.isfinite, values)):
        return "it holds NaN or infinity"
    if min(values, default=0.0) < -CLOSE:
        return f"it holds {min(values):.3g}, which is below zero"
    total = math.fsum(values)
    return "" if abs(total - 1) <= CLOSE else f"it sums to {total:.4g}"


def _number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def checked(reading: Reading, options: int) -> Reading:
    """A reading, or in its place an error with the reason in `extra["why"]`.

    Parameters
    ----------
    reading : Reading
        Of any reader, or read back from a file.
    options : int
        K of the trial's question; 0 where it is open.

    Returns
    -------
    Reading
        The same one where it is sound, with its numbers as floats, whatever library they came from. A reading that is
        no answer holds no distribution.
    """
    if not isinstance(reading, Reading):
        return Reading(Outcome.ERROR, extra={"why": f"it is no Reading but a {type(reading).__name__}"})
    if reading.outcome != Outcome.ANSWERED:
        return reading if reading.distribution is None else replace(reading, distribution=None)
    why = _fault(reading, options)
    if not why:
        return _plain(reading)
    kept = {k: v for k, v in reading.extra.items() if k not in (*WITHIN, "prior_free")}
    return replace(reading, outcome=Outcome.ERROR, distribution=None, mass=None, extra={**kept, "why": why})


def _plain(reading: Reading) -> Reading:
    shares, mass = reading.distribution, reading.mass
    numbers = [*(() if shares is None else shares), *(() if mass is None else (mass,))]
    if isinstance(shares, tuple | None) and all(type(p) is float for p in numbers):
        return reading
    own = None if shares is None else tuple(float(p) for p in shares)
    return replace(reading, distribution=own, mass=None if mass is None else float(mass))


def _fault(reading: Reading, options: int) -> str:
    if reading.distribution is None:
        return "" if reading.kind == "text" or not options else "it is answered, without a distribution"
    why = fault_of(reading.distribution, options)
    if why:
        return f"its distribution is none: {why}"
    if reading.first is not None and not 0 <= reading.first < options:
        return f"its first option is number {reading.first} of {options}"
    mass = reading.mass
    if mass is not None and not (_number(mass) and -CLOSE <= mass <= 1 + ROUNDED):
        return f"its mass is no probability: {mass}"
    for name in (*WITHIN, "prior_free"):
        own = reading.extra.get(name)
        for one in () if own is None else [own] if name == "prior_free" else own:
            why = fault_of(one.tolist() if hasattr(one, "tolist") else one, options)
            if why:
                return f"its {name} holds no distribution: {why}"
    return ""


def token_fault(after: TokenDistribution, ids: Sequence[int] | None, top: int | None) -> str:
    """Why next-token log-probabilities are none; empty where they are sound.

    Parameters
    ----------
    after : TokenDistribution
        As a subject gave it.
    ids, top
        What was asked for: these tokens first, and so many of the likeliest.

    Returns
    -------
    str
        One phrase, as "it misses token 7".
    """
    asked = tuple(ids or ())
    if len(after.logprobs) != len(after.ids) or len(after.tokens) not in (0, len(after.ids)):
        return f"it holds {len(after.ids)} tokens and {len(after.logprobs)} log-probabilities"
    if after.ids[: len(asked)] != asked:
        missed = next((i for i in asked if i not in after.ids), None)
        return "it lists tokens in another order than asked" if missed is None else f"it misses token {missed}"
    if top is not None and len(after.ids) <= len(asked) < len(asked) + top:
        return "it misses the likeliest tokens"
    if any(math.isnan(x) or x > ROUNDED for x in after.logprobs):
        return "it holds NaN, or a log-probability above zero"
    if not (math.isfinite(after.entropy) and after.entropy > -ROUNDED):
        return f"its entropy is {after.entropy}"
    total = math.fsum(math.exp(x) for x in dict(zip(after.ids, after.logprobs, strict=True)).values())
    return "" if total <= 1 + ROUNDED else f"its tokens sum to {total:.4g}"


def checked_reply(reply: Reply) -> Reply:
    """A reply, or one that finished with an error where its tokens and log-probabilities do not belong together.

    Parameters
    ----------
    reply : Reply
        As a subject gave it.

    Returns
    -------
    Reply
        The same one where it is sound.
    """
    logs = reply.logprobs
    why = ""
    if not isinstance(reply.text, str):
        why = f"its text is a {type(reply.text).__name__}"
    elif logs is not None and reply.ids is not None and len(logs) != len(reply.ids):
        why = f"{len(logs)} log-probabilities of {len(reply.ids)} sampled tokens"
    elif logs is not None and any(math.isnan(x) or x > ROUNDED for x in logs):
        why = "a log-probability that is NaN or above zero"
    return replace(reply, text="", finish="error", ids=None, logprobs=None, error=why) if why else reply
