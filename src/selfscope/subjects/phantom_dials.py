"""The dials of a phantom: what a scripted report follows, so that the right verdict is known.

A report follows one channel an item: the private state, the habit, the input text, the format, a reply that stands in
its context (copy), what anybody would do with the text as it now is (anyone), what a shown record of its choices says
(past), or nothing (narrative). Draws are in a fixed order and each comes from its own named stream, keyed by seed and
item: turning one dial leaves the draws of the others alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from selfscope.records import Outcome, content_hash

CHANNELS = ("private", "habit", "input", "format", "narrative", "copy", "anyone", "past")
"""In the order of their weights: a new one comes last, so that the draws of the others stay."""
WHEN = ("random", "by_state", "when_unsure")
UNSURE = 0.6
CONFIDENT = 0.9
Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Dials:
    """Shares of the report (the rest is narrative) and how it is given.

    access, habit, input, format, copy, anyone, past: shares, together at most 1. copy repeats the reply that stands in
    its context (or that a vector pushes), whatever is asked, and follows nothing where there is none. anyone predicts
    what anybody would do with the text as it now is: a changed state moves it, for itself and for a third person
    alike. past says of itself what a shown record of its choices says. tau: confidence, r to the power tau (1 honest,
    above 1 over-confident). form: dist (a distribution) or choice (one option drawn from it). kappa: concentration of
    the shares of clusters around these (inf: all clusters alike). refusal, unreadable: probabilities, given at
    random, by_state (one state of the options refuses), or when_unsure (top probability below 0.6). alarm:
    probability of "yes" to "is something there?" under any changed state. competence: probability of a right answer
    about a given text. seed: of every stream.
    """

    access: float = 0.0
    habit: float = 0.0
    input: float = 0.0
    format: float = 0.0
    copy: float = 0.0
    anyone: float = 0.0
    past: float = 0.0
    tau: float = 1.0
    form: str = "dist"
    kappa: float = 10.0
    refusal: float = 0.0
    refusal_when: str = "random"
    unreadable: float = 0.0
    unreadable_when: str = "random"
    alarm: float = 0.0
    competence: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        shares = (self.access, self.habit, self.input, self.format, self.copy, self.anyone, self.past)
        numbers = {name: value for name, value in vars(self).items() if isinstance(value, float)}
        for name, value in numbers.items():
            if math.isnan(value) or (math.isinf(value) and name != "kappa"):
                raise ValueError(f"{name} is a finite number, not {value}")
        if self.seed < 0:
            raise ValueError(f"seed is a whole number from 0, not {self.seed}")
        if self.kappa <= 0 or self.tau < 0:
            raise ValueError(f"kappa is above 0 and tau at least 0, got {self.kappa:g} and {self.tau:g}")
        for name in ("refusal", "unreadable", "alarm", "competence"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a probability, from 0 to 1, not {getattr(self, name):g}")
        if min(shares) < 0 or sum(shares) > 1 + 1e-9:
            raise ValueError(f"shares must be at least 0 and sum to at most 1, got {shares}")
        if self.form not in ("dist", "choice"):
            raise ValueError(f"form is dist or choice, not {self.form!r}")
        for when in (self.refusal_when, self.unreadable_when):
            if when not in WHEN:
                raise ValueError(f"{when!r} is none of {', '.join(WHEN)}")

    @property
    def narrative(self) -> float:
        """The share that follows nothing."""
        given = (self.access, self.habit, self.input, self.format, self.copy, self.anyone, self.past)
        return max(0.0, 1.0 - math.fsum(given))

    @property
    def turned(self) -> Mapping[str, Any]:
        """All dials by name, as an identity has them: one that came later is left out where it is not turned."""
        return {name: value for name, value in vars(self).items() if name != "past" or value}

    @property
    def shares(self) -> tuple[float, ...]:
        """In the order of CHANNELS."""
        return (self.access, self.habit, self.input, self.format, self.narrative, self.copy, self.anyone, self.past)


@dataclass(frozen=True)
class DialReport:
    """One report. distribution: (K,), what was meant even where the outcome is no answer; kind: distribution | class.
    """

    channel: str
    distribution: tuple[float, ...]
    kind: str
    outcome: Outcome


def report(
    dials: Dials,
    *,
    item: str,
    cluster: str,
    p: Sequence[float],
    h: Sequence[float],
    g: Sequence[float],
    first: int,
    state_on: bool = True,
    copied: int | None = None,
    anyone: Sequence[float] | None = None,
    past: Sequence[float] | None = None,
) -> DialReport:
    """The report on one item.

    p: (K,) true distribution (private state). h: (K,) published habit, the mean of p given the text. g: (K,) how
    anyone reads the text. first: the option that stands first or means "yes". state_on False: without the state, the
    private channel says the habit. copied: the option that a reply in the context (or a pushed word) falls under, None
    where there is none. anyone: (K,) how anybody reads the text as it now is (None: as g). past: (K,)
    what the shown record says (None: there is none).
    """
    k = len(p)
    channel = _chosen(_weights(dials.seed, dials.shares, dials.kappa, cluster), _uniform(dials.seed, "channel", item))
    narrative = _chosen(_marginal(dials.seed, k), _uniform(dials.seed, "narrative", item))
    made_up = CONFIDENT * _one(narrative, k) + (1 - CONFIDENT) / k
    repeated = made_up if copied is None else _one(copied, k)
    sources = (p if state_on else h, h, g, _one(first, k), made_up, repeated, g if anyone is None else anyone,
               made_up if past is None else past)  # fmt: skip
    shares = np.asarray(sources[channel], dtype=float)
    if dials.tau != 1.0:
        shares = (shares + 1e-6) ** dials.tau
    shares = shares / shares.sum()
    if dials.form == "choice":
        shares = _one(_chosen(shares, _uniform(dials.seed, "form", item)), k)
    outcome = Outcome.ANSWERED
    if _silent(dials.refusal, dials.refusal_when, _uniform(dials.seed, "refusal", item), shares, p):
        outcome = Outcome.REFUSED
    elif _silent(dials.unreadable, dials.unreadable_when, _uniform(dials.seed, "unreadable", item), shares, p):
        outcome = Outcome.UNREADABLE
    kind = "class" if dials.form == "choice" else "distribution"
    return DialReport(CHANNELS[channel], tuple(float(x) for x in shares), kind, outcome)


def alarmed(dials: Dials, *, item: str, changed_state: bool) -> bool:
    """Whether the phantom says that something is there: under any changed state alike, without content."""
    return changed_state and _uniform(dials.seed, "alarm", item) < dials.alarm


def weights(dials: Dials, cluster: str) -> Array:
    """(8,) shares of a cluster: Dirichlet(kappa x shares), the shares themselves at kappa = inf."""
    return np.asarray(_weights(dials.seed, dials.shares, dials.kappa, cluster))


@lru_cache(maxsize=4096)
def _weights(seed: int, shares: tuple[float, ...], kappa: float, cluster: str) -> tuple[float, ...]:
    if math.isinf(kappa):
        return shares
    return tuple(_stream(seed, "weights", cluster).dirichlet(kappa * np.asarray(shares) + 1e-9).tolist())


@lru_cache(maxsize=256)
def _marginal(seed: int, k: int) -> tuple[float, ...]:
    raw = np.exp(0.7 * _stream(seed, "marginal", str(k)).normal(size=k))
    return tuple(raw / raw.sum())


def marginal(seed: int, k: int) -> Array:
    """(K,) what narrative answers are drawn from: fixed, unrelated to text and state."""
    return np.asarray(_marginal(seed, k))


def _silent(rate: float, when: str, uniform: float, shares: Array, p: Sequence[float]) -> bool:
    hit = uniform < rate
    if when == "by_state":
        return hit and int(np.argmax(p)) == 0
    if when == "when_unsure":
        return hit and float(shares.max()) < UNSURE
    return hit


def _one(at: int, k: int) -> Array:
    out = np.zeros(k)
    out[at] = 1.0
    return out


def _chosen(weights: Sequence[float] | Array, uniform: float) -> int:
    """Index drawn with these weights by one uniform number."""
    total = np.cumsum(weights)
    return min(int(np.searchsorted(total / total[-1], uniform, side="right")), len(total) - 1)


@lru_cache(maxsize=8192)
def _uniform(seed: int, name: str, key: str) -> float:
    """The one number that a stream gives. Kept: a proof asks for the same streams under many dials."""
    return float(_stream(seed, name, key).random())


def _stream(seed: int, name: str, key: str) -> np.random.Generator:
    return np.random.default_rng([seed, *bytes.fromhex(content_hash(name, key))])
