"""The vector that a reading of activations goes through, for each trial and arm: real, another's, random, mean, none.

N trials, D width.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from selfscope.records import Evidence, Trial, content_hash
from selfscope.subjects.base import OpenSubject, depths

POSITIONS = 4
"""Columns of the evidence among which one is chosen, from its end."""
WORDLESS = ("none", "text", "full")
"""Arms in which no vector is written."""


@dataclass(frozen=True, order=True)
class Place:
    """Where a trial's vector is read: a layer, and an index into the positions of its evidence."""

    layer: int
    position: int = -1


def place_of(trial: Trial, layer: int, position: int = -1) -> Place:
    """The reader's own place, unless the trial's coordinates say otherwise."""
    where = trial.coordinates
    return Place(int(where.get("layer", layer)), int(where.get("position", position)))


def vectors(
    subject: OpenSubject, trials: Sequence[Trial], places: Sequence[Place], means: Mapping[Place, Any]
) -> list[Any]:
    """(D,) for each trial by its arm, None where no vector is written. One capture for all of them.

    means: place -> (D,), learnt on train. Raises ValueError for a trial without evidence and a position that its
    evidence does not have."""
    wanted = [i for i, t in enumerate(trials) if t.arm not in (*WORDLESS, "mean")]
    arm_vectors: list[Any] = [None] * len(trials)
    real = captured(subject, [trials[i] for i in wanted], [places[i] for i in wanted])
    for i, vector_D in zip(wanted, real, strict=True):
        arm_vectors[i] = _random(trials[i], vector_D) if trials[i].arm == "random" else vector_D
    for i, trial in enumerate(trials):
        if trial.arm == "mean":
            arm_vectors[i] = means.get(places[i])
    return arm_vectors


def captured(subject: OpenSubject, trials: Sequence[Trial], places: Sequence[Place]) -> list[Any]:
    """(D,) of each trial's evidence at its place."""
    if not trials:
        return []
    evidence = [evidence_of(t) for t in trials]
    positions = [column_of(e, p.position) for e, p in zip(evidence, places, strict=True)]
    layers = sorted({p.layer for p in places})
    states = subject.capture([e.prompt for e in evidence], layers, [[c] for c in positions])
    return [states.at(p.layer)[i] for i, p in enumerate(places)]


def evidence_of(trial: Trial) -> Evidence:
    """Raises ValueError for a trial that has none."""
    if trial.evidence is None:
        raise ValueError(f"trial {trial.id} gives no activations to read: choose a phenomenon that does")
    return trial.evidence


def positions_from_end(trials: Sequence[Trial]) -> list[int]:
    """The last positions of the evidence that all of these trials have, the last one first."""
    deep = min([POSITIONS, *(len(evidence_of(t).positions) for t in trials)])
    return list(range(-1, -deep - 1, -1))


def captured_over(
    subject: OpenSubject, trials: Sequence[Trial], layers: Sequence[int], positions: Sequence[int]
) -> dict[Place, dict[str, Any]]:
    """place -> trial -> (D,): one capture for every question."""
    if not trials or not layers:
        return {}
    evidence = [evidence_of(t) for t in trials]
    states = subject.capture(
        [e.prompt for e in evidence], list(layers), [[column_of(e, p) for p in positions] for e in evidence]
    )
    step = len(positions)
    return {
        Place(layer, p): dict(zip([t.id for t in trials], states.at(layer)[k::step], strict=True))
        for layer in layers
        for k, p in enumerate(positions)
    }


def captured_around(
    subject: OpenSubject, trials: Sequence[Trial], places: Collection[Place]
) -> list[Mapping[Place, Any]]:
    """place -> (D,) of each trial by its arm, {} where no vector is captured: at these places, and wherever a place is
    chosen. So the call is the same for every reader that reads all layers at once, and is made once."""
    out: list[Mapping[Place, Any]] = [{}] * len(trials)
    wanted = [i for i, t in enumerate(trials) if t.arm not in (*WORDLESS, "mean")]
    if not wanted:
        return out
    shown = [trials[i] for i in wanted]
    layers = sorted({*depths(subject), *(p.layer for p in places)})
    positions = sorted({*positions_from_end(shown), *(p.position for p in places)}, reverse=True)
    states = captured_over(subject, shown, layers, positions)
    for i in wanted:
        own = {place: of[trials[i].id] for place, of in states.items()}
        out[i] = {k: _random(trials[i], v) for k, v in own.items()} if trials[i].arm == "random" else own
    return out


def stacked(states: Mapping[str, Any], trials: Sequence[Trial]) -> Any:
    """(N, D) of these trials."""
    return np.stack([states[t.id] for t in trials])


def mean_vectors(
    subject: OpenSubject, trials: Sequence[Trial], layers: Sequence[int], position: int
) -> dict[Place, Any]:
    """place -> (D,) mean over the evidence of trials, one of each cluster: of the k-th cluster its k-th, around, since
    the first ones of all clusters may be of one kind."""
    clusters: dict[str, list[Evidence]] = {}
    for trial in trials:
        if trial.evidence is not None:
            clusters.setdefault(trial.cluster, []).append(trial.evidence)
    if not clusters:
        return {}
    evidence = [own[k % len(own)] for k, own in enumerate(clusters.values())]
    states = subject.capture(
        [e.prompt for e in evidence], list(layers), [[column_of(e, position)] for e in evidence]
    )  # fmt: skip
    return {Place(layer, position): states.at(layer).mean(0) for layer in layers}


def column_of(evidence: Evidence, position: int) -> int:
    """The token at an index into the evidence's positions. Raises ValueError where there is none."""
    count = len(evidence.positions)
    if not -count <= position < count:
        raise ValueError(f"the evidence has {count} positions: position {position} is not one of them")
    return evidence.positions[position]


def _random(trial: Trial, vector_D: Any) -> Any:
    seed = int(content_hash("random vector", trial.base or trial.id, size=12), 16)
    noise_D = np.random.default_rng(seed).normal(size=len(vector_D))
    return (noise_D * (np.linalg.norm(vector_D) / np.linalg.norm(noise_D))).astype(np.float32)
