"""What it says of itself in its own words, mapped to the statements by options: beside what it agrees with.

A description was asked about some statements: does it say so, say the opposite, or say nothing of it? The reader is the
subject itself, a rival that counts shared words, or another model; each was asked the same of texts that describe
nobody, which is taken off. n statements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from selfscope.statistics import Array, Estimate, bootstrap, mean, within
from selfscope.verdicts.asides import POINTS, Aside, AsideLine, without_empty
from selfscope.verdicts.assemble import Table
from selfscope.verdicts.self_model import FEWEST, Placed, self_map
from selfscope.verdicts.unseen import no_point

DESCRIBED, NEUTRAL = "described", "neutral"
"""Arms: a description of the subject's own, and a text that describes nobody."""
NAMED = 3
"""Statements that are named as said most."""


@dataclass(frozen=True)
class Described:
    """What descriptions say, as one reader maps them.

    Attributes
    ----------
    names
        Of the n statements.
    says
        (n,) the part that says so less the part that says the opposite, less the same of neutral texts.
    mentions
        (n,) the part that says either, less the same of neutral texts.
    texts
        How many descriptions.
    """

    names: tuple[str, ...]
    says: Array
    mentions: Array
    texts: int


def described(table: Table, reader: str) -> Described | None:
    """What a reader maps descriptions to; None where it was asked of too few statements."""
    sums: dict[str, dict[str, list[tuple[float, float]]]] = {DESCRIBED: {}, NEUTRAL: {}}
    texts = set()
    for arm, own in sums.items():
        for base, reading in table.answered(reader, arm=arm).items():
            trial, shares = table.trials[base], reading.distribution or (0.0, 0.0, 1.0)
            own.setdefault(trial.cluster, []).append((shares[0] - shares[1], 1 - shares[2]))
            if arm == DESCRIBED:
                texts.add(trial.public)
    names = [name for name in sums[DESCRIBED] if name in sums[NEUTRAL]]
    if len(names) < FEWEST:
        return None
    both = [np.mean(sums[DESCRIBED][n], 0) - np.mean(sums[NEUTRAL][n], 0) for n in names]
    says, mentions = np.array(both).T
    return Described(tuple(names), says, mentions, len(texts))


def in_its_own_words(table: Table, reader: str) -> Aside | None:
    """The figures of descriptions, beside the verdict: what they say against what it agrees with, and what is so."""
    found, placed = described(table, reader), self_map(table, reader)
    if found is None or placed is None:
        return None
    own = {one.name: one for one in placed.statements}
    rivals = [r for r in table.on("input") if described(table, r) is not None]
    lines = [
        AsideLine("mentions of a statement", no_point(mean(found.mentions, np.arange(len(found.mentions)))),
                  says="beyond texts that describe nobody"),
        AsideLine("goes with what it agrees with", _goes(found, {n: one.own.value for n, one in own.items()}), POINTS,
                  "rank correlation over statements"),
        AsideLine("goes with what it does", _goes(found, _true(own)), POINTS, "over those that replies show"),
    ]  # fmt: skip
    for rival in rivals:
        other = described(table, rival)
        assert other is not None
        title = table.parts.readers[rival].title if rival in table.parts.readers else rival
        agreed = _goes(other, {n: one.own.value for n, one in own.items()})
        lines.append(AsideLine(f"the same with what it agrees with: {title}", agreed, POINTS))
        said = dict(zip(found.names, map(float, found.says), strict=True))
        lines.append(AsideLine(f"mapped alike: {title}", _goes(other, said), POINTS))
    note = "Nobody outside judged: what a description says is read off options, by the subject and by shared words."
    return Aside("In its own words", _says(found, own), without_empty(lines), note)


def _true(own: Mapping[str, Placed]) -> dict[str, float]:
    return {n: one.true.value for n, one in own.items() if one.true is not None}


def _says(found: Described, own: Mapping[str, Placed]) -> str:
    order = [found.names[k] for k in np.argsort(-found.says)[:NAMED]]
    named = "; ".join(own[name].says.rstrip(".") for name in order if name in own)
    return f"of {found.texts} descriptions of itself, said most: {named}"


def _goes(found: Described, other: dict[str, float]) -> Estimate | None:
    """Rank correlation over statements, percentile interval over resampled ones."""
    from scipy.stats import rankdata

    rows = [k for k, name in enumerate(found.names) if name in other]
    if len(rows) < FEWEST:
        return None
    x = rankdata(found.says[rows])
    y = rankdata([other[found.names[k]] for k in rows])
    if x.std() == 0 or y.std() == 0:
        return None

    def correlation(weights: Array) -> float:
        a, b = (v - np.average(v, weights=weights) for v in (x, y))
        size = float(np.sqrt(np.average(a * a, weights=weights) * np.average(b * b, weights=weights)))
        return float(np.average(a * b, weights=weights)) / size if size > 0 else 0.0

    found_here = no_point(replace(bootstrap(correlation, len(rows), draws=1000), items=len(rows)))
    return within(found_here, -1, 1)
