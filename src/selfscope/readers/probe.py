"""A linear probe of the residual stream: what is there to be read, whether or not the subject can say it.

Fitted on the train split of questions whose options are shared between items. Its rivals come as arms: a bag of the
words that the read tokens spell out (text), of the whole text (full), the mean state, another item's, the base rate.
Hewitt and Liang 2019: `labels="permuted"` is the same probe on labels that mean nothing. D width, K options.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, cast

import numpy as np

from selfscope.directions import Linear, discriminant, logistic
from selfscope.errors import BadInput
from selfscope.readers.layer_choice import FOLDS, folds_of
from selfscope.readers.vector_arms import (
    Place,
    captured_over,
    evidence_of,
    place_of,
    positions_from_end,
    stacked,
    vectors,
)
from selfscope.readers.word_bags import bags_of, vocabulary_of
from selfscope.records import Identified, Outcome, Reading, Trial, Truth, content_hash
from selfscope.subjects.base import OpenSubject, Subject, depths, reaches

PENALTIES = (1.0, 10.0, 100.0)
METHODS, LABELS = ("logistic", "means"), ("true", "permuted")
TOO_FEW = 2
"""Train clusters below which a question gets no probe."""


@dataclass(frozen=True)
class Fit:
    """What was learnt for one question: where it reads, how strongly it is held back, the base rate (K,), the bags of
    words. trials, labels: what it was learnt from. probes: by place; a sweep's other places are learnt when asked."""

    keys: tuple[str, ...]
    place: Place
    penalty: float
    rate_K: Any
    words: Mapping[str, int]
    bag: Linear | None
    trials: tuple[Trial, ...]
    labels: Any
    probes: dict[Place, Linear]


@dataclass(frozen=True)
class Probe(Identified):
    """A linear probe of the residual stream: what is there to be read, whether or not the subject can say it.

    Fitted on the train split of questions whose options are shared between items. What is None is chosen by grouped
    validation on train; a place that a sweep asks for gets a probe of its own.

    Parameters
    ----------
    method
        logistic, or means (whitened difference of means).
    layer
        Where the evidence is read (None: chosen among depths of the model).
    position
        Index into the positions of the evidence (None: chosen among the last four).
    labels
        true, or permuted: the same probe on labels that mean nothing (Hewitt and Liang 2019).
    fits, states, means
        Learnt by `fit`; no part of the configuration. means: place -> (D,).

    References
    ----------
    Hewitt and Liang 2019, Designing and Interpreting Probes with Control Tasks.
    """

    kind: ClassVar[str] = "probe"
    needs_truths: ClassVar[bool] = True
    method: str = "logistic"
    layer: int | None = None
    position: int | None = None
    labels: str = "true"
    fits: Mapping[str, Fit] = field(default_factory=dict, repr=False, compare=False)
    states: Mapping[Place, Mapping[str, Any]] = field(default_factory=dict, repr=False, compare=False)
    means: Mapping[Place, Any] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, value, known in (("method", self.method, METHODS), ("labels", self.labels, LABELS)):
            if value not in known:
                raise BadInput(f"there is no {name} {value!r}; there are: {', '.join(known)}")

    @property
    def title(self) -> str:
        how = "linear probe" if self.method == "logistic" else "probe of whitened means"
        return how + (", labels permuted" if self.labels == "permuted" else "")

    @property
    def rung(self) -> str:
        return "probe"

    def fit(self, subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth]) -> Probe:
        """One probe for each quantity with shared options; layer and penalty by validation over clusters of train."""
        if not reaches(subject, "activations"):
            return self
        able = cast(OpenSubject, subject)
        right = {t.trial: int(np.argmax(t.mean)) for t in truths if len(t.mean)}
        train = [t for t in trials if t.split == "train" and t.id in right and t.evidence is not None]
        groups: dict[str, list[Trial]] = {}
        for trial in train:
            if trial.question.shared:
                groups.setdefault(trial.question.quantity, []).append(trial)
        layers = [self.layer] if self.layer is not None else depths(able)
        states = captured_over(able, train, layers, self._positions(train))
        fits = {}
        for quantity, own_trials in groups.items():
            if len({t.cluster for t in own_trials}) >= TOO_FEW:
                own = {place: stacked(of, own_trials) for place, of in states.items()}
                fits[quantity] = self._fitted(own_trials, [right[t.id] for t in own_trials], own)
        means = {place: np.mean(list(of.values()), axis=0) for place, of in states.items()}
        return replace(self, fits=fits, states=states, means=means)

    def _positions(self, trials: Sequence[Trial]) -> list[int]:
        if self.position is not None:
            return [self.position]
        return positions_from_end(trials)

    def _fitted(self, trials: Sequence[Trial], labels: Sequence[int], states: Mapping[Place, Any]) -> Fit:
        answers = np.array(labels, dtype=np.int64)
        if self.labels == "permuted":
            seed = int(content_hash("permuted", [t.id for t in trials], size=8), 16)
            answers = np.random.default_rng(seed).permutation(answers)
        keys = tuple(o.key for o in trials[0].question.options)
        k = len(keys)
        evidence = [evidence_of(t) for t in trials]
        fold_N = folds_of([t.cluster for t in trials])
        place = max(states, key=lambda x: _validated(states[x], answers, fold_N, k, None))
        penalty = PENALTIES[0]
        if self.method == "logistic":
            scored = [_validated(states[place], answers, fold_N, k, p) for p in PENALTIES]
            penalty = PENALTIES[int(np.argmax(scored))]
        probe = self._learnt(states[place], answers, k, penalty)
        texts, full = [e.text for e in evidence], [e.full for e in evidence]
        vocabulary = vocabulary_of([*texts, *full])
        both_NW = np.concatenate([bags_of(texts, vocabulary), bags_of(full, vocabulary)])
        bag = discriminant(both_NW, np.concatenate([answers, answers]), k) if vocabulary else None
        rate_K = (np.bincount(answers, minlength=k) + 0.5) / (len(answers) + 0.5 * k)
        return Fit(keys, place, penalty, rate_K, vocabulary, bag, tuple(trials), answers, {place: probe})

    def _learnt(self, states_ND: Any, labels_N: Any, classes: int, penalty: float) -> Linear:
        if self.method == "logistic":
            return logistic(states_ND, labels_N, classes, penalty=penalty)
        return discriminant(states_ND, labels_N, classes)

    def read(self, subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
        """One reading a trial, in one capture; a question that was not learnt is unsupported."""
        out = [Reading(Outcome.UNSUPPORTED)] * len(trials)
        if not reaches(subject, "activations"):
            return out
        able = cast(OpenSubject, subject)
        rows = [i for i, t in enumerate(trials) if t.question.quantity in self.fits]
        known = [trials[i] for i in rows]
        fits = [self.fits[t.question.quantity] for t in known]
        places = [place_of(t, f.place.layer, f.place.position) for t, f in zip(known, fits, strict=True)]
        states = vectors(able, known, places, self.means)
        self._learn_at(able, fits, places)
        for i, trial, fit, place, vector_D in zip(rows, known, fits, places, states, strict=True):
            shares = self._shares(trial, fit, place, vector_D)
            if tuple(o.key for o in trial.question.options) == fit.keys:
                first = trial.question.shown[0]
                where = {"layer": place.layer, "position": place.position}
                out[i] = Reading(Outcome.ANSWERED, tuple(shares.tolist()), first=first, extra=where)
        return out

    def _learn_at(self, subject: OpenSubject, fits: Sequence[Fit], places: Sequence[Place]) -> None:
        """A place that a sweep asks for gets a probe of its own: another layer's directions mean nothing there."""
        for fit in {id(f): f for f in fits}.values():
            new = sorted({p for f, p in zip(fits, places, strict=True) if f is fit and p not in fit.probes})
            far = [p for p in new if p not in self.states]
            more = captured_over(subject, fit.trials, sorted({p.layer for p in far}), sorted({p.position for p in far}))
            for place in new:
                states_ND = stacked(self.states.get(place) or more[place], fit.trials)
                fit.probes[place] = self._learnt(states_ND, fit.labels, len(fit.keys), fit.penalty)

    def _shares(self, trial: Trial, fit: Fit, place: Place, vector_D: Any) -> Any:
        if vector_D is not None:
            return fit.probes[place].probabilities(np.asarray(vector_D)[None])[0]
        if trial.arm in ("text", "full") and fit.bag is not None:
            evidence = evidence_of(trial)
            text = evidence.text if trial.arm == "text" else evidence.full
            return fit.bag.probabilities(bags_of([text], fit.words))[0]
        return fit.rate_K / fit.rate_K.sum()


def _validated(states_ND: Any, labels_N: Any, fold_N: Any, classes: int, penalty: float | None) -> float:
    """Part of the held-out rows that are right; the discriminant where no penalty is given."""
    hits, count = 0.0, 0
    for fold in range(FOLDS):
        inside, outside = fold_N != fold, fold_N == fold
        if not inside.any() or not outside.any():
            continue
        if penalty is None:
            classifier = discriminant(states_ND[inside], labels_N[inside], classes)
        else:
            classifier = logistic(states_ND[inside], labels_N[inside], classes, penalty=penalty)
        hits += float((classifier.scores(states_ND[outside]).argmax(1) == labels_N[outside]).sum())
        count += int(outside.sum())
    return hits / count if count else 0.0
