"""All that is estimated from the rows of a study. It is kept beside them, so that a card is drawn again at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from selfscope.records import Observation, Row, Trial, Truth
from selfscope.verdicts.arm_gaps import Gap, Grid, gaps, grids
from selfscope.verdicts.claims import Claim
from selfscope.verdicts.detection import InjectionFinding, detections


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
) -> Findings:
    """Estimates everything. Pure."""
    from selfscope.verdicts.judge import judge

    measured = (rows, trials, truths)
    return Findings(
        tuple(judge(*measured)),
        tuple(gaps(*measured, observations)),
        tuple(grids(*measured)),
        tuple(detections(*measured)),
    )
