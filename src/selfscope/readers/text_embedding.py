"""The sentence-embedding rival: what the public text says to who has met many texts, learnt from the same labels.

A text is the mean of its tokens' states. By default these are the subject's own input embeddings (layer -1), which know
words and nothing of their order; another model's states at some layer know more. D width, K options.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, cast

import numpy as np

from selfscope.directions import Linear, logistic
from selfscope.readers.layer_choice import FOLDS, folds_of
from selfscope.records import Identified, Outcome, Prompt, Reading, Trial, Truth
from selfscope.subjects.base import OpenSubject, Subject, reaches

PENALTIES = (1.0, 10.0, 100.0)
LEAST = 2
"""Train clusters below which a question is not learnt."""


@dataclass(frozen=True)
class Learnt:
    """One question's options by key, and the map from an embedding to them."""

    keys: tuple[str, ...]
    probe: Linear


@dataclass(frozen=True)
class TextEmbedding(Identified):
    """Logistic regression of the options on the mean embedding of the public text: it sees no state, and neither asks
    nor knows who is asked. Of questions with shared options.

    Parameters
    ----------
    embedder
        Whose states embed the text; None: the subject itself, which the layer -1 keeps to its input embeddings.
    layer
        Of the embedder.
    fits
        Learnt by `fit`, by quantity; no part of the configuration.
    """

    kind: ClassVar[str] = "text_embedding"
    short: ClassVar[str] = "embedding"
    embedder: Subject | None = field(default=None, repr=False, metadata={"model": True})
    layer: int = -1
    fits: Mapping[str, Learnt] = field(default_factory=dict, repr=False, compare=False)

    @property
    def title(self) -> str:
        """What people read: whose embedding it is."""
        if self.embedder is None:
            whose = "its own input embeddings" if self.layer == -1 else f"its own states at layer {self.layer}"
        else:
            whose = f"{self.embedder.name} at layer {self.layer}"
        return f"embedding of the text ({whose})"

    @property
    def rung(self) -> str:
        """It learns from verified answers."""
        return "history"

    def fit(self, subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth]) -> TextEmbedding:
        """One map for each quantity, its penalty by validation over clusters of train."""
        right = {t.trial: int(np.argmax(t.mean)) for t in truths if len(t.mean)}
        train = [t for t in trials if t.split == "train" and t.id in right and t.question.shared and t.plain]
        if not train or not self._able(subject):
            return self
        states_ND = self._embedded(subject, [t.public for t in train])
        fits = {}
        for quantity in dict.fromkeys(t.question.quantity for t in train):
            rows = [i for i, t in enumerate(train) if t.question.quantity == quantity]
            own = [train[i] for i in rows]
            if len({t.cluster for t in own}) < LEAST:
                continue
            labels = np.array([right[t.id] for t in own], dtype=np.int64)
            keys = tuple(o.key for o in own[0].question.options)
            folds = folds_of([t.cluster for t in own])
            fits[quantity] = Learnt(keys, _chosen(states_ND[rows], labels, folds, len(keys)))
        return replace(self, fits=fits)

    def read(self, subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
        """A forecast from the text alone; UNSUPPORTED for a question that was not learnt, and without an embedder."""
        out = [Reading(Outcome.UNSUPPORTED)] * len(trials)
        rows = [i for i, t in enumerate(trials) if t.question.quantity in self.fits]
        if not rows:
            return out
        states_ND = self._embedded(subject, [trials[i].public for i in rows])
        for i, state_D in zip(rows, states_ND, strict=True):
            question = trials[i].question
            learnt = self.fits[question.quantity]
            if tuple(o.key for o in question.options) == learnt.keys:
                shares = learnt.probe.probabilities(state_D[None])[0]
                out[i] = Reading(Outcome.ANSWERED, tuple(shares.tolist()), first=question.shown[0])
        return out

    def _able(self, subject: Subject) -> bool:
        return reaches(self.embedder or subject, "activations")

    def _embedded(self, subject: Subject, texts: Sequence[str]) -> Any:
        """(N, D) means over the tokens of each text."""
        able = cast(OpenSubject, self.embedder or subject)
        different = list(dict.fromkeys(texts))
        states = able.capture([Prompt(text=text) for text in different], [self.layer], "all")
        states_TD = np.asarray(states.at(self.layer), dtype=np.float64)
        row_T = np.array([row for row, _ in states.places])
        means = {text: states_TD[row_T == k].mean(0) for k, text in enumerate(different)}
        return np.stack([means[text] for text in texts])


def _chosen(states_ND: Any, labels_N: Any, fold_N: Any, classes: int) -> Linear:
    """The map with the penalty that is right most often on held-out clusters, learnt from all rows."""

    def right(penalty: float) -> float:
        hits = 0.0
        for fold in range(FOLDS):
            inside, outside = fold_N != fold, fold_N == fold
            if inside.any() and outside.any():
                one = logistic(states_ND[inside], labels_N[inside], classes, penalty=penalty)
                hits += float((one.scores(states_ND[outside]).argmax(1) == labels_N[outside]).sum())
        return hits

    return logistic(states_ND, labels_N, classes, penalty=max(PENALTIES, key=right))
