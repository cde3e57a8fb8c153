"""The logit lens less what it says of train on average: an untrained rival of every reading of activations.

At a late layer it does as well as a trained decoder; where it is at chance, a decoder earns its keep. K options.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, cast

import numpy as np

from selfscope.readers.layer_choice import FITTED, hit, spread_over_clusters
from selfscope.readers.lens_centre import Centre, centre_of, spoken
from selfscope.readers.logit_lens import option_tokens
from selfscope.readers.vector_arms import (
    Place,
    captured_around,
    captured_over,
    evidence_of,
    place_of,
    positions_from_end,
)
from selfscope.records import REAL, Identified, Outcome, Reading, TokenDistribution, Trial, Truth
from selfscope.statistics import softmax
from selfscope.subjects.base import OpenSubject, Subject, depths, reaches

UNTRAINED = "it has no train trials: there is no mean to take off"
OPEN = "it chooses among answers: give options"


@dataclass(frozen=True)
class CentredLens(Identified):
    """The logit lens less its mean over the states of train: the log-probability of each option's first token, minus
    the mean of that over train states of the same place, and of the same question where train asks it often enough.

    Nothing is trained but the mean, and options may be other ones in every question. It is a rival of every reading of
    activations, so a reading says what it makes of every depth of the model (`extra["by_layer"]`). Options that begin
    with one token share its probability evenly. Arms: none is no state at all (uniform); text is the model's next
    token after the words that the read tokens spell out, less its own mean over train; full is not had.

    Parameters
    ----------
    layer
        Where the state is read (None: chosen on train among depths of the model).
    position
        Index into the positions of the evidence.
    layers, centre
        Learnt by `fit`: where it reads, and what it takes off; no part of the configuration.

    References
    ----------
    nostalgebraist 2020, interpreting GPT: the logit lens.
    """

    kind: ClassVar[str] = "centred_lens"
    title: ClassVar[str] = "centred lens"
    layer: int | None = None
    position: int = -1
    layers: tuple[int, ...] = field(default=(), repr=False, compare=False)
    centre: Centre | None = field(default=None, repr=False, compare=False)

    @property
    def rung(self) -> str:
        return "probe"

    def fit(self, subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth]) -> CentredLens:
        """Keeps the states of train whose mean is taken off, and chooses the layer on train.

        What is taken off a trial of train holds a part of that trial; that shrinks what is left of it and changes none
        of its signs, and no truth is in it."""
        if not reaches(subject, "activations"):
            return self
        able = cast(OpenSubject, subject)
        train = [t for t in trials if t.split == "train" and t.evidence is not None]
        if not train:
            return self
        centre = centre_of(train)
        positions = sorted({*positions_from_end(train), self.position}, reverse=True)
        centre.states = captured_over(able, train, depths(able), positions)
        layers = places_of_answers(able, train)
        if self.layer is not None:
            return replace(self, layers=tuple(sorted({self.layer, *layers})), centre=centre)
        ready = replace(self, layers=tuple(layers), centre=centre)
        right = {t.trial: t for t in truths if len(t.mean)}
        drawn = {t.id: t for of in centre.groups.values() for t in of if t.id in right and not t.question.open}
        sample = spread_over_clusters(list(drawn.values()), FITTED)
        if not sample:
            return replace(ready, layer=ready.layers[-1])
        asked = [(t, Place(k, self.position)) for k in ready.layers for t in sample]
        states = [centre.states[place][t.id] for t, place in asked]
        said = ready._said(able, asked, states, [ids for _ in ready.layers for ids in option_tokens(able, sample)])
        hits = [hit(distribution, right[t.id]) for distribution, (t, _) in zip(said, asked, strict=True)]
        best = int(np.argmax(np.reshape(hits, (len(ready.layers), -1)).mean(1)))
        return replace(ready, layer=ready.layers[best])

    def read(self, subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
        """One reading a trial: one capture, one product with the head for all depths, one batch of next tokens."""
        if not reaches(subject, "activations"):
            return [Reading(Outcome.UNSUPPORTED)] * len(trials)
        able = cast(OpenSubject, subject)
        if self.centre is None or self.layer is None:
            return [Reading(Outcome.UNSUPPORTED, extra={"why": UNTRAINED})] * len(trials)
        own = [place_of(t, self.layer, self.position) for t in trials]
        options = option_tokens(able, trials)
        states = captured_around(able, trials, {*own, *(Place(k, self.position) for k in self.layers)})
        cells: list[tuple[int, Place, Any]] = []
        for i, (trial, place) in enumerate(zip(trials, own, strict=True)):
            if trial.question.open:
                continue
            if trial.arm == "mean":
                cells.append((i, place, self.centre.mean_state(able, trial, place)))
            elif states[i]:
                beside = [Place(k, place.position) for k in self.layers if trial.arm == REAL]
                cells += [(i, p, states[i][p]) for p in dict.fromkeys([place, *beside])]
        asked = [(trials[i], place) for i, place, _ in cells]
        said = self._said(able, asked, [v for _, _, v in cells], [options[i] for i, _, _ in cells])
        known: dict[int, dict[Place, tuple[float, ...]]] = {}
        for (i, place, _), distribution in zip(cells, said, strict=True):
            known.setdefault(i, {})[place] = distribution
        texts = [i for i, t in enumerate(trials) if t.arm == "text" and not t.question.open]
        spelled = self._spelled(able, [trials[i] for i in texts], [options[i] for i in texts])
        for i, distribution in zip(texts, spelled, strict=True):
            known[i] = {own[i]: distribution}
        return [_reading(trial, known.get(i), own[i]) for i, trial in enumerate(trials)]

    def _said(
        self, able: OpenSubject, asked: Sequence[tuple[Trial, Place]], states: Sequence[Any],
        options: Sequence[Sequence[tuple[int, ...]]],
    ) -> list[tuple[float, ...]]:  # fmt: skip
        """(K,) over the options of each trial, from a state of the place."""
        assert self.centre is not None
        if not asked:
            return []
        every = sorted({ids[0] for of in options for ids in of})
        lens = able.unembed(np.stack(states), ids=every, top=1)
        return _centred(lens, self.centre.of_states(able, asked, every), every, options)

    def _spelled(
        self, able: OpenSubject, trials: Sequence[Trial], options: Sequence[Sequence[tuple[int, ...]]]
    ) -> list[tuple[float, ...]]:
        """The same, from the words that the read tokens spell out."""
        assert self.centre is not None
        if not trials:
            return []
        every = sorted({ids[0] for of in options for ids in of})
        after = spoken(able, [evidence_of(t).text or " " for t in trials], every)
        return _centred(after, self.centre.of_words(able, trials, every), every, options)


def places_of_answers(subject: OpenSubject, trials: Sequence[Trial]) -> list[int]:
    """The depths at which a question may be read: what the last block gives is the model's own next token, so it is
    none of them where that is what is asked."""
    layers = depths(subject)
    own_answer = any(t.question.quantity == "next_token" for t in trials) and len(layers) > 1
    return layers[:-1] if own_answer else layers


def _centred(
    said: Sequence[TokenDistribution], means: Sequence[Mapping[int, float]], tokens: Sequence[int],
    options: Sequence[Sequence[tuple[int, ...]]],
) -> list[tuple[float, ...]]:  # fmt: skip
    """A token's weight is that of all options that begin with it together, and counts once."""
    at = {token: k for k, token in enumerate(tokens)}
    out = []
    for after, mean, of in zip(said, means, options, strict=True):
        first = [ids[0] for ids in of]
        out.append(softmax([after.logprobs[at[t]] - mean[t] - math.log(first.count(t)) for t in first]))
    return out


def _reading(trial: Trial, said: Mapping[Place, tuple[float, ...]] | None, place: Place) -> Reading:
    extra: dict[str, Any] = {"layer": place.layer}
    if trial.question.open or trial.arm == "full":
        why = {"why": OPEN} if trial.question.open else {}
        return Reading(Outcome.UNSUPPORTED, extra={**extra, **why})
    count = len(trial.question.options)
    distribution = (1 / count,) * count if said is None else said[place]
    if said is not None and trial.arm == REAL:
        extra["by_layer"] = {str(p.layer): [round(x, 6) for x in own] for p, own in said.items()}
    return Reading(Outcome.ANSWERED, distribution, first=trial.question.shown[0], extra=extra)
