"""All that is estimated from the rows of a study. It is kept beside them, so that a card is drawn again at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from selfscope.records import Observation, Parts, Row, Trial, Truth
from selfscope.verdicts.arm_gaps import Gap, Grid, gaps_of, grids
from selfscope.verdicts.assemble import tables
from selfscope.verdicts.channels import Channel, channels_of
from selfscope.verdicts.claims import Claim
from selfscope.verdicts.crossed import Crossing, crossings_of
from selfscope.verdicts.detection import InjectionFinding, detections_of
from selfscope.verdicts.forecasts import Forecast, KnownInside, forecasts_of
from selfscope.verdicts.judging import judged
from selfscope.verdicts.lies import LieChannel, Told, lie_channels_of, told_of
from selfscope.verdicts.preferences import Preference, preferences_of
from selfscope.verdicts.self_model import SelfMap, self_maps_of
from selfscope.verdicts.settings import Settings
from selfscope.verdicts.treatment import Treatment, treatments_of


@dataclass(frozen=True)
class Findings:
    """All that is estimated from the rows of a study.

    Attributes
    ----------
    claims
        The verdicts.
    gaps, grids
        Readings of activations against their arms, and their sweeps.
    injected
        What was said of injections.
    crossed
        What moved reports where a state and a record were crossed.
    forecasts
        What was said of success, as forecasts of it.
    known
        Whether it knows inside which of its attempts succeeds, and says so.
    channels
        What tells a state on matched items: AUROC beside accuracy.
    treatments
        How matched users are treated, and how that is told.
    told, lies
        How often it lied under each condition, and what tells its lies.
    preferences
        What it chooses among outcomes, and what it says it wants.
    self_maps
        What it says that it is, and whether it is so.
    """

    claims: tuple[Claim, ...] = ()
    gaps: tuple[Gap, ...] = ()
    grids: tuple[Grid, ...] = ()
    injected: tuple[InjectionFinding, ...] = ()
    crossed: tuple[Crossing, ...] = ()
    forecasts: tuple[Forecast, ...] = ()
    known: tuple[KnownInside, ...] = ()
    channels: tuple[Channel, ...] = ()
    treatments: tuple[Treatment, ...] = ()
    told: tuple[Told, ...] = ()
    lies: tuple[LieChannel, ...] = ()
    preferences: tuple[Preference, ...] = ()
    self_maps: tuple[SelfMap, ...] = ()


def find(
    rows: Sequence[Row],
    trials: Mapping[str, Trial],
    truths: Mapping[str, Truth],
    observations: Mapping[str, Observation],
    parts: Parts,
) -> Findings:
    """Estimates everything, each phenomenon's rows put together once. Pure.

    Parameters
    ----------
    rows
        Readings, of every reader and control.
    trials
        By id.
    truths
        By the id of their trial.
    observations
        By key.
    parts
        What readers, controls and phenomena say of themselves.

    Returns
    -------
    Findings
        Everything of the study.
    """
    by_phenomenon = tables(rows, trials, truths, parts)
    success = [forecasts_of(table) for table in by_phenomenon]
    return Findings(
        tuple(claim for table in by_phenomenon for claim in judged(table, Settings())),
        tuple(gap for table in by_phenomenon for gap in gaps_of(table, observations)),
        tuple(grids(rows, trials, truths, parts)),
        tuple(finding for table in by_phenomenon for finding in detections_of(table)),
        tuple(crossing for table in by_phenomenon for crossing in crossings_of(table)),
        tuple(forecast for forecasts, _ in success for forecast in forecasts),
        tuple(one for _, known in success for one in known),
        tuple(channel for table in by_phenomenon for channel in channels_of(table, observations)),
        tuple(one for table in by_phenomenon for one in treatments_of(table)),
        tuple(one for table in by_phenomenon for one in told_of(table, observations)),
        tuple(one for table in by_phenomenon for one in lie_channels_of(table, observations)),
        tuple(one for table in by_phenomenon for one in preferences_of(table, observations)),
        tuple(one for table in by_phenomenon for one in self_maps_of(table)),
    )
