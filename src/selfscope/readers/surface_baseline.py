"""The rival of the surface: how long a question is, and how likely the name of what it asks about is as text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, cast

import numpy as np

from selfscope.readers.features import Array
from selfscope.readers.history_baseline import RIDGES, Fitted, forecasts, learnt
from selfscope.records import Identified, Prompt, Reading, Trial, Truth, content_hash
from selfscope.subjects.base import ScoringSubject, Subject, reaches

CARRIERS = ("Today we talk about", "I have read a lot about", "This text is about")
"""Beginnings behind which a name is scored: no question is among them."""
UNSCORED = 0.0
"""Of what has no name, or no log-probability that could be had: where nothing varies nothing is learnt from it."""


class Measures:
    """(n, 3) of trials: length in words, digits, log-probability of the name; in units of train's spread."""

    def __init__(self, trials: Sequence[Trial], likely: Mapping[str, float]) -> None:
        self.likely = likely
        raw = self._raw(trials)
        self.center, spread = raw.mean(axis=0), raw.std(axis=0)
        self.scale = np.where(spread > 1e-6, spread, np.inf)  # what never varied in train says nothing later

    def __call__(self, trials: Sequence[Trial]) -> Array:
        return np.asarray(np.clip((self._raw(trials) - self.center) / self.scale, -3, 3))

    def with_names(self, likely: Mapping[str, float]) -> Measures:
        """The same measures, knowing other names."""
        other = Measures.__new__(Measures)
        other.likely, other.center, other.scale = likely, self.center, self.scale
        return other

    def _raw(self, trials: Sequence[Trial]) -> Array:
        return np.array([
            (math.log1p(len(t.public.split())), math.log1p(sum(c.isdigit() for c in t.public)),
             self.likely.get(name_of(t), UNSCORED))
            for t in trials
        ])  # fmt: skip


@dataclass(frozen=True)
class SurfaceBaseline(Identified):
    """A linear model of three plain measures, learnt from the subject's train behaviour, without asking it.

    Length, digits, and *popularity*: the log-probability (nats) of the name of what is asked about, as text behind a
    few neutral beginnings. It stands for how often the name was read, which no table here knows; it is the subject's
    own, so that who reports by how familiar a name is has something that no outsider has. Of a subject without
    log-probabilities, and of questions that name nothing, lengths alone are left.

    Parameters
    ----------
    ridges
        Penalties among which one is chosen by cross-validation over train clusters.
    fits
        Learnt by `fit`, by (phenomenon, quantity); no part of the configuration.
    """

    kind: ClassVar[str] = "surface_baseline"
    title: ClassVar[str] = "length, and how likely the name is as text under the model itself"
    short: ClassVar[str] = "length, name"
    ridges: tuple[float, ...] = RIDGES
    fits: Mapping[tuple[str, str], Fitted] = field(default_factory=dict, repr=False, compare=False)

    @property
    def rung(self) -> str:
        return "history"

    def fit(self, subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth]) -> SurfaceBaseline:
        """Learns from the plain train trials and their truths."""
        by_trial = {truth.trial: truth for truth in truths}
        train = [t for t in trials if t.split == "train" and t.plain and t.id in by_trial]
        likely = popularity(subject, train)
        means = [by_trial[t.id].mean for t in train]
        return replace(self, fits=learnt(train, means, self.ridges, lambda own: Measures(own, likely)))

    def read(self, subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
        """Forecasts with `extra["jackknife"]` and `extra["halves"]`, as the history baseline's; a quantity that was not
        in train is UNSUPPORTED."""
        likely = popularity(subject, trials)
        fits = {
            key: replace(fit, project=fit.project.with_names(likely))
            for key, fit in self.fits.items() if isinstance(fit.project, Measures)
        }  # fmt: skip
        return forecasts(fits, trials)


def name_of(trial: Trial) -> str:
    """What a trial asks about, as text (`coordinates["thing"]`); "" where it does not say."""
    return str(trial.coordinates.get("thing", ""))


def popularity(subject: Subject, trials: Sequence[Trial]) -> dict[str, float]:
    """Name -> mean over CARRIERS of its log-probability (nats); none where the subject gives no log-probabilities."""
    names = sorted({name_of(t) for t in trials} - {""}, key=lambda name: content_hash("name", name))
    if not names or not reaches(subject, "logprobs"):
        return {}
    prompts = [Prompt(text=carrier) for carrier in CARRIERS for _ in names]
    scores = cast(ScoringSubject, subject).score(prompts, [[f" {name}"] for _ in CARRIERS for name in names])
    sums = np.array([math.fsum(own[0]) for own in scores]).reshape(len(CARRIERS), len(names))
    return dict(zip(names, map(float, sums.mean(axis=0)), strict=True))
