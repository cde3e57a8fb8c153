"""Rows of one's own readings, and what follows from rows: for everybody who brings trials, truths or readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from selfscope.errors import BadInput
from selfscope.records import (
    Outcome,
    Parts,
    Reading,
    Row,
    Trial,
    Truth,
    checked,
    content_hash,
    control_part,
    id_of,
    phenomenon_part,
    reader_part,
)
from selfscope.scoring import score
from selfscope.store import Rows
from selfscope.study.sampling import known_truth, sound_truth

if TYPE_CHECKING:
    from selfscope.controls.base import Control
    from selfscope.phenomena.base import Phenomenon
    from selfscope.readers.base import Reader
    from selfscope.verdicts.claims import Claim
    from selfscope.verdicts.findings import Findings
    from selfscope.verdicts.settings import Settings


def rows_of(
    readings: Mapping[Reader, Sequence[Reading]],
    trials: Sequence[Trial],
    truths: Sequence[Truth],
    *,
    phenomenon: Phenomenon | None = None,
    controls: Sequence[Control] = (),
    subject: str = "",
) -> Rows:
    """Rows of readings that were made without a study.

    Parameters
    ----------
    readings
        For each reader one reading a trial, in the order of the trials. The first reader of the rung self speaks for
        the phenomenon.
    trials
        What was asked, the trials of controls included.
    truths
        One for each trial, in any order; not needed where a control's question brings its answer.
    phenomenon
        What posed the trials; None: told by what they carry.
    controls
        Those whose trials are among them: a verdict knows a control by its role.
    subject
        The identity of who was asked.

    Returns
    -------
    Rows
        As a study's: for `judge`, `findings` and data frames.

    Raises
    ------
    BadInput
        A number of readings that is not that of the trials, a trial without a truth, or a truth that is no distribution
        (a reading that is none becomes an error, with the reason).
    """
    asked = {id_of(c): control_part(c) for c in controls}
    known = ((trial, known_truth(trial, Parts(controls=asked))) for trial in trials)
    by_trial = {trial.id: truth for trial, truth in known if truth is not None}
    by_trial |= {truth.trial: truth for truth in truths}
    lacking = [t.id for t in trials if t.id not in by_trial]
    if lacking:
        raise BadInput(f"{len(lacking)} of {len(trials)} trials have no truth, the first is {lacking[0]}")
    for trial in trials:
        sound_truth(by_trial[trial.id], len(trial.question.options))
    joined: list[tuple[Row, Trial | None, Truth | None]] = []
    parts = {id_of(reader): reader_part(reader) for reader in readings}
    name = id_of(phenomenon) if phenomenon is not None else ""
    for reader, of_reader in readings.items():
        if len(of_reader) != len(trials):
            raise BadInput(f"{id_of(reader)} has {len(of_reader)} readings of {len(trials)} trials")
        cell = content_hash("own", subject, id_of(reader), [t.id for t in trials])
        for trial, reading in zip(trials, of_reader, strict=True):
            truth = by_trial[trial.id]
            reading = checked(reading, len(trial.question.options))
            row = Row(
                cell, subject, name or trial.phenomenon, trial.id, id_of(reader), reader.rung, trial.control, 0,
                reading,
                score(reading, truth) if reading.outcome == Outcome.ANSWERED else None,
            )  # fmt: skip
            joined.append((row, trial, truth))
    own = next((part.id for part in parts.values() if part.rung == "self"), "")
    phenomena = {name: phenomenon_part(phenomenon)} if phenomenon is not None else {}
    primary = dict.fromkeys([row.phenomenon for row, _, _ in joined], own)
    return Rows(joined, Parts(parts, asked, phenomena, primary))


def judge(rows: Rows, settings: Settings | None = None) -> list[Claim]:
    """The verdicts that follow from rows of self-reports.

    Parameters
    ----------
    rows
        Of a study (`card.rows`) or one's own (`rows_of`).
    settings
        Margins and thresholds; None: those of every card.

    Returns
    -------
    list of Claim
        One for each self reader of each phenomenon, the one that speaks for it first.
    """
    from selfscope.verdicts import judge as judged

    return judged(rows, rows.trials, rows.truths, rows.parts, settings)


def findings(rows: Rows) -> Findings:
    """All that is estimated from rows: verdicts, readings of activations against their arms, sweeps, injections.

    Parameters
    ----------
    rows
        Of a study (`card.rows`) or one's own (`rows_of`).

    Returns
    -------
    Findings
        claims, gaps, grids, injected, crossed.
    """
    from selfscope.verdicts.findings import find

    return find(rows, rows.trials, rows.truths, {}, rows.parts)
