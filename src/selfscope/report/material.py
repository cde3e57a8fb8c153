"""What a card is drawn from: all that a study's folder holds and all that was found in it, in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from selfscope.records import Cost, Parts, Row, Trial, Truth
from selfscope.report.labels import Labels
from selfscope.verdicts.arm_gaps import Gap, Grid
from selfscope.verdicts.channels import Channel
from selfscope.verdicts.claims import Claim
from selfscope.verdicts.crossed import Crossing
from selfscope.verdicts.detection import InjectionFinding
from selfscope.verdicts.forecasts import Forecast, KnownInside
from selfscope.verdicts.lies import LieChannel, Told
from selfscope.verdicts.preferences import Preference
from selfscope.verdicts.self_model import SelfMap
from selfscope.verdicts.treatment import Treatment

Words = Callable[[Trial, str], str]
"""(trial, format) -> the question as it was sent. Who calls gives `wording.question_text`: report knows no wording."""


@dataclass(frozen=True)
class Material:
    """What a study's folder holds, in memory: the only input of a card. words: None shows questions as data.
    gaps, grids: readings of activations against their arms, and their sweeps; injected: what it said of injections;
    crossed: what moved reports, a state or a record; forecasts, known: what it said of success, and what it knows.
    parts: what the study's parts say of themselves. costs: of the run, by who asked. cells: its finished cells, each
    with its seconds: what the next one would take. channels, treatments: of matched items. told, lies: statements.
    preferences: of choices among outcomes. self_maps: what it says that it is."""

    meta: Mapping[str, Any]
    rows: Sequence[Row]
    trials: Mapping[str, Trial]
    truths: Mapping[str, Truth]
    claims: tuple[Claim, ...]
    warnings: tuple[str, ...] = ()
    words: Words | None = None
    gaps: tuple[Gap, ...] = ()
    grids: tuple[Grid, ...] = ()
    injected: tuple[InjectionFinding, ...] = ()
    crossed: tuple[Crossing, ...] = ()
    parts: Parts = field(default_factory=Parts)
    costs: Mapping[str, Cost] = field(default_factory=dict)
    cells: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    forecasts: tuple[Forecast, ...] = ()
    known: tuple[KnownInside, ...] = ()
    channels: tuple[Channel, ...] = ()
    treatments: tuple[Treatment, ...] = ()
    told: tuple[Told, ...] = ()
    lies: tuple[LieChannel, ...] = ()
    preferences: tuple[Preference, ...] = ()
    self_maps: tuple[SelfMap, ...] = ()

    @property
    def names(self) -> Labels:
        """What its readers, controls and phenomena are called."""
        return Labels(self.parts)
