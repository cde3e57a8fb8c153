"""All that is estimated from the rows of a study. It is kept beside them, so that a card is drawn again at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from selfscope.records import Observation, Parts, Row, Trial, Truth
from selfscope.verdicts.arm_gaps import Gap, Grid, gaps_of, grids
from selfscope.verdicts.assemble import tables
from selfscope.verdicts.claims import Claim
from selfscope.verdicts.detection import InjectionFinding, detections_of
from selfscope.verdicts.judge import judged
from selfscope.verdicts.settings import Settings


@dataclass(frozen=True)
class Findings:
    """claims: the verdicts; gaps, grids: readings of activations against their arms, and their sweeps; injected: what
    was said of injections."""

    claims: tuple[Claim, ...] = ()
    gaps: tuple[Gap, ...] = ()
    grids: tuple[Grid, ...] = ()
    injected: tuple[InjectionFinding, ...] = ()


def find(
    rows: Sequence[Row],
    trials: Mapping[str, Trial],
    truths: Mapping[str, Truth],
    observations: Mapping[str, Observation],
    parts: Parts,
) -> Findings:
    """Estimates everything, each phenomenon's rows put together once. Pure."""
    by_phenomenon = tables(rows, trials, truths, parts)
    return Findings(
        tuple(claim for table in by_phenomenon for claim in judged(table, Settings())),
        tuple(gap for table in by_phenomenon for gap in gaps_of(table, observations)),
        tuple(grids(rows, trials, truths, parts)),
        tuple(finding for table in by_phenomenon for finding in detections_of(table)),
    )
