"""Asks the subject about a vector: written into a slot of another prompt, it is read as if it were a word there.

Patchscopes (Ghandeharioun et al. 2024); SelfIE (Chen et al. 2024) is the same act with several placeholders, written
early, at once. Options are ranked by log-probability minus what they have when nothing is written: else the prior over
answers decides. D width, K options.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, cast

import numpy as np

from selfscope.errors import BadInput
from selfscope.readers.layer_choice import best_layer, likeliest
from selfscope.readers.open_answers import open_answers
from selfscope.readers.vector_arms import Place, evidence_of, mean_vectors, place_of, vectors
from selfscope.records import (
    Cost,
    Identified,
    Injection,
    Outcome,
    Prompt,
    Reading,
    Trial,
    Truth,
    Vector,
)
from selfscope.records.injections import OPERATORS
from selfscope.statistics import softmax
from selfscope.subjects.base import OpenSubject, Subject, depths, middle, reaches
from selfscope.wording.target_prompts import SLOTS, TargetPrompt, target_prompt

TARGET_TITLES = {
    "identity": "token identity", "description": "entity description", "attribute": "attribute extraction",
    "question": "the question put to it", "summary": "a summary",
}  # fmt: skip


@dataclass(frozen=True)
class Patchscope(Identified):
    """A state is written into another prompt, in which the model is asked what the state is about.

    It stands in a slot of that prompt as if it were a word there. Options are ranked by log-probability minus what they
    have when nothing is written: else the prior over answers decides.

    Parameters
    ----------
    template
        The prompt with the slot: identity, description, attribute, question or summary.
    layer
        Where the state is read (None: chosen on train).
    target_layer
        Where it is written (None: the same layer).
    operator, strength
        How it is written; see `Injection`.
    count
        Placeholders in the slot; all are written.
    position
        Index into the positions of the evidence.
    means
        Mean vectors, learnt by `fit`: place -> (D,); no part of the configuration.

    References
    ----------
    Ghandeharioun et al. 2024, Patchscopes: A Unifying Framework for Inspecting Hidden Representations of Language
    Models."""

    kind: ClassVar[str] = "patchscope"
    template: str = "question"
    layer: int | None = None
    target_layer: int | None = None
    operator: str = "replace"
    strength: float = 1.0
    count: int = 1
    position: int = -1
    means: Mapping[Place, Any] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        choices = (("template", self.template, tuple(TARGET_TITLES)), ("operator", self.operator, OPERATORS))
        for name, value, known in choices:
            if value not in known:
                raise BadInput(f"there is no {name} {value!r}; there are: {', '.join(known)}")
        if self.count < 1:
            raise BadInput(f"count is a number of placeholders from 1 on, not {self.count}")

    @property
    def title(self) -> str:
        return "SelfIE" if self.template == "summary" else f"patchscope, {TARGET_TITLES[self.template]}"

    @property
    def rung(self) -> str:
        return "probe"

    def fit(self, subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth]) -> Patchscope:
        """Chooses the layer on train (one batched call over a grid), and learns the mean vectors."""
        if not reaches(subject, "activations"):
            return self
        able = cast(OpenSubject, subject)
        train = [t for t in trials if t.split == "train" and t.evidence is not None]
        layers = [self.layer] if self.layer is not None else depths(able)
        means = mean_vectors(able, train, list(able.layers), self.position)
        ready = replace(self, means=means)
        if self.layer is not None or not train:
            return replace(ready, layer=layers[len(layers) // 2] if self.layer is None else self.layer)
        if self.template == "identity" and self.target_layer is None and len(layers) > 1:
            layers = layers[:-1]  # what the last block gives is the model's own answer, wherever it stands
        return replace(ready, layer=best_layer(ready, subject, train, truths, layers))

    def read(self, subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
        """One reading a trial, in two calls: one capture, one score of every trial with and without its vector.

        Of the identity prompt and a next token it is one distribution with the vector, as published.
        """
        if not reaches(subject, "activations"):
            return [Reading(Outcome.UNSUPPORTED)] * len(trials)
        able = cast(OpenSubject, subject)
        ways = [self._way(t) for t in trials]
        if len(set(ways)) > 1:  # each way by itself: what else is in the batch changes no reading
            parts = {way: [t for t, w in zip(trials, ways, strict=True) if w == way] for way in dict.fromkeys(ways)}
            readings = {way: iter(self.read(subject, part)) for way, part in parts.items()}
            return [next(readings[way]) for way in ways]
        layer = self.layer if self.layer is not None else middle(able)
        places = [place_of(t, layer, self.position) for t in trials]
        states = vectors(able, trials, places, self.means)
        placeholders = _PlaceholderPositions(able)
        targets = [self._text_arm_slot(placeholders, t) for t in trials]
        prompts = [
            self._written(placeholders, slot, trial, place, v)
            for slot, trial, place, v in zip(targets, trials, places, states, strict=True)
        ]
        if "next token" in ways:
            return self._next_tokens(able, trials, prompts, places, states)
        empty = [self._slot(placeholders, t, None) for t in trials]
        if "open" in ways:
            return self._open(able, prompts, empty, places, states)
        words = [list(slot.words) for slot in empty]
        scores = able.score([*prompts, *(s.prompt for s in empty)], [*words, *words])
        out = []
        for i, trial in enumerate(trials):
            own, base = ([math.fsum(c) for c in scores[k]] for k in (i, i + len(trials)))
            ranked = own if trial.arm == "none" else [a - b for a, b in zip(own, base, strict=True)]
            out.append(self._reading(trial, ranked, places[i], states[i]))
        return out

    def _way(self, trial: Trial) -> str:
        """How a trial is read: its options scored, an open answer, or the next token itself."""
        if trial.question.open:
            return "open"
        return "next token" if self.template == "identity" and trial.question.quantity == "next_token" else "options"

    def _open(
        self, able: OpenSubject, prompts: Sequence[Prompt], empty: Sequence[TargetPrompt], places: Sequence[Place],
        states: Any,
    ) -> list[Reading]:  # fmt: skip
        readings = open_answers(able, prompts, [slot.prompt for slot in empty])
        return [
            replace(reading, extra={**reading.extra, **_where(place, vector_D)})
            for reading, place, vector_D in zip(readings, places, states, strict=True)
        ]

    def _next_tokens(
        self, able: OpenSubject, trials: Sequence[Trial], prompts: Sequence[Prompt], places: Sequence[Place],
        states: Any,
    ) -> list[Reading]:  # fmt: skip
        """Next-token identity (Ghandeharioun et al. 2024): what follows the slot is the answer, by exact token ids.
        Nothing is subtracted: the vector takes the place of all that the prompt had there."""
        own = [[int(o.key) for o in t.question.options] for t in trials]
        every = sorted({i for ids in own for i in ids})
        slot_of = {token: k for k, token in enumerate(every)}
        out = []
        for i, after in enumerate(able.next_token(prompts, ids=every, top=1)):
            reading = self._reading(trials[i], [after.logprobs[slot_of[k]] for k in own[i]], places[i], states[i])
            out.append(replace(reading, extra={**reading.extra, "likeliest": likeliest(after)}, cost=Cost(calls=1)))
        return out

    def _reading(self, trial: Trial, ranked: Sequence[float], place: Place, vector_D: Any) -> Reading:
        first = trial.question.shown[0]
        return Reading(
            Outcome.ANSWERED, softmax(ranked), first=first, extra=_where(place, vector_D), cost=Cost(calls=2)
        )

    def _slot(self, placeholders: _PlaceholderPositions, trial: Trial, filling: str | None) -> TargetPrompt:
        chat = placeholders.subject.chat
        for mark in SLOTS:
            slot = target_prompt(trial, self.template, chat=chat, placeholder=mark, count=self.count, filling=filling)
            if self.template == "identity" or filling is not None or placeholders.positions(slot) is not None:
                return slot
        raise ValueError(f"none of the placeholders {', '.join(map(repr, SLOTS))} is one token in this prompt")

    def _text_arm_slot(self, placeholders: _PlaceholderPositions, trial: Trial) -> TargetPrompt:
        if trial.arm in ("text", "full"):
            evidence = evidence_of(trial)
            words = evidence.text if trial.arm == "text" else evidence.full
            return self._slot(placeholders, trial, words or "...")
        return self._slot(placeholders, trial, None)

    def _written(
        self, placeholders: _PlaceholderPositions, slot: TargetPrompt, trial: Trial, place: Place, vector_D: Any
    ) -> Prompt:
        if vector_D is None:
            return slot.prompt
        positions = placeholders.positions(slot)
        if positions is None:
            raise ValueError(f"the placeholder {slot.placeholder!r} is not {slot.count} single tokens in the prompt")
        where = trial.coordinates
        own_layer = self.target_layer if self.target_layer is not None else place.layer
        act = Injection(
            int(where.get("target_layer", own_layer)), Vector.of(vector_D), positions, self.operator,
            float(where.get("strength", self.strength)),
        )  # fmt: skip
        return replace(slot.prompt, interventions=(act,))


@dataclass(frozen=True)
class SelfIE(Patchscope):
    """Patchscope with five placeholders and an assistant's opening that promises to summarise.

    The state is written by a mix into the first block's output.

    Parameters
    ----------
    template, layer, target_layer, operator, strength, count, position
        As in `Patchscope`, with other defaults.
    means
        Mean vectors, learnt by `fit`: place -> (D,); no part of the configuration.

    References
    ----------
    Chen et al. 2024, SelfIE: Self-Interpretation of Large Language Model Embeddings.
    """

    kind: ClassVar[str] = "selfie"
    template: str = "summary"
    target_layer: int | None = 0
    operator: str = "mix"
    count: int = 5


def _where(place: Place, vector_D: Any) -> dict[str, Any]:
    """Where a reading read, and how long the vector is."""
    norm = {} if vector_D is None else {"norm": round(float(np.linalg.norm(vector_D)), 3)}
    return {"layer": place.layer, **norm}


@dataclass
class _PlaceholderPositions:
    """Where placeholders stand in the target prompts of one call: arms and cells of a grid share theirs."""

    subject: OpenSubject
    known: dict[Any, tuple[int, ...] | None] = field(default_factory=dict)

    def positions(self, slot: TargetPrompt) -> tuple[int, ...] | None:
        key = (slot.prompt.messages, slot.prompt.text, slot.prompt.prefix, slot.placeholder, slot.count)
        if key not in self.known:
            self.known[key] = positions_of(self.subject, slot)
        return self.known[key]


def positions_of(subject: OpenSubject, slot: TargetPrompt) -> tuple[int, ...] | None:
    """The positions of the placeholders, None unless each is a token of its own and they stand in a row."""
    run = " ".join([slot.placeholder] * slot.count)
    texts = subject.token_texts(slot.prompt)
    for occurrence in range(-1, -20, -1):  # letters inside of words are not tokens of their own
        try:
            run_positions = subject.positions(slot.prompt, run, occurrence)
        except ValueError:
            return None
        marks = tuple(c for c in run_positions if texts[c].strip() == slot.placeholder)
        blank = all(not texts[c].strip() for c in run_positions if c not in marks)  # a space may be a token of its own
        if len(marks) == slot.count and blank:
            return marks
    return None
