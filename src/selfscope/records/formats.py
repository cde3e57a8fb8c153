"""The formats: in which forms a question can be answered, and what sets them apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from selfscope.errors import UnknownName


@dataclass(frozen=True)
class Format:
    """One form of answer. Whatever depends on a format asks these fields, never the letters of its name.

    Attributes
    ----------
    name : str
        What readers and phenomena call it.
    scored : bool
        Candidates get log-probabilities (tier ``logprobs``). False: a reply is sampled and parsed.
    title : str
        What a card calls it.
    answer : str
        What one answer is: ``option`` (one of the options), ``yes_no`` (yes or no to a claim), ``percent`` (the
        probability that a claim holds, 0 to 100) or ``counts`` (a whole number for each option, ten together).
    """

    name: str
    scored: bool
    title: str
    answer: str = "option"

    @property
    def binary(self) -> bool:
        """Whether it can ask yes/no questions alone."""
        return self.answer in ("yes_no", "percent")


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        format.name: format
        for format in (
            Format("free", False, "in its own words"),
            Format("choice_lp", True, "option probabilities"),
            Format("yesno_lp", True, "yes/no probabilities", "yes_no"),
            Format("prob_text", False, "states a probability", "percent"),
            Format("prob_ev", True, "expected stated number", "percent"),
            Format("counts10", False, "counts out of ten", "counts"),
        )
    }
)
"""Every format by its name."""


def format_of(name: str) -> Format:
    """The format of this name.

    Raises
    ------
    UnknownName
        There is no such format; the message lists those that exist.
    """
    if name not in FORMATS:
        raise UnknownName("format", name, FORMATS)
    return FORMATS[name]


def is_scored(format: str) -> bool:
    """Whether the format is read off log-probabilities and not off a reply.

    Raises
    ------
    UnknownName
        There is no such format.
    """
    return format_of(format).scored


def ten_counts(distribution: Sequence[float]) -> list[int]:
    """Whole numbers that sum to ten, nearest to ten times a distribution: largest remainders, ties to the first.

    Parameters
    ----------
    distribution : sequence of float
        (K,) sums to 1.

    Returns
    -------
    list of int
        (K,) counts of ten.
    """
    # Ten times a share may lie a hair below a whole number, which it is meant to be.
    counts = [math.floor(10 * p + 1e-9) for p in distribution]
    by_remainder = sorted(range(len(counts)), key=lambda k: (counts[k] - 10 * distribution[k], k))
    for k in by_remainder[: 10 - sum(counts)]:
        counts[k] += 1
    return counts
