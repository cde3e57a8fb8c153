"""A ridge map from a state to the output embedding of the answer's words: a probe of options that train never had.

A logistic probe learns classes and needs questions whose options are shared; this one learns where in the stream the
words stand, so that one map serves every question of a phenomenon. N trials, D width, K options, J as in
`output_directions`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, cast

import numpy as np

from selfscope.directions import Linear, ridge
from selfscope.readers.centred_lens import OPEN, places_of_answers
from selfscope.readers.layer_choice import FOLDS, folds_of
from selfscope.readers.logit_lens import option_tokens
from selfscope.readers.output_directions import OutputDirections
from selfscope.readers.vector_arms import (
    Place,
    captured_around,
    captured_over,
    evidence_of,
    place_of,
    positions_from_end,
    stacked,
)
from selfscope.readers.word_bags import bags_of, vocabulary_of
from selfscope.records import REAL, Identified, Outcome, Reading, Trial, Truth
from selfscope.statistics import softmax
from selfscope.subjects.base import OpenSubject, Subject, depths, reaches

PENALTIES = (0.03, 0.3, 3.0)
SHARPNESS = tuple(np.geomspace(0.1, 30, 12).tolist())
"""How sharply a score, in units of its spread, becomes a distribution."""
TOO_FEW = 2
"""Train clusters below which nothing is learnt."""
UNTRAINED = "it has fewer than two clusters of train: nothing can be learnt"


@dataclass
class Learnt:
    """places: of each layer, the one that read held-out clusters best; place: the best of them, where `held_out` of the
    trials were right. maps: by place; those of a sweep's other places are learnt when asked. scale: of scores.
    trials, wanted_NJ: what it was learnt from. bag, words: the same map from bags of words."""

    place: Place
    places: Mapping[int, Place]
    held_out: float
    penalty: float
    scale: float
    trials: tuple[Trial, ...]
    wanted_NJ: Any
    directions: OutputDirections
    words: Mapping[str, int]
    bag: Linear | None
    states: dict[Place, dict[str, Any]]
    maps: dict[Place, Linear] = field(default_factory=dict)

    def map(self, subject: OpenSubject, place: Place) -> Linear:
        """That of a place."""
        if place not in self.maps:
            if place not in self.states:
                self.states |= captured_over(subject, self.trials, [place.layer], [place.position])
            self.maps[place] = ridge(stacked(self.states[place], self.trials), self.wanted_NJ, penalty=self.penalty)
        return self.maps[place]


@dataclass(frozen=True)
class RidgeProbe(Identified):
    """A ridge map from a standardised state to the output embedding of the right answer's words, less the mean of the
    options'. An option's score is the inner product with its own embedding, so options need not occur in train.

    Layer, position and penalty are chosen by grouped validation on train; a place that a sweep asks for gets a map of
    its own. It is a rival of every reading of activations, so a reading says what it makes of every depth of the
    model (`extra["by_layer"]`). Arms: none is uniform; text and full are the same map from bags of words. Output
    embeddings are learnt through the head (`Subject.unembed`).

    Parameters
    ----------
    layer
        Where the evidence is read (None: chosen among depths of the model).
    position
        Index into the positions of the evidence (None: chosen among the last four).
    learnt
        By `fit`; no part of the configuration.
    """

    kind: ClassVar[str] = "ridge_probe"
    needs_truths: ClassVar[bool] = True
    title: ClassVar[str] = "ridge probe"
    layer: int | None = None
    position: int | None = None
    learnt: Learnt | None = field(default=None, repr=False, compare=False)

    @property
    def rung(self) -> str:
        return "probe"

    def fit(self, subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth]) -> RidgeProbe:
        """One map for all questions; layer, position and penalty by validation over clusters of train."""
        if not reaches(subject, "activations"):
            return self
        able = cast(OpenSubject, subject)
        right = {t.trial: int(np.argmax(t.mean)) for t in truths if len(t.mean)}
        train = [t for t in trials if t.split == "train" and t.id in right and t.evidence is not None]
        train = [t for t in train if not t.question.open]
        if len({t.cluster for t in train}) < TOO_FEW:
            return self
        directions = OutputDirections()
        options = option_tokens(able, train)
        directions.learn(able, (token for own in options for ids in own for token in ids))
        directions.centre()
        answers = [_contrasts(directions, able, own) for own in options]
        truth = [right[t.id] for t in train]
        wanted_NJ = np.stack([own_KJ[k] for own_KJ, k in zip(answers, truth, strict=True)])
        positions = sorted({*positions_from_end(train), *self._asked_position()}, reverse=True)
        states = captured_over(able, train, sorted({*depths(able), *self._asked_layer()}), positions)
        layers = sorted({*self._asked_layer(), *places_of_answers(able, train)})
        fold_N = folds_of([t.cluster for t in train])

        def validated(place: Place, penalty: float) -> list[Any]:
            return _validated(stacked(states[place], train), wanted_NJ, answers, fold_N, penalty)

        places = [Place(k, p) for k in layers for p in self._asked_position() or positions]
        hits = {place: _right(validated(place, PENALTIES[1]), truth) for place in places}
        best = max((p for p in places if p.layer in (self._asked_layer() or layers)), key=lambda x: hits[x])
        scored = {penalty: validated(best, penalty) for penalty in PENALTIES}
        penalty = max(PENALTIES, key=lambda p: _right(scored[p], truth))
        texts = [text for e in map(evidence_of, train) for text in (e.text, e.full)]
        words = vocabulary_of(texts)
        twice_NJ = np.repeat(wanted_NJ, 2, axis=0)
        bag = ridge(bags_of(texts, words), twice_NJ, penalty=PENALTIES[1]) if words else None
        by_layer = {k: max((p for p in places if p.layer == k), key=lambda x: hits[x]) for k in layers}
        learnt = Learnt(
            best, by_layer, _right(scored[penalty], truth), penalty, _scale(scored[penalty], truth), tuple(train),
            wanted_NJ, directions, words, bag, states,
        )  # fmt: skip
        return replace(self, learnt=learnt)

    def _asked_layer(self) -> list[int]:
        return [] if self.layer is None else [self.layer]

    def _asked_position(self) -> list[int]:
        return [] if self.position is None else [self.position]

    def read(self, subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
        """One reading a trial, in one capture for all depths."""
        if not reaches(subject, "activations"):
            return [Reading(Outcome.UNSUPPORTED)] * len(trials)
        learnt = self.learnt
        if learnt is None:
            return [Reading(Outcome.UNSUPPORTED, extra={"why": UNTRAINED})] * len(trials)
        able = cast(OpenSubject, subject)
        own = [place_of(t, learnt.place.layer, learnt.place.position) for t in trials]
        states = captured_around(able, trials, {*own, *learnt.places.values()})
        options = option_tokens(able, trials)
        learnt.directions.learn(able, (token for of in options for ids in of for token in ids))
        return [
            self._reading(able, learnt, trial, place, of, vectors)
            for trial, place, of, vectors in zip(trials, own, options, states, strict=True)
        ]

    def _reading(
        self, able: OpenSubject, learnt: Learnt, trial: Trial, place: Place, options: Sequence[Sequence[int]],
        vectors: Mapping[Place, Any],
    ) -> Reading:  # fmt: skip
        where = {"layer": place.layer, "position": place.position}
        if trial.question.open:
            return Reading(Outcome.UNSUPPORTED, extra={**where, "why": OPEN})
        own_KJ = _contrasts(learnt.directions, able, options)

        def shares(of: Linear, row_D: Any) -> tuple[float, ...]:
            scores_K = own_KJ @ of.scores(np.asarray(row_D)[None])[0]
            return softmax((learnt.scale * scores_K).tolist())

        first, count = trial.question.shown[0], len(options)
        if vectors:
            beside = learnt.places.values() if trial.arm == REAL else ()
            said = {p: shares(learnt.map(able, p), vectors[p]) for p in (*beside, place)}
            depth = {"by_layer": {str(p.layer): [round(x, 6) for x in of] for p, of in said.items()}} if beside else {}
            return Reading(Outcome.ANSWERED, said[place], first=first, extra={**where, **depth})
        if trial.arm in ("text", "full") and learnt.bag is not None:
            evidence = evidence_of(trial)
            words = bags_of([evidence.text if trial.arm == "text" else evidence.full], learnt.words)[0]
            return Reading(Outcome.ANSWERED, shares(learnt.bag, words), first=first, extra=where)
        return Reading(Outcome.ANSWERED, (1 / count,) * count, first=first, extra=where)  # it has no intercept


def _contrasts(directions: OutputDirections, subject: OpenSubject, options: Sequence[Sequence[int]]) -> Any:
    """(K, J) what each option has that the others of its question have not."""
    own_KJ = directions.of(subject, options)
    return own_KJ - own_KJ.mean(0)


def _validated(states_ND: Any, wanted_NJ: Any, answers: Sequence[Any], fold_N: Any, penalty: float) -> list[Any]:
    """(K,) scores of each trial by a map that was learnt without its fold, zeros where there is no other fold."""
    out: list[Any] = [np.zeros(len(own)) for own in answers]
    for fold in range(FOLDS):
        inside, outside = fold_N != fold, np.flatnonzero(fold_N == fold)
        if inside.any() and len(outside):
            pointed_NJ = ridge(states_ND[inside], wanted_NJ[inside], penalty=penalty).scores(states_ND[outside])
            for i, pointed_J in zip(outside.tolist(), pointed_NJ, strict=True):
                out[i] = answers[i] @ pointed_J
    return out


def _right(scores: Sequence[Any], truth: Sequence[int]) -> float:
    """Part of the trials that are right; ties share."""
    hits = [float(own[k] == own.max()) / float((own == own.max()).sum()) for own, k in zip(scores, truth, strict=True)]
    return float(np.mean(hits))


def _scale(scores: Sequence[Any], truth: Sequence[int]) -> float:
    """What scores are multiplied by: what makes the right answers of held-out trials likeliest."""
    spread = float(np.std(np.concatenate(list(scores)))) or 1.0

    def surprise(sharpness: float) -> float:
        shares = [softmax((sharpness / spread * own).tolist()) for own in scores]
        return -float(np.mean([np.log(max(own[k], 1e-12)) for own, k in zip(shares, truth, strict=True)]))

    return min(SHARPNESS, key=surprise) / spread
